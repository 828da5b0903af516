use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Approximate, Config, Error, Exact, Filter, Hit, JointRows};

/// How much of the exact answers the graph finds for queries of one mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The same by band of rows, in their order; empty where rows are in no bands.
    #[serde(default)]
    pub bands: Vec<BandRecall>,
}

/// How much of the part of the exact answers that lies in one band of rows the graph finds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BandRecall {
    /// Hits of the exact answers in the band.
    pub hits: usize,
    /// Share of them that was found, 0 to 1; 1 without hits.
    pub found: f32,
}

/// Fewer hits than this tell nothing of a band.
const TELLING: usize = 100;

impl Recall {
    /// Whether it is enough for the graph to answer: on average, and in every band that enough of the exact answers lie in.
    pub fn reaches(&self, config: &Config) -> bool {
        self.mean >= config.recall_floor
            && self
                .weakest_band()
                .is_none_or(|(_, band)| band.found >= config.band_recall_floor)
    }

    /// The band with the least recall among those that enough of the exact answers lie in, and its number.
    pub fn weakest_band(&self) -> Option<(usize, BandRecall)> {
        let telling = self.bands.iter().copied().enumerate();
        let telling = telling.filter(|(_, band)| band.hits >= TELLING);
        telling.min_by(|(_, a), (_, b)| a.found.total_cmp(&b.found))
    }
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
    /// The band of each row, from 0; empty for no bands.
    pub bands: &'a [u8],
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
            bands: &[],
        }
    }

    /// Measures each band of rows as well: `bands` has the band of every row, from 0.
    pub fn by_band(self, bands: &'a [u8]) -> Self {
        Self { bands, ..self }
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
        let mut each = Vec::with_capacity(queries.len());
        let count = self.bands.iter().map(|&band| usize::from(band) + 1).max();
        let mut bands = vec![(0, 0); count.unwrap_or(0)];
        for query in queries {
            let (exact, found) = self.ask(query)?;
            let is_found = found_of(&exact, &found);
            let good = is_found.iter().filter(|&&found| found).count();
            each.push(match exact.len() {
                0 => 1.0,
                wanted => good as f32 / wanted as f32,
            });
            for (hit, found) in exact.iter().zip(is_found) {
                if let Some(&band) = self.bands.get(hit.row as usize) {
                    let (hits, good) = &mut bands[usize::from(band)];
                    *hits += 1;
                    *good += usize::from(found);
                }
            }
        }
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
            bands: bands.into_iter().map(BandRecall::of).collect(),
        })
    }

    /// The exact answer and the graph's.
    fn ask(&self, query: &[f32]) -> Result<(Vec<Hit>, Vec<Hit>), Error> {
        let query = self.rows.query(query)?;
        let all = Filter::all();
        let exact = self.exact.search(&query, self.limit, &all).hits;
        let found = self
            .approximate
            .search(&query, self.limit, self.expansion, &all)?
            .hits;
        Ok((exact, found))
    }
}

impl BandRecall {
    fn of((hits, good): (usize, usize)) -> Self {
        Self {
            hits,
            found: match hits {
                0 => 1.0,
                hits => good as f32 / hits as f32,
            },
        }
    }
}

/// Which of the exact hits were found. Of those that score as much as the last one, others may stand for them.
fn found_of(exact: &[Hit], found: &[Hit]) -> Vec<bool> {
    let Some(last) = exact.last() else {
        return Vec::new();
    };
    let rows: HashSet<u32> = found.iter().map(|hit| hit.row).collect();
    let known: HashSet<u32> = exact.iter().map(|hit| hit.row).collect();
    let stands_in = |hit: &&Hit| hit.score >= last.score && !known.contains(&hit.row);
    let mut others = found.iter().filter(stands_in).count();
    let mut is_found = |hit: &Hit| {
        let other = hit.score == last.score && !rows.contains(&hit.row) && others > 0;
        others -= usize::from(other);
        other || rows.contains(&hit.row)
    };
    exact.iter().map(&mut is_found).collect()
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
        assert_eq!(found_of(&exact, &hits(&[(1, 3.0), (9, 1.0)])), [true, true]);
        assert_eq!(
            found_of(&exact, &hits(&[(1, 3.0), (9, 0.5)])),
            [true, false]
        );
        assert_eq!(
            found_of(&exact, &hits(&[(2, 1.0), (9, 1.0)])),
            [false, true]
        );
        assert_eq!(found_of(&exact, &[]), [false, false]);
        assert!(found_of(&[], &[]).is_empty());
    }

    #[test]
    fn a_band_that_answers_hardly_lie_in_is_not_judged() {
        let band = |hits, found| BandRecall { hits, found };
        let recall = Recall {
            mix: 0.0,
            limit: 10,
            queries: 100,
            mean: 0.97,
            min: 0.5,
            below_nine_tenths: 0.1,
            bands: vec![band(900, 0.98), band(TELLING - 1, 0.0)],
        };
        let config = Config::default();
        assert!(recall.reaches(&config));
        let telling = Recall {
            bands: vec![band(900, 0.98), band(TELLING, 0.0)],
            ..recall
        };
        assert!(!telling.reaches(&config));
        assert_eq!(telling.weakest_band(), Some((1, band(TELLING, 0.0))));
    }
}
