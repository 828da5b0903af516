use crate::Buffer;

/// A row-major `rows x columns` matrix of `f32`: one vector per row.
#[derive(Debug, Clone)]
pub struct Dense {
    rows: usize,
    columns: usize,
    values: Buffer<f32>,
}

impl Dense {
    /// Wraps `values`, which hold the rows one after another.
    ///
    /// # Panics
    ///
    /// If the number of values is not `rows * columns`.
    pub fn new(rows: usize, columns: usize, values: impl Into<Buffer<f32>>) -> Self {
        let values = values.into();
        assert_eq!(
            values.len(),
            rows * columns,
            "a {rows} x {columns} matrix needs {} values, got {}",
            rows * columns,
            values.len()
        );
        Self {
            rows,
            columns,
            values,
        }
    }

    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self::new(rows, columns, vec![0.0; rows * columns])
    }

    /// How many vectors there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The length of each vector.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The vector at `row`.
    ///
    /// # Panics
    ///
    /// If `row` is out of range.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// All rows, one after another.
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// All rows, for someone who is to hold them too.
    pub fn buffer(&self) -> &Buffer<f32> {
        &self.values
    }

    /// The numbers as an owned vector, copied only when others hold them too.
    pub fn into_vec(self) -> Vec<f32> {
        self.values.into_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_matrix_reads_the_owners_numbers_in_place() {
        let owner = vec![1.0, 2.0, 3.0, 4.0];
        let address = owner.as_ptr();
        let matrix = Dense::new(2, 2, Buffer::shared(owner));
        assert_eq!(matrix.row(1), [3.0, 4.0]);
        assert_eq!(matrix.as_slice().as_ptr(), address);
    }

    #[test]
    fn a_clone_shares_the_numbers_and_the_last_holder_takes_them_without_a_copy() {
        let matrix = Dense::new(1, 2, vec![1.0, 2.0]);
        let address = matrix.as_slice().as_ptr();
        let clone = matrix.clone();
        assert_eq!(clone.as_slice().as_ptr(), address);
        let (copied, taken) = (clone.into_vec(), matrix.into_vec());
        assert_ne!(copied.as_ptr(), address);
        assert_eq!(taken.as_ptr(), address);
    }

    #[test]
    #[should_panic(expected = "a 2 x 3 matrix needs 6 values, got 5")]
    fn a_wrong_number_of_values_is_refused() {
        Dense::new(2, 3, vec![0.0; 5]);
    }
}
