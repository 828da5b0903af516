//! What filters let through, and that they change nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, OnceLock};

use crossfade_blend::{
    Basis, ContentWeight, Engine, Listener, Model, Names, Parameters, Query, Ranking, SimilarQuery,
    TrackFilter,
};
use crossfade_catalog::TrackTable;
use crossfade_content::{
    Embedder, EmbeddingModel, Features, PcaConfig, PcaEmbedder, Schema, taste_vectors,
};
use crossfade_matrix::{Csr, Dense};
use proptest::prelude::*;

const USERS: u32 = 20;
const TRACKS: u32 = 200;
/// Tracks from here on have no listeners.
const COLD: u32 = 170;
const DIM: usize = 4;

/// A number from 0 to `below` that depends on two numbers without a pattern to see.
fn chance(a: u32, b: u32, below: u32) -> u32 {
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
    table
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let table = table();
        let plays = (0..USERS).flat_map(|user| {
            let played = (0..COLD).filter(move |&track| chance(user, track, 9) == 0);
            played.map(move |track| (user, track, 1.0))
        });
        let history = Csr::from_triplets(USERS as usize, TRACKS as usize, plays.collect()).unwrap();
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
        let embedder =
            PcaEmbedder::fit(&Schema::default(), &PcaConfig::default(), &features).unwrap();
        let encoder = EmbeddingModel::Pca(embedder);
        let embeddings = encoder.embed(&features);
        let users: Vec<String> = (0..USERS).map(|user| format!("u{user}")).collect();
        let mut engine = Engine::new(Model {
            users: Arc::new(users.iter().map(String::as_str).collect()),
            tracks: Arc::new(table),
            user_factors: vectors(USERS, 77, USERS),
            track_factors: vectors(TRACKS, 78, COLD),
            tastes: taste_vectors(&embeddings, &history, &Default::default()),
            embeddings,
            history,
            encoder,
            clusters: None,
            factorisation: crossfade_mf::Config {
                dim: DIM,
                ..Default::default()
            },
            taste: Default::default(),
            index: Default::default(),
            parameters: Parameters::default(),
        })
        .unwrap();
        engine.calibrate().unwrap();
        engine
    })
}

/// Whether a track meets a filter, by reading what is known of it.
fn meets(filter: &TrackFilter, track: u32) -> bool {
    let table = &engine().model().tracks;
    let named = |names: &Names, name: Option<&str>| {
        let is_in = |list: &[String]| name.is_some_and(|name| list.iter().any(|one| one == name));
        (names.only.is_empty() || is_in(&names.only)) && !is_in(&names.blocked)
    };
    let year = table.year[track as usize];
    let explicit = table.explicit[track as usize] == Some(true);
    let mut markets = table.markets.get(track).peekable();
    let everywhere = markets.peek().is_none();
    let id = table.ids.id(track).to_owned();
    (filter.track_ids.is_empty() || filter.track_ids.contains(&id))
        && named(&filter.artists, table.artist.get(track))
        && named(&filter.genres, table.genre.get(track))
        && (filter.years)
            .is_none_or(|(first, last)| year.is_some_and(|year| (first..=last).contains(&year)))
        && filter.explicit.is_none_or(|wanted| wanted == explicit)
        && (filter.market.as_ref())
            .is_none_or(|market| everywhere || markets.any(|one| one == market))
}

fn query(ranking: Ranking, limit: usize, filter: &TrackFilter) -> Query {
    Query {
        ranking,
        limit,
        candidates: engine().filter(filter).0,
        excluded: Vec::new(),
        include_played: true,
    }
}

fn ranked(listener: &Listener, query: &Query) -> Vec<u32> {
    let answer = engine().recommend(listener, query).unwrap();
    answer.tracks.iter().map(|ranked| ranked.track).collect()
}

fn rankings() -> Vec<Ranking> {
    let blend = |weight| Ranking::Blend(ContentWeight::new(weight));
    vec![
        Ranking::Collaborative,
        blend(0.0),
        blend(0.3),
        blend(1.0),
        Ranking::Content,
        Ranking::Popular,
    ]
}

/// Some names of a kind, among them ones that no track has.
fn names(prefix: &'static str, names: u32) -> impl Strategy<Value = Names> {
    let some = move |most| prop::collection::vec(0..names + 2, 0..most);
    (some(4), some(3)).prop_map(move |(only, blocked)| {
        let name = |codes: Vec<u32>| codes.iter().map(|code| format!("{prefix}{code}")).collect();
        Names {
            only: name(only),
            blocked: name(blocked),
        }
    })
}

fn filters() -> impl Strategy<Value = TrackFilter> {
    let tracks = prop_oneof![
        3 => Just(Vec::new()),
        1 => prop::collection::vec(0..TRACKS + 20, 1..60),
    ];
    let market = prop_oneof![Just("SE"), Just("JP"), Just("nowhere")];
    (
        tracks,
        names("a", 12),
        names("g", 4),
        prop::option::of((1985_i16..2025, 1985_i16..2025)),
        prop::option::of(any::<bool>()),
        prop::option::of(market),
    )
        .prop_map(
            |(tracks, artists, genres, years, explicit, market)| TrackFilter {
                track_ids: tracks.iter().map(|track| format!("t{track}")).collect(),
                artists,
                genres,
                years,
                explicit,
                market: market.map(str::to_owned),
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_filtered_list_is_the_whole_list_without_what_the_filter_leaves_out(
        filter in filters(),
        user in 0..USERS,
        limit in 1_usize..250,
    ) {
        let listener = engine().listener(Some(user), &[]).unwrap();
        for ranking in rankings() {
            let all = ranked(&listener, &query(ranking, TRACKS as usize, &TrackFilter::default()));
            let met = all.into_iter().filter(|&track| meets(&filter, track));
            let expected: Vec<u32> = met.take(limit).collect();
            // Twice: compiled anew, and from before.
            for _ in 0..2 {
                prop_assert_eq!(&ranked(&listener, &query(ranking, limit, &filter)), &expected);
            }
        }
    }

    #[test]
    fn a_listener_of_whom_nothing_is_known_gets_as_many_tracks_as_meet_the_filter(
        filter in filters(),
        limit in 1_usize..250,
    ) {
        let query = query(Ranking::Blend(None), limit, &filter);
        let answer = engine().recommend(&Listener::default(), &query).unwrap();
        prop_assert_eq!(answer.basis, Basis::Popular);
        let met = (0..TRACKS).filter(|&track| meets(&filter, track)).count();
        prop_assert_eq!(answer.tracks.len(), limit.min(met));
        prop_assert!(answer.tracks.iter().all(|ranked| meets(&filter, ranked.track)));
    }

    #[test]
    fn similar_tracks_are_filtered_too(filter in filters(), track in 0..TRACKS) {
        let similar = |limit, filter: &TrackFilter| -> Vec<u32> {
            let query = SimilarQuery {
                track,
                content_weight: ContentWeight::new(0.5).unwrap(),
                limit,
                candidates: engine().filter(filter).0,
                excluded: Vec::new(),
            };
            let answer = engine().similar(&query).unwrap();
            answer.tracks.iter().map(|ranked| ranked.track).collect()
        };
        let all = similar(TRACKS as usize, &TrackFilter::default());
        let expected: Vec<u32> = all.into_iter().filter(|&track| meets(&filter, track)).take(10).collect();
        prop_assert_eq!(similar(10, &filter), expected);
    }
}

#[test]
fn names_that_no_track_has_are_told_once_and_let_nothing_through() {
    let names = |only: &[&str], blocked: &[&str]| Names {
        only: only.iter().map(|&name| name.to_owned()).collect(),
        blocked: blocked.iter().map(|&name| name.to_owned()).collect(),
    };
    let filter = TrackFilter {
        track_ids: vec!["t1".into(), "x".into(), "x".into()],
        artists: names(&["nobody", "nobody"], &["a1", "nobody", "no one"]),
        genres: names(&[], &["noise"]),
        market: Some("nowhere".into()),
        ..TrackFilter::default()
    };
    let (allowed, unknown) = engine().filter(&filter);
    assert!(allowed.unwrap().is_empty());
    assert_eq!(unknown.track_ids, ["x"]);
    assert_eq!(unknown.artists, ["nobody", "no one"]);
    assert_eq!(unknown.genres, ["noise"]);
    assert_eq!(unknown.markets, ["nowhere"]);
    // A filter without conditions is none.
    let (allowed, unknown) = engine().filter(&TrackFilter::default());
    assert!(allowed.is_none());
    assert_eq!(unknown, Default::default());
}
