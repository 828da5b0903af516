use std::time::Duration;

use crossfade_blend::{Basis, RankedTrack, Ranking, Retrieval};
use crossfade_catalog::TrackTable;
use crossfade_index::Path;

use crate::pb;

/// A ranked list as it goes over the wire.
pub(in crate::grpc) fn ranked(tracks: &[RankedTrack], table: &TrackTable) -> Vec<pb::RankedTrack> {
    (1..)
        .zip(tracks)
        .map(|(rank, ranked)| {
            let track = ranked.track;
            pb::RankedTrack {
                track_id: table.ids.id(track).to_owned(),
                rank,
                score: ranked.components.sum(),
                components: Some(pb::ScoreComponents {
                    collaborative: ranked.components.collaborative,
                    content: ranked.components.content,
                    popularity: ranked.components.popularity,
                }),
                title: table.title.get(track).unwrap_or_default().to_owned(),
                artist: table.artist.get(track).unwrap_or_default().to_owned(),
            }
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
