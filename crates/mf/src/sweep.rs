use std::sync::{Mutex, PoisonError};

use crossfade_matrix::Csr;

/// How many blocks to aim for: many more than there will be threads, so that they finish together. Fixed, because the
/// objective is summed by block.
const BLOCKS: u64 = 512;

/// The least cost of a block, in squares of `dim`: about as many rows as make a product of matrices efficient.
const SMALLEST: u64 = 64;

/// Cuts `rows`, one vector of `dim` numbers for each row of `plays`, into blocks of neighbours of about equal cost, each
/// with the number of its first row. A row of n entries costs `cost(n)`; a single one may cost more than a block.
///
/// # Panics
///
/// If `rows` has another number of vectors.
pub(crate) fn split<'a>(
    plays: &Csr,
    dim: usize,
    mut rows: &'a mut [f32],
    cost: impl Fn(usize) -> u64,
) -> Vec<(usize, &'a mut [f32])> {
    assert_eq!(rows.len(), plays.rows() * dim, "one vector for each row");
    let lengths = plays.offsets().windows(2).map(|ends| ends[1] - ends[0]);
    let costs = lengths.map(|entries| cost(entries as usize));
    let target = costs.clone().sum::<u64>().div_ceil(BLOCKS);
    // Products of few rows are slow.
    let target = target.max(SMALLEST * (dim * dim) as u64);
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

/// Works on every item of `work`, on all threads of rayon's current pool, each with scratch of its own.
///
/// Returns what `solve` returned, in the order of the items: added up in that order, it has the same bits on any number of
/// threads.
pub(crate) fn for_each<W: Send, S, T: Send>(
    work: impl Iterator<Item = W> + Send,
    scratch: impl Fn() -> S + Sync,
    solve: impl Fn(W, &mut S) -> T + Sync,
) -> Vec<T> {
    let work = Mutex::new(work.enumerate());
    // A thread that panics takes the whole broadcast with it, so no lock is ever met poisoned.
    let next = || work.lock().unwrap_or_else(PoisonError::into_inner).next();
    let done = rayon::broadcast(|_| {
        let mut scratch = scratch();
        let mut done = Vec::new();
        while let Some((place, item)) = next() {
            done.push((place, solve(item, &mut scratch)));
        }
        done
    });
    let mut done: Vec<(usize, T)> = done.into_iter().flatten().collect();
    done.sort_unstable_by_key(|&(place, _)| place);
    done.into_iter().map(|(_, result)| result).collect()
}
