//! `bundle measure`: how right and how fast retrieval is on the queries of a bundle's own users.

use std::time::Instant;

use anyhow::Context;
use crossfade_blend::ContentWeight;
use crossfade_bundle::Store;
use crossfade_index::{Exact, Filter, Hit, Index, Path, Request};
use serde::Serialize;

use super::{args::Measure, tables::table, ui::Ui};
use crate::pipeline::{Event, queries};

mod filtered;

use filtered::{Filtered, Weight};

/// What was measured of a bundle's retrieval.
#[derive(Debug, Serialize)]
struct Report {
    version: String,
    tracks: usize,
    /// Length of a joint vector.
    dim: usize,
    limit: usize,
    threads: usize,
    /// Verifying the files, reading the graph and preparing exact search.
    open_seconds: f64,
    /// Preparing exact search alone.
    exact_build_seconds: f64,
    /// Memory the process holds with the bundle open, files mapped and read among it; absent where it cannot be told.
    resident_bytes: Option<u64>,
    weights: Vec<AtWeight>,
    /// The same under filters, where that was asked for.
    filtered: Vec<Filtered>,
}

/// The figures at one content weight.
#[derive(Debug, Serialize)]
struct AtWeight {
    content_weight: f64,
    queries: usize,
    paths: Vec<OfPath>,
}

/// The figures of one way to answer.
#[derive(Debug, Serialize)]
struct OfPath {
    path: Way,
    /// Mean share of the exact answer that was found; tracks with equal scores are as good as each other.
    recall: f64,
    /// Share of the answers known to be exact.
    exact_or_certified: f64,
    queries_per_second: f64,
    /// Mean number of tracks looked at, as a share of the catalogue.
    visited: f64,
}

/// A way to answer.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    /// As requests are answered.
    Planned,
    Exact,
    /// The graph alone.
    Graph,
    /// Every track is scored.
    Plain,
}

/// What one query brought.
struct Asked {
    hits: Vec<Hit>,
    is_exact: bool,
    visited: usize,
}

pub(super) fn run(args: &Measure, ui: &Ui) -> anyhow::Result<()> {
    let weights = args
        .content_weight
        .iter()
        .map(|&weight| {
            let valid = ContentWeight::new(weight).map(ContentWeight::get);
            valid.with_context(|| format!("--content-weight must be from 0 to 1, is {weight}"))
        })
        .collect::<anyhow::Result<Vec<f64>>>()?;
    for share in &args.selectivity {
        let valid = *share > 0.0 && *share <= 100.0;
        anyhow::ensure!(
            valid,
            "--selectivity must be above 0, at most 100, is {share}"
        );
    }
    let store = Store::open(&args.store.bundles)?;
    let version = args.version.clone().map_or_else(|| store.current(), Ok)?;
    ui.observe(Event::Stage("open the bundle"));
    let start = Instant::now();
    let bundle = store.load(&version)?;
    let open_seconds = start.elapsed().as_secs_f64();
    let index = bundle.engine.index();
    let resident_bytes = resident_bytes();
    let start = Instant::now();
    drop(Exact::new(index.rows()));
    let exact_build_seconds = start.elapsed().as_secs_f64();

    ui.observe(Event::Stage("ask"));
    let (limit, threads) = (args.limit as usize, usize::from(args.threads));
    let at_weight = |weight: f64| -> anyhow::Result<AtWeight> {
        let queries = queries(&bundle.engine, weight, args.queries as usize)?;
        anyhow::ensure!(
            !queries.is_empty(),
            "no user of {version} has a query at content weight {weight}"
        );
        let asking = Asking {
            index,
            weight: weight as f32,
            limit,
        };
        Ok(AtWeight {
            content_weight: weight,
            queries: queries.len(),
            paths: asking.measure(&queries, threads)?,
        })
    };
    let filtered = weights
        .iter()
        .map(|&content_weight| {
            let queries = queries(&bundle.engine, content_weight, args.queries as usize)?;
            let weight = Weight {
                index,
                queries: &queries,
                content_weight,
                limit,
            };
            match args.selectivity.as_slice() {
                [] => Ok(Vec::new()),
                shares => weight.measure(&bundle.engine.model().tracks, shares),
            }
        })
        .collect::<anyhow::Result<Vec<Vec<Filtered>>>>()?;
    let weights = weights
        .into_iter()
        .map(at_weight)
        .collect::<anyhow::Result<_>>()?;
    let report = Report {
        filtered: filtered.into_iter().flatten().collect(),
        tracks: index.rows().len(),
        dim: index.rows().dim(),
        version: version.clone(),
        limit,
        threads,
        open_seconds,
        exact_build_seconds,
        resident_bytes,
        weights,
    };
    ui.result(&report, text)
}

/// The queries of one content weight.
#[derive(Clone, Copy)]
struct Asking<'a> {
    index: &'a Index,
    weight: f32,
    limit: usize,
}

impl Asking<'_> {
    fn measure(self, queries: &[Vec<f32>], threads: usize) -> anyhow::Result<Vec<OfPath>> {
        let mut truth = Vec::new();
        let mut paths = Vec::new();
        for way in [Way::Plain, Way::Exact, Way::Graph, Way::Planned] {
            if matches!(way, Way::Graph) && self.index.approximate().is_none() {
                continue;
            }
            let start = Instant::now();
            let answers = self.ask_all(way, queries, threads)?;
            let seconds = start.elapsed().as_secs_f64();
            if matches!(way, Way::Plain) {
                truth = answers.iter().map(last_score).collect();
            }
            paths.push(self.summary(way, (&answers, &truth), seconds));
        }
        Ok(paths)
    }

    /// Asks all queries, each thread its share of them.
    fn ask_all(self, way: Way, queries: &[Vec<f32>], threads: usize) -> anyhow::Result<Vec<Asked>> {
        let share = queries.len().div_ceil(threads);
        std::thread::scope(|scope| {
            let workers: Vec<_> = queries
                .chunks(share)
                .map(|part| {
                    scope.spawn(move || {
                        let each = part.iter().map(|query| self.ask(way, query));
                        each.collect::<anyhow::Result<Vec<Asked>>>()
                    })
                })
                .collect();
            let mut answers = Vec::with_capacity(queries.len());
            for worker in workers {
                match worker.join() {
                    Ok(part) => answers.extend(part?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok(answers)
        })
    }

    fn ask(self, way: Way, query: &[f32]) -> anyhow::Result<Asked> {
        let filter = Filter::all();
        if matches!(way, Way::Planned) {
            let answer = self.index.search(&Request {
                query,
                limit: self.limit,
                filter,
                mix: Some(self.weight),
                cancel: None,
            })?;
            return Ok(Asked {
                is_exact: answer.path != Path::Approximate,
                hits: answer.hits,
                visited: answer.visited,
            });
        }
        let query = self.index.rows().query(query)?;
        let exact = self.index.exact();
        let found = match (way, self.index.approximate()) {
            (Way::Plain, _) => exact.scan_all(&query, self.limit, &filter),
            (Way::Graph, Some(graph)) => {
                let expansion = self.index.config().expansion(self.limit);
                graph.search(&query, self.limit, expansion, &filter)?
            }
            (Way::Exact | Way::Graph | Way::Planned, _) => {
                exact.search(&query, self.limit, &filter)
            }
        };
        Ok(Asked {
            is_exact: !matches!(way, Way::Graph),
            hits: found.hits,
            visited: found.visited,
        })
    }

    fn summary(self, path: Way, (answers, truth): (&[Asked], &[f32]), seconds: f64) -> OfPath {
        let count = answers.len() as f64;
        let wanted = self.limit.min(self.index.rows().len()).max(1) as f64;
        let good = |(answer, &last): (&Asked, &f32)| {
            answer.hits.iter().filter(|hit| hit.score >= last).count() as f64 / wanted
        };
        let visited: f64 = answers.iter().map(|answer| answer.visited as f64).sum();
        OfPath {
            path,
            recall: answers.iter().zip(truth).map(good).sum::<f64>() / count,
            exact_or_certified: answers.iter().filter(|answer| answer.is_exact).count() as f64
                / count,
            queries_per_second: count / seconds,
            visited: visited / count / self.index.rows().len().max(1) as f64,
        }
    }
}

/// The score that a track must have to be in an exact answer.
fn last_score(answer: &Asked) -> f32 {
    answer
        .hits
        .last()
        .map_or(f32::NEG_INFINITY, |hit| hit.score)
}

/// What the process holds in memory, where the system tells.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn text(report: &Report) -> String {
    let mut rows = table(
        &[
            "content weight",
            "path",
            "recall",
            "known exact",
            "queries/s",
            "visited",
        ],
        2,
    );
    for weight in &report.weights {
        for path in &weight.paths {
            rows.add_row([
                weight.content_weight.to_string(),
                format!("{:?}", path.path).to_lowercase(),
                format!("{:.4}", path.recall),
                format!("{:.1} %", 100.0 * path.exact_or_certified),
                format!("{:.0}", path.queries_per_second),
                format!("{:.1} %", 100.0 * path.visited),
            ]);
        }
    }
    let memory = report.resident_bytes.map_or_else(String::new, |bytes| {
        format!(", {:.0} MB in memory", bytes as f64 / 1e6)
    });
    let filtered = match report.filtered.as_slice() {
        [] => String::new(),
        filtered => format!("\n\n{}", filtered::text(filtered)),
    };
    format!(
        "{}: {} tracks, vectors of {} numbers; {} hits a query, {} threads\n         opened in {:.2} s, of which {:.2} s for exact search{memory}\n\n{rows}{filtered}",
        report.version,
        report.tracks,
        report.dim,
        report.limit,
        report.threads,
        report.open_seconds,
        report.exact_build_seconds,
    )
}
