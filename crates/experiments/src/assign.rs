use crate::{Experiment, Method};

/// Into how many parts users are dealt out.
pub const BUCKETS: u64 = 10_000;

/// A user's bucket under a salt, from 0 to 9,999.
///
/// It is `floor(h * 10,000 / 2^64)`, where h is the number that the first 8 bytes of the BLAKE3 of `salt`, a zero byte and
/// `user_id` (both UTF-8) are, the first byte being the most significant. In Python:
///
/// ```python
/// int.from_bytes(blake3(f"{salt}\0{user_id}".encode()).digest()[:8], "big") * 10_000 >> 64
/// ```
///
/// | salt | user | bucket |
/// |---|---|---|
/// | `sound` | `usr_00042` | 240 |
/// | `sound` | `usr_00043` | 2202 |
/// | `sound` | `ada` | 5342 |
/// | `sound-2` | `usr_00042` | 1759 |
/// | (empty) | (empty) | 1766 |
/// | `größe` | `jürgen` | 6466 |
pub fn bucket(salt: &str, user_id: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(salt.as_bytes())
        .update(&[0])
        .update(user_id.as_bytes());
    let hash = hasher.finalize();
    let first = hash.as_bytes()[..8]
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    ((u128::from(first) * u128::from(BUCKETS)) >> 64) as u64
}

impl Experiment {
    /// The arm that a user sees, by its place in `arms`: the first has the lowest buckets, and so on in order. `None` for users
    /// beyond the sum of shares, and in an interleaved experiment, where everybody sees both.
    ///
    /// It depends on salt, shares and the user alone: it is the same on every server and at every time.
    pub fn assign(&self, name: &str, user_id: &str) -> Option<usize> {
        if self.method == Method::Interleave {
            return None;
        }
        let bucket = bucket(self.salt(name), user_id);
        let mut end = 0;
        self.arms.iter().position(|arm| {
            end += arm.buckets();
            bucket < end
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::tests::equal;

    /// As in the documentation, and in `tests/interop/check.py`.
    #[test]
    fn buckets_never_change() {
        let golden = [
            ("sound", "usr_00042", 240),
            ("sound", "usr_00043", 2_202),
            ("sound", "ada", 5_342),
            ("sound-2", "usr_00042", 1_759),
            ("", "", 1_766),
            ("größe", "jürgen", 6_466),
        ];
        let found = golden.map(|(salt, user, _)| (salt, user, bucket(salt, user)));
        assert_eq!(found, golden);
    }

    #[test]
    fn shares_are_kept_and_experiments_are_independent() {
        let mut experiment = equal(&["a", "b"]);
        experiment.arms[0].share = 0.3;
        experiment.arms[1].share = 0.5;
        let users: Vec<String> = (0..20_000).map(|user| format!("user-{user}")).collect();
        let arms = |name: &str| -> Vec<Option<usize>> {
            users
                .iter()
                .map(|user| experiment.assign(name, user))
                .collect()
        };
        let (one, two) = (arms("one"), arms("two"));
        let share = |arm: &dyn Fn(usize) -> bool| {
            (0..users.len()).filter(|&user| arm(user)).count() as f64 / users.len() as f64
        };
        // Four standard errors of a share of 20,000.
        let near = |found: f64, share: f64| {
            (found - share).abs() < 4.0 * (share * (1.0 - share) / 2e4).sqrt()
        };
        assert!(near(share(&|user| one[user] == Some(0)), 0.3));
        assert!(near(share(&|user| one[user] == Some(1)), 0.5));
        assert!(near(share(&|user| one[user].is_none()), 0.2));
        assert!(near(
            share(&|user| one[user] == Some(0) && two[user] == Some(1)),
            0.15
        ));
    }
}
