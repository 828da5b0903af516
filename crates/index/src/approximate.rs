use std::{
    fmt,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    Config, Error, Filter, Found, Hit, JointRows, Query, TopK,
    gate::Gate,
    graph::{self, Graph},
    rows::LARGEST,
};

/// Approximate search: a navigable graph over the joint rows proposes candidates, which are then scored exactly.
///
/// The graph is usearch's HNSW under the raw inner product. (The textbook reduction to cosine by an extra coordinate
/// fails on factor models: that coordinate swamps the others.) Each block is stored at the length
/// [`Config::block_scales`] says (by [`Config::balanced`], best), and the query's part is divided by the same number, so scores are unchanged while the
/// scale decides which block's neighbourhoods the graph follows.
///
/// A value is only ever searched: building and opening return a finished index. Any number of threads may search; more
/// than [`Config::concurrent_searches`] wait for each other.
pub struct Approximate {
    rows: JointRows,
    graph: Graph,
    gate: Gate,
    scales: Vec<f32>,
}

impl Approximate {
    /// Builds the graph, telling `progress` how many rows are in, now and then, from any of the building threads.
    ///
    /// Rows are inserted in order of falling norm of the first block. The result is the same for the same rows and
    /// configuration if [`Config::build_threads`] is 1.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the configuration is not valid, [`Error::RowsTooLarge`] if products of rows could overflow,
    /// [`Error::Graph`] if the library fails.
    pub fn build(
        rows: &JointRows,
        config: &Config,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Self, Error> {
        let scales = column_scales(rows, config)?;
        check_products(rows, config)?;
        let threads = config.build_threads.max(config.concurrent_searches);
        let graph = graph::create(rows, config, threads)?;
        let order = rows.by_falling_norm(0);
        let next = AtomicUsize::new(0);
        let insert = || insert_all(rows, &graph, (&order, &next), &scales, progress);
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..config.build_threads)
                .map(|_| scope.spawn(insert))
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| match worker.join() {
                    Ok(inserted) => inserted,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
        })?;
        progress(rows.len());
        Ok(Self::ready(rows, graph, scales, config))
    }

    /// Writes the graph to a file, for [`open`](Self::open) with the same rows and configuration.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        graph::save(&self.graph, path)
    }

    /// Reads a graph that was built for these rows with this configuration.
    ///
    /// The file's shape, format version and size are checked, but the format has no checksum and its links are not
    /// validated: a file with flipped bits may open, and searching it may read out of bounds. **Verify the file's hash
    /// first**, and never open a file from an untrusted source.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the configuration is not valid, [`Error::Mismatch`] if the file is for other rows or another
    /// configuration, [`Error::File`] if it is missing, cut short or in another format.
    pub fn open(path: &Path, rows: &JointRows, config: &Config) -> Result<Self, Error> {
        let scales = column_scales(rows, config)?;
        let graph = graph::open(path, rows, config)?;
        Ok(Self::ready(rows, graph, scales, config))
    }

    /// The best `limit` rows that pass `filter` among `expansion` candidates from the graph, exactly scored.
    ///
    /// May return fewer than `limit` although more rows would pass.
    ///
    /// # Errors
    ///
    /// [`Error::QueryTooLarge`] if the query overflows when divided by the scales, [`Error::Graph`] if the library fails,
    /// for example for want of memory.
    pub fn search(
        &self,
        query: &Query<'_>,
        limit: usize,
        expansion: usize,
        filter: &Filter<'_>,
    ) -> Result<Found, Error> {
        let limit = limit.min(self.rows.len());
        let wanted = expansion.max(limit).min(self.rows.len());
        if limit == 0 {
            return Ok(Found::default());
        }
        let scaled: Vec<f32> = query
            .values()
            .iter()
            .zip(&self.scales)
            .map(|(value, scale)| value / scale)
            .collect();
        // The library must not meet a number that is not finite.
        if !scaled.iter().all(|value| value.is_finite()) {
            let bound = f64::INFINITY;
            return Err(Error::QueryTooLarge { bound });
        }
        let candidates = {
            let _pass = self.gate.enter();
            graph::candidates(&self.graph, &scaled, wanted)?
        };
        let mut top = TopK::new(limit);
        let passing = candidates.iter().filter(|&&row| filter.admits(row));
        for &row in passing {
            let score = self.rows.dot(query, row);
            top.push(Hit { row, score });
        }
        Ok(Found {
            hits: top.into_ranked(),
            visited: candidates.len(),
        })
    }

    fn ready(rows: &JointRows, graph: Graph, scales: Vec<f32>, config: &Config) -> Self {
        Self {
            rows: rows.clone(),
            graph,
            gate: Gate::new(config.concurrent_searches),
            scales,
        }
    }
}

impl fmt::Debug for Approximate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approximate")
            .field("rows", &self.rows.len())
            .field("dim", &self.rows.dim())
            .finish_non_exhaustive()
    }
}

/// The scale of each joint column.
fn column_scales(rows: &JointRows, config: &Config) -> Result<Vec<f32>, Error> {
    config.validate()?;
    let given = &config.block_scales;
    if !given.is_empty() && given.len() != rows.blocks() {
        return Err(Error::Config {
            field: "block_scales",
            problem: "must be empty or have one number per block",
        });
    }
    Ok((0..rows.blocks())
        .flat_map(|block| {
            let scale = given.get(block).copied().unwrap_or(1.0);
            std::iter::repeat_n(scale, rows.span(block).len())
        })
        .collect())
}

/// Refuses rows whose products in the graph could overflow.
fn check_products(rows: &JointRows, config: &Config) -> Result<(), Error> {
    let length = |block: usize| {
        let scale = config.block_scales.get(block).copied().unwrap_or(1.0);
        f64::from(rows.longest(block)) * f64::from(scale)
    };
    let bound: f64 = (0..rows.blocks()).map(|block| length(block).powi(2)).sum();
    if bound > LARGEST {
        return Err(Error::RowsTooLarge { bound });
    }
    Ok(())
}

fn insert_all(
    rows: &JointRows,
    graph: &Graph,
    (order, next): (&[u32], &AtomicUsize),
    scales: &[f32],
    progress: &(dyn Fn(usize) + Sync),
) -> Result<(), Error> {
    const REPORT: usize = 1024;
    let mut joint = Vec::with_capacity(rows.dim());
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(&row) = order.get(at) else {
            return Ok(());
        };
        if at.is_multiple_of(REPORT) {
            progress(at);
        }
        joint.clear();
        for block in 0..rows.blocks() {
            joint.extend_from_slice(rows.block(block).row(row as usize));
        }
        for (value, scale) in joint.iter_mut().zip(scales) {
            *value *= scale;
        }
        if let Err(error) = graph::insert(graph, row, &joint) {
            // The other threads have nothing left to add to a failed build.
            next.store(order.len(), Ordering::Relaxed);
            return Err(error);
        }
    }
}
