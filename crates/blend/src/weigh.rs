use crossfade_index::Allowed;

use crate::{Basis, Engine, Listener, Ranking, calibration, engine::Eligible};

/// A query in numbers: what multiplies each block of the joint vectors.
#[derive(Debug, Clone)]
pub(crate) struct Weighted {
    /// The content weight.
    pub(crate) weight: f64,
    /// (1 - w) a_u x_u; zero where it does not count.
    pub(crate) collaborative: Vec<f32>,
    /// w b_u t_u; zero where it does not count.
    pub(crate) content: Vec<f32>,
    /// w beta.
    pub(crate) popularity: f32,
    /// What it rests on; never [`Basis::Popular`].
    pub(crate) basis: Basis,
}

impl Engine {
    /// The query vector of each block; `None` where popular tracks are asked for or nothing else is left.
    pub(crate) fn weigh(&self, listener: &Listener, ranking: Ranking) -> Option<Weighted> {
        let learned = self.model().parameters.content_weight;
        let (weight, is_blend) = match ranking {
            Ranking::Popular => return None,
            Ranking::Collaborative => (0.0, false),
            Ranking::Content => (1.0, false),
            Ranking::Blend(weight) => (weight.map_or(learned, |weight| weight.get()), true),
        };
        let factor = listener.factor.as_deref().filter(|_| weight < 1.0);
        let taste = listener.taste.as_deref().filter(|_| weight > 0.0);
        let basis = match (factor, taste) {
            (None, None) => return None,
            (Some(_), None) if is_blend && weight > 0.0 => Basis::CollaborativeOnly,
            (None, Some(_)) if is_blend && weight < 1.0 => Basis::ContentOnly,
            _ => Basis::Full,
        };
        let parameters = &self.model().parameters;
        Some(Weighted {
            weight,
            collaborative: self.collaborative_query(factor, 1.0 - weight),
            content: self.content_query(taste, weight),
            popularity: match taste {
                Some(_) => (weight * parameters.popularity_weight) as f32,
                None => 0.0,
            },
            basis,
        })
    }

    fn collaborative_query(&self, factor: Option<&[f32]>, weight: f64) -> Vec<f32> {
        let reach = self.model().parameters.collaborative_reach;
        let dim = self.model().track_factors.columns();
        scaled(factor, dim, |factor| {
            weight * calibration::scale(self.factor_moment.root_mean_square(factor), reach)
        })
    }

    fn content_query(&self, taste: Option<&[f32]>, weight: f64) -> Vec<f32> {
        let reach = self.model().parameters.content_reach;
        let dim = self.model().embeddings.columns();
        scaled(taste, dim, |taste| {
            weight * calibration::scale(self.embedding_moment.root_mean_square(taste), reach)
        })
    }
}

impl Weighted {
    /// The tracks that a list by only one kind of evidence may have; `None` for a true blend.
    pub(crate) fn only<'a>(&self, eligible: &'a Eligible) -> Option<&'a Allowed> {
        let is_zero = |part: &[f32]| part.iter().all(|&value| value == 0.0);
        match (is_zero(&self.collaborative), is_zero(&self.content)) {
            (false, true) => Some(&eligible.warm),
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

    /// The query against the joint vectors.
    pub(crate) fn joint(&self) -> Vec<f32> {
        let mut query = self.collaborative.clone();
        query.extend_from_slice(&self.content);
        query.push(self.popularity);
        query
    }
}

fn scaled(vector: Option<&[f32]>, dim: usize, scale: impl FnOnce(&[f32]) -> f64) -> Vec<f32> {
    match vector {
        None => vec![0.0; dim],
        Some(vector) => {
            let scale = scale(vector);
            vector
                .iter()
                .map(|&value| (scale * f64::from(value)) as f32)
                .collect()
        }
    }
}
