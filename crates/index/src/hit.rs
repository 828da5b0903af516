use std::{cmp::Ordering, collections::BinaryHeap};

/// A row and its score.
///
/// The smaller hit is the better one: higher score first (`total_cmp`), the lower row among equals. Sorting a list of
/// hits therefore ranks it.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    /// The row.
    pub row: u32,
    /// Its inner product with the query.
    pub score: f32,
}

impl Ord for Hit {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .score
            .total_cmp(&self.score)
            .then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Hit {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Hit {}

/// The best `limit` of the hits offered so far.
#[derive(Debug, Clone)]
pub struct TopK {
    limit: usize,
    // The worst kept hit is the greatest, hence on top.
    heap: BinaryHeap<Hit>,
}

impl TopK {
    /// An empty selection.
    ///
    /// `limit` is also allocated: clamp it to the number of rows first.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            heap: BinaryHeap::with_capacity(limit),
        }
    }

    /// Whether `hit` would be kept. A selection that is not full keeps everything.
    pub fn admits(&self, hit: Hit) -> bool {
        if self.heap.len() < self.limit {
            return true;
        }
        self.heap.peek().is_some_and(|&worst| hit < worst)
    }

    /// Keeps `hit` if it is among the best so far.
    pub fn push(&mut self, hit: Hit) {
        if self.heap.len() < self.limit {
            self.heap.push(hit);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && hit < *worst
        {
            *worst = hit;
        }
    }

    /// The score below which nothing can enter any more, once the selection is full. An equal score still can, with a
    /// lower row.
    pub fn threshold(&self) -> Option<f32> {
        if self.heap.len() < self.limit {
            return None;
        }
        self.heap.peek().map(|worst| worst.score)
    }

    /// The kept hits, best first.
    pub fn into_ranked(self) -> Vec<Hit> {
        self.heap.into_sorted_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(row: u32, score: f32) -> Hit {
        Hit { row, score }
    }

    #[test]
    fn equal_scores_are_ranked_by_row_whatever_the_order_of_arrival() {
        for rows in [[3, 1, 2, 0], [0, 1, 2, 3], [2, 3, 0, 1]] {
            let mut top = TopK::new(3);
            for row in rows {
                top.push(hit(row, 1.0));
            }
            assert_eq!(top.threshold(), Some(1.0));
            let ranked: Vec<u32> = top.into_ranked().iter().map(|hit| hit.row).collect();
            assert_eq!(ranked, [0, 1, 2]);
        }
    }

    #[test]
    fn there_is_no_threshold_before_the_selection_is_full() {
        let mut top = TopK::new(2);
        top.push(hit(0, 5.0));
        assert_eq!(top.threshold(), None);
        assert!(top.admits(hit(9, f32::MIN)));
        top.push(hit(1, 4.0));
        assert!(!top.admits(hit(2, 4.0)));
        assert!(top.admits(hit(0, 4.0)));
    }

    #[test]
    fn a_selection_of_none_stays_empty() {
        let mut top = TopK::new(0);
        top.push(hit(0, 1.0));
        assert!(!top.admits(hit(0, 1.0)));
        assert!(top.into_ranked().is_empty());
    }
}
