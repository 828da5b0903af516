use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Tracks a ranking chooses from.
const CANDIDATES: usize = 60;
/// Places of a list.
const PLACES: usize = 10;

/// How much the errors of two rankings have in common: one is most often made from the other.
const COMMON: f64 = 0.9;

/// A listener: what they would play of the candidates, and how readily they play at all.
///
/// Most play little of what they are shown, some very much; that is partly known from before. A play depends on the track, on its
/// place (chances fall with rank as 1 / ln(1 + rank)) and on the listener.
pub(crate) struct Listener {
    rng: ChaCha8Rng,
    /// How likely each candidate is played where it is seen.
    affinity: Vec<f64>,
    /// Errors that all rankings make.
    errors: Vec<f64>,
    /// Lists they see.
    pub(crate) lists: usize,
    /// Chance that they look at a place at all.
    readiness: f64,
    /// Plays before the experiment.
    pub(crate) past: f64,
}

impl Listener {
    pub(crate) fn new(experiment: usize, user: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64((experiment as u64) << 32 | user as u64);
        let habit = 0.8 * normal(&mut rng);
        let readiness = (habit + 0.6 * normal(&mut rng) - 1.2).exp().min(1.0);
        let lists = 1 + (8.0 * (0.5 * habit + 0.6 * normal(&mut rng)).exp()) as usize;
        let affinity = (0..CANDIDATES)
            .map(|_| 0.4 * rng.random::<f64>().powi(3))
            .collect();
        let errors = (0..CANDIDATES).map(|_| normal(&mut rng)).collect();
        Self {
            rng,
            affinity,
            errors,
            lists,
            readiness,
            past: habit,
        }
    }

    /// A ranking that sees affinities through noise: the less of it the better.
    pub(crate) fn ranking(&mut self, noise: f64) -> Vec<u32> {
        let own = (1.0 - COMMON * COMMON).sqrt();
        let mut scored: Vec<(f64, u32)> = (0..CANDIDATES as u32)
            .map(|track| {
                let error = COMMON * self.errors[track as usize] + own * normal(&mut self.rng);
                (self.affinity[track as usize] + noise * error, track)
            })
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored
            .into_iter()
            .map(|(_, track)| track)
            .take(PLACES)
            .collect()
    }

    /// Which places of a list are played.
    pub(crate) fn play(&mut self, list: &[u32]) -> Vec<usize> {
        let places = list.iter().enumerate();
        let played = places.filter(|&(place, &track)| {
            let seen = self.readiness * std::f64::consts::LN_2 / (place as f64 + 2.0).ln();
            self.rng.random::<f64>() < seen * self.affinity[track as usize]
        });
        played.map(|(place, _)| place).collect()
    }
}

/// A draw of the normal distribution (Box and Muller 1958).
pub(crate) fn normal(rng: &mut impl Rng) -> f64 {
    let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
