//! The only place that talks to usearch.
//!
//! What its documentation does not say, found in its source (2.26): a search or insertion that finds no free thread slot
//! fails rather than waits; reserving while others use the index is a race; the number of results is allocated before
//! the search; loading replaces the metric by a built-in one; it is compiled with -ffast-math, so nothing that is not
//! finite may reach it.
//!
//! The library is given vectors as bytes ([`encode`]) and told how to compare them: an 8-bit whole number a value, and the
//! scale of the vector. That is a quarter of the memory, which is most of the time: every comparison is a vector somewhere
//! else. What is lost does not matter for candidates, whose scores are computed from the rows themselves.

use std::{fs::File, io::Read, path::Path};

use usearch::{Index, IndexOptions, MetricKind, ScalarKind, VectorType};

use crate::{Config, Error, JointRows};

pub(crate) type Graph = Index;

/// An empty graph with room for the rows of a part.
pub(crate) fn create((rows, part): (&JointRows, usize), config: &Config) -> Result<Graph, Error> {
    let mut graph = Index::new(&options(rows, config)).map_err(failed)?;
    set_metric(&mut graph, rows.dim())?;
    graph
        .reserve_capacity_and_threads(size(rows, part, config), config.concurrent_searches)
        .map_err(failed)?;
    Ok(graph)
}

/// How many rows a part has when all are dealt out.
fn size(rows: &JointRows, part: usize, config: &Config) -> usize {
    (rows.len() + config.parts - 1 - part) / config.parts
}

pub(crate) fn insert(graph: &Graph, row: u32, joint: &[f32]) -> Result<(), Error> {
    graph.add(u64::from(row), &encode(joint)).map_err(failed)
}

/// The rows the graph finds nearest, `wanted` of them if it can.
///
/// The library widens its search to the number of results asked for, so `wanted` is the expansion of this one search.
pub(crate) fn candidates(graph: &Graph, query: &[f32], wanted: usize) -> Result<Vec<u32>, Error> {
    let matches = graph.search(&encode(query), wanted).map_err(failed)?;
    Ok(matches.keys.into_iter().map(|key| key as u32).collect())
}

pub(crate) fn save(graph: &Graph, path: &Path) -> Result<(), Error> {
    graph
        .save(text(path)?)
        .map_err(|error| in_file(path, error))
}

/// Reads the graph of a part.
pub(crate) fn open(
    path: &Path,
    (rows, part): (&JointRows, usize),
    config: &Config,
) -> Result<Graph, Error> {
    let count = size(rows, part, config);
    check_shape(path, [count, bytes(rows.dim())])?;
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
        ("bytes a row", graph.dimensions(), bytes(rows.dim())),
        ("rows", graph.size(), count),
        ("connectivity", graph.connectivity(), config.connectivity),
    ] {
        if found != expected {
            return Err(mismatch(field, found, expected));
        }
    }
    if graph.metric_kind() != MetricKind::IP || graph.scalar_kind() != ScalarKind::I8 {
        return Err(in_file(path, "another metric or number format"));
    }
    set_metric(&mut graph, rows.dim())?;
    graph
        .reserve_capacity_and_threads(count, config.concurrent_searches)
        .map_err(failed)?;
    Ok(graph)
}

/// Checks that the file begins with a matrix of the right shape and is long enough to hold it, because the library
/// allocates what the first bytes say before it looks any further.
fn check_shape(path: &Path, shape: [usize; 2]) -> Result<(), Error> {
    let mut file = File::open(path).map_err(|error| in_file(path, error))?;
    let mut head = [[0; 4]; 2];
    file.read_exact(head.as_flattened_mut())
        .map_err(|error| in_file(path, error))?;
    let length = file.metadata().map_err(|error| in_file(path, error))?.len();
    let expected = shape.map(|number| number as u64);
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
        dimensions: bytes(rows.dim()),
        metric: MetricKind::IP,
        quantization: ScalarKind::I8,
        connectivity: config.connectivity,
        expansion_add: config.expansion_add,
        // The number of results asked for decides; see `candidates`.
        expansion_search: 1,
        multi: false,
    }
}

/// Values compared at a time.
const WIDTH: usize = 16;

/// Bytes of a vector of so many values.
fn bytes(columns: usize) -> usize {
    columns + size_of::<f32>()
}

/// A vector in whole numbers from -127 to 127, followed by what they are multiples of, an `f32`.
fn encode(vector: &[f32]) -> Vec<i8> {
    let longest = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let inverse = match longest > 0.0 {
        true => 127.0 / f64::from(longest),
        false => 0.0,
    };
    let mut coded = Vec::with_capacity(bytes(vector.len()));
    // Not beyond 127, as the longest is a double-precision 127 itself.
    coded.extend(
        vector
            .iter()
            .map(|&x| (f64::from(x) * inverse).round() as i8),
    );
    coded.extend((longest / 127.0).to_le_bytes().map(u8::cast_signed));
    coded
}

/// The inner product of two encoded vectors.
#[inline(always)]
fn product(a: &[i8], b: &[i8]) -> f32 {
    let (Some((a, scale_a)), Some((b, scale_b))) = (a.split_last_chunk(), b.split_last_chunk())
    else {
        return 0.0;
    };
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<WIDTH>(), b.as_chunks::<WIDTH>());
    let part = |a: i8, b: i8| i32::from(i16::from(a) * i16::from(b));
    let mut sums = [0; WIDTH / 2];
    for (a, b) in a.iter().zip(b) {
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum += part(a[2 * at], b[2 * at]) + part(a[2 * at + 1], b[2 * at + 1]);
        }
    }
    let rest: i32 = rest_a.iter().zip(rest_b).map(|(&a, &b)| part(a, b)).sum();
    let scale = |bytes: &[i8; 4]| f32::from_le_bytes(bytes.map(i8::cast_unsigned));
    scale(scale_a) * scale(scale_b) * (sums.iter().sum::<i32>() + rest) as f32
}

/// Makes the graph compare by this crate's inner product.
#[allow(
    unsafe_code,
    reason = "the library hands over vectors as bare pointers"
)]
fn set_metric(graph: &mut Graph, dim: usize) -> Result<(), Error> {
    let bytes = bytes(dim);
    let metric = Box::new(move |a: *const i8, b: *const i8| {
        // SAFETY: the library calls a metric on two live vectors of the index's dimension and scalar kind only: rows
        // that were added as, or loaded into, `bytes` bytes, and queries whose length it has checked.
        let (a, b) = unsafe {
            (
                std::slice::from_raw_parts(a, bytes),
                std::slice::from_raw_parts(b, bytes),
            )
        };
        // Compiled for the processor's widest registers.
        -pulp::Arch::new().dispatch(
            #[inline(always)]
            || product(a, b),
        )
    });
    // Not `Index::change_metric`, which panics where this fails.
    i8::change_metric(graph, metric).map_err(failed)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_encoded_vectors_are_close_whatever_their_lengths() {
        for (columns, size) in [(1, 1.0_f32), (16, 1e-6), (97, 1e6), (40, 0.0)] {
            let value = |at: usize| size * (at as f32 * 0.7 + 1.0).sin();
            let a: Vec<f32> = (0..columns).map(value).collect();
            let b: Vec<f32> = (0..columns).map(|at| value(at + 5)).collect();
            let exact: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            let length = |vector: &[f32]| vector.iter().map(|x| x * x).sum::<f32>().sqrt();
            let found = product(&encode(&a), &encode(&b));
            assert_eq!(encode(&a).len(), bytes(columns));
            // Half a step of either in each column at most, in any direction.
            let most = length(&a) * length(&b) * (columns as f32).sqrt() / 100.0;
            assert!(
                (found - exact).abs() <= most,
                "{columns}: {found}, not {exact}"
            );
        }
    }
}
