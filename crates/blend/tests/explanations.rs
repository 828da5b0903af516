use crossfade_blend::{
    ContentWeight, Discovery, Listener, Play, Query, Ranking, SeedWeight, Source,
};

use crate::catalogue::{DIM, TRACKS, engine};

/// A stranger with plays of different strength, and maybe seeds.
fn stranger(seeds: &[u32]) -> Listener {
    let plays: Vec<Play> = (0..40).map(|n| Play::new(n * 4, (n % 4) as f32)).collect();
    let listener = engine().listener(None, &plays).unwrap();
    engine()
        .with_seeds(listener, seeds, SeedWeight::new(0.4).unwrap())
        .unwrap()
}

/// At most how far off a factor may be, relative to its length, after a solve in single precision of a system with n plays:
/// a few times (n + d) roundings times the condition of the system, whose largest eigenvalue its trace bounds and whose
/// smallest the pull towards zero does.
fn relative_error(plays: usize) -> f64 {
    let model = engine().model();
    let config = &model.factorisation;
    let square = |track: u32| -> f64 {
        model
            .track_factors
            .row(track as usize)
            .iter()
            .map(|&v| f64::from(v).powi(2))
            .sum()
    };
    let pull = config.pull(plays, TRACKS as usize);
    let all: f64 = (0..TRACKS).map(square).sum();
    // No confidence is above 2 here.
    let trace = (config.alpha0 + 2.0) * all + DIM as f64 * pull;
    8.0 * (plays + DIM) as f64 * f64::from(f32::EPSILON) * trace / pull
}

#[test]
fn contributions_and_the_rest_add_up_to_the_score() {
    for seeds in [&[][..], &[5, 9, 61]] {
        let listener = stranger(seeds);
        for weight in [0.0, 0.3, 1.0] {
            let ranking = Ranking::Blend(ContentWeight::new(weight));
            let query = Query {
                discovery: Discovery::new(0.4).unwrap(),
                ..Query::new(ranking, 25)
            };
            let list = engine().recommend(&listener, &query).unwrap().tracks;
            for most in [0, 3, usize::MAX] {
                let explained = engine().explain((&listener, ranking), &list, most).unwrap();
                assert_eq!(explained.len(), list.len());
                for (ranked, explanation) in list.iter().zip(explained) {
                    assert!(explanation.contributions.len() <= most);
                    let parts = &explanation.contributions;
                    let collaborative: f64 = parts.iter().map(|part| part.collaborative).sum();
                    let content: f64 = parts.iter().map(|part| part.content).sum();
                    let sum = collaborative
                        + explanation.other_collaborative
                        + content
                        + explanation.other_content
                        + ranked.components.popularity
                        + ranked.components.discovery;
                    let size: f64 = parts
                        .iter()
                        .map(|part| part.collaborative.abs() + part.content.abs())
                        .sum();
                    // A few roundings of double precision for each number.
                    let rounding = 4.0 * (parts.len() + 6) as f64 * f64::EPSILON * (size + 1.0);
                    assert!((sum - ranked.components.sum()).abs() <= rounding);
                }
            }
        }
    }
}

#[test]
fn nothing_but_rounding_is_left_when_all_contributions_are_told() {
    let listener = stranger(&[5, 9, 61]);
    for weight in [0.0, 0.3, 1.0] {
        let ranking = Ranking::Blend(ContentWeight::new(weight));
        let list = engine()
            .recommend(&listener, &Query::new(ranking, 50))
            .unwrap()
            .tracks;
        let explained = engine()
            .explain((&listener, ranking), &list, usize::MAX)
            .unwrap();
        let mut told = [0, 0];
        for (ranked, explanation) in list.iter().zip(explained) {
            let parts = &explanation.contributions;
            let size: f64 = parts.iter().map(|part| part.collaborative.abs()).sum();
            let bound = relative_error(30) * (size + ranked.components.collaborative.abs());
            assert!(
                explanation.other_collaborative.abs() <= bound,
                "{explanation:?}"
            );
            // Taste vectors are sums of unit vectors, rounded to single precision once.
            let size: f64 = parts.iter().map(|part| part.content.abs()).sum();
            assert!(
                explanation.other_content.abs() <= 16.0 * f64::from(f32::EPSILON) * (size + 1.0)
            );
            for part in parts {
                let liked = part.track % 4 == 0 && part.track / 4 % 4 > 0;
                match part.source {
                    Source::Played => assert!(liked, "{part:?}"),
                    Source::Seed => assert!([5, 9, 61].contains(&part.track), "{part:?}"),
                }
                told[usize::from(part.source == Source::Seed)] += 1;
            }
        }
        assert!(told[0] > 0 && told[1] > 0);
    }
}

#[test]
fn popular_tracks_have_no_other_explanation() {
    let list = engine()
        .recommend(&Listener::default(), &Query::new(Ranking::Popular, 5))
        .unwrap()
        .tracks;
    let explained = engine()
        .explain((&Listener::default(), Ranking::Popular), &list, 9)
        .unwrap();
    assert!(
        explained
            .iter()
            .all(|explanation| *explanation == Default::default())
    );
}
