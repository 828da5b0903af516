use std::collections::HashMap;

use crossfade_blend::{
    Answer, Cancel, Components, Engine, Listener, Query, kendall_tau, overlap, rank_biased_overlap,
};

use super::{deepened, go_on, resolve, told};
use crate::{
    grpc::{
        convert::{self, Compare, Order},
        status::Refusal,
    },
    pb,
    serving::Serving,
};

/// Persistence of the rank-biased overlap: the first 10 places carry 86 % of the weight.
const PERSISTENCE: f64 = 0.9;
/// Numbers of places whose overlap is told.
const PLACES: [usize; 8] = [1, 5, 10, 20, 50, 100, 200, 500];

pub(super) fn compare(
    serving: &Serving,
    request: Compare,
    cancel: &Cancel,
) -> Result<pb::CompareRankingsResponse, Refusal> {
    let bundle = serving.bundle().ok_or(Refusal::NoBundle)?;
    let engine = &bundle.engine;
    let audience = resolve(serving, &bundle, request.audience);
    let listener = audience.listener(engine)?;
    let compared = request
        .orders
        .iter()
        .map(|&order| {
            let query = deepened(audience.query(order, request.limit), request.explain)
                .cancelled_by(cancel);
            let answer = engine.recommend(&listener, &query)?;
            serving.paths().record(&answer.retrieval);
            Ok(Compared {
                order,
                tracks: answer.tracks.iter().map(|ranked| ranked.track).collect(),
                query,
                answer,
            })
        })
        .collect::<Result<Vec<Compared>, Refusal>>()?;
    let explain = request.explain.then_some(&listener);
    let lists = compared.iter().map(|one| {
        go_on(cancel)?;
        one.list(engine, explain)
    });
    Ok(pb::CompareRankingsResponse {
        lists: lists.collect::<Result<_, _>>()?,
        agreements: agreements(&compared, request.limit),
        tracks: track_ranks(engine, &listener, &compared)?,
        bundle_version: bundle.version.clone(),
        user_known: audience.user.is_some(),
        unknown_track_ids: audience.unknown.track_ids.clone(),
        unknown_names: convert::unknown_names(audience.unknown),
    })
}

/// One ranking and its answer.
struct Compared {
    order: Order,
    query: Query,
    answer: Answer,
    tracks: Vec<u32>,
}

impl Compared {
    fn list(&self, engine: &Engine, explain: Option<&Listener>) -> Result<pb::RankedList, Refusal> {
        Ok(pb::RankedList {
            ranking: convert::ranking(self.order.ranking).into(),
            content_weight: self.answer.content_weight,
            tracks: told(engine, &self.answer.tracks, (explain, self.order))?,
            basis: convert::basis(self.answer.basis).into(),
            retrieval: Some(convert::retrieval(&self.answer.retrieval)),
            novelty: engine.novelty(&self.tracks).unwrap_or(0.0),
            variety: engine.variety(&self.tracks).unwrap_or(0.0),
        })
    }
}

fn agreements(compared: &[Compared], limit: usize) -> Vec<pb::Agreement> {
    let pairs = (0..compared.len())
        .flat_map(|first| (first + 1..compared.len()).map(move |second| (first, second)));
    pairs
        .map(|(first, second)| {
            let (a, b) = (&compared[first].tracks, &compared[second].tracks);
            pb::Agreement {
                first: first as i32,
                second: second as i32,
                overlap: overlap(a, b),
                rank_biased_overlap: rank_biased_overlap(a, b, PERSISTENCE),
                overlaps: overlaps(a, b, limit),
                kendall_tau: kendall_tau(a, b),
            }
        })
        .collect()
}

fn overlaps(a: &[u32], b: &[u32], limit: usize) -> Vec<pb::OverlapAt> {
    let places = PLACES.into_iter().filter(|&places| places < limit);
    let first = |list: &'_ [u32], places: usize| list.len().min(places);
    places
        .map(|places| pb::OverlapAt {
            places: places as i32,
            overlap: overlap(&a[..first(a, places)], &b[..first(b, places)]),
        })
        .collect()
}

/// Every track of any list, where it stands in each, and what each makes of it.
fn track_ranks(
    engine: &Engine,
    listener: &Listener,
    compared: &[Compared],
) -> Result<Vec<pb::TrackRanks>, Refusal> {
    let mut ranks: HashMap<u32, Vec<i32>> = HashMap::new();
    for (list, one) in compared.iter().enumerate() {
        for (rank, &track) in (1..).zip(&one.tracks) {
            ranks
                .entry(track)
                .or_insert_with(|| vec![0; compared.len()])[list] = rank;
        }
    }
    let reciprocal = |ranks: &[i32]| -> f64 {
        let found = ranks.iter().filter(|&&rank| rank > 0);
        found.map(|&rank| 1.0 / f64::from(rank)).sum()
    };
    let mut ranks: Vec<(u32, Vec<i32>)> = ranks.into_iter().collect();
    ranks.sort_by(|(a, first), (b, second)| {
        reciprocal(second)
            .total_cmp(&reciprocal(first))
            .then(a.cmp(b))
    });
    let tracks: Vec<u32> = ranks.iter().map(|&(track, _)| track).collect();
    let scores = compared
        .iter()
        .map(|one| {
            one.query.cancel.as_ref().map_or(Ok(()), go_on)?;
            let ranked = engine.rank(listener, &one.query, &tracks)?.answer.tracks;
            let parts = ranked
                .iter()
                .map(|ranked| (ranked.track, ranked.components));
            Ok(parts.collect())
        })
        .collect::<Result<Vec<HashMap<u32, Components>>, Refusal>>()?;
    let table = &engine.model().tracks;
    let told = ranks.into_iter().map(|(track, ranks)| {
        let parts = scores
            .iter()
            .map(|of| of.get(&track).copied().unwrap_or_default());
        pb::TrackRanks {
            track_id: table.ids.id(track).to_owned(),
            title: table.title.get(track).unwrap_or_default().to_owned(),
            artist: table.artist.get(track).unwrap_or_default().to_owned(),
            ranks,
            components: parts
                .clone()
                .map(|parts| convert::components(&parts))
                .collect(),
            scores: parts.map(|parts| parts.sum()).collect(),
        }
    });
    Ok(told.collect())
}
