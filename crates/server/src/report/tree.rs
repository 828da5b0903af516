use crossfade_content::Merge;

use super::{
    axis::{Axis, Scale, number},
    colour,
    svg::Svg,
};

/// What is joined in a tree.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    /// Names of the leaves.
    pub(crate) leaves: &'a [String],
    /// Their colours.
    pub(crate) colours: &'a [usize],
    /// Merges in scipy's format.
    pub(crate) merges: &'a [Merge],
    /// What the distances are.
    pub(crate) axis: &'a str,
}

const ROW: f64 = 24.0;
const LETTER: f64 = 6.9;

/// A dendrogram: leaves on the left, joined the further to the right the further apart they are.
pub(crate) fn tree(width: f64, label: &str, tree: &Tree<'_>) -> String {
    let longest = tree
        .leaves
        .iter()
        .map(|leaf| leaf.chars().count())
        .max()
        .unwrap_or(0) as f64;
    let left = (LETTER * longest + 26.0).min(width * 0.6);
    let bottom = 8.0 + ROW * tree.leaves.len() as f64;
    let mut svg = Svg::new(width, bottom + 44.0, label);
    let largest = tree.merges.last().map_or(1.0, |merge| merge.distance);
    let axis = Axis {
        label: tree.axis,
        low: 0.0,
        high: if largest > 0.0 { largest * 1.04 } else { 1.0 },
    };
    let scale = Scale::new(axis, left, width - 16.0);
    for tick in axis.ticks(((width - left) / 80.0).max(2.0) as usize) {
        let at = scale.at(tick);
        svg.line("grid", (at, 4.0), (at, bottom));
        svg.text("tick mid", (at, bottom + 17.0), &number(tick));
    }
    // Where each group lies and how far right it begins: the leaves in the order in which the tree reaches them.
    let mut places = vec![(0.0, 0.0); tree.leaves.len() + tree.merges.len()];
    for (row, leaf) in order(tree).into_iter().enumerate() {
        let y = 8.0 + ROW * (row as f64 + 0.5);
        places[leaf] = (scale.at(0.0), y);
        let class = format!("dot {}", colour(tree.colours[leaf]));
        svg.circle(&class, (left - 8.0, y), 4.0, &tree.leaves[leaf]);
        svg.text("name end", (left - 18.0, y + 4.0), &tree.leaves[leaf]);
    }
    for (at, merge) in tree.merges.iter().enumerate() {
        let x = scale.at(merge.distance);
        let [a, b] = [merge.left, merge.right].map(|group| places[group as usize]);
        let data = format!("M{:.1} {:.1}H{x:.1}V{:.1}H{:.1}", a.0, a.1, b.1, b.0);
        svg.path("branch", &data);
        places[tree.leaves.len() + at] = (x, (a.1 + b.1) / 2.0);
    }
    svg.text(
        "axis mid",
        ((left + width) / 2.0, bottom + 36.0),
        axis.label,
    );
    svg.finish()
}

/// The leaves from top to bottom.
fn order(tree: &Tree<'_>) -> Vec<usize> {
    let leaves = tree.leaves.len();
    let mut order = Vec::with_capacity(leaves);
    let mut waiting: Vec<usize> = (leaves + tree.merges.len())
        .checked_sub(1)
        .into_iter()
        .collect();
    while let Some(group) = waiting.pop() {
        match group.checked_sub(leaves) {
            None => order.push(group),
            Some(merge) => {
                let merge = tree.merges[merge];
                waiting.extend([merge.right as usize, merge.left as usize]);
            }
        }
    }
    order
}
