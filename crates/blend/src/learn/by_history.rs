use rayon::prelude::*;

use super::{Case, TOGETHER, WEIGHTS};
use crate::{ContentWeight, Engine, Error, HistoryWeight, Listener, Play, Query, Ranking};

/// Sizes of histories that may have a weight of their own: from how many tracks on, and how many are left of a longer history
/// to learn it.
const SIZES: [(u32, usize); 4] = [(1, 2), (4, 6), (10, 17), (30, usize::MAX)];
/// How many standard errors a weight must be better by than the one for all.
const CERTAINTY: f64 = 2.0;

/// Learns which listeners want another content weight than the one for all, by how many tracks they are known to like. Shorter
/// histories are cut out of those of the cases, so that every size is learned on nearly all of them.
///
/// A size keeps the weight for all unless another one is better by more than chance has on so few cases. Empty where every
/// size does.
pub(super) fn by_history(
    engine: &Engine,
    cases: &[Case],
    (limit, quality): (usize, &(impl Fn(&[u32], &[u32]) -> f64 + Sync)),
) -> Result<Vec<HistoryWeight>, Error> {
    let overall = engine.model().parameters.content_weight;
    let mut weights = Vec::with_capacity(SIZES.len());
    for (tracks, kept) in SIZES {
        let cuts = cases
            .par_iter()
            .filter(|case| case.listener.liked() >= tracks as usize)
            .map(|case| Cut::of(engine, case, (kept, limit)))
            .collect::<Result<Vec<Cut<'_>>, Error>>()?;
        let values = |weight| values(engine, &cuts, (weight, quality));
        let mut best = (0.0, overall);
        let before = values(overall)?;
        for weight in WEIGHTS {
            let gain = certain_gain(&before, &values(weight)?);
            if gain > best.0 {
                best = (gain, weight);
            }
        }
        weights.push(HistoryWeight {
            tracks,
            content_weight: best.1,
        });
    }
    let alike = weights.iter().all(|of| of.content_weight == overall);
    Ok(if alike { Vec::new() } else { weights })
}

/// A case of whose history only a part is known.
struct Cut<'a> {
    listener: Listener,
    query: Query,
    hidden: &'a [u32],
}

impl<'a> Cut<'a> {
    fn of(engine: &Engine, case: &'a Case, (kept, limit): (usize, usize)) -> Result<Self, Error> {
        let liked: Vec<Play> = case.listener.evidence.liked_plays().collect();
        let listener = match liked.len() > kept {
            false => case.listener.clone(),
            true => {
                let spread = (0..kept).map(|place| liked[place * liked.len() / kept]);
                engine.listener(None, &spread.collect::<Vec<_>>())?
            }
        };
        let query = Query {
            // What was cut off is neither found nor in the way.
            excluded: case.listener.known_tracks().collect(),
            ..Query::new(Ranking::Blend(None), limit)
        };
        let hidden = &case.hidden;
        Ok(Self {
            listener,
            query,
            hidden,
        })
    }
}

/// The quality of each case's list at a content weight.
fn values(
    engine: &Engine,
    cuts: &[Cut<'_>],
    (weight, quality): (f64, &(impl Fn(&[u32], &[u32]) -> f64 + Sync)),
) -> Result<Vec<f64>, Error> {
    let ranking = Ranking::Blend(ContentWeight::new(weight));
    let of_some = |cuts: &[Cut<'_>]| {
        let query = |cut: &Cut<'_>| Query {
            ranking,
            ..cut.query.clone()
        };
        let queries: Vec<Query> = cuts.iter().map(query).collect();
        let asked: Vec<(&Listener, &Query)> =
            cuts.iter().map(|cut| &cut.listener).zip(&queries).collect();
        let answers = engine.recommend_each(&asked)?.into_iter().zip(cuts);
        let value = answers.map(|(answer, cut)| {
            let list: Vec<u32> = answer.tracks.iter().map(|ranked| ranked.track).collect();
            quality(&list, cut.hidden)
        });
        Ok(value.collect())
    };
    let parts = cuts.par_chunks(TOGETHER).map(of_some);
    Ok(parts.collect::<Result<Vec<Vec<f64>>, Error>>()?.concat())
}

/// By how much the second values are larger on average, less what chance may have had a part in; below 0 where that is all.
fn certain_gain(before: &[f64], after: &[f64]) -> f64 {
    let gains: Vec<f64> = before.iter().zip(after).map(|(a, b)| b - a).collect();
    let count = gains.len() as f64;
    if count < 2.0 {
        return 0.0;
    }
    let mean = gains.iter().sum::<f64>() / count;
    let squares: f64 = gains.iter().map(|gain| (gain - mean).powi(2)).sum();
    mean - CERTAINTY * (squares / (count - 1.0) / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_that_may_be_chance_is_none() {
        // Of four gains the mean is 0.1 and its standard error sqrt(4 * 0.1^2 / 3 / 4).
        let gain = certain_gain(&[0.0; 4], &[0.0, 0.2, 0.0, 0.2]);
        assert!((gain - (0.1 - 2.0 * (0.04_f64 / 12.0).sqrt())).abs() < 1e-12);
        assert!(gain < 0.0);
        assert!(certain_gain(&[0.0; 3], &[0.1; 3]) > 0.09);
        assert_eq!(certain_gain(&[0.0], &[1.0]), 0.0);
    }
}
