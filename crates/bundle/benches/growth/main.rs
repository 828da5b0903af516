//! What size costs: made-up bundles of so many tracks (factors of 64 numbers, embeddings of 32) are published, opened by a
//! process of its own, and asked by one thread.
//!
//! `cargo bench -p crossfade-bundle --bench growth -- 100k 1m 5m`

use std::{
    error::Error,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crossfade_blend::{ContentWeight, Engine, Ranking};
use crossfade_bundle::{Publication, Store};
use crossfade_index::{Approximate, Filter, Query};

mod world;

type Anything = Box<dyn Error>;

const LIMIT: usize = 100;
const WEIGHTS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// How long each way to answer is measured.
const PATIENCE: Duration = Duration::from_secs(3);
/// The first argument of the process that opens and asks.
const ASK: &str = "ask";

fn main() -> Result<(), Anything> {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    if let [first, store] = &args[..]
        && first == ASK
    {
        return ask(Path::new(store));
    }
    for size in &args {
        measure(tracks(size).ok_or_else(|| format!("{size} is no number of tracks"))?)?;
    }
    Ok(())
}

/// `5m`, `100k` or plain digits.
fn tracks(size: &str) -> Option<usize> {
    let (digits, unit) = match size.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => match size.strip_suffix(['m', 'M']) {
            Some(digits) => (digits, 1_000_000),
            None => (size, 1),
        },
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

fn measure(tracks: usize) -> Result<(), Anything> {
    let directory = tempfile::tempdir()?;
    let store = Store::create(directory.path())?;
    let model = world::model(tracks);
    let start = Instant::now();
    let engine = Engine::new(model)?;
    let prepare = start.elapsed();
    let start = Instant::now();
    let publication = Publication {
        engine: &engine,
        recall: Vec::new(),
        program_version: env!("CARGO_PKG_VERSION"),
        created_at: Default::default(),
        training: serde_json::Value::Null,
    };
    store.publish(&publication, |_| Ok::<(), crossfade_bundle::Error>(()))?;
    let publish = start.elapsed();
    drop(engine);
    println!(
        "{tracks} tracks: prepared in {:.2} s, published and read back in {:.2} s",
        prepare.as_secs_f64(),
        publish.as_secs_f64()
    );
    let status = Command::new(std::env::current_exe()?)
        .arg(ASK)
        .arg(directory.path())
        .stdout(Stdio::inherit())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err("opening and asking failed".into()),
    }
}

fn ask(store: &Path) -> Result<(), Anything> {
    let store = Store::open(store)?;
    let version = store.current()?;
    let start = Instant::now();
    store.verify(&version)?;
    let verify = start.elapsed();
    let start = Instant::now();
    let bundle = store.load(&version)?;
    let open = start.elapsed();
    let files: u64 = bundle.manifest.size_bytes();
    println!(
        "  opened in {:.2} s, of which {:.2} s to verify {:.2} GB; memory {}",
        open.as_secs_f64(),
        verify.as_secs_f64(),
        files as f64 / 1e9,
        memory()?
    );
    let graph = std::env::var("GRAPH")
        .ok()
        .map(|spec| graph(&bundle.engine, &spec))
        .transpose()?;
    for weight in WEIGHTS {
        at_weight(&bundle.engine, weight, graph.as_ref())?;
    }
    println!("  memory after queries {}", memory()?);
    Ok(())
}

fn graph(engine: &Engine, spec: &str) -> Result<Approximate, Anything> {
    let n: Vec<usize> = spec.split(',').map(|x| x.parse().unwrap()).collect();
    let mut config = engine.graph_config();
    config.connectivity = n[0];
    config.expansion_add = n[1];
    config.build_threads = n[2];
    let start = Instant::now();
    let graph = Approximate::build(engine.index().rows(), &config, &|done| {
        if done % 102400 == 0 {
            eprintln!("{done} {:.0}", start.elapsed().as_secs_f64())
        }
    })?;
    println!(
        "  graph {spec} in {:.1} s; memory {}",
        start.elapsed().as_secs_f64(),
        memory()?
    );
    Ok(graph)
}

fn at_weight(engine: &Engine, weight: f64, graph: Option<&Approximate>) -> Result<(), Anything> {
    let index = engine.index();
    let users = engine.model().users.len() as u32;
    let ranking = Ranking::Blend(ContentWeight::new(weight));
    let queries = (0..users)
        .step_by((users as usize / 1_000).max(1))
        .map(|user| Ok(engine.joint_query(&engine.listener(Some(user), &[])?, ranking)))
        .collect::<Result<Vec<_>, Anything>>()?;
    let queries: Vec<Query<'_>> = queries
        .iter()
        .flatten()
        .map(|query| index.rows().query(query))
        .collect::<Result<_, _>>()?;
    let all = Filter::all();
    let mut visited = 0;
    let (exact, asked) = rate(&queries, |query| {
        visited += index.exact().search(query, LIMIT, &all).visited;
    });
    if let Some(graph) = graph {
        for expansion in [100, 200, 400, 800] {
            let mut found = Vec::new();
            let (speed, asked) = rate(&queries, |query| {
                found.push(graph.search(query, LIMIT, expansion, &all).unwrap().hits);
            });
            let mut good = 0;
            for (query, found) in queries.iter().zip(&found).take(50) {
                let last = index.exact().search(query, LIMIT, &all).hits[LIMIT - 1].score;
                good += found.iter().filter(|hit| hit.score >= last).count();
            }
            println!(
                "    graph {expansion}: {speed:.0} queries/s, recall {:.4}",
                good as f64 / (asked.min(50) * LIMIT) as f64
            );
        }
    }
    let (plain, _) = rate(&queries, |query| {
        index.exact().scan_all(query, LIMIT, &all);
    });
    println!(
        "  weight {weight}: exact {exact:.0} queries/s, reading {:.1} % of the codes; every row scored {plain:.1} queries/s",
        100.0 * visited as f64 / asked as f64 / index.rows().len() as f64,
    );
    Ok(())
}

/// Queries a second, over at most all queries and about as long as there is patience; and how many were asked.
fn rate(queries: &[Query<'_>], mut ask: impl FnMut(&Query<'_>)) -> (f64, usize) {
    let start = Instant::now();
    let mut asked = 0;
    for query in queries {
        ask(query);
        asked += 1;
        if start.elapsed() > PATIENCE {
            break;
        }
    }
    (asked as f64 / start.elapsed().as_secs_f64(), asked)
}

/// What the process holds in memory now and held at most, and how much of it is its own rather than mapped files'.
fn memory() -> Result<String, Anything> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes = line.trim_start_matches(':').split_whitespace().next()?;
        Some(kilobytes.parse::<f64>().ok()? / (1 << 20) as f64)
    };
    let [now, most, own] = ["VmRSS", "VmHWM", "RssAnon"].map(|name| of(name).unwrap_or(f64::NAN));
    Ok(format!(
        "{now:.2} GiB (at most {most:.2}; its own {own:.2})"
    ))
}
