use crossfade_matrix::Row;

/// The equations of one row: `(alpha0 F'F + Z'CZ + pull I) x = Z'c + pull p`, where F is the fixed side, Z its rows at the
/// entries, C = diag(c) their confidences, and p the prior.
#[derive(Clone, Copy)]
pub(crate) struct RowSystem<'a> {
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

/// The inner product in double precision.
pub(crate) fn product(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .sum()
}
