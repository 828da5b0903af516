//! Agreement with ranx, ir_measures and scipy on the lists of `reference/reference.json`, which `reference/reference.py`
//! wrote with the versions pinned beside it.

use crossfade_eval::{Bootstrap, Catalogue, Metric};
use crossfade_matrix::Dense;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    lists: Vec<Vec<u32>>,
    relevant: Vec<Vec<u32>>,
    metrics: Vec<Values>,
    variety: Vec<Variety>,
    catalogue: Tracks,
}

/// A metric's value for each list.
#[derive(Deserialize)]
struct Values {
    metric: Metric,
    ranx: Vec<f64>,
    ir_measures: Vec<f64>,
}

#[derive(Deserialize)]
struct Variety {
    k: usize,
    coverage: f64,
    gini: f64,
    novelty: f64,
    diversity: Option<f64>,
}

#[derive(Deserialize)]
struct Tracks {
    dim: usize,
    values: Vec<f32>,
    listeners: Vec<u32>,
    users: usize,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference/reference.json")).expect("the reference is JSON")
}

fn close(found: f64, expected: f64, what: &str) {
    assert!(
        (found - expected).abs() <= 1e-9,
        "{what}: {found} instead of {expected}"
    );
}

#[test]
fn metrics_agree_with_ranx_and_ir_measures() {
    let reference = reference();
    assert_eq!(reference.metrics.len(), 20);
    for Values {
        metric,
        ranx,
        ir_measures,
    } in &reference.metrics
    {
        let cases = reference.lists.iter().zip(&reference.relevant);
        for (case, (list, relevant)) in cases.enumerate() {
            let found = metric.of(list, relevant);
            close(found, ranx[case], &format!("{metric} of list {case}, ranx"));
            let what = format!("{metric} of list {case}, ir_measures");
            close(found, ir_measures[case], &what);
        }
    }
}

#[test]
fn variety_agrees_with_its_definitions_in_scipy_and_numpy() {
    let reference = reference();
    let tracks = reference.catalogue;
    let embeddings = Dense::new(tracks.listeners.len(), tracks.dim, tracks.values);
    let catalogue = Catalogue {
        listeners: &tracks.listeners,
        users: tracks.users,
        embeddings: Some(&embeddings),
        choices: None,
    };
    let bootstrap = Bootstrap {
        resamples: 1,
        seed: 0,
    };
    for expected in &reference.variety {
        let k = expected.k;
        let found = catalogue.variety(&reference.lists, k, &bootstrap);
        close(found.coverage, expected.coverage, &format!("coverage@{k}"));
        close(found.gini, expected.gini, &format!("Gini@{k}"));
        close(
            found.novelty.mean,
            expected.novelty,
            &format!("novelty@{k}"),
        );
        let diversity = found.diversity.map(|interval| interval.mean);
        assert_eq!(diversity.is_some(), expected.diversity.is_some());
        let values = diversity.zip(expected.diversity);
        if let Some((found, expected)) = values {
            // Rows of f32 are unit vectors to 1e-7 only, and scipy divides by their lengths.
            assert!(
                (found - expected).abs() < 1e-6,
                "diversity@{k}: {found} instead of {expected}"
            );
        }
    }
}
