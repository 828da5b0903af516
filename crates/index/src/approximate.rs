use std::{
    fmt,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use rayon::prelude::*;

use crate::{
    Config, Error, Filter, Found, Hit, JointRows, Query, TopK,
    gate::Gate,
    graph::{self, Graph},
    rows::LARGEST,
};

/// Approximate search: navigable graphs over the joint rows propose candidates, which are then scored exactly.
///
/// The graphs are usearch's HNSW under the raw inner product. (The textbook reduction to cosine by an extra coordinate
/// fails on factor models: that coordinate swamps the others.) Each block is stored at the length
/// [`Config::block_scales`] says (by [`Config::balanced`], best), and the query's part is divided by the same number, so scores are unchanged while the
/// scale decides which block's neighbourhoods the graphs follow.
///
/// The rows are dealt out to [`Config::parts`] graphs in order of falling norm of the first block, and every graph is built
/// by one thread: as many work as there are graphs, and the same rows still give the same files.
///
/// A value is only ever searched: building and opening return a finished index. Any number of threads may search; more
/// than [`Config::concurrent_searches`] wait for each other.
pub struct Approximate {
    rows: JointRows,
    parts: Vec<Graph>,
    gate: Gate,
    scales: Vec<f32>,
}

impl Approximate {
    /// Builds the graphs in the current thread pool, telling `progress` how many rows are in, now and then, from any of the
    /// building threads.
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
        let order = rows.by_falling_norm(0);
        let inserted = AtomicUsize::new(0);
        let parts = (0..config.parts).into_par_iter().map(|part| {
            let graph = graph::create((rows, part), config)?;
            let own = order.iter().skip(part).step_by(config.parts);
            for &row in own {
                graph::insert(&graph, row, &joint(rows, row, &scales))?;
                let done = inserted.fetch_add(1, Ordering::Relaxed) + 1;
                if done.is_multiple_of(REPORT) {
                    progress(done);
                }
            }
            Ok(graph)
        });
        let parts = parts.collect::<Result<Vec<Graph>, Error>>()?;
        progress(rows.len());
        Ok(Self::ready(rows, parts, scales, config))
    }

    /// Writes the graphs to files, as many as the configuration has [`Config::parts`], for [`open`](Self::open) with the
    /// same rows and configuration. `name` says where each goes.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if one cannot be written.
    pub fn save(&self, name: impl Fn(usize) -> PathBuf) -> Result<(), Error> {
        let mut parts = self.parts.iter().enumerate();
        parts.try_for_each(|(part, graph)| graph::save(graph, &name(part)))
    }

    /// How many graphs there are.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Reads graphs that were built for these rows with this configuration.
    ///
    /// The files' shape, format version and size are checked, but the format has no checksum and its links are not
    /// validated: a file with flipped bits may open, and searching it may read out of bounds. **Verify the files' hashes
    /// first**, and never open a file from an untrusted source.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the configuration is not valid, [`Error::Mismatch`] if a file is for other rows or another
    /// configuration, [`Error::File`] if it is missing, cut short or in another format.
    pub fn open(
        name: impl Fn(usize) -> PathBuf + Sync,
        rows: &JointRows,
        config: &Config,
    ) -> Result<Self, Error> {
        let scales = column_scales(rows, config)?;
        let parts = (0..config.parts)
            .into_par_iter()
            .map(|part| graph::open(&name(part), (rows, part), config))
            .collect::<Result<Vec<Graph>, Error>>()?;
        Ok(Self::ready(rows, parts, scales, config))
    }

    /// The best `limit` rows that pass `filter` among `expansion` candidates from the graphs, exactly scored.
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
            let mut candidates = Vec::with_capacity(wanted + self.parts.len());
            for graph in &self.parts {
                let wanted = wanted.div_ceil(self.parts.len());
                candidates.extend(graph::candidates(graph, &scaled, wanted)?);
            }
            candidates
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

    fn ready(rows: &JointRows, parts: Vec<Graph>, scales: Vec<f32>, config: &Config) -> Self {
        Self {
            rows: rows.clone(),
            parts,
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

/// Rows between reports of progress.
const REPORT: usize = 1024;

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

/// A row as the graphs have it.
fn joint(rows: &JointRows, row: u32, scales: &[f32]) -> Vec<f32> {
    let values = (0..rows.blocks()).flat_map(|block| rows.block(block).row(row as usize));
    values
        .zip(scales)
        .map(|(value, scale)| value * scale)
        .collect()
}
