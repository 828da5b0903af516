use std::{collections::HashSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize, de};

/// How well one ranked list found the relevant tracks, cut off after `k` places. Relevance is binary; each metric lies
/// between 0 and 1.
///
/// Conventions are those of trec_eval, ir_measures and ranx, which `tests/reference` compares: what a list lacks (it may be
/// shorter than `k`) counts as not relevant; Recall and MAP are divided by all relevant tracks, also where there are more
/// than `k` of them, so that a list of `k` cannot reach 1 then; NDCG takes logarithms to base 2 and its ideal list is cut
/// off at `k` too. Ties do not occur: whoever ranks decides the order of equal scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Normalised discounted cumulative gain: gain 1 / log2(rank + 1), divided by that of a list that starts with the
    /// relevant tracks, min(k, relevant) of them (Järvelin and Kekäläinen 2002).
    Ndcg(usize),
    /// Relevant tracks found, divided by the number of relevant tracks.
    Recall(usize),
    /// Sum of the precisions at the ranks of the relevant tracks that were found, divided by the number of relevant tracks.
    AveragePrecision(usize),
    /// 1 / rank of the first relevant track, 0 when there is none.
    ReciprocalRank(usize),
    /// 1 where any relevant track was found, else 0.
    HitRate(usize),
}

impl Metric {
    /// The value for a list, best first, whose tracks are distinct.
    ///
    /// `relevant` holds distinct tracks; where it is empty the value is 0.
    pub fn of(self, list: &[u32], relevant: &[u32]) -> f64 {
        let relevant: HashSet<u32> = relevant.iter().copied().collect();
        let hits = list
            .iter()
            .take(self.cutoff())
            .map(|track| relevant.contains(track));
        self.of_hits(hits, relevant.len())
    }

    /// The value for a list of which only is known which places hold a relevant track.
    fn of_hits(self, hits: impl Iterator<Item = bool>, relevant: usize) -> f64 {
        if relevant == 0 {
            return 0.0;
        }
        let found = hits
            .enumerate()
            .filter_map(|(place, hit)| hit.then_some(place));
        match self {
            Self::Ndcg(k) => {
                let ideal: f64 = (0..k.min(relevant)).map(discount).sum();
                found.map(discount).sum::<f64>() / ideal
            }
            Self::Recall(_) => found.count() as f64 / relevant as f64,
            Self::AveragePrecision(_) => {
                let precisions = found
                    .enumerate()
                    .map(|(earlier, place)| (earlier + 1) as f64 / (place + 1) as f64);
                precisions.sum::<f64>() / relevant as f64
            }
            Self::ReciprocalRank(_) => {
                let mut found = found;
                found.next().map_or(0.0, |place| 1.0 / (place + 1) as f64)
            }
            Self::HitRate(_) => f64::from(u8::from(found.count() > 0)),
        }
    }

    /// How many places of a list count.
    pub fn cutoff(self) -> usize {
        match self {
            Self::Ndcg(k)
            | Self::Recall(k)
            | Self::AveragePrecision(k)
            | Self::ReciprocalRank(k)
            | Self::HitRate(k) => k,
        }
    }

    /// All metrics at each cutoff.
    pub fn standard(cutoffs: &[usize]) -> Vec<Self> {
        let kinds = [
            Self::Ndcg,
            Self::Recall,
            Self::AveragePrecision,
            Self::ReciprocalRank,
            Self::HitRate,
        ];
        cutoffs
            .iter()
            .flat_map(|&k| kinds.map(|kind| kind(k)))
            .collect()
    }
}

fn discount(place: usize) -> f64 {
    1.0 / ((place + 2) as f64).log2()
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Ndcg(_) => "NDCG",
            Self::Recall(_) => "Recall",
            Self::AveragePrecision(_) => "MAP",
            Self::ReciprocalRank(_) => "MRR",
            Self::HitRate(_) => "HitRate",
        };
        f.pad(&format!("{name}@{}", self.cutoff()))
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "{text:?} is not a metric such as NDCG@20, Recall@20, MAP@20, MRR@20 or HitRate@20"
            )
        };
        let (name, cutoff) = text.split_once('@').ok_or_else(unknown)?;
        let k = cutoff.parse().ok().filter(|&k| k > 0).ok_or_else(unknown)?;
        match name.to_ascii_lowercase().as_str() {
            "ndcg" => Ok(Self::Ndcg(k)),
            "recall" => Ok(Self::Recall(k)),
            "map" => Ok(Self::AveragePrecision(k)),
            "mrr" => Ok(Self::ReciprocalRank(k)),
            "hitrate" => Ok(Self::HitRate(k)),
            _ => Err(unknown()),
        }
    }
}

impl Serialize for Metric {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both sides add the same few terms in another order: a handful of roundings of numbers below 2.
    const ROUNDING: f64 = 8.0 * f64::EPSILON;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= ROUNDING, "{a} is not {b}");
    }

    #[test]
    fn values_of_a_list_computed_by_hand() {
        // Relevant tracks stand at ranks 2 and 3; a third one is missing.
        let (list, relevant) = ([5, 1, 2, 6], [1, 2, 3]);
        let ideal = 1.0 + 1.0 / 3_f64.log2() + 0.5;
        close(
            Metric::Ndcg(4).of(&list, &relevant),
            (1.0 / 3_f64.log2() + 0.5) / ideal,
        );
        close(Metric::Recall(4).of(&list, &relevant), 2.0 / 3.0);
        close(
            Metric::AveragePrecision(4).of(&list, &relevant),
            (1.0 / 2.0 + 2.0 / 3.0) / 3.0,
        );
        close(Metric::ReciprocalRank(4).of(&list, &relevant), 0.5);
        close(Metric::HitRate(4).of(&list, &relevant), 1.0);
        close(Metric::HitRate(1).of(&list, &relevant), 0.0);
    }

    #[test]
    fn the_cutoff_bounds_list_and_ideal() {
        let (list, relevant) = ([1, 5, 2], [1, 2, 3]);
        close(Metric::Ndcg(1).of(&list, &relevant), 1.0);
        close(Metric::Recall(2).of(&list, &relevant), 1.0 / 3.0);
        close(Metric::AveragePrecision(2).of(&list, &relevant), 1.0 / 3.0);
    }

    #[test]
    fn empty_lists_and_nothing_relevant_give_zero() {
        for metric in Metric::standard(&[10]) {
            close(metric.of(&[], &[1]), 0.0);
            close(metric.of(&[1], &[]), 0.0);
        }
    }

    #[test]
    fn a_perfect_list_gives_one() {
        for metric in Metric::standard(&[3, 10]) {
            close(metric.of(&[4, 2, 9], &[2, 4, 9]), 1.0);
        }
    }

    #[test]
    fn names_read_back() {
        for metric in Metric::standard(&[20]) {
            assert_eq!(metric.to_string().parse(), Ok(metric));
        }
        for wrong in ["ndcg", "ndcg@0", "@3", "f1@3", "ndcg@-1"] {
            assert!(wrong.parse::<Metric>().is_err(), "{wrong}");
        }
    }
}
