use serde::{Deserialize, Serialize};

use crate::{Error, JointRows};

/// How rows are indexed and searched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Catalogues below this many rows get no approximate index, because exact search is faster: with the factors and
    /// embeddings of 209,000 tracks it answers 1,500 to 4,000 queries a second on one core, and its time grows with the
    /// catalogue. Where there is a graph, it answers only what it is measured to answer faster. Rows, at least 1.
    pub exact_below_rows: usize,
    /// Neighbours per row in the graph (HNSW's M), 4 to 256; twice as many on its ground level. More raise recall, build
    /// time and size (8 bytes each and row).
    pub connectivity: usize,
    /// Candidates considered when a row is linked (HNSW's efConstruction), at least `connectivity`. More raise recall
    /// and build time.
    pub expansion_add: usize,
    /// Candidates the graph yields for a request of up to `recall_at` results, all of which are then scored exactly. At
    /// least `recall_at`. More raise recall and search time about in proportion.
    pub expansion_search: usize,
    /// The number of results at which recall is measured; larger requests get proportionally more candidates. At least
    /// 1.
    pub recall_at: usize,
    /// The mean recall below which the approximate index is not used, 0 to 1.
    pub recall_floor: f32,
    /// The same for the rows of each band of listening that answers lie in, 0 to 1.
    pub band_recall_floor: f32,
    /// The largest share of the rows that may be fetched from the graph; beyond it, too far from what its recall was
    /// measured at, exact search is used. Above 0, at most 1.
    pub largest_fetch: f32,
    /// How many rows per candidate of the graph may be gone through to complete the graph's answer, so that it is exact;
    /// if its last score leaves more rows open, the answer stays as the graph gave it. A row costs about a hundredth of a
    /// candidate. 0 completes only answers that are seen to be complete.
    pub certify_rows: usize,
    /// How many searches may be inside the graph at the same time; others wait. 1 to 4096. Each keeps its scratch memory
    /// for the next.
    pub concurrent_searches: usize,
    /// Graphs that the rows are dealt out to, 1 to 256. Each is built by one thread, so more are built sooner where there
    /// are as many processors, and the same rows give the same files whatever the number of threads. Each is asked for
    /// its share of the candidates.
    #[serde(alias = "build_threads")]
    pub parts: usize,
    /// What each block is multiplied by in the graph, one number from 0.001 to 1000 per block; empty for 1 everywhere.
    /// Scores do not depend on it: the query is divided by it. It decides which block's neighbourhoods the graph keeps,
    /// so larger means better recall for queries that weigh that block more, and worse for the others. See
    /// [`balanced`](Self::balanced).
    pub block_scales: Vec<f32>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            exact_below_rows: 500_000,
            connectivity: 16,
            expansion_add: 64,
            expansion_search: 400,
            recall_at: 100,
            recall_floor: 0.95,
            band_recall_floor: 0.9,
            largest_fetch: 0.05,
            certify_rows: 50,
            concurrent_searches: 64,
            parts: 2,
            block_scales: Vec::new(),
        }
    }
}

impl Config {
    /// Checks every field's range.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] with the first field outside its range.
    pub fn validate(&self) -> Result<(), Error> {
        let share = |value: f32| value > 0.0 && value <= 1.0;
        let scale = |value: &f32| (1e-3..=1e3).contains(value);
        let rules: [(&'static str, bool, &'static str); 11] = [
            (
                "exact_below_rows",
                self.exact_below_rows >= 1,
                "must be at least 1",
            ),
            (
                "connectivity",
                (4..=256).contains(&self.connectivity),
                "must be 4 to 256",
            ),
            (
                "expansion_add",
                (self.connectivity..=65_536).contains(&self.expansion_add),
                "must be at least connectivity, at most 65536",
            ),
            (
                "expansion_search",
                self.expansion_search >= self.recall_at,
                "must be at least recall_at",
            ),
            ("recall_at", self.recall_at >= 1, "must be at least 1"),
            (
                "recall_floor",
                (0.0..=1.0).contains(&self.recall_floor),
                "must be 0 to 1",
            ),
            (
                "band_recall_floor",
                (0.0..=1.0).contains(&self.band_recall_floor),
                "must be 0 to 1",
            ),
            (
                "largest_fetch",
                share(self.largest_fetch),
                "must be above 0, at most 1",
            ),
            (
                "concurrent_searches",
                (1..=4096).contains(&self.concurrent_searches),
                "must be 1 to 4096",
            ),
            ("parts", (1..=256).contains(&self.parts), "must be 1 to 256"),
            (
                "block_scales",
                self.block_scales.iter().all(scale),
                "must be 0.001 to 1000",
            ),
        ];
        match rules.into_iter().find(|&(_, holds, _)| !holds) {
            Some((field, _, problem)) => Err(Error::Config { field, problem }),
            None => Ok(()),
        }
    }

    /// The same configuration with [`block_scales`](Self::block_scales) set so that the 99th percentile of a block's norms
    /// is `strength` times that of the first block's, in the graph.
    ///
    /// Factor norms are heavy-tailed and it is the long ones that fill answers, hence a high percentile and not the
    /// mean. Exact search is at its fastest where the first block decides, so a graph is for queries that weigh the others:
    /// recall at 100 with 400 candidates, at content weights 0, 0.5 and 1, measured with factors (128 columns) and unit
    /// embeddings (64 columns) of 209,000 tracks, and with made-up ones (64 and 32 columns) of 200,000:
    ///
    /// | strength | 0 | 0.5 | 1 | made up: 0 | 0.5 | 1 |
    /// |---|---|---|---|---|---|---|
    /// | 0.45 | 0.989 | 0.956 | 0.685 | | | |
    /// | 0.8 | 0.992 | 0.983 | 0.820 | 0.992 | 0.993 | 0.986 |
    /// | 1.1 ([`BALANCE`](Self::BALANCE)) | | | | 0.965 | 0.984 | 0.993 |
    /// | 1.3 | 0.965 | 0.963 | 0.849 | | | |
    /// | 2 | | | | 0.717 | 0.902 | 0.993 |
    ///
    /// # Panics
    ///
    /// If `block` is out of range.
    pub fn balanced(mut self, rows: &JointRows, block: usize, strength: f32) -> Self {
        let (first, own) = (rows.long_norm(0), rows.long_norm(block));
        self.block_scales.resize(rows.blocks(), 1.0);
        if first > 0.0 && own > 0.0 {
            self.block_scales[block] = (strength * first / own).clamp(1e-3, 1e3);
        }
        self
    }

    /// A good `strength` for [`balanced`](Self::balanced).
    pub const BALANCE: f32 = 1.1;

    /// How many candidates the graph should yield for `limit` results.
    pub fn expansion(&self, limit: usize) -> usize {
        let scaled = limit.saturating_mul(self.expansion_search) / self.recall_at;
        scaled.max(self.expansion_search)
    }
}

#[cfg(test)]
mod tests {
    use crossfade_matrix::Dense;

    use super::*;

    #[test]
    fn the_default_is_valid_and_a_field_out_of_range_is_named() {
        Config::default().validate().unwrap();
        let bad = Config {
            block_scales: vec![1.0, f32::NAN],
            ..Config::default()
        };
        assert!(matches!(
            bad.validate(),
            Err(Error::Config {
                field: "block_scales",
                ..
            })
        ));
        let shallow = Config {
            expansion_search: 10,
            ..Config::default()
        };
        assert!(matches!(
            shallow.validate(),
            Err(Error::Config {
                field: "expansion_search",
                ..
            })
        ));
    }

    #[test]
    fn balancing_brings_long_vectors_of_a_block_to_a_share_of_the_first_blocks() {
        let first = Dense::new(100, 1, (0..100).map(|row| row as f32).collect::<Vec<_>>());
        let second = Dense::new(100, 2, [0.6, 0.8].repeat(100));
        let rows = JointRows::new(vec![first, second, Dense::zeros(100, 1)]).unwrap();
        let config = Config::default()
            .balanced(&rows, 1, 0.5)
            .balanced(&rows, 2, 0.5);
        let [one, scale, idle] = config.block_scales[..] else {
            panic!("one scale per block: {config:?}");
        };
        assert_eq!((one, idle), (1.0, 1.0));
        assert!((scale - 49.5).abs() < 1e-4, "{scale}");
    }

    #[test]
    fn more_results_get_proportionally_more_candidates() {
        let config = Config::default();
        assert_eq!(config.expansion(10), 400);
        assert_eq!(config.expansion(100), 400);
        assert_eq!(config.expansion(300), 1200);
    }
}
