use std::fmt::{Display, Write};

use super::escape;

/// A drawing that is being made.
#[derive(Debug)]
pub(super) struct Svg {
    width: f64,
    height: f64,
    label: String,
    body: String,
}

impl Svg {
    /// An empty drawing; `label` says to those who cannot see it what it shows.
    pub(super) fn new(width: f64, height: f64, label: &str) -> Self {
        Self {
            width,
            height,
            label: escape(label),
            body: String::new(),
        }
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.add(format_args!(
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        ));
    }

    /// A rectangle with a corner and a size; `tip` appears under the pointer.
    pub(super) fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64), tip: &str) {
        self.tinted(class, 1.0, (at, size), tip);
    }

    /// A rectangle of which so much is filled in that `opacity` says.
    pub(super) fn tinted(
        &mut self,
        class: &str,
        opacity: f64,
        (at, size): ((f64, f64), (f64, f64)),
        tip: &str,
    ) {
        let opacity = match opacity < 1.0 {
            true => format!(" fill-opacity=\"{opacity:.3}\""),
            false => String::new(),
        };
        self.add(format_args!(
            "<rect class=\"{class}\"{opacity} x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
             <title>{}</title></rect>",
            at.0,
            at.1,
            size.0.max(0.0),
            size.1.max(0.0),
            escape(tip)
        ));
    }

    pub(super) fn circle(&mut self, class: &str, at: (f64, f64), radius: f64, tip: &str) {
        self.add(format_args!(
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"><title>{}</title></circle>",
            at.0,
            at.1,
            escape(tip)
        ));
    }

    /// A path; `data` is what SVG's `d` wants.
    pub(super) fn path(&mut self, class: &str, data: &str) {
        self.add(format_args!("<path class=\"{class}\" d=\"{data}\"/>"));
    }

    /// Text; the class says how it is anchored.
    pub(super) fn text(&mut self, class: &str, at: (f64, f64), text: &str) {
        self.add(format_args!(
            "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            at.0,
            at.1,
            escape(text)
        ));
    }

    /// Text that runs upwards.
    pub(super) fn upright(&mut self, class: &str, at: (f64, f64), text: &str) {
        self.add(format_args!(
            "<text class=\"{class}\" transform=\"translate({:.1} {:.1}) rotate(-90)\">{}</text>",
            at.0,
            at.1,
            escape(text)
        ));
    }

    /// Text that rises to the right.
    pub(super) fn slanted(&mut self, class: &str, at: (f64, f64), text: &str) {
        self.add(format_args!(
            "<text class=\"{class}\" transform=\"translate({:.1} {:.1}) rotate(-45)\">{}</text>",
            at.0,
            at.1,
            escape(text)
        ));
    }

    pub(super) fn finish(self) -> String {
        format!(
            "<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {:.0} {:.0}\" width=\"{:.0}\" height=\"{:.0}\">{}</svg>",
            self.label, self.width, self.height, self.width, self.height, self.body
        )
    }

    fn add(&mut self, element: impl Display) {
        write!(self.body, "{element}").expect("invariant: writing to a string cannot fail");
    }
}
