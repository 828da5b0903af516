/// Rows of equally many `f64`, one after another: what is clustered, projected and regressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    dim: usize,
    values: Vec<f64>,
}

impl Points {
    /// Wraps `values`, which hold rows of length `dim` one after another.
    ///
    /// # Panics
    ///
    /// If `dim` is 0 or the last row is not complete.
    pub fn new(dim: usize, values: Vec<f64>) -> Self {
        assert!(
            dim > 0 && values.len().is_multiple_of(dim),
            "{} values are not rows of length {dim}",
            values.len()
        );
        Self { dim, values }
    }

    /// The length of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A row.
    ///
    /// # Panics
    ///
    /// If it is out of range.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.dim..(row + 1) * self.dim]
    }

    /// All rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.dim)
    }

    /// All numbers, row after row.
    pub fn as_slice(&self) -> &[f64] {
        &self.values
    }

    /// The rows chosen, in that order.
    ///
    /// # Panics
    ///
    /// If one is out of range.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        let values = rows.iter().flat_map(|&row| self.row(row as usize));
        Self::new(self.dim, values.copied().collect())
    }

    /// The mean of the rows of each group; `labels` has the group of each row, below `groups`. An empty group's mean is 0.
    ///
    /// # Panics
    ///
    /// If there are not as many labels as rows, or one is out of range.
    #[must_use]
    pub fn means(&self, labels: &[u32], groups: usize) -> Self {
        assert_eq!(labels.len(), self.len(), "a label for each row");
        let mut sums = vec![0.0; groups * self.dim];
        let mut counts = vec![0_usize; groups];
        for (row, &label) in self.rows().zip(labels) {
            let label = label as usize;
            counts[label] += 1;
            let sums = &mut sums[label * self.dim..][..self.dim];
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        }
        for (sums, &count) in sums.chunks_exact_mut(self.dim).zip(&counts) {
            sums.iter_mut().for_each(|sum| *sum /= count.max(1) as f64);
        }
        Self::new(self.dim, sums)
    }
}

/// The squared Euclidean distance.
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
