use crossfade_matrix::Row;

/// The equations of one row, for a [`RowSolver`](crate::RowSolver): `(alpha0 F'F + Z'CZ + pull I) x = Z'c + pull p`, where F is the fixed side, Z its rows at the
/// entries, C = diag(c) their confidences, and p the prior.
#[derive(Debug, Clone, Copy)]
pub struct RowSystem<'a> {
    /// The entries with their confidences.
    pub(crate) entries: Row<'a>,
    /// The fixed side, row-major.
    pub(crate) fixed: &'a [f32],
    /// Numbers in a factor.
    pub(crate) dim: usize,
    /// What the row is pulled towards; zero if there is none.
    pub(crate) prior: Option<&'a [f32]>,
    /// How strongly it is pulled: lambda.
    pub(crate) pull: f32,
}

impl<'a> RowSystem<'a> {
    /// A row of the fixed side.
    #[inline(always)]
    pub(crate) fn fixed_row(&self, row: u32) -> &'a [f32] {
        &self.fixed[row as usize * self.dim..][..self.dim]
    }
}

/// The inner product in double precision, in eight sums so that none waits for another.
pub(crate) fn product(a: &[f32], b: &[f32]) -> f64 {
    let (a, rest_of_a) = a.as_chunks::<8>();
    let (b, rest_of_b) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for (k, sum) in sums.iter_mut().enumerate() {
            *sum += f64::from(a[k]) * f64::from(b[k]);
        }
    }
    let rest = rest_of_a.iter().zip(rest_of_b);
    let rest: f64 = rest.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    sums.iter().sum::<f64>() + rest
}
