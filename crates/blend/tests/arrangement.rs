use std::{collections::HashMap, num::NonZeroUsize};

use crossfade_blend::{
    Arrangement, ContentWeight, Discovery, Diversity, Listener, Play, Query, RankedTrack, Ranking,
    SeedWeight,
};
use crossfade_matrix::Dense;
use proptest::prelude::*;

use crate::catalogue::{TRACKS, USERS, engine};

fn blend(weight: f64, limit: usize) -> Query {
    Query::new(Ranking::Blend(ContentWeight::new(weight)), limit)
}

fn arranged(query: &Query, max_per_artist: usize, diversity: f64) -> Query {
    Query {
        arrangement: Arrangement {
            max_per_artist: NonZeroUsize::new(max_per_artist),
            diversity: Diversity::new(diversity).unwrap(),
        },
        ..query.clone()
    }
}

fn listener(user: u32) -> Listener {
    engine().listener(Some(user), &[]).unwrap()
}

fn ranked(listener: &Listener, query: &Query) -> Vec<RankedTrack> {
    engine().recommend(listener, query).unwrap().tracks
}

fn tracks(list: &[RankedTrack]) -> Vec<u32> {
    list.iter().map(|ranked| ranked.track).collect()
}

/// The first tracks of a list of which no artist has more than `most`.
fn greedily(list: &[RankedTrack], most: usize, limit: usize) -> Vec<u32> {
    let artists = &engine().model().tracks.artist;
    let mut seen: HashMap<u32, usize> = HashMap::new();
    let within = list.iter().filter(|ranked| {
        artists.code(ranked.track).is_none_or(|artist| {
            let count = seen.entry(artist).or_default();
            *count += 1;
            *count <= most
        })
    });
    within.map(|ranked| ranked.track).take(limit).collect()
}

proptest! {
    #[test]
    fn a_cap_leaves_the_best_tracks_that_keep_it_and_never_a_short_list(
        user in 0..USERS,
        weight in 0.0..=1.0,
        most in 1..4_usize,
        limit in 1..120_usize,
    ) {
        let listener = listener(user);
        let query = blend(weight, limit);
        let all = ranked(&listener, &Query { limit: TRACKS as usize, ..query.clone() });
        let list = ranked(&listener, &arranged(&query, most, 0.0));
        prop_assert_eq!(tracks(&list), greedily(&all, most, limit));
        for (rank, ranked) in (1..).zip(&list) {
            prop_assert_eq!(ranked.moved.within_cap, rank);
            if let Some(before) = ranked.moved.by_score {
                prop_assert_eq!(all[before as usize - 1].track, ranked.track);
            }
        }
        // Whoever looks at all of them knows where each stood.
        let deep = Query { depth: TRACKS as usize, ..arranged(&query, most, 0.0) };
        prop_assert!(ranked(&listener, &deep).iter().all(|ranked| ranked.moved.by_score.is_some()));
    }

    #[test]
    fn popular_tracks_keep_the_cap_too(most in 1..4_usize, limit in 1..120_usize) {
        for ranking in [Ranking::Popular, Ranking::Content] {
            let stranger = Listener::default();
            let query = Query::new(ranking, limit);
            let all = ranked(&stranger, &Query { limit: TRACKS as usize, ..query.clone() });
            let list = tracks(&ranked(&stranger, &arranged(&query, most, 0.0)));
            prop_assert_eq!(list.len(), greedily(&all, most, limit).len());
            let unarranged: Vec<RankedTrack> = all.into_iter().filter(|ranked| list.contains(&ranked.track)).collect();
            prop_assert_eq!(greedily(&unarranged, most, limit).len(), list.len());
        }
    }

    #[test]
    fn each_track_has_the_largest_marginal_relevance_of_those_left(
        user in 0..USERS,
        weight in 0.0..=1.0,
        diversity in 0.01..=1.0,
        limit in 2..20_usize,
    ) {
        let listener = listener(user);
        let query = blend(weight, limit);
        // Three times as many as are wanted, at least a hundred, besides.
        let pool = ranked(&listener, &Query { limit: limit + (3 * limit).max(100), ..query.clone() });
        let list = ranked(&listener, &arranged(&query, 0, diversity));
        prop_assert_eq!(list.len(), limit);
        prop_assert_eq!(list[0].track, pool[0].track);
        let score = |ranked: &RankedTrack| ranked.components.sum();
        let (best, worst) = (score(&pool[0]), score(pool.last().unwrap()));
        let worth = |ranked: &RankedTrack, chosen: &[RankedTrack]| {
            let nearest = chosen.iter().map(|one| similarity(one.track, ranked.track));
            let nearest = nearest.fold(f64::NEG_INFINITY, f64::max);
            (1.0 - diversity) * (score(ranked) - worst) / (best - worst) - diversity * nearest
        };
        for place in 1..limit {
            let chosen = &list[..place];
            let left = pool.iter().filter(|ranked| !tracks(chosen).contains(&ranked.track));
            let largest = left.map(|ranked| worth(ranked, chosen)).fold(f64::NEG_INFINITY, f64::max);
            // Similarities are computed in single precision, from vectors that were.
            prop_assert!(worth(&list[place], chosen) >= largest - 1e-5);
        }
        for ranked in &list {
            prop_assert_eq!(pool[ranked.moved.within_cap as usize - 1].track, ranked.track);
        }
    }
}

/// The mean of the cosines that are known, in double precision.
fn similarity(first: u32, second: u32) -> f64 {
    let model = engine().model();
    let cosine = |rows: &Dense| {
        let product = |a: u32, b: u32| -> f64 {
            let (a, b) = (rows.row(a as usize), rows.row(b as usize));
            a.iter()
                .zip(b)
                .map(|(&a, &b)| f64::from(a) * f64::from(b))
                .sum()
        };
        let lengths = (product(first, first) * product(second, second)).sqrt();
        (lengths > 0.0).then(|| product(first, second) / lengths)
    };
    let known: Vec<f64> = [cosine(&model.track_factors), cosine(&model.embeddings)]
        .into_iter()
        .flatten()
        .collect();
    known.iter().sum::<f64>() / known.len().max(1) as f64
}

#[test]
fn lists_arranged_together_are_those_arranged_alone() {
    let listeners: Vec<Listener> = (0..USERS).map(listener).collect();
    let queries = [
        blend(0.3, 10),
        arranged(&blend(0.0, 30), 1, 0.0),
        arranged(&blend(0.5, 12), 2, 0.4),
        arranged(&Query::new(Ranking::Popular, 9), 1, 0.3),
    ];
    let asked: Vec<(&Listener, &Query)> = listeners.iter().zip(queries.iter().cycle()).collect();
    let answers = engine().recommend_each(&asked).unwrap();
    for ((listener, query), answer) in asked.into_iter().zip(answers) {
        assert_eq!(answer.tracks, ranked(listener, query));
    }
}

#[test]
fn discovery_goes_from_what_everybody_plays_to_what_hardly_anybody_does() {
    let listeners = |track: u32| {
        let history = &engine().model().history;
        let counts = history.column_counts();
        f64::from(counts[track as usize])
    };
    let mean = |discovery: f64| {
        let lists = (0..USERS).flat_map(|user| {
            let discovery = Discovery::new(discovery).unwrap();
            let query = Query {
                discovery,
                ..blend(0.5, 20)
            };
            let list = ranked(&listener(user), &query);
            for ranked in &list {
                let parts = ranked.components;
                let sum = parts.collaborative + parts.content + parts.popularity + parts.discovery;
                assert_eq!(parts.sum().to_bits(), sum.to_bits());
                assert_eq!(
                    parts.discovery == 0.0,
                    discovery.get() == 0.0 || listeners(ranked.track) == 0.0
                );
            }
            tracks(&list)
        });
        lists.map(listeners).sum::<f64>()
    };
    let [popular, neutral, obscure] = [-1.0, 0.0, 1.0].map(mean);
    assert!(
        popular > neutral && neutral > obscure,
        "{popular} {neutral} {obscure}"
    );
}

#[test]
fn seeds_alone_are_the_only_plays_of_a_stranger() {
    let seeds = [3, 40, 3, 111];
    let plays: Vec<Play> = [3, 40, 111].map(|track| Play::new(track, 1.0)).to_vec();
    let stranger = engine().listener(None, &plays).unwrap();
    let weight = SeedWeight::default();
    let seeded = engine()
        .with_seeds(Listener::default(), &seeds, weight)
        .unwrap();
    for weight in [0.0, 0.4, 1.0] {
        let query = blend(weight, 30);
        assert_eq!(ranked(&seeded, &query), ranked(&stranger, &query));
    }
}

#[test]
fn seeds_are_mixed_with_the_listener_by_their_weight() {
    let seeds = [3, 40, 111];
    let query = blend(0.4, TRACKS as usize);
    let scores = |listener: &Listener| -> HashMap<u32, f64> {
        let list = ranked(
            listener,
            &Query {
                include_played: true,
                ..query.clone()
            },
        );
        list.iter()
            .map(|ranked| (ranked.track, ranked.components.sum()))
            .collect()
    };
    let weighed = |weight: f64| {
        let weight = SeedWeight::new(weight).unwrap();
        scores(&engine().with_seeds(listener(5), &seeds, weight).unwrap())
    };
    let (own, alone) = (scores(&listener(5)), weighed(1.0));
    assert_eq!(weighed(0.0), own);
    for (track, score) in weighed(0.3) {
        let expected = 0.7 * own[&track] + 0.3 * alone[&track];
        // Each query is rounded to single precision, as each product with a track is: a few roundings of numbers that are
        // not much larger than 10.
        assert!((score - expected).abs() < 1e-5, "{score} is not {expected}");
    }
    let seeded = engine()
        .with_seeds(listener(5), &seeds, SeedWeight::default())
        .unwrap();
    let list = tracks(&ranked(&seeded, &query));
    assert!(
        seeds.iter().all(|seed| !list.contains(seed)),
        "seeds are known already"
    );
}

#[test]
fn given_tracks_have_the_scores_that_lists_have() {
    let mut queries = vec![Query::new(Ranking::Popular, 30)];
    queries.extend([0.0, 0.6, 1.0].map(|weight| blend(weight, 30)));
    for query in &mut queries {
        query.include_played = true;
        query.discovery = Discovery::new(0.5).unwrap();
    }
    for (user, query) in (0..USERS).zip(queries.iter().cycle()) {
        let listener = listener(user);
        let list = ranked(&listener, query);
        let mut given: Vec<u32> = list.iter().rev().map(|ranked| ranked.track).collect();
        given.push(given[0]);
        let found = engine().rank(&listener, query, &given).unwrap();
        assert_eq!(found.answer.tracks, list);
        assert!(found.without_evidence.is_empty());
    }
    // Nobody played the last track.
    let found = engine()
        .rank(&listener(0), &blend(0.0, 1), &[0, TRACKS - 1])
        .unwrap();
    assert_eq!(tracks(&found.answer.tracks), [0]);
    assert_eq!(found.without_evidence, [TRACKS - 1]);
}
