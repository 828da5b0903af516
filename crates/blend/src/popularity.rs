use std::collections::HashMap;

use crossfade_catalog::CategoryColumn;
use crossfade_matrix::{Csr, Dense};
use rayon::prelude::*;

/// What [`Engine::bands`](crate::Engine::bands) are called.
pub const BANDS: [&str; 3] = ["head", "middle", "tail"];

/// How many listeners each track has, the prior that follows from it, and the order of the most popular.
#[derive(Debug)]
pub(crate) struct Popularity {
    /// Users who played the track with positive strength.
    listeners: Vec<u32>,
    /// `ln(1 + listeners) / ln(1 + most listeners)`, from 0 for cold tracks to 1; tracks x 1.
    prior: Dense,
    /// Warm tracks, most listeners first, equal ones by index.
    order: Vec<u32>,
}

impl Popularity {
    pub(crate) fn of(history: &Csr) -> Self {
        let mut listeners = vec![0; history.columns()];
        for (&track, &strength) in history.indices().iter().zip(history.values()) {
            listeners[track as usize] += u32::from(strength > 0.0);
        }
        let most = listeners.iter().copied().max().unwrap_or(0);
        let scale = f64::from(most.max(1)).ln_1p();
        let prior = listeners
            .par_iter()
            .map(|&count| (f64::from(count).ln_1p() / scale) as f32)
            .collect::<Vec<f32>>();
        Self {
            order: by_listeners(&listeners),
            prior: Dense::new(listeners.len(), 1, prior),
            listeners,
        }
    }

    /// Whether nobody played the track.
    pub(crate) fn is_cold(&self, track: u32) -> bool {
        self.listeners[track as usize] == 0
    }

    /// How many tracks have listeners.
    pub(crate) fn warm_tracks(&self) -> usize {
        self.order.len()
    }

    /// How many listeners each track has.
    pub(crate) fn listeners(&self) -> &[u32] {
        &self.listeners
    }

    /// The prior of every track, tracks x 1.
    pub(crate) fn prior(&self) -> &Dense {
        &self.prior
    }

    /// The prior of a track.
    pub(crate) fn prior_of(&self, track: u32) -> f32 {
        self.prior.row(track as usize)[0]
    }

    /// The most popular tracks that `keep` holds for.
    pub(crate) fn top(&self, limit: usize, keep: impl Fn(u32) -> bool) -> Vec<u32> {
        let kept = self.order.iter().copied().filter(|&track| keep(track));
        kept.take(limit).collect()
    }

    /// The same for a listener of whom nothing is known, with at most `per_artist` tracks of an artist while there are
    /// others: one artist's hits are no guess at a taste. Tracks without an artist are not counted together. Where that
    /// leaves too few, the artists' further tracks follow, and after them those that nobody played.
    pub(crate) fn diverse(
        &self,
        limit: usize,
        (artists, per_artist): (&CategoryColumn, usize),
        keep: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let mut seen: HashMap<u32, usize> = HashMap::new();
        let mut further = Vec::new();
        let mut kept = Vec::new();
        for track in self.order.iter().copied().filter(|&track| keep(track)) {
            if kept.len() == limit {
                return kept;
            }
            let count = artists.code(track).map(|artist| {
                let count = seen.entry(artist).or_default();
                *count += 1;
                *count
            });
            match count.is_none_or(|count| count <= per_artist) {
                true => kept.push(track),
                false => further.push(track),
            }
        }
        let cold = (0..self.listeners.len() as u32).filter(|&track| self.is_cold(track));
        let rest = further.into_iter().chain(cold.filter(|&track| keep(track)));
        kept.extend(rest.take(limit - kept.len()));
        kept
    }

    /// The band of each track: 0 for the most popular ones that get a third of all listening, 1 for the next third, 2 for the
    /// rest and the cold ones.
    pub(crate) fn bands(&self) -> Vec<u8> {
        let total: u64 = self.listeners.iter().map(|&count| u64::from(count)).sum();
        let mut bands = vec![BANDS.len() as u8 - 1; self.listeners.len()];
        let mut before = 0;
        for &track in &self.order {
            bands[track as usize] = (before * BANDS.len() as u64 / total.max(1)) as u8;
            before += u64::from(self.listeners[track as usize]);
        }
        bands
    }
}

/// Tracks with listeners, most first, equal ones by index.
fn by_listeners(listeners: &[u32]) -> Vec<u32> {
    let heard = listeners
        .iter()
        .enumerate()
        .filter(|&(_, &count)| count > 0);
    // One number to compare, and no other memory to look at.
    let mut keys: Vec<u64> = heard
        .map(|(track, &count)| u64::from(!count) << 32 | track as u64)
        .collect();
    keys.par_sort_unstable();
    keys.into_iter().map(|key| key as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Track 0 has one listener, 1 has three, 2 was only skipped, 3 has two.
    fn popularity() -> Popularity {
        let plays = [(0, 0), (0, 1), (1, 1), (2, 1), (1, 3), (2, 3)];
        let mut triplets: Vec<_> = plays.map(|(user, track)| (user, track, 1.0)).to_vec();
        triplets.push((0, 2, 0.0));
        Popularity::of(&Csr::from_triplets(3, 4, triplets).unwrap())
    }

    #[test]
    fn tracks_are_ordered_by_listeners_and_skips_are_none() {
        let popularity = popularity();
        assert_eq!(popularity.top(9, |_| true), [1, 3, 0]);
        assert_eq!(popularity.top(1, |track| track != 1), [3]);
        assert!(popularity.is_cold(2) && !popularity.is_cold(0));
        assert_eq!(popularity.prior().row(1), [1.0]);
        assert_eq!(popularity.prior().row(2), [0.0]);
    }

    #[test]
    fn an_artist_has_no_more_than_its_share_of_the_diverse_list() {
        let mut artists = CategoryColumn::default();
        artists.push(None);
        artists.push(Some("a"));
        artists.push(Some("a"));
        artists.push(Some("a"));
        let diverse =
            |limit, per_artist| popularity().diverse(limit, (&artists, per_artist), |_| true);
        assert_eq!(diverse(2, 1), [1, 0]);
        assert_eq!(diverse(3, 2), [1, 3, 0]);
        // Once there are no others, the artist's further tracks follow, and then what nobody played.
        assert_eq!(diverse(3, 1), [1, 0, 3]);
        assert_eq!(diverse(9, 1), [1, 0, 3, 2]);
        assert_eq!(
            popularity().diverse(9, (&artists, 1), |track| track > 1),
            [3, 2]
        );
    }

    #[test]
    fn each_band_gets_a_third_of_the_listening() {
        // Listeners 1, 3, 0, 2: track 1 has the first half, 3 begins in the second third.
        assert_eq!(popularity().bands(), [2, 0, 2, 1]);
    }
}
