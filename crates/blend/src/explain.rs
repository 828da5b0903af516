use std::collections::BTreeMap;

use crossfade_content::Taste;

use crate::{Components, Engine, Error, Listener, RankedTrack, Ranking, weigh::Voice};

/// Tracks that are explained at a time: bounds what a long history takes of memory.
const TOGETHER: usize = 32;

/// Where a track that speaks for another comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The listener played it.
    Played,
    /// It is a seed.
    Seed,
}

/// What a track that was played, or a seed, contributes to the score of another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// Why it counts.
    pub source: Source,
    /// Which track.
    pub track: u32,
    /// Its part of [`Components::collaborative`].
    pub collaborative: f64,
    /// Its part of [`Components::content`].
    pub content: f64,
}

/// Where a score comes from. Contributions and the rest add up to the collaborative and the content part of the score.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Explanation {
    /// The largest contributions, by what they add or take off in all, the largest first.
    pub contributions: Vec<Contribution>,
    /// What all others add to the collaborative part, and the rounding of single precision.
    pub other_collaborative: f64,
    /// The same for the content part.
    pub other_content: f64,
}

impl Engine {
    /// Says which of the listener's tracks, and of the seeds, the scores of some tracks come from: at most `most` for each.
    ///
    /// The collaborative part is the closed form of implicit ALS ([`Attribution`](crossfade_mf::Attribution)), the content
    /// part follows from the taste vector being a weighted sum of embeddings (of several, the one that suits the track best);
    /// both times what calibration and weights make of them. Nothing of popular tracks is explained: their score is their
    /// popularity.
    ///
    /// # Errors
    ///
    /// If the listener's plays cannot be folded in.
    pub fn explain(
        &self,
        (listener, ranking): (&Listener, Ranking),
        tracks: &[RankedTrack],
        most: usize,
    ) -> Result<Vec<Explanation>, Error> {
        let Some((weight, _)) = self.content_weight(listener, ranking) else {
            return Ok(vec![Explanation::default(); tracks.len()]);
        };
        let mut sums: Vec<Sums> = vec![Sums::new(); tracks.len()];
        for voice in self.factor_voices(listener, weight) {
            self.attribute_factor(&voice, tracks, &mut sums)?;
        }
        for voice in self.taste_voices(listener, weight) {
            self.attribute_taste(&voice, tracks, &mut sums);
        }
        let explain =
            |(ranked, sums): (&RankedTrack, Sums)| Explanation::of(&ranked.components, sums, most);
        Ok(tracks.iter().zip(sums).map(explain).collect())
    }

    fn attribute_factor(
        &self,
        voice: &Voice<'_>,
        tracks: &[RankedTrack],
        sums: &mut [Sums],
    ) -> Result<(), Error> {
        let plays: Vec<(u32, f32)> = voice.evidence.liked().collect();
        let attribution = self.fold_in.attribution(&plays)?;
        for (tracks, sums) in tracks.chunks(TOGETHER).zip(sums.chunks_mut(TOGETHER)) {
            let tracks: Vec<u32> = tracks.iter().map(|ranked| ranked.track).collect();
            for (parts, sums) in attribution.of(&tracks).into_iter().zip(sums) {
                for (track, part) in attribution.played().zip(parts) {
                    sums.entry((voice.source, track)).or_default().0 += voice.scale * part;
                }
            }
        }
        Ok(())
    }

    fn attribute_taste(&self, voice: &Voice<'_>, tracks: &[RankedTrack], sums: &mut [Sums]) {
        let model = self.model();
        let embedding = |track: u32| model.embeddings.row(track as usize);
        let Some(tastes) = voice.evidence.tastes(model) else {
            return;
        };
        // Of seeds the whole counts, and of a listener with several tastes the one that a track suits best.
        let modes = match voice.source {
            Source::Played => tastes.modes.as_slice(),
            Source::Seed => &[],
        };
        for (ranked, sums) in tracks.iter().zip(sums) {
            let suits = |taste: &Taste| dot(&taste.vector, embedding(ranked.track));
            let best = modes.iter().max_by(|a, b| suits(a).total_cmp(&suits(b)));
            for &(track, share) in &best.unwrap_or(&tastes.whole).shares {
                let product = dot(embedding(track), embedding(ranked.track));
                sums.entry((voice.source, track)).or_default().1 += voice.scale * share * product;
            }
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    let both = a.iter().zip(b);
    both.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

/// Collaborative and content part by track.
type Sums = BTreeMap<(Source, u32), (f64, f64)>;

impl Explanation {
    fn of(components: &Components, sums: Sums, most: usize) -> Self {
        let mut contributions: Vec<Contribution> = sums
            .into_iter()
            .map(|((source, track), (collaborative, content))| Contribution {
                source,
                track,
                collaborative,
                content,
            })
            .collect();
        let size = |one: &Contribution| (one.collaborative + one.content).abs();
        contributions.sort_by(|a, b| size(b).total_cmp(&size(a)));
        contributions.truncate(most);
        let told = |part: fn(&Contribution) -> f64| contributions.iter().map(part).sum::<f64>();
        Self {
            other_collaborative: components.collaborative - told(|one| one.collaborative),
            other_content: components.content - told(|one| one.content),
            contributions,
        }
    }
}
