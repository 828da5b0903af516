use crossfade_blend::{Cancel, Engine, GenreGuess, NumberGuess};

use crate::{
    grpc::{convert, status::Refusal},
    pb,
    serving::Serving,
};

pub(super) fn describe(
    serving: &Serving,
    (track_id, neighbors): (String, usize),
    cancel: &Cancel,
) -> Result<pb::DescribeTrackResponse, Refusal> {
    let bundle = serving.bundle().ok_or(Refusal::NoBundle)?;
    let engine = &bundle.engine;
    let table = &engine.model().tracks;
    let Some(track) = table.ids.index_of(&track_id) else {
        return Err(Refusal::UnknownTrack(track_id));
    };
    let similar = engine.similar(&convert::neighbors(track, neighbors).cancelled_by(cancel))?;
    serving.paths().record(&similar.retrieval);
    Ok(pb::DescribeTrackResponse {
        track: Some(described(engine, track)),
        neighbors: convert::ranked(&similar.tracks, engine),
        neighbors_basis: convert::basis(similar.basis).into(),
        bundle_version: bundle.version.clone(),
    })
}

fn described(engine: &Engine, track: u32) -> pb::Track {
    let table = &engine.model().tracks;
    let at = track as usize;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let description = engine.describe(track);
    pb::Track {
        track_id: table.ids.id(track).to_owned(),
        title: text(table.title.get(track)),
        artist: text(table.artist.get(track)),
        album: text(table.album.get(track)),
        genre: text(table.genre.get(track)),
        tags: table.tags.get(track).map(str::to_owned).collect(),
        markets: table.markets.get(track).map(str::to_owned).collect(),
        year: table.year.get(at).copied().flatten().map(i32::from),
        explicit: table.explicit.get(at).copied().flatten(),
        duration_ms: table.duration_ms.get(at).copied().flatten(),
        listeners: description.listeners,
        popularity: description.popularity,
        features: (description.features.into_iter())
            .map(|feature| pb::TrackFeature {
                name: feature.name,
                value: feature.value,
                quantile: feature.quantile,
            })
            .collect(),
        cluster: engine
            .cluster(track)
            .map(|(number, profile)| pb::TrackCluster {
                number: number as i32,
                name: profile.name.clone(),
                tracks: profile.tracks as u64,
                share: profile.share,
            }),
        predicted_genre: description.genre.map(genre),
        predicted_numbers: description.numbers.into_iter().map(number).collect(),
    }
}

fn genre(guess: GenreGuess) -> pb::PredictedGenre {
    let genres = guess.probabilities.into_iter();
    pb::PredictedGenre {
        known: guess.is_known,
        genres: genres
            .map(|(genre, probability)| pb::GenreProbability { genre, probability })
            .collect(),
    }
}

fn number(guess: NumberGuess) -> pb::PredictedNumber {
    pb::PredictedNumber {
        name: guess.name,
        known: guess.known,
        predicted: guess.predicted,
        expected_error: guess.expected_error,
    }
}
