use crossfade_blend::{
    Basis, ContentWeight, Listener, Names, Query, Ranking, SimilarQuery, TrackFilter,
};
use proptest::prelude::*;

use crate::catalogue::{TRACKS, USERS, engine};

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
        candidates: engine().filter(filter).0,
        include_played: true,
        ..Query::new(ranking, limit)
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
                cancel: None,
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
