use crate::Buffer;

/// Why numbers do not form a matrix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A row or column index lies outside the shape.
    #[error("entry ({row}, {column}) lies outside a {rows} x {columns} matrix")]
    OutOfBounds {
        /// The entry's row.
        row: usize,
        /// The entry's column.
        column: usize,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// A value is NaN or infinite.
    #[error("the value at row {row}, column {column} is not finite")]
    NotFinite {
        /// The entry's row.
        row: usize,
        /// The entry's column.
        column: usize,
    },
    /// Row offsets do not start at zero, shrink, or do not end at the number of entries.
    #[error("row offsets are inconsistent at row {row}")]
    Offsets {
        /// The first row at which they are.
        row: usize,
    },
    /// A row's columns are not strictly increasing.
    #[error("the columns of row {row} are not strictly increasing")]
    Unsorted {
        /// The first such row.
        row: usize,
    },
}

/// One sparse row: parallel slices of column indices (strictly increasing) and values.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Column of each entry.
    pub indices: &'a [u32],
    /// Value of each entry.
    pub values: &'a [f32],
}

impl<'a> Row<'a> {
    /// How many entries the row has.
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether the row has no entry.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The entries as (column, value).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u32, f32)> + use<'a> {
        self.indices
            .iter()
            .copied()
            .zip(self.values.iter().copied())
    }
}

/// A compressed sparse row matrix with finite values and strictly increasing columns in every row.
///
/// Every constructor checks these invariants, so code that reads a `Csr` does not have to.
#[derive(Debug, Clone)]
pub struct Csr {
    columns: usize,
    offsets: Buffer<u64>,
    indices: Buffer<u32>,
    values: Buffer<f32>,
}

impl Csr {
    /// Checks and wraps the three arrays of a CSR matrix: `offsets` has one more element than there are rows, and row
    /// `r` owns the entries `offsets[r]..offsets[r + 1]`.
    ///
    /// # Errors
    ///
    /// If an invariant of the type does not hold.
    pub fn new(
        columns: usize,
        offsets: impl Into<Buffer<u64>>,
        indices: impl Into<Buffer<u32>>,
        values: impl Into<Buffer<f32>>,
    ) -> Result<Self, Error> {
        let matrix = Self {
            columns,
            offsets: offsets.into(),
            indices: indices.into(),
            values: values.into(),
        };
        matrix.check()?;
        Ok(matrix)
    }

    /// A matrix without rows, columns and entries.
    pub fn empty() -> Self {
        Self {
            columns: 0,
            offsets: vec![0].into(),
            indices: Vec::new().into(),
            values: Vec::new().into(),
        }
    }

    /// Builds a matrix from (row, column, value) in any order; entries of the same place are added up in the order
    /// given.
    ///
    /// # Errors
    ///
    /// If an entry lies outside the shape or a sum is not finite.
    pub fn from_triplets(
        rows: usize,
        columns: usize,
        mut triplets: Vec<(u32, u32, f32)>,
    ) -> Result<Self, Error> {
        // Stable, so that duplicates are summed in the caller's order.
        triplets.sort_by_key(|&(row, column, _)| (row, column));
        let mut counts = vec![0_u64; rows];
        let mut indices = Vec::with_capacity(triplets.len());
        let mut values: Vec<f32> = Vec::with_capacity(triplets.len());
        let mut last = None;
        for (row, column, value) in triplets {
            if row as usize >= rows || column as usize >= columns {
                return Err(Error::OutOfBounds {
                    row: row as usize,
                    column: column as usize,
                    rows,
                    columns,
                });
            }
            match values.last_mut() {
                Some(sum) if last == Some((row, column)) => *sum += value,
                _ => {
                    counts[row as usize] += 1;
                    indices.push(column);
                    values.push(value);
                }
            }
            last = Some((row, column));
        }
        Self::new(columns, running_total(&counts), indices, values)
    }

    /// A matrix with entries at the same places, which both share, and other values.
    ///
    /// # Errors
    ///
    /// If there is not one finite value for each entry.
    pub fn with_values(&self, values: impl Into<Buffer<f32>>) -> Result<Self, Error> {
        let matrix = Self {
            values: values.into(),
            ..self.clone()
        };
        matrix.check()?;
        Ok(matrix)
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many entries are stored.
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// The row at `row`.
    ///
    /// # Panics
    ///
    /// If `row` is out of range.
    pub fn row(&self, row: usize) -> Row<'_> {
        let span = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        Row {
            indices: &self.indices[span.clone()],
            values: &self.values[span],
        }
    }

    /// Row offsets, `rows() + 1` of them.
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// Column of every entry, row after row.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Value of every entry, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Column and value of every entry, for someone who is to hold them too.
    pub fn buffers(&self) -> (&Buffer<u32>, &Buffer<f32>) {
        (&self.indices, &self.values)
    }

    /// How many entries each column has.
    pub fn column_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.columns];
        for &column in self.indices() {
            counts[column as usize] += 1;
        }
        counts
    }

    /// The matrix with rows and columns exchanged, in one counting pass: O(rows + columns + entries).
    pub fn transpose(&self) -> Self {
        let counts: Vec<u64> = self.column_counts().into_iter().map(u64::from).collect();
        let offsets = running_total(&counts);
        let mut next = offsets.clone();
        let mut indices = vec![0; self.nnz()];
        let mut values = vec![0.0; self.nnz()];
        for row in 0..self.rows() {
            for (column, value) in self.row(row).iter() {
                let slot = &mut next[column as usize];
                indices[*slot as usize] = row as u32;
                values[*slot as usize] = value;
                *slot += 1;
            }
        }
        Self {
            columns: self.rows(),
            offsets: offsets.into(),
            indices: indices.into(),
            values: values.into(),
        }
    }

    /// A matrix with the same entries, which both share, and as many columns as given.
    ///
    /// # Panics
    ///
    /// If that is fewer than there are.
    pub fn widened(&self, columns: usize) -> Self {
        assert!(columns >= self.columns, "a wider matrix has more columns");
        Self {
            columns,
            ..self.clone()
        }
    }

    /// The entries for which `keep(row, column, value)` holds, in a matrix of the same shape.
    pub fn filter(&self, mut keep: impl FnMut(u32, u32, f32) -> bool) -> Self {
        let mut offsets = Vec::with_capacity(self.offsets.len());
        offsets.push(0);
        let mut indices = Vec::new();
        let mut values = Vec::new();
        for row in 0..self.rows() {
            for (column, value) in self.row(row).iter() {
                if keep(row as u32, column, value) {
                    indices.push(column);
                    values.push(value);
                }
            }
            offsets.push(indices.len() as u64);
        }
        Self {
            columns: self.columns,
            offsets: offsets.into(),
            indices: indices.into(),
            values: values.into(),
        }
    }

    fn check(&self) -> Result<(), Error> {
        let entries = self.indices.len() as u64;
        if self.offsets.first() != Some(&0) {
            return Err(Error::Offsets { row: 0 });
        }
        let last = self.rows();
        if self.offsets[last] != entries || self.values.len() as u64 != entries {
            return Err(Error::Offsets { row: last });
        }
        for row in 0..last {
            let (start, end) = (self.offsets[row], self.offsets[row + 1]);
            if start > end || end > entries {
                return Err(Error::Offsets { row });
            }
            self.check_row(row)?;
        }
        Ok(())
    }

    fn check_row(&self, row: usize) -> Result<(), Error> {
        let Row { indices, values } = self.row(row);
        if indices.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Error::Unsorted { row });
        }
        if let Some(&column) = indices.last().filter(|&&c| c as usize >= self.columns) {
            return Err(Error::OutOfBounds {
                row,
                column: column as usize,
                rows: self.rows(),
                columns: self.columns,
            });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(Error::NotFinite {
                row,
                column: indices[at] as usize,
            }),
            None => Ok(()),
        }
    }
}

fn running_total(counts: &[u64]) -> Vec<u64> {
    let mut offsets = Vec::with_capacity(counts.len() + 1);
    let mut total = 0;
    offsets.push(total);
    for count in counts {
        total += count;
        offsets.push(total);
    }
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(matrix: &Csr) -> Vec<(usize, u32, f32)> {
        (0..matrix.rows())
            .flat_map(|row| {
                matrix
                    .row(row)
                    .iter()
                    .map(move |(column, value)| (row, column, value))
            })
            .collect()
    }

    #[test]
    fn triplets_are_sorted_and_added_up() {
        let matrix = Csr::from_triplets(
            3,
            2,
            vec![(2, 1, 1.0), (0, 1, 4.0), (2, 0, 2.0), (2, 1, 0.5)],
        )
        .unwrap();
        assert_eq!(entries(&matrix), [(0, 1, 4.0), (2, 0, 2.0), (2, 1, 1.5)]);
        assert_eq!(matrix.column_counts(), [1, 2]);
    }

    #[test]
    fn transposing_twice_gives_the_matrix_back() {
        let matrix = Csr::from_triplets(
            3,
            4,
            vec![(0, 3, 1.0), (1, 0, 2.0), (1, 3, 3.0), (2, 2, 4.0)],
        )
        .unwrap();
        let transposed = matrix.transpose();
        assert_eq!(
            entries(&transposed),
            [(0, 1, 2.0), (2, 2, 4.0), (3, 0, 1.0), (3, 1, 3.0)]
        );
        assert_eq!(entries(&transposed.transpose()), entries(&matrix));
    }

    #[test]
    fn other_values_stand_at_the_same_places_and_share_them() {
        let matrix = Csr::from_triplets(2, 3, vec![(0, 2, 1.0), (1, 0, 2.0)]).unwrap();
        let other = matrix.with_values(vec![5.0, 6.0]).unwrap();
        assert_eq!(entries(&other), [(0, 2, 5.0), (1, 0, 6.0)]);
        assert_eq!(other.indices().as_ptr(), matrix.indices().as_ptr());
        let short = matrix.with_values(vec![5.0]);
        assert!(matches!(short, Err(Error::Offsets { .. })));
        let nan = matrix.with_values(vec![5.0, f32::NAN]);
        assert!(matches!(nan, Err(Error::NotFinite { row: 1, column: 0 })));
    }

    #[test]
    fn filtering_keeps_the_shape() {
        let matrix = Csr::from_triplets(2, 2, vec![(0, 0, 1.0), (1, 1, -1.0)]).unwrap();
        let kept = matrix.filter(|_, _, value| value > 0.0);
        assert_eq!((kept.rows(), kept.columns(), kept.nnz()), (2, 2, 1));
    }

    #[test]
    fn every_broken_invariant_is_named() {
        let outside = Csr::from_triplets(1, 1, vec![(0, 1, 1.0)]);
        assert!(matches!(outside, Err(Error::OutOfBounds { column: 1, .. })));
        let nan = Csr::from_triplets(1, 1, vec![(0, 0, f32::NAN)]);
        assert!(matches!(nan, Err(Error::NotFinite { row: 0, column: 0 })));
        let shrinking = Csr::new(2, vec![0, 2, 1, 2], vec![0, 1], vec![1.0, 1.0]);
        assert!(matches!(shrinking, Err(Error::Offsets { row: 1 })));
        let unsorted = Csr::new(2, vec![0, 2], vec![1, 0], vec![1.0, 1.0]);
        assert!(matches!(unsorted, Err(Error::Unsorted { row: 0 })));
        let short = Csr::new(2, vec![0, 1], vec![0], Vec::new());
        assert!(matches!(short, Err(Error::Offsets { row: 1 })));
        let no_offsets = Csr::new(2, Vec::new(), Vec::new(), Vec::new());
        assert!(matches!(no_offsets, Err(Error::Offsets { row: 0 })));
    }
}
