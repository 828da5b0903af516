use std::collections::HashMap;

use crate::{UserOutcome, moments::Estimate};

/// How many distinct tracks some users were shown, with the jackknife's variance: without one user, those that nobody else was
/// shown are missing.
pub(crate) fn distinct_tracks(users: &[&UserOutcome]) -> Estimate {
    let mut shown: HashMap<u32, u32> = HashMap::new();
    for track in users.iter().flat_map(|user| &user.tracks) {
        *shown.entry(*track).or_default() += 1;
    }
    let alone =
        |user: &&UserOutcome| user.tracks.iter().filter(|track| shown[track] == 1).count() as f64;
    let alone: Vec<f64> = users.iter().map(alone).collect();
    let count = users.len().max(1) as f64;
    let mean = alone.iter().sum::<f64>() / count;
    let squares: f64 = alone.iter().map(|alone| (alone - mean).powi(2)).sum();
    Estimate {
        value: shown.len() as f64,
        variance: squares * (count - 1.0) / count,
        users: users.len() as u64,
    }
}

/// By which share the second has more than the first (delta method); `None` where that has nothing.
pub(crate) fn gain(first: &Estimate, second: &Estimate) -> Option<Estimate> {
    let ratio = second.value / first.value;
    (first.value > 0.0).then(|| Estimate {
        value: ratio - 1.0,
        variance: (second.variance + ratio * ratio * first.variance) / (first.value * first.value),
        users: first.users + second.users,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variance_is_that_of_leaving_each_out() {
        let user = |tracks: &[u32]| UserOutcome {
            arm: 0,
            first_shown_ms: 0,
            is_final: true,
            activity: 0.0,
            lists: 1,
            played: 0,
            credits: [0.0; 2],
            latency_ms: 0.0,
            top_artist_share: 0.0,
            tracks: tracks.to_vec(),
        };
        let users = [user(&[1, 2, 3]), user(&[3, 4]), user(&[4])];
        let found = distinct_tracks(&users.iter().collect::<Vec<_>>());
        // Without the first there are 2 tracks, without the second 4, without the third 4.
        let without: [f64; 3] = [2.0, 4.0, 4.0];
        let mean = without.iter().sum::<f64>() / 3.0;
        let expected: f64 = without
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            * 2.0
            / 3.0;
        assert_eq!(found.value, 4.0);
        assert!((found.variance - expected).abs() < 1e-12);
        let twice = gain(
            &found,
            &Estimate {
                value: 8.0,
                ..found
            },
        )
        .unwrap();
        assert_eq!(twice.value, 1.0);
    }
}
