use std::ops::Range;

use crate::{
    codes::Estimates,
    distinct::{Distinct, Table},
    integer::{Asked, LANES},
    largest::largest,
    parts::Part,
    sieve::{Candidate, Sieve},
};

/// Of what promises most, this many times what the limit would fill is visited before all else.
const EAGER: usize = 4;

/// Groups examined together: enough that the way there costs little, few enough that the threshold is never old.
const TOGETHER: usize = 16;

/// One search under way: the order in which groups are visited, and what is asked of each.
///
/// Groups lie in order of falling norm of the first block. Where nothing else counts, they are visited in this order until
/// none that follows can matter. Where other blocks count too, rows that promise most by those come first, so that the
/// threshold is high from the beginning.
///
/// A search is [begun](Self::begin), [led](Self::advance) through the groups, all at once or a stretch at a time, and
/// [finished](Self::finish).
pub(crate) struct Pass<'a> {
    order: &'a [u32],
    parts: &'a [Part<'a>],
    way: Way<'a>,
    // What is known of a group, by part.
    scratch: Vec<Estimates>,
    sieve: Sieve<'a>,
    done: Vec<bool>,
    // Groups to examine, and of each the rows that are in question, one bit a row.
    waiting: Vec<Asked>,
    open: Vec<u16>,
    // The first group that was not gone through.
    end: usize,
    visited: usize,
}

/// In which order groups are visited.
enum Way<'a> {
    /// As they lie.
    InOrder,
    /// By the distinct vectors of a block.
    ByVector(&'a Distinct, &'a Table),
    /// By the most that a row of each can score.
    BestFirst(Vec<f32>),
}

impl<'a> Pass<'a> {
    /// Starts a search for `limit` rows with those that promise most.
    pub(crate) fn begin(
        order: &'a [u32],
        parts: &'a [Part<'a>],
        (sieve, limit): (Sieve<'a>, usize),
    ) -> Self {
        let mut pass = Self {
            order,
            parts,
            way: Way::InOrder,
            scratch: vec![Estimates::default(); parts.len()],
            sieve,
            done: vec![false; order.len().div_ceil(LANES)],
            waiting: Vec::with_capacity(TOGETHER),
            open: Vec::with_capacity(TOGETHER),
            end: 0,
            visited: 0,
        };
        // Compiled for the processor's widest registers, here and below.
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || pass.visit_first(limit),
        );
        pass
    }

    /// Goes through the groups of a stretch, the one after the last; false once none that follows can matter.
    pub(crate) fn advance(&mut self, stretch: Range<usize>) -> bool {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                let all = stretch.into_iter().all(|group| self.step(group));
                self.examine();
                all
            },
        )
    }

    /// The places of the rows that must be scored, and how many rows had their codes read.
    pub(crate) fn finish(mut self) -> (Vec<u32>, usize) {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || self.visit_rest(),
        );
        (self.sieve.into_candidates(), self.visited)
    }

    #[inline(always)]
    fn visit_first(&mut self, limit: usize) {
        if let Some((distinct, table)) = self.parts.iter().find_map(Part::distinct) {
            self.way = Way::ByVector(distinct, table);
            for vector in table.best(limit) {
                for &place in distinct.places(vector as usize).iter().take(limit) {
                    self.visit(place as usize / LANES);
                }
            }
        } else if !self.parts.iter().all(Part::falls) {
            let promise: Vec<f32> = (0..self.done.len())
                .map(|group| self.promise(group))
                .collect();
            for group in best_groups(&promise, limit) {
                self.visit(group as usize);
            }
            self.way = Way::BestFirst(promise);
        }
        self.examine();
    }

    /// Visits a group if it may matter; false if none from it on can.
    #[inline(always)]
    fn step(&mut self, group: usize) -> bool {
        let cut = self.sieve.cut();
        let (matters, goes_on) = match &self.way {
            Way::InOrder => {
                let ahead: f32 = self.parts.iter().map(|part| part.ahead(group)).sum();
                (ahead >= cut, ahead >= cut)
            }
            // What other parts reach is more than half of what is needed; the rest is left to the vectors.
            Way::ByVector(_, table) => {
                let many = self.others(group, table) > cut / 2.0;
                (many, many)
            }
            Way::BestFirst(promise) => (promise[group] >= cut, true),
        };
        if matters {
            self.visit(group);
        }
        if goes_on {
            self.end = group + 1;
        }
        goes_on
    }

    /// Finds the rows of the groups that are left by their vectors, of which few can make up for what other parts lack.
    #[inline(always)]
    fn visit_rest(&mut self) {
        let Way::ByVector(distinct, table) = self.way else {
            return;
        };
        let end = self.end;
        if end == self.done.len() {
            return;
        }
        let beyond = self.others(end, table);
        for vector in 0..table.len() {
            if table.upper(vector) + beyond < self.sieve.cut() {
                continue;
            }
            let places = distinct.places(vector);
            let start = places.partition_point(|&place| (place as usize) < end * LANES);
            for &place in &places[start..] {
                let group = place as usize / LANES;
                if table.upper(vector) + self.others(group, table) < self.sieve.cut() {
                    break;
                }
                self.visit(group);
            }
        }
        self.examine();
    }

    /// At least what all parts but that of `table` add to every row from this group on.
    #[inline(always)]
    fn others(&self, group: usize, table: &Table) -> f32 {
        let mut sum = 0.0;
        for part in self.parts {
            let is_it = part
                .distinct()
                .is_some_and(|(_, own)| std::ptr::eq(own, table));
            if !is_it {
                sum += part.ahead(group);
            }
        }
        sum
    }

    /// The most that a row of a group can score, without reading codes.
    #[inline(always)]
    fn promise(&self, group: usize) -> f32 {
        let mut sum = [0.0; LANES];
        for part in self.parts {
            for (sum, reach) in sum.iter_mut().zip(part.reach(group)) {
                *sum += reach;
            }
        }
        sum.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

    /// Has a group examined, unless that was done or the filter, lengths and vectors exclude its rows.
    #[inline(always)]
    fn visit(&mut self, group: usize) {
        if std::mem::replace(&mut self.done[group], true) {
            return;
        }
        let mut open = self.allowed(group);
        if open == 0 {
            return;
        }
        let mut least = [self.sieve.cut(); LANES];
        // Where there is but one part, lengths were compared on the way here.
        if let [first, others @ ..] = self.parts
            && !others.is_empty()
        {
            for part in others {
                for (least, reach) in least.iter_mut().zip(part.reach(group)) {
                    *least -= reach;
                }
            }
            open &= at_least(first.reach(group), least);
            if open == 0 {
                return;
            }
        }
        let group = group as u32;
        self.waiting.push(Asked { group, least });
        self.open.push(open);
        if self.waiting.len() == TOGETHER {
            self.examine();
        }
    }

    /// The rows of a group that the cheap half of the filter lets through, one bit each.
    #[inline(always)]
    fn allowed(&self, group: usize) -> u16 {
        let rows = self.order.len() - group * LANES;
        let lanes = u16::MAX >> (LANES - rows.min(LANES));
        lanes & self.sieve.lanes(group)
    }

    /// Reads the codes of the groups that wait and offers the rows that can still enter.
    #[inline(always)]
    fn examine(&mut self) {
        // Put back empty, so that they keep their room.
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut open = std::mem::take(&mut self.open);
        let mut reaching = [u16::MAX; TOGETHER];
        if let Some(first) = self.parts.first() {
            first.reaching(&waiting, &mut reaching[..waiting.len()]);
        }
        for ((asked, open), reaching) in waiting.iter().zip(&open).zip(reaching) {
            let group = asked.group as usize;
            self.visited += (self.order.len() - group * LANES).min(LANES);
            if open & reaching != 0 {
                self.estimate(group, open & reaching);
            }
        }
        waiting.clear();
        open.clear();
        (self.waiting, self.open) = (waiting, open);
    }

    /// Offers those of a group's open rows that can still enter by their estimates.
    #[inline(always)]
    fn estimate(&mut self, group: usize, mut open: u16) {
        for (known, part) in self.scratch.iter_mut().zip(self.parts) {
            known.upper = part.reach(group);
        }
        for at in 0..self.parts.len() {
            self.scratch[at] = self.parts[at].estimate(group);
            open &= passing(&self.scratch, self.sieve.cut());
            if open == 0 {
                return;
            }
        }
        while open != 0 {
            let lane = open.trailing_zeros() as usize;
            open &= open - 1;
            let at = group * LANES + lane;
            self.sieve.offer(Candidate {
                at: at as u32,
                row: self.order[at],
                upper: self.scratch.iter().map(|known| known.upper[lane]).sum(),
                bound: self.scratch.iter().map(|known| known.bound[lane]).sum(),
            });
        }
    }
}

/// The groups that promise most, ascending.
fn best_groups(promise: &[f32], limit: usize) -> Vec<u32> {
    let mut first = largest(promise, limit.div_ceil(LANES).saturating_mul(EAGER));
    first.sort_unstable();
    first
}

/// The lanes that may reach `cut`, one bit each.
#[inline(always)]
fn passing(known: &[Estimates], cut: f32) -> u16 {
    let mut sum = [0.0; LANES];
    for known in known {
        for (sum, upper) in sum.iter_mut().zip(known.upper) {
            *sum += upper;
        }
    }
    at_least(sum, [cut; LANES])
}

/// The lanes whose value is at least as large as what is asked, one bit each.
#[inline(always)]
fn at_least(values: [f32; LANES], asked: [f32; LANES]) -> u16 {
    let mut bits = 0;
    for (lane, (value, asked)) in values.into_iter().zip(asked).enumerate() {
        bits |= u16::from(value >= asked) << lane;
    }
    bits
}
