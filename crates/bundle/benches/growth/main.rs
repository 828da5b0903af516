//! What size costs: made-up bundles of so many tracks (factors of 64 numbers, embeddings of 32) are published, opened by a
//! process of its own, and asked for the best 100 by one thread. With `graph` before a size, its bundle gets a graph.
//!
//! `cargo bench -p crossfade-bundle --bench growth -- 100k 1m 5m graph 1m`

#![expect(clippy::print_stdout, reason = "a bench reports")]

use std::{
    error::Error,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crossfade_blend::{ContentWeight, Engine, Ranking};
use crossfade_bundle::{Publication, Store};
use crossfade_index::{Approximate, Filter, Measured, Query, Recall, Request};

mod world;

type Anything = Box<dyn Error>;

const LIMIT: usize = 100;
const WEIGHTS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// How long each way to answer is measured.
const PATIENCE: Duration = Duration::from_secs(2);
/// The argument before a size whose bundle is to have a graph.
const GRAPH: &str = "graph";
/// Queries that recall is measured on.
const SAMPLE: usize = 100;
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
    let mut with_graph = false;
    for arg in &args {
        if arg == GRAPH {
            with_graph = true;
            continue;
        }
        let tracks = tracks(arg).ok_or_else(|| format!("{arg} is no number of tracks"))?;
        measure(tracks, std::mem::take(&mut with_graph))?;
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

fn measure(tracks: usize, with_graph: bool) -> Result<(), Anything> {
    let directory = tempfile::tempdir()?;
    let store = Store::create(directory.path())?;
    let model = world::model(tracks);
    let start = Instant::now();
    let mut engine = Engine::new(model)?;
    println!(
        "{tracks} tracks: prepared in {:.2} s",
        start.elapsed().as_secs_f64()
    );
    let mut recall = Vec::new();
    if with_graph {
        (engine, recall) = graph(engine)?;
    }
    engine.calibrate()?;
    let start = Instant::now();
    let publication = Publication {
        engine: &engine,
        recall,
        program_version: env!("CARGO_PKG_VERSION"),
        created_at: Default::default(),
        training: serde_json::Value::Null,
    };
    store.publish(&publication, |_| Ok::<(), crossfade_bundle::Error>(()))?;
    let publish = start.elapsed();
    drop(engine);
    println!(
        "  published and read back in {:.2} s",
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

/// Gives an engine a graph whose recall is measured.
fn graph(engine: Engine) -> Result<(Engine, Vec<Recall>), Anything> {
    let config = engine.graph_config();
    let index = engine.index();
    let start = Instant::now();
    let graph = Approximate::build(index.rows(), &config, &|_| ())?;
    println!(
        "  graph built in {:.0} s: {} candidates a query",
        start.elapsed().as_secs_f64(),
        config.expansion(LIMIT)
    );
    let measured = Measured::new(index.rows(), index.exact(), &graph, &config);
    let mut recall = Vec::new();
    for weight in WEIGHTS {
        let queries = queries(&engine, weight, SAMPLE)?;
        let found = measured.recall(weight as f32, &queries)?;
        println!("  weight {weight}: recall of the graph {:.4}", found.mean);
        recall.push(found);
    }
    Ok((engine.with_graph(graph, config, recall.clone()), recall))
}

/// The queries of so many users.
fn queries(engine: &Engine, weight: f64, most: usize) -> Result<Vec<Vec<f32>>, Anything> {
    let users = engine.model().users.len();
    let ranking = Ranking::Blend(ContentWeight::new(weight));
    let mut queries = Vec::new();
    for user in (0..users as u32).step_by((users / most).max(1)) {
        queries.extend(engine.joint_query(&engine.listener(Some(user), &[])?, ranking));
    }
    Ok(queries)
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
    for weight in WEIGHTS {
        at_weight(&bundle.engine, weight)?;
    }
    println!("  memory after queries {}", memory()?);
    Ok(())
}

fn at_weight(engine: &Engine, weight: f64) -> Result<(), Anything> {
    let index = engine.index();
    let values = queries(engine, weight, 1_000)?;
    let queries: Vec<Query<'_>> = values
        .iter()
        .map(|query| index.rows().query(query))
        .collect::<Result<_, _>>()?;
    let all = Filter::all();
    let mut visited = 0;
    let (exact, asked) = rate(&queries, |query| {
        visited += index.exact().search(query, LIMIT, &all).visited;
    });
    let share = visited as f64 / asked as f64 / index.rows().len() as f64;
    let (plain, _) = rate(&queries, |query| {
        index.exact().scan_all(query, LIMIT, &all);
    });
    let mut line = format!(
        "  weight {weight}: exact {exact:.0} queries/s, reading {:.1} % of the codes; every row scored {plain:.1}",
        100.0 * share
    );
    if let Some(graph) = index.approximate() {
        let expansion = index.config().expansion(LIMIT);
        let (speed, _) = rate(&queries, |query| {
            _ = graph.search(query, LIMIT, expansion, &all);
        });
        let (planned, _) = rate(&queries, |query| {
            _ = index.search(&Request {
                query: query.values(),
                limit: LIMIT,
                filter: all,
                mix: Some(weight as f32),
                cancel: None,
            });
        });
        line += &format!("; graph {speed:.0}; as planned {planned:.0}");
    }
    println!("{line}");
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
