use serde::{Deserialize, Serialize};

use crate::Points;
use crate::points::squared_distance;

/// How far apart two groups of rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Linkage {
    /// The growth of the squared deviations when they become one: `sqrt(2 ab / (a + b))` times the distance of the means of
    /// groups of `a` and `b` rows (Ward 1963).
    Ward,
    /// The mean distance between their rows.
    Average,
}

/// Two groups that become one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// The group of lower number: a row below the number of rows, else `rows +` the place of the merge that made it.
    pub left: u32,
    /// The other group.
    pub right: u32,
    /// How far apart they are.
    pub distance: f64,
    /// How many rows they have together.
    pub size: u32,
}

/// Joins the two nearest groups until there is one, beginning with single rows: `rows - 1` merges by rising distance, in the
/// format of scipy's `linkage`.
///
/// The chain of nearest neighbours (Murtagh 1983; Müllner 2011, "Modern hierarchical, agglomerative clustering
/// algorithms", fig. 3) with the update formulas of Lance and Williams: quadratic in time and memory, 8 bytes for each pair
/// of rows.
pub fn linkage(points: &Points, linkage: Linkage) -> Vec<Merge> {
    let rows = points.len();
    let mut distances = Distances::of(points);
    let mut sizes = vec![1.0; rows];
    let mut chain: Vec<usize> = Vec::new();
    let mut merges = Vec::with_capacity(rows.saturating_sub(1));
    while merges.len() + 1 < rows {
        if chain.is_empty() {
            chain.extend(sizes.iter().position(|&size| size > 0.0));
        }
        let (left, right, distance) = grow(&mut chain, &distances, &sizes);
        let (a, b) = (sizes[left], sizes[right]);
        for other in (0..rows).filter(|&other| sizes[other] > 0.0) {
            if other != left && other != right {
                let (to_left, to_right) = (distances.get(left, other), distances.get(right, other));
                let updated = match linkage {
                    Linkage::Average => (a * to_left + b * to_right) / (a + b),
                    Linkage::Ward => {
                        let o = sizes[other];
                        let squares = (o + a) * to_left.powi(2) + (o + b) * to_right.powi(2)
                            - o * distance.powi(2);
                        // Rounding may take it below 0.
                        (squares.max(0.0) / (o + a + b)).sqrt()
                    }
                };
                distances.set(right, other, updated);
            }
        }
        // The union lives on in the place of the second.
        sizes[left] = 0.0;
        sizes[right] = a + b;
        merges.push((left, right, distance));
    }
    numbered(merges, rows)
}

/// Follows nearest neighbours from the chain's end until two are each other's, and takes them off.
fn grow(chain: &mut Vec<usize>, distances: &Distances, sizes: &[f64]) -> (usize, usize, f64) {
    loop {
        let last = chain[chain.len() - 1];
        let before = chain.len().checked_sub(2).map(|at| chain[at]);
        // Among equals the one before comes first, or the chain might go round in circles.
        let mut nearest = before.map_or((f64::INFINITY, usize::MAX), |before| {
            (distances.get(last, before), before)
        });
        for other in (0..sizes.len()).filter(|&other| sizes[other] > 0.0 && other != last) {
            let distance = distances.get(last, other);
            if distance < nearest.0 {
                nearest = (distance, other);
            }
        }
        let (distance, nearest) = nearest;
        if Some(nearest) == before {
            chain.truncate(chain.len() - 2);
            return (last.min(nearest), last.max(nearest), distance);
        }
        chain.push(nearest);
    }
}

/// Sorts merges of places by distance and gives groups their numbers.
fn numbered(mut merges: Vec<(usize, usize, f64)>, rows: usize) -> Vec<Merge> {
    merges.sort_by(|a, b| a.2.total_cmp(&b.2));
    // The group that a place belongs to, by way of the places it was joined with.
    let mut parent: Vec<usize> = (0..rows).collect();
    let mut group: Vec<(u32, u32)> = (0..rows as u32).map(|row| (row, 1)).collect();
    let mut numbered = Vec::with_capacity(merges.len());
    for ((left, right, distance), number) in merges.into_iter().zip(rows as u32..) {
        let [left, right] = [left, right].map(|place| root(&mut parent, place));
        let (a, b) = (group[left], group[right]);
        let size = a.1 + b.1;
        numbered.push(Merge {
            left: a.0.min(b.0),
            right: a.0.max(b.0),
            distance,
            size,
        });
        parent[left] = right;
        group[right] = (number, size);
    }
    numbered
}

fn root(parent: &mut [usize], place: usize) -> usize {
    let mut root = place;
    while parent[root] != root {
        parent[root] = parent[parent[root]];
        root = parent[root];
    }
    root
}

/// Distances of pairs, each kept once.
struct Distances {
    rows: usize,
    values: Vec<f64>,
}

impl Distances {
    fn of(points: &Points) -> Self {
        let rows = points.len();
        let mut values = Vec::with_capacity(rows * rows.saturating_sub(1) / 2);
        for a in 0..rows {
            let others = a + 1..rows;
            values.extend(others.map(|b| squared_distance(points.row(a), points.row(b)).sqrt()));
        }
        Self { rows, values }
    }

    fn place(&self, a: usize, b: usize) -> usize {
        let (a, b) = (a.min(b), a.max(b));
        a * (2 * self.rows - a - 1) / 2 + (b - a - 1)
    }

    fn get(&self, a: usize, b: usize) -> f64 {
        self.values[self.place(a, b)]
    }

    fn set(&mut self, a: usize, b: usize, distance: f64) {
        let place = self.place(a, b);
        self.values[place] = distance;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_by_hand() {
        // 0 and 1 are 1 apart, 4 and 6 are 2 apart; the mean of the four distances between these pairs is 4.5.
        let points = Points::new(1, vec![0.0, 4.0, 1.0, 6.0]);
        let merges = linkage(&points, Linkage::Average);
        let expected = [(0, 2, 1.0, 2), (1, 3, 2.0, 2), (4, 5, 4.5, 4)];
        for (merge, (left, right, distance, size)) in merges.iter().zip(expected) {
            assert_eq!((merge.left, merge.right, merge.size), (left, right, size));
            assert_eq!(merge.distance, distance);
        }
    }

    #[test]
    fn fewer_than_two_rows_have_nothing_to_join() {
        assert!(linkage(&Points::new(2, vec![]), Linkage::Ward).is_empty());
        assert!(linkage(&Points::new(2, vec![1.0, 2.0]), Linkage::Ward).is_empty());
    }

    #[test]
    fn equal_rows_are_joined_at_no_distance() {
        for kind in [Linkage::Ward, Linkage::Average] {
            let merges = linkage(&Points::new(1, vec![2.0; 9]), kind);
            assert_eq!(merges.len(), 8);
            assert!(merges.iter().all(|merge| merge.distance == 0.0));
            assert_eq!(merges[7].size, 9);
        }
    }
}
