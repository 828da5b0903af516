use std::time::Duration;

use crossfade_blend::{
    Basis, Components, Contribution, Engine, Explanation, Moved, RankedTrack, Ranking, Retrieval,
    Source,
};
use crossfade_catalog::TrackTable;
use crossfade_index::Path;

use crate::pb;

/// A ranked list as it goes over the wire.
pub(in crate::grpc) fn ranked(tracks: &[RankedTrack], engine: &Engine) -> Vec<pb::RankedTrack> {
    let tracks = (1..).zip(tracks);
    tracks
        .map(|(rank, ranked)| track((ranked.track, rank), &ranked.components, engine))
        .collect()
}

/// A track and its rank.
pub(super) fn track(
    (track, rank): (u32, i32),
    parts: &Components,
    engine: &Engine,
) -> pb::RankedTrack {
    let table = &engine.model().tracks;
    pb::RankedTrack {
        track_id: table.ids.id(track).to_owned(),
        rank,
        score: parts.sum(),
        components: Some(components(parts)),
        title: table.title.get(track).unwrap_or_default().to_owned(),
        artist: table.artist.get(track).unwrap_or_default().to_owned(),
        explanation: None,
        predicted: engine.is_predicted(track),
    }
}

/// The parts of a score.
pub(in crate::grpc) fn components(parts: &Components) -> pb::ScoreComponents {
    pb::ScoreComponents {
        collaborative: parts.collaborative,
        content: parts.content,
        popularity: parts.popularity,
        discovery: parts.discovery,
    }
}

/// The same list with explanations.
pub(in crate::grpc) fn explained(
    tracks: &[RankedTrack],
    explanations: Vec<Explanation>,
    engine: &Engine,
) -> Vec<pb::RankedTrack> {
    let table = &engine.model().tracks;
    let mut list = ranked(tracks, engine);
    for ((told, ranked), explanation) in list.iter_mut().zip(tracks).zip(explanations) {
        told.explanation = Some(pb::Explanation {
            contributions: (explanation.contributions.iter())
                .map(|one| contribution(one, table))
                .collect(),
            other_collaborative: explanation.other_collaborative,
            other_content: explanation.other_content,
            moves: moves(&ranked.moved, told.rank),
        });
    }
    list
}

fn contribution(one: &Contribution, table: &TrackTable) -> pb::Contribution {
    let source = match one.source {
        Source::Played => pb::ContributionSource::Played,
        Source::Seed => pb::ContributionSource::Seed,
    };
    pb::Contribution {
        track_id: table.ids.id(one.track).to_owned(),
        title: table.title.get(one.track).unwrap_or_default().to_owned(),
        artist: table.artist.get(one.track).unwrap_or_default().to_owned(),
        source: source.into(),
        collaborative: one.collaborative,
        content: one.content,
    }
}

/// The changes of rank that brought a track to its own.
fn moves(moved: &Moved, rank: i32) -> Vec<pb::Move> {
    let place = |place: u32| i32::try_from(place).unwrap_or(i32::MAX);
    let (by_score, within_cap) = (moved.by_score.map_or(0, place), place(moved.within_cap));
    let moves = [
        (pb::Rule::MaxPerArtist, by_score, within_cap),
        (pb::Rule::Diversity, within_cap, rank),
    ];
    let real = moves.into_iter().filter(|(_, from, to)| from != to);
    real.map(|(rule, from_rank, to_rank)| pb::Move {
        rule: rule.into(),
        from_rank,
        to_rank,
    })
    .collect()
}

/// How an answer was found.
pub(in crate::grpc) fn retrieval(retrieval: &Retrieval) -> pb::RetrievalInfo {
    let microseconds = |time: Duration| time.as_secs_f64() * 1e6;
    pb::RetrievalInfo {
        path: path(retrieval.path).into(),
        tracks_scored: retrieval.scored,
        predicted_microseconds: retrieval.predicted.map(microseconds),
        taken_microseconds: microseconds(retrieval.took),
    }
}

/// A way to find tracks.
pub(in crate::grpc) fn path(path: Path) -> pb::RetrievalPath {
    match path {
        Path::Exact => pb::RetrievalPath::Exact,
        Path::Listed => pb::RetrievalPath::Listed,
        Path::Approximate => pb::RetrievalPath::Approximate,
        Path::Certified => pb::RetrievalPath::Certified,
    }
}

/// What an answer rests on.
pub(in crate::grpc) fn basis(basis: Basis) -> pb::Basis {
    match basis {
        Basis::Full => pb::Basis::Full,
        Basis::CollaborativeOnly => pb::Basis::CollaborativeOnly,
        Basis::ContentOnly => pb::Basis::ContentOnly,
        Basis::Popular => pb::Basis::Popular,
    }
}

/// The ranking that was used.
pub(in crate::grpc) fn ranking(ranking: Ranking) -> pb::Ranking {
    match ranking {
        Ranking::Collaborative => pb::Ranking::Collaborative,
        Ranking::Content => pb::Ranking::Content,
        Ranking::Blend(_) => pb::Ranking::Blend,
        Ranking::Popular => pb::Ranking::Popular,
    }
}
