use serde::{Deserialize, Serialize};

use crate::{Approximate, Config, Error, Exact, Filter, Hit, JointRows};

/// How much of the exact answers the graph finds for queries of one mix.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// Where the queries lie among the mixes; see [`Index::with_approximate`](crate::Index::with_approximate).
    pub mix: f32,
    /// How many hits each query asked for.
    pub limit: usize,
    /// How many queries were measured.
    pub queries: usize,
    /// Mean recall over the queries, 0 to 1.
    pub mean: f32,
    /// Recall of the worst query.
    pub min: f32,
    /// Share of the queries whose recall is below 0.9.
    pub below_nine_tenths: f32,
}

/// What to measure recall of.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// The rows both searches are over.
    pub rows: &'a JointRows,
    /// The truth.
    pub exact: &'a Exact,
    /// The graph under test.
    pub approximate: &'a Approximate,
    /// How many hits each query asks for.
    pub limit: usize,
    /// How many candidates the graph may propose.
    pub expansion: usize,
}

impl<'a> Measured<'a> {
    /// The measurement that [`Index`](crate::Index) relies on: at [`Config::recall_at`] hits and the expansion it uses for
    /// them.
    pub fn new(
        rows: &'a JointRows,
        exact: &'a Exact,
        approximate: &'a Approximate,
        config: &Config,
    ) -> Self {
        Self {
            rows,
            exact,
            approximate,
            limit: config.recall_at,
            expansion: config.expansion(config.recall_at),
        }
    }

    /// Compares the graph's answers to the exact ones on sample queries of one mix.
    ///
    /// Ties are fair: a hit counts if it scores at least as much as the last exact hit, whichever row it is. Both sides
    /// score by the same kernel, so no tolerance is needed.
    ///
    /// # Errors
    ///
    /// As [`JointRows::query`] and [`Approximate::search`]. No queries, no rows or a limit of 0 give a recall of 1.
    pub fn recall(&self, mix: f32, queries: &[Vec<f32>]) -> Result<Recall, Error> {
        let each = queries
            .iter()
            .map(|query| self.of_one(query))
            .collect::<Result<Vec<f32>, Error>>()?;
        let count = each.len().max(1) as f64;
        let total: f64 = each.iter().copied().map(f64::from).sum();
        let poor = each.iter().filter(|&&recall| recall < 0.9).count();
        Ok(Recall {
            mix,
            limit: self.limit,
            queries: each.len(),
            mean: if each.is_empty() {
                1.0
            } else {
                (total / count) as f32
            },
            min: each.iter().copied().fold(1.0, f32::min),
            below_nine_tenths: (poor as f64 / count) as f32,
        })
    }

    fn of_one(&self, query: &[f32]) -> Result<f32, Error> {
        let query = self.rows.query(query)?;
        let all = Filter::all();
        let exact = self.exact.search(&query, self.limit, &all).hits;
        let found = self
            .approximate
            .search(&query, self.limit, self.expansion, &all)?
            .hits;
        Ok(share(&exact, &found))
    }
}

fn share(exact: &[Hit], found: &[Hit]) -> f32 {
    let Some(last) = exact.last() else {
        return 1.0;
    };
    let good = found.iter().filter(|hit| hit.score >= last.score).count();
    good as f32 / exact.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_row_with_the_same_score_counts_as_found() {
        let hits = |list: &[(u32, f32)]| -> Vec<Hit> {
            list.iter()
                .map(|&(row, score)| Hit { row, score })
                .collect()
        };
        let exact = hits(&[(1, 3.0), (2, 1.0)]);
        assert_eq!(share(&exact, &hits(&[(1, 3.0), (9, 1.0)])), 1.0);
        assert_eq!(share(&exact, &hits(&[(1, 3.0), (9, 0.5)])), 0.5);
        assert_eq!(share(&exact, &[]), 0.0);
        assert_eq!(share(&[], &[]), 1.0);
    }
}
