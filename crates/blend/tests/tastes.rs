use std::sync::OnceLock;

use crossfade_blend::{
    Arrangement, ContentWeight, Diversity, Engine, Listener, Play, Query, Ranking, SeedWeight,
    Source,
};
use crossfade_content::{TasteConfig, Tastes};

use crate::catalogue::{COLD, TRACKS, USERS, chance, engine_of};

const SEVERAL: TasteConfig = TasteConfig {
    weighting: crossfade_content::Weighting::Log,
    recent_share: 0.0,
    recent_half_life_days: 14.0,
    modes: 3,
    mode_weight: 1.0,
};

/// Seven days in seconds.
const WEEK: u32 = 7 * 86_400;

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| engine_of(SEVERAL, None))
}

fn blend(weight: f64) -> Ranking {
    Ranking::Blend(ContentWeight::new(weight))
}

fn played(user: u32) -> Vec<Play> {
    let history = engine().model().history.row(user as usize);
    let plays = history.iter();
    plays
        .map(|(track, strength)| Play::new(track, strength))
        .collect()
}

/// The best product of each track with any of the tastes.
fn best(tastes: &Tastes) -> Vec<f64> {
    let embeddings = &engine().model().embeddings;
    let product = |vector: &[f32], track: usize| -> f64 {
        let both = vector.iter().zip(embeddings.row(track));
        both.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    let of_track = |track: usize| {
        let products = tastes
            .modes
            .iter()
            .map(|taste| product(&taste.vector, track));
        products.fold(f64::NEG_INFINITY, f64::max)
    };
    (0..TRACKS as usize).map(of_track).collect()
}

#[test]
fn a_track_scores_by_the_taste_that_it_suits_best() {
    let mut several = 0;
    for user in 0..USERS {
        let model = engine().model();
        let tastes = Tastes::of(&model.embeddings, played(user), &SEVERAL).unwrap();
        if tastes.modes.is_empty() {
            continue;
        }
        several += 1;
        let best = best(&tastes);
        let listener = engine().listener(Some(user), &[]).unwrap();
        let all = Query {
            include_played: true,
            ..Query::new(blend(0.6), TRACKS as usize)
        };
        let ranked = engine().recommend(&listener, &all).unwrap().tracks;
        assert_eq!(ranked.len(), TRACKS as usize);
        // One scale for all of them.
        let ratios: Vec<f64> = ranked
            .iter()
            .filter(|ranked| best[ranked.track as usize].abs() > 0.01)
            .map(|ranked| ranked.components.content / best[ranked.track as usize])
            .collect();
        let scale = ratios[0];
        assert!(scale > 0.0);
        for ratio in ratios {
            assert!((ratio / scale - 1.0).abs() < 1e-4, "{ratio} is not {scale}");
        }
        // A short list is the beginning of the long one.
        let few = Query {
            limit: 12,
            ..all.clone()
        };
        let short = engine().recommend(&listener, &few).unwrap().tracks;
        assert_eq!(short, ranked[..12]);
    }
    assert!(several > 10, "only {several} users have several tastes");
}

#[test]
fn lists_are_the_same_alone_together_folded_in_and_arranged() {
    let known: Vec<Listener> = (0..USERS)
        .map(|user| engine().listener(Some(user), &[]).unwrap())
        .collect();
    let all: Vec<&Listener> = known.iter().collect();
    for ranking in [blend(0.0), blend(0.5), Ranking::Content] {
        let query = Query::new(ranking, 9);
        let together = engine().recommend_all(&all, &query).unwrap();
        for (listener, answer) in known.iter().zip(&together) {
            let alone = engine().recommend(listener, &query).unwrap();
            assert_eq!(answer.tracks, alone.tracks);
            let given: Vec<u32> = (0..TRACKS).collect();
            let ranked = engine().rank(listener, &query, &given).unwrap().answer;
            let scored = |track| ranked.tracks.iter().find(|ranked| ranked.track == track);
            for ranked in &alone.tracks {
                assert_eq!(scored(ranked.track).unwrap().components, ranked.components);
            }
        }
    }
    // Caps look further and further; what they find is still in order.
    let arrangement = Arrangement {
        max_per_artist: std::num::NonZeroUsize::new(1),
        diversity: Diversity::default(),
    };
    let query = Query {
        arrangement,
        ..Query::new(Ranking::Content, 12)
    };
    for listener in &known {
        let tracks = engine().recommend(listener, &query).unwrap().tracks;
        let scores: Vec<f64> = tracks
            .iter()
            .map(|ranked| ranked.components.sum())
            .collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    }
    // Somebody unknown with the same plays has the same tastes.
    for user in 0..USERS {
        let stranger = engine().listener(None, &played(user)).unwrap();
        let query = Query::new(Ranking::Content, 9);
        let [one, other] = [&stranger, &known[user as usize]]
            .map(|listener| engine().recommend(listener, &query).unwrap().tracks);
        assert_eq!(one, other);
    }
}

#[test]
fn explanations_of_the_taste_that_counted_leave_nothing_but_rounding() {
    for (user, seeds) in [(1, &[][..]), (4, &[5, 9]), (11, &[])] {
        let listener = engine().listener(Some(user), &[]).unwrap();
        let weight = SeedWeight::new(0.4).unwrap();
        let listener = engine().with_seeds(listener, seeds, weight).unwrap();
        let list = engine()
            .recommend(&listener, &Query::new(Ranking::Content, 30))
            .unwrap()
            .tracks;
        let explained = engine()
            .explain((&listener, Ranking::Content), &list, usize::MAX)
            .unwrap();
        for explanation in explained {
            let parts = &explanation.contributions;
            let size: f64 = parts.iter().map(|part| part.content.abs()).sum();
            // Each of three vectors in single precision is rounded once.
            let bound = 32.0 * f64::from(f32::EPSILON) * (size + 1.0);
            assert!(explanation.other_content.abs() <= bound, "{explanation:?}");
            let seeds_told = parts.iter().any(|part| part.source == Source::Seed);
            assert_eq!(seeds_told, !seeds.is_empty());
        }
    }
}

#[test]
fn recent_plays_turn_lists_towards_what_they_sound_like() {
    let config = |recent_share| TasteConfig {
        recent_share,
        recent_half_life_days: 7.0,
        modes: 1,
        ..SEVERAL
    };
    // What a user played of genre 0 lies in the last week, all else a year before.
    let at = |_: u32, track: u32| match chance(track, 2, 5) {
        0 => 60 * WEEK + chance(track, 99, WEEK),
        _ => 8 * WEEK,
    };
    let [long, recent] = [0.0, 1.0].map(|share| engine_of(config(share), Some(at)));
    let genre = |engine: &Engine, track: u32| engine.model().tracks.genre.code(track);
    let (mut before, mut after) = (0, 0);
    for user in 0..USERS {
        let of_first = |engine: &Engine| {
            let wanted = (0..COLD).find(|&track| chance(track, 2, 5) == 0);
            let wanted = genre(engine, wanted.unwrap());
            let listener = engine.listener(Some(user), &[]).unwrap();
            let query = Query::new(Ranking::Content, 10);
            let list = engine.recommend(&listener, &query).unwrap().tracks;
            let hits = list
                .iter()
                .filter(|ranked| genre(engine, ranked.track) == wanted);
            hits.count()
        };
        before += of_first(&long);
        after += of_first(&recent);
    }
    assert!(after > 2 * before && after > 100, "{before}, then {after}");

    // The same plays, told in the request: times count there, too.
    let tracks: Vec<u32> = (0..COLD)
        .filter(|&track| chance(track, 7, 9) == 0)
        .collect();
    let told: Vec<Play> = tracks
        .iter()
        .map(|&track| Play {
            last_played: Some(at(0, track)),
            ..Play::new(track, 1.0)
        })
        .collect();
    let silent: Vec<Play> = tracks.iter().map(|&track| Play::new(track, 1.0)).collect();
    let list = |plays: &[Play]| {
        let listener = recent.listener(None, plays).unwrap();
        let query = Query::new(Ranking::Content, 10);
        recent.recommend(&listener, &query).unwrap().tracks
    };
    assert_ne!(list(&told), list(&silent));
}
