//! What dials and rules do to lists, and what they cost: `cargo bench --bench dials -- --bundles DIR --test FILE`, the bundle
//! being trained on a play log that the plays of FILE are missing from. `--users N` asks fewer of its users.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::{num::NonZeroUsize, path::PathBuf, time::Instant};

use anyhow::Context;
use crossfade_blend::{
    Arrangement, ContentWeight, Discovery, Diversity, Engine, Listener, PlaylistQuery, Query,
    Ranking, SeedWeight, Smoothness,
};
use crossfade_bundle::Store;
use crossfade_catalog::TrackTable;
use crossfade_eval::{Bootstrap, Metric};
use crossfade_ingest::{PlayOptions, read_plays};

/// Length of the lists.
const LIMIT: usize = 20;
/// Seeds of a playlist.
const SEEDS: usize = 5;

/// A listener, and tracks of theirs that the bundle does not know of.
struct Case {
    listener: Listener,
    played: Vec<u32>,
    hidden: Vec<u32>,
}

fn main() -> anyhow::Result<()> {
    let value = |name: &str| {
        let mut arguments = std::env::args().skip_while(move |argument| argument != name);
        arguments.nth(1)
    };
    let bundles = PathBuf::from(value("--bundles").context("--bundles DIR")?);
    let test = PathBuf::from(value("--test").context("--test FILE")?);
    let users = value("--users").map_or(Ok(2_000), |users| users.parse())?;
    let store = Store::open(bundles)?;
    let bundle = store.load(&store.current()?)?;
    let engine = &bundle.engine;
    let cases = cases(engine, &test, users)?;
    println!(
        "{} users, {} tracks, lists of {LIMIT}",
        cases.len(),
        engine.model().tracks.len()
    );
    let weight = engine.model().parameters.content_weight;
    let base = Query::new(Ranking::Blend(ContentWeight::new(weight)), LIMIT);
    let plain = measure(engine, &cases, &base)?;
    plain.print("as it is", &plain);
    for diversity in [0.1, 0.2, 0.3, 0.5, 0.7, 1.0] {
        let query = arranged(&base, None, diversity);
        measure(engine, &cases, &query)?.print(&format!("diversity {diversity}"), &plain);
    }
    for cap in [1, 2, 3] {
        let query = arranged(&base, NonZeroUsize::new(cap), 0.0);
        measure(engine, &cases, &query)?.print(&format!("{cap} per artist"), &plain);
    }
    for discovery in [-1.0, -0.5, -0.2, 0.2, 0.5, 1.0] {
        let discovery = Discovery::new(discovery).context("a dial")?;
        let query = Query {
            discovery,
            ..base.clone()
        };
        measure(engine, &cases, &query)?.print(&format!("discovery {}", discovery.get()), &plain);
    }
    together(engine, &cases, &base)?;
    playlists(engine, &cases)
}

fn arranged(query: &Query, max_per_artist: Option<NonZeroUsize>, diversity: f64) -> Query {
    Query {
        arrangement: Arrangement {
            max_per_artist,
            diversity: Diversity::new(diversity).unwrap_or_default(),
        },
        ..query.clone()
    }
}

/// Users of the bundle with plays in the file, evenly spread.
fn cases(engine: &Engine, test: &std::path::Path, most: usize) -> anyhow::Result<Vec<Case>> {
    let mut table = TrackTable::default();
    let log = read_plays(test, &PlayOptions::default(), &mut table, &|_| ())?;
    let model = engine.model();
    let step = log.users.len().div_ceil(most).max(1);
    let mut cases = Vec::new();
    for (row, id) in log.users.iter().enumerate().step_by(step) {
        let Some(user) = model.users.index_of(id) else {
            continue;
        };
        let tracks = log.strengths.row(row).indices.iter();
        let known = tracks.filter_map(|&track| model.tracks.ids.index_of(table.ids.id(track)));
        cases.push(Case {
            listener: engine.listener(Some(user), &[])?,
            played: model.history.row(user as usize).indices.to_vec(),
            hidden: known.collect(),
        });
    }
    Ok(cases)
}

/// What a query gives each user.
struct Measured {
    ndcg: Vec<f64>,
    variety: Vec<f64>,
    novelty: Vec<f64>,
    artists: Vec<f64>,
    microseconds: f64,
    slowest: f64,
}

fn measure(engine: &Engine, cases: &[Case], query: &Query) -> anyhow::Result<Measured> {
    let mut times = Vec::new();
    let mut lists: Vec<Vec<u32>> = Vec::new();
    for case in cases {
        let start = Instant::now();
        let answer = engine.recommend(&case.listener, query)?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
        lists.push(answer.tracks.iter().map(|ranked| ranked.track).collect());
    }
    times.sort_by(f64::total_cmp);
    let artists = &engine.model().tracks.artist;
    let different = |list: &Vec<u32>| {
        let mut codes: Vec<u32> = list
            .iter()
            .filter_map(|&track| artists.code(track))
            .collect();
        codes.sort_unstable();
        codes.dedup();
        codes.len() as f64
    };
    let each = |of: &dyn Fn(&Vec<u32>) -> f64| lists.iter().map(of).collect::<Vec<f64>>();
    Ok(Measured {
        ndcg: lists
            .iter()
            .zip(cases)
            .map(|(list, case)| Metric::Ndcg(LIMIT).of(list, &case.hidden))
            .collect(),
        variety: each(&|list| engine.variety(list).unwrap_or(0.0)),
        novelty: each(&|list| engine.novelty(list).unwrap_or(0.0)),
        artists: each(&different),
        microseconds: times.iter().sum::<f64>() / times.len() as f64,
        slowest: times[times.len() * 99 / 100],
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The quantiles .1 and .9.
fn spread(values: &[f64]) -> (f64, f64) {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    (values[values.len() / 10], values[values.len() * 9 / 10])
}

impl Measured {
    fn print(&self, what: &str, plain: &Self) {
        let change = Bootstrap::default().difference(&self.ndcg, &plain.ndcg);
        let gains: Vec<f64> = self
            .variety
            .iter()
            .zip(&plain.variety)
            .map(|(a, b)| a - b)
            .collect();
        let (low, high) = spread(&gains);
        println!(
            "{what:14} NDCG@{LIMIT} {:.4} ({:+.4} [{:+.4}, {:+.4}]); variety {:.3} ({:+.3}, 80 % of users {low:+.3} to {high:+.3}); \
             novelty {:.2} bits; {:.1} artists; {:.0} us, p99 {:.0}",
            mean(&self.ndcg),
            change.mean,
            change.low,
            change.high,
            mean(&self.variety),
            mean(&gains),
            mean(&self.novelty),
            mean(&self.artists),
            self.microseconds,
            self.slowest,
        );
    }
}

/// How much time is spared by answering many listeners together.
fn together(engine: &Engine, cases: &[Case], query: &Query) -> anyhow::Result<()> {
    for (what, query) in [
        ("as it is", query.clone()),
        ("diversity 0.3", arranged(query, None, 0.3)),
    ] {
        let start = Instant::now();
        for case in cases {
            engine.recommend(&case.listener, &query)?;
        }
        let alone = start.elapsed().as_secs_f64();
        let start = Instant::now();
        for cases in cases.chunks(64) {
            let asked: Vec<(&Listener, &Query)> =
                cases.iter().map(|case| (&case.listener, &query)).collect();
            engine.recommend_each(&asked)?;
        }
        let together = start.elapsed().as_secs_f64();
        println!(
            "{what}: {:.0} queries/s one by one, {:.0} by 64 together",
            cases.len() as f64 / alone,
            cases.len() as f64 / together
        );
    }
    Ok(())
}

/// Playlists from five of a user's tracks, of tracks whose sound is known and of all.
fn playlists(engine: &Engine, cases: &[Case]) -> anyhow::Result<()> {
    let tempo = engine.model().tracks.feature("tempo");
    let is_known = |track: &u32| {
        tempo.is_some_and(|tempo| {
            tempo
                .values
                .get(*track as usize)
                .is_some_and(|tempo| tempo.is_finite())
        })
    };
    let known = (0..engine.model().tracks.len() as u32).filter(is_known);
    let known = std::sync::Arc::new(engine.index().allow(known.collect()));
    for (what, candidates) in [("sound known", Some(known)), ("all tracks", None)] {
        for smoothness in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let mut sums = [0.0; 4];
            let (mut count, mut seconds) = (0.0, 0.0);
            for case in cases
                .iter()
                .filter(|case| case.played.len() >= SEEDS)
                .take(500)
            {
                let seeds: Vec<u32> = case
                    .played
                    .iter()
                    .copied()
                    .step_by(case.played.len() / SEEDS)
                    .take(SEEDS)
                    .collect();
                let listener =
                    engine.with_seeds(Listener::default(), &seeds, SeedWeight::default())?;
                let mut wanted = PlaylistQuery::new(Ranking::Blend(None), LIMIT);
                wanted.smoothness = Smoothness::new(smoothness).unwrap_or_default();
                wanted.query.candidates.clone_from(&candidates);
                let start = Instant::now();
                let playlist = engine.playlist(&listener, &wanted)?;
                seconds += start.elapsed().as_secs_f64();
                count += 1.0;
                let values = [
                    playlist.transition_cost,
                    playlist.transition_cost_by_relevance,
                    playlist.relevance,
                    playlist.relevance_of_best,
                ];
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value;
                }
            }
            let [cost, by_relevance, relevance, best] = sums.map(|sum| sum / count);
            println!(
                "playlists, {what}, smoothness {smoothness}: transition cost {cost:.3} (by relevance {by_relevance:.3}), \
                 relevance {relevance:.3} of {best:.3}, {:.1} ms",
                1e3 * seconds / count
            );
        }
    }
    Ok(())
}
