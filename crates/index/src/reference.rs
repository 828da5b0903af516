use crate::{Filter, JointRows};

/// The score of every row that passes `filter`, in `f64`, best first, ties by lower row: slow and obviously right. What
/// the fast searches are tested against.
///
/// # Panics
///
/// If the query's length is not that of a joint vector.
pub fn rank_all(rows: &JointRows, query: &[f32], filter: &Filter<'_>) -> Vec<(u32, f64)> {
    assert_eq!(
        query.len(),
        rows.dim(),
        "a query has one value per joint column"
    );
    let mut scored: Vec<(u32, f64)> = (0..rows.len() as u32)
        .filter(|&row| filter.admits(row))
        .map(|row| (row, score(rows, query, row)))
        .collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored
}

fn score(rows: &JointRows, query: &[f32], row: u32) -> f64 {
    let stored = (0..rows.blocks()).flat_map(|block| rows.block(block).row(row as usize));
    let products = stored
        .zip(query)
        .map(|(&x, &q)| f64::from(x) * f64::from(q));
    products.fold(0.0, |sum, product| sum + product)
}
