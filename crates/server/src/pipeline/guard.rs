use anyhow::Context;
use crossfade_blend::{ContentWeight, Engine, Ranking};
use crossfade_index::{Approximate, Measured, Recall};

use super::{Event, Observer};

/// Content weights at which the graph is measured.
const WEIGHTS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// How many users' queries it is measured with at each weight.
const QUERIES: usize = 200;

/// Builds a graph over the engine's rows where the catalogue is large enough to need one, and measures it. From then on
/// the graph answers at the content weights where it reaches `index.recall_floor`; at others the exact search does.
///
/// # Errors
///
/// If the graph cannot be built, or reaches the floor nowhere.
pub fn with_graph(engine: Engine, observer: Observer<'_>) -> anyhow::Result<(Engine, Vec<Recall>)> {
    let config = engine.graph_config();
    let rows = engine.index().rows();
    if rows.len() < config.exact_below_rows {
        return Ok((engine, Vec::new()));
    }
    let total = rows.len() as u64;
    let graph = Approximate::build(rows, &config, &|done: usize| {
        observer(Event::Progress {
            done: done as u64,
            total,
        });
    })
    .context("the graph cannot be built")?;
    let recall = WEIGHTS
        .into_iter()
        .map(|weight| measure(&engine, &graph, weight))
        .collect::<anyhow::Result<Vec<Recall>>>()?;
    let floor = config.recall_floor;
    let best = recall.iter().map(|at| at.mean).fold(0.0, f32::max);
    anyhow::ensure!(
        best >= floor,
        "the graph finds at best {best:.4} of the exact answer, below the floor of {floor} (index.recall_floor); \
         raise index.expansion_search or index.connectivity, or search exactly by raising index.exact_below_rows"
    );
    Ok((engine.with_graph(graph, config, recall.clone()), recall))
}

/// Measures again the graph of an engine that may have one, wherever `promised` says that it answers.
///
/// # Errors
///
/// If it misses more than `index.recall_floor` allows: such a bundle is not published.
pub fn check_recall(engine: &Engine, promised: &[Recall]) -> anyhow::Result<()> {
    let Some(graph) = engine.index().approximate() else {
        return Ok(());
    };
    let floor = engine.model().index.recall_floor;
    for promise in promised.iter().filter(|promise| promise.mean >= floor) {
        let found = measure(engine, graph, f64::from(promise.mix))?;
        anyhow::ensure!(
            found.mean >= floor,
            "at content weight {} the graph finds {:.4} of the exact answer once saved, {:.4} before, \
             and the floor is {floor} (index.recall_floor); the bundle is not published",
            promise.mix,
            found.mean,
            promise.mean
        );
    }
    Ok(())
}

/// How much of the exact answers the graph finds on real users' queries at one content weight.
fn measure(engine: &Engine, approximate: &Approximate, weight: f64) -> anyhow::Result<Recall> {
    let index = engine.index();
    let measured = Measured::new(index.rows(), index.exact(), approximate, index.config());
    let queries = queries(engine, weight, QUERIES)?;
    Ok(measured.recall(weight as f32, &queries)?)
}

/// The joint queries of at most `most` users, evenly spread, at one content weight; users without evidence are left out.
pub(crate) fn queries(engine: &Engine, weight: f64, most: usize) -> anyhow::Result<Vec<Vec<f32>>> {
    let users = engine.model().users.len();
    let step = users.div_ceil(most.max(1)).max(1);
    let ranking = Ranking::Blend(ContentWeight::new(weight));
    let mut queries = Vec::with_capacity(users.div_ceil(step));
    for user in (0..users as u32).step_by(step) {
        let listener = engine.listener(Some(user), &[])?;
        queries.extend(engine.joint_query(&listener, ranking));
    }
    Ok(queries)
}
