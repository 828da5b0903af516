use std::time::Instant;

use crossfade_index::{Allowed, Cancel, Hit, Path, RowList, TopK};

use crate::{Answer, Basis, Components, Engine, Error, Retrieval, SimilarQuery, query};

/// Tracks scored before looking whether the query was cancelled.
const UNCANCELLED: u64 = 4_096;

impl Engine {
    /// Ranks the catalogue by similarity to a track: `(1 - w) cos(y_i, y_j) + w g_i . g_j`.
    ///
    /// Every track that may be returned is scored. Cosines, unlike inner products, do not favour the popular: who starts from a rare track wants
    /// its neighbours, not the charts.
    ///
    /// # Errors
    ///
    /// If retrieval fails or is cancelled.
    ///
    /// # Panics
    ///
    /// If the track is out of range.
    pub fn similar(&self, query: &SimilarQuery) -> Result<Answer, Error> {
        let begin = Instant::now();
        let model = self.model();
        let weight = query.content_weight.get();
        let start = query.track as usize;
        let has_factor = weight < 1.0 && self.inverse_norms[start] > 0.0;
        let has_embedding = weight > 0.0 && model.embeddings.row(start).iter().any(|&v| v != 0.0);
        let basis = match (has_factor, has_embedding) {
            (false, false) => Basis::Popular,
            (true, false) if weight > 0.0 => Basis::CollaborativeOnly,
            (false, true) if weight < 1.0 => Basis::ContentOnly,
            _ => Basis::Full,
        };

        let mut denied = query.excluded.clone();
        denied.push(query.track);
        let denied = RowList::from(denied);
        let candidates = query.candidates.as_deref().map(Allowed::rows);
        let keep = |track: u32| {
            candidates.is_none_or(|candidates| candidates.contains(track))
                && !denied.contains(track)
        };
        if basis == Basis::Popular {
            let tracks = self.popularity.top(query.limit, keep);
            return Ok(self.popular_answer(tracks, basis, begin));
        }

        let mut joint = cosine_query(
            model.track_factors.row(start),
            (1.0 - weight) as f32 * self.inverse_norms[start],
        );
        joint.extend(cosine_query(model.embeddings.row(start), weight as f32));
        joint.push(0.0);
        let rows = self.index().rows();
        let joint = rows.query(&joint)?;
        let components = |track: u32| Components {
            collaborative: f64::from(rows.block_dot(0, &joint, track))
                * f64::from(self.inverse_norms[track as usize]),
            content: f64::from(rows.block_dot(1, &joint, track)),
            ..Components::default()
        };
        let mut top = TopK::new(query.limit);
        let mut scored = 0_u64;
        for track in (0..model.tracks.len() as u32).filter(|&track| keep(track)) {
            scored += 1;
            if scored.is_multiple_of(UNCANCELLED)
                && query.cancel.as_ref().is_some_and(Cancel::is_cancelled)
            {
                return Err(crossfade_index::Error::Cancelled.into());
            }
            let components = components(track);
            // Nothing in common, or nothing known: not similar.
            if components != Components::default() {
                top.push(Hit {
                    row: track,
                    score: components.sum() as f32,
                });
            }
        }
        let hits = top.into_ranked().into_iter();
        let tracks = hits.map(|hit| (hit.row, components(hit.row)));
        Ok(Answer {
            tracks: query::ranked(tracks.collect()),
            content_weight: weight,
            basis,
            retrieval: Retrieval {
                path: match candidates {
                    None => Path::Exact,
                    Some(_) => Path::Listed,
                },
                scored,
                predicted: None,
                took: begin.elapsed(),
            },
        })
    }
}

fn cosine_query(vector: &[f32], scale: f32) -> Vec<f32> {
    vector.iter().map(|value| value * scale).collect()
}
