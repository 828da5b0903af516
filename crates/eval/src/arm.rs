use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Bootstrap, Interval, Metric, TestUser};

/// How one ranking did, user by user.
#[derive(Debug, Clone)]
pub struct ArmScores {
    name: String,
    /// For each metric one value per tested user.
    values: BTreeMap<Metric, Vec<f64>>,
    /// Distinct tracks over all lists.
    distinct_tracks: usize,
}

impl ArmScores {
    /// Measures the lists of one ranking, one for each tested user, best track first.
    ///
    /// # Panics
    ///
    /// If there is not one list for each tested user.
    pub fn measure(
        name: impl Into<String>,
        lists: &[Vec<u32>],
        test: &[TestUser],
        metrics: &[Metric],
    ) -> Self {
        assert_eq!(lists.len(), test.len(), "one list for each tested user");
        let values = metrics
            .iter()
            .map(|&metric| {
                let values = lists
                    .par_iter()
                    .zip(test)
                    .map(|(list, user)| metric.of(list, &user.tracks))
                    .collect();
                (metric, values)
            })
            .collect();
        let distinct: HashSet<u32> = lists.iter().flatten().copied().collect();
        Self {
            name: name.into(),
            values,
            distinct_tracks: distinct.len(),
        }
    }

    /// The ranking's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One value per tested user, if the metric was measured.
    pub fn values(&self, metric: Metric) -> Option<&[f64]> {
        self.values.get(&metric).map(Vec::as_slice)
    }

    /// Mean over users, if the metric was measured and there are users.
    pub fn mean(&self, metric: Metric) -> Option<f64> {
        let values = self.values(metric)?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Means with intervals, and the share of a catalogue of `tracks` tracks that any list shows.
    pub fn report(&self, tracks: usize, bootstrap: &Bootstrap) -> ArmReport {
        let values: Vec<&[f64]> = self.values.values().map(Vec::as_slice).collect();
        let metrics = self.values.keys().zip(bootstrap.means(&values));
        ArmReport {
            arm: self.name.clone(),
            metrics: metrics
                .map(|(&metric, interval)| Estimate { metric, interval })
                .collect(),
            coverage: self.distinct_tracks as f64 / tracks.max(1) as f64,
        }
    }

    /// How much better this ranking is than `baseline` on the same users, if both were measured so.
    pub fn compare(
        &self,
        baseline: &Self,
        metric: Metric,
        bootstrap: &Bootstrap,
    ) -> Option<Comparison> {
        let difference = bootstrap.difference(self.values(metric)?, baseline.values(metric)?);
        Some(Comparison {
            arm: self.name.clone(),
            baseline: baseline.name.clone(),
            metric,
            difference,
        })
    }
}

/// Summary of one ranking.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ArmReport {
    /// The ranking's name.
    pub arm: String,
    /// Every metric that was measured.
    pub metrics: Vec<Estimate>,
    /// Share of the catalogue that any user's list shows.
    pub coverage: f64,
}

impl ArmReport {
    /// The interval of one metric.
    pub fn interval(&self, metric: Metric) -> Option<Interval> {
        self.metrics
            .iter()
            .find(|estimate| estimate.metric == metric)
            .map(|estimate| estimate.interval)
    }
}

/// A metric's mean over users.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Estimate {
    /// What was measured.
    pub metric: Metric,
    /// Mean and interval.
    #[serde(flatten)]
    pub interval: Interval,
}

/// Two rankings on the same users.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Comparison {
    /// The ranking in question.
    pub arm: String,
    /// What it is compared with.
    pub baseline: String,
    /// By which metric.
    pub metric: Metric,
    /// Mean of the paired differences and its interval; above zero where `arm` is better.
    pub difference: Interval,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_is_summed_up_over_its_users() {
        let test = [
            TestUser {
                user: 3,
                tracks: vec![1],
            },
            TestUser {
                user: 4,
                tracks: vec![2],
            },
        ];
        let metric = Metric::Recall(2);
        let good = ArmScores::measure("good", &[vec![1, 9], vec![2, 9]], &test, &[metric]);
        let poor = ArmScores::measure("poor", &[vec![1, 9], vec![9, 8]], &test, &[metric]);
        assert_eq!(poor.mean(metric), Some(0.5));
        assert_eq!(poor.mean(Metric::Ndcg(2)), None);
        let report = poor.report(10, &Bootstrap::default());
        assert_eq!(report.coverage, 0.3);
        let comparison = good.compare(&poor, metric, &Bootstrap::default()).unwrap();
        assert_eq!(comparison.difference.mean, 0.5);
        assert!(comparison.difference.low >= 0.0);
    }
}
