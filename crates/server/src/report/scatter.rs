use std::fmt::Write;

use super::{
    axis::{Axis, Plot},
    colour,
};

/// Points that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// Colour of the group.
    pub(crate) colour: usize,
    /// Where its points lie.
    pub(crate) points: Vec<(f64, f64)>,
    /// A label at the middle of its points.
    pub(crate) label: Option<String>,
}

/// Turns in which groups are drawn, so that none lies wholly over the others.
const TURNS: usize = 12;
/// Radius of a group's label.
const BADGE: f64 = 11.0;

/// Many points. Each group's are paths of dots, which take ten bytes a dot.
pub(crate) fn scatter(
    size: (f64, f64),
    label: &str,
    (x, y): (Axis<'_>, Axis<'_>),
    groups: &[Group],
) -> String {
    let mut plot = Plot::new(size, label, (x, y));
    for turn in 0..TURNS {
        for group in groups {
            let points = group.points.iter().skip(turn).step_by(TURNS);
            let mut data = String::new();
            for &point in points {
                let (x, y) = plot.at(point);
                write!(data, "M{x:.1} {y:.1}h0")
                    .expect("invariant: writing to a string cannot fail");
            }
            if !data.is_empty() {
                plot.svg
                    .path(&format!("cloud {}", colour(group.colour)), &data);
            }
        }
    }
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for group in groups.iter().filter(|group| !group.points.is_empty()) {
        if let Some(label) = &group.label {
            let at = free(plot.at(middle(&group.points)), &taken);
            taken.push(at);
            let class = format!("badge {}", colour(group.colour));
            plot.svg.circle(&class, at, BADGE, label);
            plot.svg.text("badge-text", (at.0, at.1 + 4.0), label);
        }
    }
    plot.svg.finish()
}

/// The place wanted, or one beside it where no badge is yet.
fn free((x, y): (f64, f64), taken: &[(f64, f64)]) -> (f64, f64) {
    let room = 2.0 * BADGE + 1.0;
    let around = [
        (0.0, 0.0),
        (0.0, -room),
        (room, 0.0),
        (0.0, room),
        (-room, 0.0),
    ];
    let mut places = around.map(|(dx, dy)| (x + dx, y + dy)).into_iter();
    let is_free = |at: &(f64, f64)| {
        let far = |other: &(f64, f64)| (at.0 - other.0).hypot(at.1 - other.1) >= room - 1.0;
        taken.iter().all(far)
    };
    places.find(is_free).unwrap_or((x, y))
}

fn middle(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len().max(1) as f64;
    let (x, y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    (x / count, y / count)
}
