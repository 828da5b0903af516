use crate::{
    Cancel, Filter, Hit, JointRows, Query, TopK,
    codes::Codes,
    exact::Found,
    integer::LANES,
    parts::{Coded, Part},
    pass::Pass,
    sieve::Sieve,
};

/// Groups that queries searching together go through in turn: their codes and the queries' own share the second-level
/// cache.
const STRETCH: usize = 256;
/// Groups that a single query goes through before it looks whether it was cancelled: a fraction of a millisecond.
const UNCANCELLED: usize = 2_048;

/// Coded copies of the rows in the order of a search, to tell which rows must be scored.
///
/// Rows lie in order of falling norm of the first block, sixteen to a group. A search goes through the groups and asks
/// whether any row could still be among the best: of all that follow, by the longest of them; of each row, by its length
/// and what is known of distinct vectors; and then by the estimates from its codes. What is left, hardly more rows than
/// were asked for, is scored as always.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    rows: JointRows,
    order: Vec<u32>,
    blocks: Vec<Coded>,
}

/// What a search of a screen is told besides the query.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) limit: usize,
    pub(crate) filter: &'a Filter<'a>,
    /// A score that `limit` rows are known to reach.
    pub(crate) floor: Option<f32>,
    /// What says that nobody waits any more, if anything may.
    pub(crate) cancel: Option<&'a Cancel>,
}

impl Wanted<'_> {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(Cancel::is_cancelled)
    }
}

impl Screen {
    /// Sorts and codes the rows; `None` if they are too long or too wide for that. Costs a byte a value, and some twenty
    /// bytes a row.
    pub(crate) fn new(rows: &JointRows) -> Option<Self> {
        let fit = |block| Codes::fit(rows.block(block).columns(), rows.longest(block));
        if !(0..rows.blocks()).all(fit) {
            return None;
        }
        let order = rows.by_falling_norm(0);
        Some(Self {
            blocks: (0..rows.blocks())
                .map(|block| Coded::new(rows.block(block), &order, block > 0))
                .collect(),
            order,
            rows: rows.clone(),
        })
    }

    /// The rows in the order of a search.
    pub(crate) fn order(&self) -> &[u32] {
        &self.order
    }

    /// The best rows that pass the filter; `None` if the query is too long or too short to be coded. If it is cancelled, what
    /// it finds is not the answer.
    pub(crate) fn search(&self, query: &Query<'_>, wanted: Wanted<'_>) -> Option<Found> {
        let parts = self.parts(query)?;
        let mut pass = self.begin(&parts, wanted);
        for start in (0..self.groups()).step_by(UNCANCELLED) {
            if wanted.is_cancelled() {
                return Some(Found::default());
            }
            let end = self.groups().min(start + UNCANCELLED);
            if !pass.advance(start..end) {
                break;
            }
        }
        Some(self.finish(query, pass, wanted.limit))
    }

    /// As [`search`](Self::search), for many queries: they go through the codes together, a stretch at a time, which is then
    /// read from memory once for all of them. `None` where nothing is asked for, too.
    pub(crate) fn search_all(&self, asked: &[(&Query<'_>, Wanted<'_>)]) -> Vec<Option<Found>> {
        let parts: Vec<Option<Vec<Part<'_>>>> =
            asked.iter().map(|(query, _)| self.parts(query)).collect();
        let mut passes: Vec<Option<Pass<'_>>> = parts
            .iter()
            .zip(asked)
            .map(|(parts, &(_, wanted))| {
                let parts = parts.as_ref().filter(|_| wanted.limit > 0)?;
                Some(self.begin(parts, wanted))
            })
            .collect();
        let mut under_way: Vec<&mut Pass<'_>> = passes.iter_mut().flatten().collect();
        for start in (0..self.groups()).step_by(STRETCH) {
            if asked.iter().any(|(_, wanted)| wanted.is_cancelled()) {
                break;
            }
            let end = self.groups().min(start + STRETCH);
            under_way.retain_mut(|pass| pass.advance(start..end));
        }
        let finish = |(pass, &(query, wanted)): (Option<Pass<'_>>, &(&Query<'_>, Wanted<'_>))| {
            Some(self.finish(query, pass?, wanted.limit))
        };
        passes.into_iter().zip(asked).map(finish).collect()
    }

    fn begin<'a>(&'a self, parts: &'a [Part<'a>], wanted: Wanted<'a>) -> Pass<'a> {
        let sieve = Sieve::new(wanted, self.tiny());
        Pass::begin(&self.order, parts, (sieve, wanted.limit))
    }

    fn finish(&self, query: &Query<'_>, pass: Pass<'_>, limit: usize) -> Found {
        let (candidates, visited) = pass.finish();
        Found {
            hits: self.score(query, &candidates, limit),
            visited,
        }
    }

    fn groups(&self) -> usize {
        self.order.len().div_ceil(LANES)
    }

    /// How many rows lie before the place from which on no row can score `floor`; `None` as for [`search`](Self::search).
    pub(crate) fn open(&self, query: &Query<'_>, floor: f32) -> Option<usize> {
        let parts = self.parts(query)?;
        let wanted = Wanted {
            limit: 0,
            filter: &Filter::all(),
            floor: Some(floor),
            cancel: None,
        };
        let cut = Sieve::new(wanted, self.tiny()).cut();
        let ahead = |group: usize| parts.iter().map(|part| part.ahead(group)).sum::<f32>();
        let (mut open, mut end) = (0, self.order.len().div_ceil(LANES));
        while open < end {
            let middle = open.midpoint(end);
            match ahead(middle) >= cut {
                true => open = middle + 1,
                false => end = middle,
            }
        }
        Some(open * LANES)
    }

    /// The parts of the query that are not zero.
    fn parts(&self, query: &Query<'_>) -> Option<Vec<Part<'_>>> {
        let active = (0..self.blocks.len()).filter(|&block| query.norms()[block] > 0.0);
        active
            .map(|block| {
                let values = &query.values()[self.rows.span(block)];
                let slack = (self.rows.slack(), self.blocks.len());
                self.blocks[block].part(values, query.norms()[block], slack)
            })
            .collect()
    }

    /// What underflow may add to an estimate, its bound and the score, a few roundings each and block.
    fn tiny(&self) -> f64 {
        let steps = 16 * (1 + self.blocks.len());
        steps as f64 * 2.0_f64.powi(-149) + self.rows.slack().underflow()
    }

    /// The best of the candidates, which are places in the order, by their scores, which are [`JointRows::dot`]'s.
    fn score(&self, query: &Query<'_>, candidates: &[u32], limit: usize) -> Vec<Hit> {
        let rows: Vec<u32> = candidates
            .iter()
            .map(|&at| self.order[at as usize])
            .collect();
        let mut scores = vec![0.0; rows.len()];
        let mut products = vec![0.0; rows.len()];
        for (block, coded) in self.blocks.iter().enumerate() {
            if query.norms()[block] == 0.0 {
                continue;
            }
            let dots =
                |rows: &[u32], out: &mut [f32]| self.rows.block_dots(block, query, rows, out);
            match coded {
                Coded::Distinct(distinct) => distinct.spread(candidates, dots, &mut products),
                Coded::Rows(_) | Coded::Column(_) => dots(&rows, &mut products),
            }
            for (score, product) in scores.iter_mut().zip(&products) {
                *score += product;
            }
        }
        let mut top = TopK::new(limit);
        for (row, score) in rows.into_iter().zip(scores) {
            top.push(Hit { row, score });
        }
        top.into_ranked()
    }
}
