use crate::{
    Filter, Hit, JointRows, Query, TopK,
    bound::Slack,
    exact::{Found, GROUP},
};

/// One exact search under way: the best hits so far, and scratch for one group of rows.
pub(crate) struct Scan<'a> {
    rows: &'a JointRows,
    query: &'a Query<'a>,
    filter: Filter<'a>,
    slack: Slack,
    top: TopK,
    visited: usize,
    // Blocks whose part of the query is not zero; the others add nothing to any score.
    active: Vec<usize>,
    // The rows of the group that can still enter, with what is known of them.
    alive: Vec<Candidate>,
    // The group's block products, by block and then position in the group. Inactive blocks stay zero.
    products: Vec<f32>,
    gathered: Vec<u32>,
    results: Vec<f32>,
}

#[derive(Clone, Copy)]
struct Candidate {
    row: u32,
    // Position in the group.
    at: usize,
    // No score this row can have exceeds it.
    bound: f64,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(
        rows: &'a JointRows,
        query: &'a Query<'a>,
        top: TopK,
        filter: Filter<'a>,
    ) -> Self {
        let norms = query.norms();
        Self {
            rows,
            query,
            filter,
            slack: rows.slack(),
            top,
            visited: 0,
            active: (0..rows.blocks()).filter(|&b| norms[b] > 0.0).collect(),
            alive: Vec::with_capacity(GROUP),
            products: vec![0.0; rows.blocks() * GROUP],
            gathered: Vec::with_capacity(GROUP),
            results: vec![0.0; GROUP],
        }
    }

    pub(crate) fn finish(self) -> Found {
        Found {
            hits: self.top.into_ranked(),
            visited: self.visited,
        }
    }

    /// Offers a group of at most [`GROUP`] rows, reading of each only as much as its bound does not exclude.
    pub(crate) fn visit(&mut self, group: &[u32]) {
        let Some(threshold) = self.top.threshold() else {
            return self.score_all(group);
        };
        let threshold = f64::from(threshold);
        self.bound(group, threshold);
        self.visited += self.alive.len();
        self.order_blocks();
        for stage in 0..self.active.len() {
            let block = self.active[stage];
            self.read(block);
            self.replace_bound(block, threshold);
        }
        self.offer();
    }

    /// Scores every allowed row of a group.
    pub(crate) fn score_all(&mut self, group: &[u32]) {
        self.alive.clear();
        for (at, &row) in group.iter().enumerate() {
            if self.filter.allows(row) {
                let bound = f64::INFINITY;
                self.alive.push(Candidate { row, at, bound });
            }
        }
        self.visited += self.alive.len();
        for stage in 0..self.active.len() {
            self.read(self.active[stage]);
        }
        self.offer();
    }

    /// Starts with the allowed rows of a group whose norms do not exclude them.
    fn bound(&mut self, group: &[u32], threshold: f64) {
        self.alive.clear();
        for (at, &row) in group.iter().enumerate() {
            let size: f64 = self.active.iter().map(|&b| self.reach(b, row)).sum();
            let bound = size + self.slack.of(size);
            if bound >= threshold && self.filter.allows(row) {
                self.alive.push(Candidate { row, at, bound });
            }
        }
    }

    /// Puts first the block that stands to exclude most per value read: the one whose bounds are largest for its width.
    fn order_blocks(&mut self) {
        let gain = |&block: &usize| {
            let reached: f64 = self
                .alive
                .iter()
                .map(|one| self.reach(block, one.row))
                .sum();
            reached / self.rows.span(block).len() as f64
        };
        let mut gains: Vec<(f64, usize)> = self.active.iter().map(|b| (gain(b), *b)).collect();
        gains.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (place, (_, block)) in self.active.iter_mut().zip(gains) {
            *place = block;
        }
    }

    /// Computes one block's products for the rows that are alive.
    fn read(&mut self, block: usize) {
        self.gathered.clear();
        self.gathered.extend(self.alive.iter().map(|one| one.row));
        let results = &mut self.results[..self.alive.len()];
        self.rows
            .block_dots(block, self.query, &self.gathered, results);
        for (one, &product) in self.alive.iter().zip(&*results) {
            self.products[block * GROUP + one.at] = product;
        }
    }

    /// Puts the products just read in the place of their bounds and drops the rows that can no longer enter.
    fn replace_bound(&mut self, block: usize, threshold: f64) {
        let norms = self.rows.norms(block);
        let length = self.query.norms()[block];
        let products = &self.products[block * GROUP..];
        self.alive.retain_mut(|one| {
            one.bound += f64::from(products[one.at]) - length * f64::from(norms[one.row as usize]);
            one.bound >= threshold
        });
    }

    /// Adds the products up in the order of the blocks, as [`JointRows::dot`] does, and offers the scores.
    fn offer(&mut self) {
        for one in &self.alive {
            let products = self.products.iter().skip(one.at).step_by(GROUP);
            let hit = Hit {
                row: one.row,
                score: products.fold(0.0, |sum, product| sum + product),
            };
            if self.top.admits(hit) && !self.filter.denies(hit.row) {
                self.top.push(hit);
            }
        }
    }

    fn reach(&self, block: usize, row: u32) -> f64 {
        self.query.norms()[block] * f64::from(self.rows.norms(block)[row as usize])
    }
}
