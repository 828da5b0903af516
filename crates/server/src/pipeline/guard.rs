use anyhow::Context;
use crossfade_blend::{BANDS, ContentWeight, Engine, Ranking};
use crossfade_index::{Approximate, Config, Measured, Recall};

use super::{Event, Observer};

/// Content weights at which the graph is measured.
const WEIGHTS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// How many users' queries it is measured with at each weight.
const QUERIES: usize = 200;

/// Builds a graph over the engine's rows where the catalogue is large enough to need one, and measures it. From then on
/// the graph answers at the content weights where it is good enough, on average (`index.recall_floor`) and in every band of
/// popularity (`index.band_recall_floor`), and predicted to be faster; elsewhere exact search does. A graph that is good enough
/// nowhere is left out, and a warning tells so: exact search is slower and right, and what was learned is not to be lost. With or
/// without one, what searches cost is measured.
///
/// # Errors
///
/// If the graph cannot be built.
pub fn with_graph(
    mut engine: Engine,
    observer: Observer<'_>,
) -> anyhow::Result<(Engine, Vec<Recall>)> {
    let config = engine.graph_config();
    let rows = engine.index().rows();
    if rows.len() < config.exact_below_rows {
        engine.calibrate()?;
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
    let bands = engine.bands();
    let recall = WEIGHTS
        .into_iter()
        .map(|weight| measure(&engine, (&graph, &bands), weight))
        .collect::<anyhow::Result<Vec<Recall>>>()?;
    if !recall.iter().any(|at| at.reaches(&config)) {
        observer(Event::Warning(&format!(
            "the graph is left out and all searches are exact, since it is good enough at no content weight: {}; for a \
             better one raise index.expansion_search or index.connectivity, for none raise index.exact_below_rows",
            best(&recall, &config)
        )));
        engine.calibrate()?;
        return Ok((engine, Vec::new()));
    }
    let mut engine = engine.with_graph(graph, config, recall.clone());
    engine.calibrate()?;
    Ok((engine, recall))
}

/// Measures again the graph of an engine that may have one, wherever `promised` says that it answers.
///
/// # Errors
///
/// If it misses more than `index.recall_floor` or `index.band_recall_floor` allows: such a bundle is not published.
pub fn check_recall(engine: &Engine, promised: &[Recall]) -> anyhow::Result<()> {
    let Some(graph) = engine.index().approximate() else {
        return Ok(());
    };
    let config = &engine.model().index;
    let bands = engine.bands();
    for promise in promised.iter().filter(|promise| promise.reaches(config)) {
        let found = measure(engine, (graph, &bands), f64::from(promise.mix))?;
        anyhow::ensure!(
            found.reaches(config),
            "once saved, {}; before it was {}; the bundle is not published",
            shortfall(&found, config),
            described(promise)
        );
    }
    Ok(())
}

/// What the best of the measurements falls short of.
fn best(recall: &[Recall], config: &Config) -> String {
    let best = recall.iter().max_by(|a, b| a.mean.total_cmp(&b.mean));
    best.map_or_else(String::new, |best| shortfall(best, config))
}

fn shortfall(recall: &Recall, config: &Config) -> String {
    format!(
        "at content weight {} it finds {}, and the floors are {} on average (index.recall_floor) and {} in any band of \
         popularity (index.band_recall_floor)",
        recall.mix,
        described(recall),
        config.recall_floor,
        config.band_recall_floor
    )
}

fn described(recall: &Recall) -> String {
    let band = recall
        .weakest_band()
        .map_or_else(String::new, |(band, of)| {
            format!(", {:.4} in the {} of listening", of.found, BANDS[band])
        });
    format!("{:.4} of the exact answers{band}", recall.mean)
}

/// How much of the exact answers the graph finds on real users' queries at one content weight.
fn measure(
    engine: &Engine,
    (approximate, bands): (&Approximate, &[u8]),
    weight: f64,
) -> anyhow::Result<Recall> {
    let index = engine.index();
    let measured = Measured::new(index.rows(), index.exact(), approximate, index.config());
    let measured = measured.by_band(bands);
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
