use crate::stream::Stream;

/// Draws an index with probability in proportion to its weight, in constant time (Walker 1977; Vose 1991).
#[derive(Debug, Clone)]
pub(crate) struct Alias {
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Of 2^32 draws of this slot, how many stay.
    keep: u32,
    /// Where the others go.
    other: u32,
}

impl Alias {
    /// # Panics
    ///
    /// If there are no weights, or their sum is not a positive finite number.
    pub(crate) fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        assert!(
            total > 0.0 && total.is_finite(),
            "weights without a positive finite sum"
        );
        let n = weights.len();
        let mut scaled: Vec<f64> = weights.iter().map(|w| w / total * n as f64).collect();
        let mut slots: Vec<Slot> = (0..n as u32)
            .map(|index| Slot {
                keep: u32::MAX,
                other: index,
            })
            .collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..n).partition(|&index| scaled[index] < 1.0);
        while let (Some(low), Some(&high)) = (small.pop(), large.last()) {
            slots[low] = Slot {
                keep: (scaled[low] * 4_294_967_296.0) as u32,
                other: high as u32,
            };
            scaled[high] -= 1.0 - scaled[low];
            if scaled[high] < 1.0 {
                large.pop();
                small.push(high);
            }
        }
        Self { slots }
    }

    pub(crate) fn draw(&self, stream: &mut Stream) -> usize {
        let bits = stream.bits();
        let index = ((bits >> 32) * self.slots.len() as u64) >> 32;
        let slot = self.slots[index as usize];
        match (bits as u32) < slot.keep {
            true => index as usize,
            false => slot.other as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Kind;

    #[test]
    fn draws_follow_the_weights() {
        let weights = [3.0, 0.0, 1.0, 6.0, 0.5];
        let alias = Alias::new(&weights);
        let mut stream = Stream::new(0, Kind::User, 0);
        let mut counts = [0_u32; 5];
        for _ in 0..100_000 {
            counts[alias.draw(&mut stream)] += 1;
        }
        let total: f64 = weights.iter().sum();
        for (count, weight) in counts.iter().zip(weights) {
            // Five standard deviations of a binomial count of 100,000.
            let expected = 100_000.0 * weight / total;
            assert!((f64::from(*count) - expected).abs() <= 5.0 * expected.sqrt());
        }
    }

    #[test]
    fn a_single_weight_is_always_drawn() {
        let alias = Alias::new(&[0.1]);
        let mut stream = Stream::new(0, Kind::User, 1);
        assert!((0..100).all(|_| alias.draw(&mut stream) == 0));
    }
}
