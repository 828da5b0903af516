/// Whether users arrive in the arms as they were dealt out.
///
/// The test of Lindon and Malek (2022, "Anytime-Valid Inference for Multinomial Count Data"): counts are compared with the shares
/// by a Bayes factor, whose alternative has shares from a Dirichlet distribution around them. Where users are dealt out as they
/// should be, the least p-value ever seen is below any a with a chance of a at most, exactly and at any number of users.
#[derive(Debug, Clone)]
pub struct Mismatch {
    shares: Vec<f64>,
    counts: Vec<u64>,
    users: u64,
    log_factor: f64,
    most: f64,
}

/// Weight of the shares in the alternative, in users: small enough for gross errors to show soon, large enough for slight ones to.
const WEIGHT: f64 = 100.0;

impl Mismatch {
    /// A p-value below which users are not dealt out as they should be, so that nothing else can be believed. Stricter than a
    /// verdict: an alarm stops an experiment.
    pub const ALARM: f64 = 0.001;

    /// Arms of these shares, all above zero; they need not add up to 1.
    pub fn new(shares: &[f64]) -> Self {
        let sum: f64 = shares.iter().sum();
        Self {
            shares: shares.iter().map(|share| share / sum).collect(),
            counts: vec![0; shares.len()],
            users: 0,
            log_factor: 0.0,
            most: 0.0,
        }
    }

    /// A user arrives in an arm.
    ///
    /// # Panics
    ///
    /// If there is no such arm.
    pub fn arrive(&mut self, arm: usize) {
        let share = self.shares[arm];
        let predicted = (WEIGHT * share + self.counts[arm] as f64) / (WEIGHT + self.users as f64);
        self.log_factor += predicted.ln() - share.ln();
        self.most = self.most.max(self.log_factor);
        self.counts[arm] += 1;
        self.users += 1;
    }

    /// The least p-value so far.
    pub fn p_value(&self) -> f64 {
        (-self.most).exp()
    }

    /// Whether it is below [`ALARM`](Self::ALARM).
    pub fn is_alarm(&self) -> bool {
        self.p_value() < Self::ALARM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_is_the_ratio_of_both_chances() {
        // Of "first, first, second" under shares of 1/4 and 3/4: the Dirichlet's is (25 * 26 * 75) / (100 * 101 * 102).
        let mut mismatch = Mismatch::new(&[0.25, 0.75]);
        [0, 0, 1].into_iter().for_each(|arm| mismatch.arrive(arm));
        let expected: f64 = (25.0 * 26.0 * 75.0) / (100.0 * 101.0 * 102.0) / (0.25 * 0.25 * 0.75);
        assert!((mismatch.log_factor - expected.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_lost_tenth_of_an_arm_is_found_and_even_arrivals_are_not() {
        let (mut even, mut uneven) = (Mismatch::new(&[0.5, 0.5]), Mismatch::new(&[0.5, 0.5]));
        for user in 0..20_000 {
            even.arrive(user % 2);
            // Every tenth user of the second arm is missing.
            if user % 20 != 1 {
                uneven.arrive(user % 2);
            }
        }
        assert!(
            !even.is_alarm() && even.p_value() > 0.5,
            "{}",
            even.p_value()
        );
        assert!(uneven.is_alarm(), "{}", uneven.p_value());
    }
}
