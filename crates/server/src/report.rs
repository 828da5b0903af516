//! Self-contained HTML pages with charts as inline SVG: no script, no font and no file beside them, light and dark by the
//! reader's choice.
//!
//! A [`Page`] has sections of text, tables and figures; the chart functions turn numbers into figures and know nothing of
//! what the numbers mean.

mod axis;
mod bars;
mod heat_map;
mod histogram;
mod lines;
mod page;
mod scatter;
mod svg;
mod tree;

pub(crate) use axis::{Axis, number};
pub(crate) use bars::{Bar, bars};
pub(crate) use heat_map::{Grid, heat_map};
pub(crate) use histogram::histogram;
pub(crate) use lines::{Series, Spot, lines};
pub(crate) use page::{Cell, Page, escape, figure, legend, table, tiles};
pub(crate) use scatter::{Group, scatter};
pub(crate) use tree::{Tree, tree};

/// How many colours there are for groups; further ones repeat.
pub(crate) const COLOURS: usize = 12;
/// The number of the colour for what belongs to no group.
pub(crate) const GREY: usize = usize::MAX;

/// The class that gives an element a group's colour.
fn colour(group: usize) -> String {
    match group {
        GREY => "cx".to_owned(),
        group => format!("c{}", group % COLOURS),
    }
}
