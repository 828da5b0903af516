use crate::{
    codes::Estimates,
    distinct::{Distinct, Table},
    integer::LANES,
    parts::Part,
    sieve::{Candidate, Sieve},
};

/// Of what promises most, this many times what the limit would fill is visited before all else.
const EAGER: usize = 4;

/// One search under way: the order in which groups are visited, and what is asked of each.
///
/// Groups lie in order of falling norm of the first block. Where nothing else counts, they are visited in this order until
/// none that follows can matter. Where other blocks count too, rows that promise most by those come first, so that the
/// threshold is high from the beginning.
pub(crate) struct Pass<'a> {
    order: &'a [u32],
    parts: &'a [Part<'a>],
    // What is known of a group, by part.
    scratch: Vec<Estimates>,
    sieve: Sieve<'a>,
    done: Vec<bool>,
    visited: usize,
}

impl<'a> Pass<'a> {
    pub(crate) fn new(order: &'a [u32], parts: &'a [Part<'a>], sieve: Sieve<'a>) -> Self {
        Self {
            order,
            parts,
            scratch: vec![Estimates::default(); parts.len()],
            sieve,
            done: vec![false; order.len().div_ceil(LANES)],
            visited: 0,
        }
    }

    /// The places of the rows that must be scored, and how many rows had their codes read.
    pub(crate) fn run(mut self, limit: usize) -> (Vec<u32>, usize) {
        // Compiled for the processor's widest registers.
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || self.visit_all(limit),
        );
        (self.sieve.into_candidates(), self.visited)
    }

    #[inline(always)]
    fn visit_all(&mut self, limit: usize) {
        let distinct = self.parts.iter().find_map(Part::distinct);
        match distinct {
            Some((distinct, table)) => self.by_vector(distinct, table, limit),
            None if self.parts.iter().all(Part::falls) => self.in_order(),
            None => self.best_first(limit),
        }
    }

    /// Goes through the groups until none that follows can matter.
    #[inline(always)]
    fn in_order(&mut self) {
        for group in 0..self.done.len() {
            let ahead: f32 = self.parts.iter().map(|part| part.ahead(group)).sum();
            if ahead < self.sieve.cut() {
                return;
            }
            self.visit(group);
        }
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

    /// Starts with the rows of the distinct vectors that promise most; then goes through the groups until what the other
    /// parts reach is half of what is needed; and finds the rows after that by their vectors, of which few can make up
    /// for it.
    #[inline(always)]
    fn by_vector(&mut self, distinct: &Distinct, table: &Table, limit: usize) {
        for vector in table.best(limit) {
            for &place in distinct.places(vector).iter().take(limit) {
                self.visit(place as usize / LANES);
            }
        }
        let mut end = 0;
        while end < self.done.len() && self.others(end, table) > self.sieve.cut() / 2.0 {
            self.visit(end);
            end += 1;
        }
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
    }

    /// Starts with the groups that promise most, so that most others can be left out.
    #[inline(always)]
    fn best_first(&mut self, limit: usize) {
        let promise: Vec<f32> = (0..self.done.len())
            .map(|group| self.promise(group))
            .collect();
        let mut first: Vec<u32> = (0..self.done.len() as u32).collect();
        let few = limit.div_ceil(LANES).saturating_mul(EAGER).min(first.len());
        if few < first.len() {
            let by_promise =
                |a: &u32, b: &u32| promise[*b as usize].total_cmp(&promise[*a as usize]);
            first.select_nth_unstable_by(few, by_promise);
        }
        first.truncate(few);
        first.sort_unstable();
        for &group in &first {
            self.visit(group as usize);
        }
        for (group, promise) in promise.into_iter().enumerate() {
            if promise >= self.sieve.cut() {
                self.visit(group);
            }
        }
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

    /// Offers the rows of a group that can still enter, unless that was done.
    #[inline(always)]
    fn visit(&mut self, group: usize) {
        if std::mem::replace(&mut self.done[group], true) {
            return;
        }
        let rows = &self.order[group * LANES..];
        let rows = &rows[..rows.len().min(LANES)];
        let lanes = u32::MAX >> (32 - rows.len() as u32) & self.sieve.lanes(group);
        if lanes == 0 {
            return;
        }
        for (known, part) in self.scratch.iter_mut().zip(self.parts) {
            known.upper = part.reach(group);
        }
        let mut open = passing(&self.scratch, self.sieve.cut()) & lanes;
        if open == 0 {
            return;
        }
        self.visited += rows.len();
        for at in 0..self.parts.len() {
            if open == 0 {
                return;
            }
            self.scratch[at] = self.parts[at].estimate(group);
            open &= passing(&self.scratch, self.sieve.cut());
        }
        while open != 0 {
            let lane = open.trailing_zeros() as usize;
            open &= open - 1;
            self.sieve.offer(Candidate {
                at: (group * LANES + lane) as u32,
                row: rows[lane],
                upper: self.scratch.iter().map(|known| known.upper[lane]).sum(),
                bound: self.scratch.iter().map(|known| known.bound[lane]).sum(),
            });
        }
    }
}

/// The lanes that may reach `cut`, one bit each.
#[inline(always)]
fn passing(known: &[Estimates], cut: f32) -> u32 {
    let mut sum = [0.0; LANES];
    for known in known {
        for (sum, upper) in sum.iter_mut().zip(known.upper) {
            *sum += upper;
        }
    }
    let mut bits = 0;
    for (lane, upper) in sum.into_iter().enumerate() {
        bits |= u32::from(upper >= cut) << lane;
    }
    bits
}
