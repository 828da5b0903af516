use crate::Confidence;

/// What the popularity of an item makes of the weight of its entries (see [`Confidence::popularity_exponent`]).
#[derive(Debug, Clone)]
pub(crate) struct ItemWeights {
    /// A factor for each item; `None` is 1 for all.
    factors: Option<Vec<f32>>,
}

impl ItemWeights {
    /// The factors of items with `counts` entries each.
    pub(crate) fn new(counts: &[u32], confidence: &Confidence) -> Self {
        let exponent = confidence.popularity_exponent;
        if exponent == 0.0 {
            return Self { factors: None };
        }
        let held_back = |count: u32| f64::from(count.max(1)).powf(-exponent);
        let entries: f64 = counts.iter().map(|&count| f64::from(count)).sum();
        let weight: f64 = counts
            .iter()
            .map(|&count| f64::from(count) * held_back(count))
            .sum();
        let scale = if weight > 0.0 { entries / weight } else { 1.0 };
        let factors = counts.iter().map(|&n| (scale * held_back(n)) as f32);
        Self {
            factors: Some(factors.collect()),
        }
    }

    /// The factor of an item.
    pub(crate) fn of(&self, item: u32) -> f32 {
        match &self.factors {
            Some(factors) => factors[item as usize],
            None => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn popular_items_weigh_less_and_the_mean_entry_weighs_one() {
        let confidence = Confidence {
            popularity_exponent: 0.5,
            ..Confidence::default()
        };
        let counts = [1, 4, 16, 0];
        let weights = ItemWeights::new(&counts, &confidence);
        // Proportional to 1, 1/2, 1/4; the mean over 21 entries is (1 + 2 + 4) / 21 = 1/3 before scaling.
        assert_eq!([0, 1, 2].map(|item| weights.of(item)), [3.0, 1.5, 0.75]);
        let plain = Confidence {
            popularity_exponent: 0.0,
            ..confidence
        };
        let plain = ItemWeights::new(&counts, &plain);
        assert_eq!(plain.of(2), 1.0);
    }
}
