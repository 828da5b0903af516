//! Measuring what each way to answer costs on this machine, over an index's own rows.

use std::time::Instant;

use crate::{
    Allowed, Bitmap, Config, Error, Exact, Filter, JointRows, Query,
    approximate::Approximate,
    cost::{Costs, Surface},
};

/// A query such as will be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Where it lies among the mixes; see [`Index::with_approximate`](crate::Index::with_approximate).
    pub mix: f32,
    /// The query, one value per joint column.
    pub query: Vec<f32>,
}

/// Shares of the rows that are allowed when searches of the screen are timed, ascending.
const SCREENED: [f64; 4] = [1.0 / 256.0, 1.0 / 32.0, 1.0 / 4.0, 1.0];
/// The same when allowed rows are listed.
const LISTED: [f64; 3] = [1.0 / 2048.0, 1.0 / 128.0, 1.0 / 8.0];
/// Limits that searches are timed with.
const LIMITS: [usize; 2] = [10, 100];
/// How often each query is timed; the least time counts, as others may have been interrupted.
pub(crate) const ROUNDS: usize = 2;

/// The searches that are timed.
pub(crate) struct Timed<'a> {
    pub(crate) rows: &'a JointRows,
    pub(crate) exact: &'a Exact,
    pub(crate) graph: Option<&'a Approximate>,
    pub(crate) config: &'a Config,
}

impl Timed<'_> {
    /// `None` without samples.
    pub(crate) fn costs(&self, samples: &[Sample]) -> Result<Option<Costs>, Error> {
        let mut mixes: Vec<f32> = samples.iter().map(|sample| sample.mix).collect();
        mixes.sort_by(f32::total_cmp);
        mixes.dedup();
        if mixes.is_empty() || self.rows.is_empty() {
            return Ok(None);
        }
        let mut costs = Costs {
            mixes: mixes.clone(),
            screened: Vec::new(),
            listed: Vec::new(),
            graph: Vec::new(),
        };
        let [screened, listed] = [&SCREENED[..], &LISTED].map(|shares| self.allow(shares));
        for mix in mixes {
            let of_mix = samples.iter().filter(|sample| sample.mix == mix);
            let queries = of_mix
                .map(|sample| self.rows.query(&sample.query))
                .collect::<Result<Vec<Query<'_>>, Error>>()?;
            let exact = self.exact;
            costs
                .screened
                .push(over(&screened, &queries, &|query, limit, filter| {
                    exact.search(query, limit, filter);
                }));
            costs
                .listed
                .push(over(&listed, &queries, &|query, limit, filter| {
                    exact.search_listed(query, limit, filter);
                }));
            if let Some(graph) = self.graph {
                costs.graph.push(self.of_graph(graph, &queries)?);
            }
        }
        Ok(Some(costs))
    }

    /// Rows in numbers of these shares, spread without pattern, each set within the next.
    fn allow(&self, shares: &[f64]) -> Vec<Allowed> {
        let rows = 0..self.rows.len() as u32;
        let within =
            |share: f64| move |&row: &u32| f64::from(scattered(row)) < share * 2.0_f64.powi(32);
        let of_share = |&share: &f64| rows.clone().filter(within(share)).collect::<Bitmap>();
        let sets = shares.iter().map(of_share);
        sets.map(|rows| self.exact.allow(rows)).collect()
    }

    fn of_graph(&self, graph: &Approximate, queries: &[Query<'_>]) -> Result<Surface, Error> {
        let limit = self.config.recall_at;
        let few = self.config.expansion(limit);
        let sizes = [few, few.saturating_mul(4)];
        // What fails here would fail every answer.
        for query in queries {
            graph.search(query, limit, few, &Filter::all())?;
        }
        let seconds = sizes.map(|candidates| {
            least(queries, &|query| {
                // An error has been ruled out above, and would only make the time shorter.
                drop(graph.search(query, limit, candidates, &Filter::all()));
            })
        });
        Ok(Surface {
            axes: [sizes.map(|size| size as f64).to_vec(), vec![1.0]],
            seconds: seconds.to_vec(),
        })
    }
}

/// The surface of one search over sets of allowed rows and the limits.
fn over(
    sets: &[Allowed],
    queries: &[Query<'_>],
    search: &dyn Fn(&Query<'_>, usize, &Filter<'_>),
) -> Surface {
    let mut axis: Vec<f64> = Vec::new();
    let mut seconds = Vec::new();
    for allowed in sets {
        let size = allowed.len() as f64;
        // In a small catalogue several shares may come to the same few rows.
        if size < 1.0 || axis.last().is_some_and(|&last| last >= size) {
            continue;
        }
        axis.push(size);
        let filter = Filter::all().allowing(allowed);
        let of_limit = |limit| least(queries, &|query| search(query, limit, &filter));
        seconds.extend(LIMITS.map(of_limit));
    }
    Surface {
        axes: [axis, LIMITS.map(|limit| limit as f64).to_vec()],
        seconds,
    }
}

/// Mean over the queries of the least seconds that each took.
fn least(queries: &[Query<'_>], ask: &dyn Fn(&Query<'_>)) -> f64 {
    let mut best = vec![f64::INFINITY; queries.len()];
    for _ in 0..ROUNDS {
        for (best, query) in best.iter_mut().zip(queries) {
            let start = Instant::now();
            ask(query);
            *best = best.min(start.elapsed().as_secs_f64());
        }
    }
    let total: f64 = best.iter().sum();
    // No clock is finer than a nanosecond, and logarithms need something.
    (total / queries.len().max(1) as f64).max(1e-9)
}

/// A number that looks like chance, the same for the same row (the finaliser of MurmurHash3).
fn scattered(row: u32) -> u32 {
    let mut bits = row.wrapping_add(0x9e37_79b9);
    bits = (bits ^ bits >> 16).wrapping_mul(0x85eb_ca6b);
    bits = (bits ^ bits >> 13).wrapping_mul(0xc2b2_ae35);
    bits ^ bits >> 16
}
