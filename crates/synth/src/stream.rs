use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of random numbers is for. The numbers are part of the format of a world: never change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Style = 1,
    Scene = 2,
    Artist = 3,
    Track = 4,
    TrackDetails = 5,
    Activity = 6,
    User = 7,
    Plays = 8,
    ArtistName = 9,
}

/// Random numbers that depend on the world's seed, the kind of thing and its number only, and are the same on every
/// platform: integers from ChaCha8, everything else by IEEE arithmetic and `libm`.
#[derive(Debug, Clone)]
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    pub(crate) fn new(seed: u64, kind: Kind, number: u32) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(kind as u64).to_le_bytes());
        key[16..24].copy_from_slice(&u64::from(number).to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        // The 53 highest bits: all values are exact.
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in `[low, high)`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..n`, up to a bias below `n / 2^32`.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(n)) >> 32) as u32
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u32) as usize]
    }

    /// Normal with mean 0 and standard deviation 1 (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Exponential with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }

    /// The exponential of a normal with standard deviation `sigma`: median 1.
    pub(crate) fn log_normal(&mut self, sigma: f64) -> f64 {
        libm::exp(sigma * self.normal())
    }

    /// An index drawn by the differences of a rising list of sums.
    pub(crate) fn by_sums(&mut self, sums: &[f64]) -> usize {
        let total = sums.last().copied().unwrap_or_default();
        let at = self.unit() * total;
        sums.partition_point(|&sum| sum <= at)
            .min(sums.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_never_change() {
        let mut stream = Stream::new(1, Kind::Track, 2);
        // The first block of ChaCha8 with that key, computed independently in Python.
        assert_eq!(stream.bits(), 15_919_763_704_778_127_693);
        assert_eq!(stream.below(1_000), 949);
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let first = |seed, kind, number| Stream::new(seed, kind, number).bits();
        let base = first(1, Kind::User, 0);
        assert_ne!(base, first(2, Kind::User, 0));
        assert_ne!(base, first(1, Kind::Plays, 0));
        assert_ne!(base, first(1, Kind::User, 1));
        assert_eq!(base, first(1, Kind::User, 0));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut stream = Stream::new(3, Kind::User, 0);
        let n = 40_000;
        let mut moments = |draw: fn(&mut Stream) -> f64| {
            let values: Vec<f64> = (0..n).map(|_| draw(&mut stream)).collect();
            let mean = values.iter().sum::<f64>() / f64::from(n);
            let square = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
            (mean, square / f64::from(n))
        };
        // Five standard errors of the mean (sigma / 200) and of the variance (at most 2.9 sigma^2 / 200).
        let close = |(mean, variance): (f64, f64), expected: (f64, f64)| {
            assert!(
                (mean - expected.0).abs() < 0.025 * expected.1.sqrt(),
                "{mean}"
            );
            assert!(
                (variance - expected.1).abs() < 0.075 * expected.1,
                "{variance}"
            );
        };
        close(moments(Stream::unit), (0.5, 1.0 / 12.0));
        close(moments(Stream::normal), (0.0, 1.0));
        close(moments(Stream::exponential), (1.0, 1.0));
    }
}
