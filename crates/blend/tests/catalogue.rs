use std::sync::{Arc, OnceLock};

use crossfade_blend::{Engine, Model, Parameters};
use crossfade_catalog::{NumericColumn, TrackTable};
use crossfade_content::{
    Clusters, Embedder, EmbeddingModel, Features, PcaConfig, PcaEmbedder, Profile, Schema,
    TasteConfig, taste_vectors,
};
use crossfade_matrix::{Buffer, Csr, Dense};

pub(crate) const USERS: u32 = 20;
pub(crate) const TRACKS: u32 = 200;
/// Tracks from here on have no listeners.
pub(crate) const COLD: u32 = 170;
pub(crate) const DIM: usize = 4;

/// A number from 0 to `below` that depends on two numbers without a pattern to see.
pub(crate) fn chance(a: u32, b: u32, below: u32) -> u32 {
    let mixed =
        (a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_mul(0x85eb_ca77)).wrapping_mul(0xc2b2_ae3d);
    (mixed ^ mixed >> 15) % below
}

/// Tracks of whom some lack an artist, a genre, a year, a mark or markets.
fn table() -> TrackTable {
    let mut table = TrackTable::default();
    for track in 0..TRACKS {
        let name = |kind: u32, prefix: &str, names: u32| {
            let name = chance(track, kind, names + 1);
            (name < names).then(|| format!("{prefix}{name}"))
        };
        table.ids.intern(&format!("t{track}"));
        table.artist.push(name(1, "a", 12).as_deref());
        table.genre.push(name(2, "g", 4).as_deref());
        let year = chance(track, 3, 40) as i16;
        table.year.push((year < 30).then_some(1990 + year));
        table
            .explicit
            .push([None, Some(true), Some(false)][chance(track, 4, 3) as usize]);
        let markets = ["SE", "DE", "JP"];
        let count = chance(track, 5, 4) as usize;
        table.markets.push(markets.into_iter().take(count));
    }
    let feature = |name: &str, kind: u32, value: &dyn Fn(u32) -> f32| NumericColumn {
        name: name.to_owned(),
        // Of one in ten tracks it is not known.
        values: (0..TRACKS)
            .map(|track| match chance(track, kind + 10, 10) {
                0 => f32::NAN,
                _ => value(chance(track, kind, 1000)),
            })
            .collect(),
    };
    table.features = vec![
        feature("tempo", 6, &|value| 60.0 + value as f32 / 8.0),
        feature("key", 7, &|value| (value % 12) as f32),
        feature("mode", 8, &|value| (value % 2) as f32),
        feature("energy", 9, &|value| value as f32 / 1000.0),
        feature("valence", 10, &|value| value as f32 / 1000.0),
    ];
    table
}

/// Three clusters, by number alone.
fn clusters() -> Clusters {
    let profile = |number: u32| Profile {
        name: format!("c{number}"),
        tracks: 0,
        share: 0.0,
        deviations: Vec::new(),
        genres: Vec::new(),
        examples: Vec::new(),
    };
    Clusters {
        of_track: (0..TRACKS).map(|track| chance(track, 20, 3)).collect(),
        profiles: (0..3).map(profile).collect(),
    }
}

pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| engine_of(TasteConfig::default(), None))
}

/// The same with tastes of another kind, of users who played tracks at these times.
pub(crate) fn engine_of(taste: TasteConfig, last_played: Option<fn(u32, u32) -> u32>) -> Engine {
    let table = table();
    let plays = (0..USERS).flat_map(|user| {
        let played = (0..COLD).filter(move |&track| chance(user, track, 9) == 0);
        played.map(move |track| (user, track, 1.0))
    });
    let history = Csr::from_triplets(USERS as usize, TRACKS as usize, plays.collect()).unwrap();
    let times = last_played.map(|at| -> Vec<u32> {
        let of_user = |user: u32| {
            history
                .row(user as usize)
                .indices
                .iter()
                .map(move |&track| at(user, track))
        };
        (0..USERS).flat_map(of_user).collect()
    });
    let vectors = |rows: u32, seed: u32, warm: u32| {
        let value = |row: u32, column: u32| match row < warm {
            true => chance(row * 8 + column, seed, 2001) as f32 / 1000.0 - 1.0,
            false => 0.0,
        };
        let values = (0..rows).flat_map(|row| (0..DIM as u32).map(move |at| value(row, at)));
        Dense::new(rows as usize, DIM, values.collect::<Vec<f32>>())
    };
    let features = Features::new(TRACKS as usize).category(
        "genre",
        table.genre.codes(),
        table.genre.names().iter(),
    );
    let embedder = PcaEmbedder::fit(&Schema::default(), &PcaConfig::default(), &features).unwrap();
    let encoder = EmbeddingModel::Pca(embedder);
    let embeddings = encoder.embed(&features);
    let users: Vec<String> = (0..USERS).map(|user| format!("u{user}")).collect();
    let mut engine = Engine::new(Model {
        users: Arc::new(users.iter().map(String::as_str).collect()),
        tracks: Arc::new(table),
        user_factors: vectors(USERS, 77, USERS),
        track_factors: vectors(TRACKS, 78, COLD),
        tastes: taste_vectors(&embeddings, (&history, times.as_deref()), &taste),
        embeddings,
        history,
        last_played: times.map(Buffer::from),
        encoder,
        clusters: Some(clusters()),
        labels: Default::default(),
        factorisation: crossfade_mf::Config {
            dim: DIM,
            ..Default::default()
        },
        learned_tracks: TRACKS as usize,
        taste,
        index: Default::default(),
        parameters: Parameters::default(),
    })
    .unwrap();
    engine.calibrate().unwrap();
    engine
}
