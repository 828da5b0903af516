//! The only place that talks to usearch.
//!
//! What its documentation does not say, found in its source (2.26): a search or insertion that finds no free thread slot
//! fails rather than waits; reserving while others use the index is a race; the number of results is allocated before
//! the search; loading replaces the metric by a built-in one; it is compiled with -ffast-math, so nothing that is not
//! finite may reach it.

use std::{fs::File, io::Read, path::Path};

use usearch::{Index, IndexOptions, MetricKind, ScalarKind, VectorType};

use crate::{Config, Error, JointRows, kernel};

pub(crate) type Graph = Index;

/// An empty graph with room for every row and this many threads.
pub(crate) fn create(rows: &JointRows, config: &Config, threads: usize) -> Result<Graph, Error> {
    let mut graph = Index::new(&options(rows, config)).map_err(failed)?;
    set_metric(&mut graph, rows.dim())?;
    graph
        .reserve_capacity_and_threads(rows.len(), threads)
        .map_err(failed)?;
    Ok(graph)
}

pub(crate) fn insert(graph: &Graph, row: u32, joint: &[f32]) -> Result<(), Error> {
    graph.add(u64::from(row), joint).map_err(failed)
}

/// The rows the graph finds nearest, `wanted` of them if it can.
///
/// The library widens its search to the number of results asked for, so `wanted` is the expansion of this one search.
pub(crate) fn candidates(graph: &Graph, query: &[f32], wanted: usize) -> Result<Vec<u32>, Error> {
    let matches = graph.search(query, wanted).map_err(failed)?;
    Ok(matches.keys.into_iter().map(|key| key as u32).collect())
}

pub(crate) fn save(graph: &Graph, path: &Path) -> Result<(), Error> {
    graph
        .save(text(path)?)
        .map_err(|error| in_file(path, error))
}

pub(crate) fn open(path: &Path, rows: &JointRows, config: &Config) -> Result<Graph, Error> {
    check_shape(path, rows)?;
    let name = text(path)?;
    let mut graph = Index::new(&options(rows, config)).map_err(failed)?;
    graph.load(name).map_err(|error| in_file(path, error))?;
    let mismatch = |field, found: usize, expected: usize| Error::Mismatch {
        path: path.into(),
        field,
        found: found as u64,
        expected: expected as u64,
    };
    for (field, found, expected) in [
        ("columns", graph.dimensions(), rows.dim()),
        ("rows", graph.size(), rows.len()),
        ("connectivity", graph.connectivity(), config.connectivity),
    ] {
        if found != expected {
            return Err(mismatch(field, found, expected));
        }
    }
    if graph.metric_kind() != MetricKind::IP || graph.scalar_kind() != ScalarKind::F32 {
        return Err(in_file(path, "another metric or number format"));
    }
    set_metric(&mut graph, rows.dim())?;
    graph
        .reserve_capacity_and_threads(rows.len(), config.concurrent_searches)
        .map_err(failed)?;
    Ok(graph)
}

/// Checks that the file begins with a matrix of the right shape and is long enough to hold it, because the library
/// allocates what the first bytes say before it looks any further.
fn check_shape(path: &Path, rows: &JointRows) -> Result<(), Error> {
    let mut file = File::open(path).map_err(|error| in_file(path, error))?;
    let mut head = [[0; 4]; 2];
    file.read_exact(head.as_flattened_mut())
        .map_err(|error| in_file(path, error))?;
    let length = file.metadata().map_err(|error| in_file(path, error))?.len();
    let expected = [rows.len() as u64, rows.dim() as u64 * 4];
    let found = head.map(|number| u64::from(u32::from_le_bytes(number)));
    for (field, at) in [("rows", 0), ("bytes a row", 1)] {
        if found[at] != expected[at] {
            return Err(Error::Mismatch {
                path: path.into(),
                field,
                found: found[at],
                expected: expected[at],
            });
        }
    }
    let needed = 8 + expected[0] * expected[1];
    if length < needed {
        return Err(Error::Mismatch {
            path: path.into(),
            field: "bytes",
            found: length,
            expected: needed,
        });
    }
    Ok(())
}

fn options(rows: &JointRows, config: &Config) -> IndexOptions {
    IndexOptions {
        dimensions: rows.dim(),
        metric: MetricKind::IP,
        quantization: ScalarKind::F32,
        connectivity: config.connectivity,
        expansion_add: config.expansion_add,
        // The number of results asked for decides; see `candidates`.
        expansion_search: 1,
        multi: false,
    }
}

/// Makes the graph compare by this crate's inner product.
#[allow(
    unsafe_code,
    reason = "the library hands over vectors as bare pointers"
)]
fn set_metric(graph: &mut Graph, dim: usize) -> Result<(), Error> {
    let metric = Box::new(move |a: *const f32, b: *const f32| {
        // SAFETY: the library calls a metric on two live vectors of the index's dimension and scalar kind only: rows
        // that were added as, or loaded into, `dim` aligned f32, and queries whose length it has checked.
        let (a, b) = unsafe {
            (
                std::slice::from_raw_parts(a, dim),
                std::slice::from_raw_parts(b, dim),
            )
        };
        -kernel::dot(a, b)
    });
    // Not `Index::change_metric`, which panics where this fails.
    f32::change_metric(graph, metric).map_err(failed)
}

fn text(path: &Path) -> Result<&str, Error> {
    path.to_str()
        .ok_or_else(|| in_file(path, "the library needs a UTF-8 path"))
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Graph(error.into())
}

fn in_file(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::File {
        path: path.into(),
        source: error.into(),
    }
}
