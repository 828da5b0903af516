use anyhow::Context;
use crossfade_blend::{ContentWeight, Engine, Ranking};
use crossfade_index::{Approximate, Measured, Recall};

use super::{Event, Observer};

/// Content weights at which the graph is measured.
const WEIGHTS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// How many users' queries it is measured with at each weight.
const QUERIES: usize = 200;

/// Builds a graph over the engine's rows where the catalogue is large enough to need one, and measures it.
///
/// # Errors
///
/// If the graph cannot be built, or misses more than `index.recall_floor` allows.
pub fn with_graph(engine: Engine, observer: Observer<'_>) -> anyhow::Result<(Engine, Vec<Recall>)> {
    let config = &engine.model().index;
    let rows = engine.index().rows();
    if rows.len() < config.exact_below_rows {
        return Ok((engine, Vec::new()));
    }
    let total = rows.len() as u64;
    let graph = Approximate::build(rows, config, &|done: usize| {
        observer(Event::Progress {
            done: done as u64,
            total,
        });
    })
    .context("the graph cannot be built")?;
    let recall = measure(&engine, &graph)?;
    Ok((engine.with_graph(graph, recall.clone()), recall))
}

/// Measures the graph of an engine that may have one.
///
/// # Errors
///
/// If it misses more than `index.recall_floor` allows: such a bundle is not published.
pub fn check_recall(engine: &Engine) -> anyhow::Result<Vec<Recall>> {
    match engine.index().approximate() {
        None => Ok(Vec::new()),
        Some(graph) => measure(engine, graph),
    }
}

/// How much of the exact answers the graph finds on real users' queries, at every kind of blend.
fn measure(engine: &Engine, approximate: &Approximate) -> anyhow::Result<Vec<Recall>> {
    let config = &engine.model().index;
    let measured = Measured {
        rows: engine.index().rows(),
        exact: engine.index().exact(),
        approximate,
        limit: config.recall_at,
        expansion: config.expansion_search,
    };
    WEIGHTS
        .into_iter()
        .map(|weight| {
            let queries = queries(engine, weight)?;
            let recall = measured.recall(weight as f32, &queries)?;
            anyhow::ensure!(
                recall.mean >= config.recall_floor,
                "at content weight {weight} the graph finds {:.4} of the exact top {}, below the floor of {} \
                 (index.recall_floor); raise index.expansion_search or index.connectivity",
                recall.mean,
                recall.limit,
                config.recall_floor
            );
            Ok(recall)
        })
        .collect()
}

fn queries(engine: &Engine, weight: f64) -> anyhow::Result<Vec<Vec<f32>>> {
    let users = engine.model().users.len();
    let step = users.div_ceil(QUERIES).max(1);
    let ranking = Ranking::Blend(ContentWeight::new(weight));
    let mut queries = Vec::with_capacity(QUERIES);
    for user in (0..users as u32).step_by(step) {
        let listener = engine.listener(Some(user), &[])?;
        queries.extend(engine.joint_query(&listener, ranking));
    }
    Ok(queries)
}
