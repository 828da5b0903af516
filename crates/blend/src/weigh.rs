use crossfade_content::Taste;
use crossfade_index::Allowed;

use crate::{
    Basis, Discovery, Engine, Listener, Ranking, Source, calibration, calibration::SecondMoment,
    engine::Eligible, listener::Evidence,
};

/// What discovery weighs at 1: as much as lies between a listener's 100th best track and none, for the most popular track.
const DISCOVERY: f64 = 1.0;

/// A query in numbers: what multiplies each block of the joint vectors.
#[derive(Debug, Clone)]
pub(crate) struct Weighted {
    /// The content weight.
    pub(crate) weight: f64,
    /// (1 - w) a_u x_u; zero where it does not count.
    pub(crate) collaborative: Vec<f32>,
    /// w b_u t_u, one for each of a listener's tastes and one at least; zero where it does not count.
    pub(crate) content: Vec<Vec<f32>>,
    /// w beta.
    pub(crate) popularity: f32,
    /// -d, as it is weighed.
    pub(crate) discovery: f32,
    /// What it rests on; never [`Basis::Popular`].
    pub(crate) basis: Basis,
}

/// What a listener, or the seeds, say of the tracks by one kind of evidence: `scale` times the products with `vector`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice<'a> {
    pub(crate) source: Source,
    pub(crate) evidence: &'a Evidence,
    pub(crate) vector: &'a [f32],
    pub(crate) scale: f64,
}

impl Engine {
    /// The query vector of each block; `None` where popular tracks are asked for or nothing else is left.
    pub(crate) fn weigh(
        &self,
        listener: &Listener,
        ranking: Ranking,
        discovery: Discovery,
    ) -> Option<Weighted> {
        let (weight, is_blend) = self.content_weight(listener, ranking)?;
        let factors = self.factor_voices(listener, weight);
        let tastes = self.taste_voices(listener, weight);
        let basis = match (factors.is_empty(), tastes.is_empty()) {
            (true, true) => return None,
            (false, true) if is_blend && weight > 0.0 => Basis::CollaborativeOnly,
            (true, false) if is_blend && weight < 1.0 => Basis::ContentOnly,
            _ => Basis::Full,
        };
        let model = self.model();
        Some(Weighted {
            weight,
            popularity: match tastes.is_empty() {
                false => (weight * model.parameters.popularity_weight) as f32,
                true => 0.0,
            },
            discovery: (-DISCOVERY * discovery.get()) as f32,
            collaborative: together(&factors, model.track_factors.columns()),
            content: self.tastes_together(listener, &tastes),
            basis,
        })
    }

    /// The content weight of a ranking for a listener, and whether it is a blend; `None` for popular tracks.
    pub(crate) fn content_weight(
        &self,
        listener: &Listener,
        ranking: Ranking,
    ) -> Option<(f64, bool)> {
        let learned = || {
            let parameters = &self.model().parameters;
            parameters.content_weight_of(listener.liked())
        };
        match ranking {
            Ranking::Popular => None,
            Ranking::Collaborative => Some((0.0, false)),
            Ranking::Content => Some((1.0, false)),
            Ranking::Blend(weight) => {
                Some((weight.map_or_else(learned, |weight| weight.get()), true))
            }
        }
    }

    /// What is said by other listeners, at a content weight; nothing where that does not count.
    pub(crate) fn factor_voices<'a>(&self, listener: &'a Listener, weight: f64) -> Vec<Voice<'a>> {
        let reach = self.model().parameters.collaborative_reach;
        let calibrated = (&self.factor_moment, reach);
        voices(listener, calibrated, 1.0 - weight, |of| {
            of.factor.as_deref()
        })
    }

    /// What the sound says in all, once for each of the listener's own tastes.
    fn tastes_together(&self, listener: &Listener, voices: &[Voice<'_>]) -> Vec<Vec<f32>> {
        let dim = self.model().embeddings.columns();
        let own = voices.iter().any(|voice| voice.source == Source::Played);
        let modes = match own {
            true => listener.evidence.modes.as_slice(),
            false => &[],
        };
        let with = |mode: &Taste| {
            let voices = voices.iter().map(|&voice| match voice.source {
                Source::Played => Voice {
                    vector: &mode.vector,
                    ..voice
                },
                Source::Seed => voice,
            });
            together(&voices.collect::<Vec<_>>(), dim)
        };
        match modes.is_empty() {
            true => vec![together(voices, dim)],
            false => modes.iter().map(with).collect(),
        }
    }

    /// What is said by the sound, at a content weight; nothing where that does not count.
    pub(crate) fn taste_voices<'a>(&self, listener: &'a Listener, weight: f64) -> Vec<Voice<'a>> {
        let reach = self.model().parameters.content_reach;
        let calibrated = (&self.embedding_moment, reach);
        voices(listener, calibrated, weight, |of| of.taste.as_deref())
    }
}

/// The voices of a listener and of the seeds, each calibrated by itself, so that their shares mean the same for everybody.
/// Where there is but one of them, it has all of the weight.
fn voices<'a>(
    listener: &'a Listener,
    (moment, reach): (&SecondMoment, f64),
    weight: f64,
    vector: impl Fn(&'a Evidence) -> Option<&'a [f32]>,
) -> Vec<Voice<'a>> {
    let own = (Source::Played, &listener.evidence);
    let seeds = listener.seeds.as_ref();
    let seeds = seeds.map(|seeds| ((Source::Seed, &seeds.evidence), seeds.weight.get()));
    let own_share = seeds.map_or(1.0, |(_, share)| 1.0 - share);
    let mut heard: Vec<(Voice<'a>, f64)> = [Some((own, own_share)), seeds]
        .into_iter()
        .flatten()
        .filter_map(|((source, evidence), share)| {
            let vector = vector(evidence)?;
            let scale = weight * calibration::scale(moment.root_mean_square(vector), reach);
            let voice = Voice {
                source,
                evidence,
                vector,
                scale,
            };
            Some((voice, share))
        })
        .collect();
    if let [(_, share)] = heard.as_mut_slice() {
        *share = 1.0;
    }
    let shared = heard.into_iter().map(|(voice, share)| Voice {
        scale: share * voice.scale,
        ..voice
    });
    shared.filter(|voice| voice.scale > 0.0).collect()
}

impl Weighted {
    /// The tracks that a list by only one kind of evidence may have; `None` for a true blend.
    pub(crate) fn only<'a>(&self, eligible: &'a Eligible) -> Option<&'a Allowed> {
        let is_zero = |part: &[f32]| part.iter().all(|&value| value == 0.0);
        let is_silent = self.content.iter().all(|part| is_zero(part));
        match (is_zero(&self.collaborative), is_silent) {
            (false, true) => Some(&eligible.placed),
            (true, _) => Some(&eligible.heard),
            (false, false) => None,
        }
    }

    /// Where the query lies between both kinds of evidence, by what it has of them.
    pub(crate) fn mix(&self) -> f32 {
        match self.basis {
            Basis::CollaborativeOnly => 0.0,
            Basis::ContentOnly => 1.0,
            Basis::Full | Basis::Popular => self.weight as f32,
        }
    }

    /// The query against the joint vectors of each taste.
    pub(crate) fn joints(&self) -> Vec<Vec<f32>> {
        let tastes = self.content.iter();
        tastes.map(|content| self.joint(content)).collect()
    }

    /// The same of one of them.
    pub(crate) fn joint(&self, content: &[f32]) -> Vec<f32> {
        let mut query = self.collaborative.clone();
        query.extend_from_slice(content);
        query.push(self.popularity + self.discovery);
        query
    }
}

/// The sum of what the voices say, as a query vector of `dim` numbers.
fn together(voices: &[Voice<'_>], dim: usize) -> Vec<f32> {
    let at = |place: usize| -> f64 {
        let said = voices
            .iter()
            .map(|voice| voice.scale * f64::from(voice.vector[place]));
        said.sum()
    };
    (0..dim).map(|place| at(place) as f32).collect()
}
