use crossfade_matrix::Csr;
use rayon::prelude::*;

use crate::Error;

/// Solves blocks of rows of one side while the other side is fixed: the seam between the training loop and the ways to
/// solve.
///
/// A row solver is made for one half-sweep, with everything the rows share (see [`ExactRows`](crate::ExactRows)).
pub trait RowSolver: Sync {
    /// What a worker reuses from block to block.
    type Scratch: Send;

    /// Scratch for one worker.
    fn scratch(&self) -> Self::Scratch;

    /// What solving a row of `entries` entries costs, in any unit. Rows are dealt out by it.
    fn cost(&self, entries: usize) -> u64;

    /// Solves the neighbouring rows from `first` on. `rows` holds their previous factors, one after another, which
    /// may serve as a first guess, and receives the new ones. The result must not depend on how rows are grouped into
    /// blocks.
    ///
    /// Returns the sum of the rows' own part of the objective at the new factors: data, unobserved pairs, and pull.
    ///
    /// # Errors
    ///
    /// If a row cannot be solved.
    fn solve(
        &self,
        first: usize,
        rows: &mut [f32],
        scratch: &mut Self::Scratch,
    ) -> Result<f64, Error>;
}

/// How many blocks to aim for: many more than there will be threads, so that they finish together. Fixed, because the
/// objective is summed by block.
const BLOCKS: u64 = 512;

/// Re-solves all rows of one side, whose factors are `rows`, by blocks of about equal cost, in rayon's current pool.
///
/// Returns the sum of the rows' parts of the objective. The result has the same bits on any number of threads.
///
/// # Errors
///
/// The first error of the solver, in order of rows.
///
/// # Panics
///
/// If `rows` is not one vector of `dim` numbers for each row of `plays`.
pub fn sweep<R: RowSolver>(
    solver: &R,
    plays: &Csr,
    rows: &mut [f32],
    dim: usize,
) -> Result<f64, Error> {
    assert_eq!(rows.len(), plays.rows() * dim, "one vector for each row");
    let objectives: Vec<Result<f64, Error>> = split(solver, plays, rows, dim)
        .into_par_iter()
        .with_max_len(1)
        .map_init(
            || solver.scratch(),
            |scratch, (first, rows)| solver.solve(first, rows, scratch),
        )
        .collect();
    // Not summed in parallel, whose order would depend on the threads.
    objectives.into_iter().sum()
}

/// Cuts the rows into neighbouring blocks of about equal cost, each with its first row. A single row may cost more.
fn split<'a, R: RowSolver>(
    solver: &R,
    plays: &Csr,
    mut rows: &'a mut [f32],
    dim: usize,
) -> Vec<(usize, &'a mut [f32])> {
    let costs = plays
        .offsets()
        .windows(2)
        .map(|ends| solver.cost((ends[1] - ends[0]) as usize));
    let target = costs.clone().sum::<u64>().div_ceil(BLOCKS);
    let mut blocks = Vec::new();
    let (mut first, mut sum) = (0, 0);
    for (row, cost) in costs.enumerate() {
        sum += cost;
        if sum >= target || row + 1 == plays.rows() {
            let (block, rest) = rows.split_at_mut((row + 1 - first) * dim);
            blocks.push((first, block));
            (rows, first, sum) = (rest, row + 1, 0);
        }
    }
    blocks
}
