use crate::{Filter, Hit, TopK, screen::Wanted};

/// A row that may be among the best.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Its place in the order of the search.
    pub(crate) at: u32,
    pub(crate) row: u32,
    /// At least its score.
    pub(crate) upper: f32,
    /// Half of how far its score may be below that.
    pub(crate) bound: f32,
}

/// Keeps the rows that may be among the best, going by what their scores are at most and at least.
#[derive(Debug)]
pub(crate) struct Sieve<'a> {
    filter: &'a Filter<'a>,
    // What each row scores at least: the last of the best of these is the threshold.
    least: TopK,
    floor: f32,
    cut: f32,
    tiny: f64,
    kept: Vec<(u32, f32)>,
    // How many are kept before they are gone through again.
    full: usize,
}

impl<'a> Sieve<'a> {
    /// A sieve for rows whose estimates are off by `tiny` besides their bounds.
    pub(crate) fn new(wanted: Wanted<'a>, tiny: f64) -> Self {
        let floor = wanted.floor.unwrap_or(f32::NEG_INFINITY);
        Self {
            filter: wanted.filter,
            least: TopK::new(wanted.limit),
            floor,
            cut: below(f64::from(floor) - tiny),
            tiny,
            kept: Vec::new(),
            full: wanted.limit.saturating_mul(4).saturating_add(1024),
        }
    }

    /// Rows that score at most less than this are not among the best.
    pub(crate) fn cut(&self) -> f32 {
        self.cut
    }

    /// Which rows of a group are allowed, one bit each: the cheap half of the filter; [`offer`](Self::offer) asks for the
    /// other.
    #[inline(always)]
    pub(crate) fn lanes(&self, group: usize) -> u16 {
        match self.filter.allowed() {
            Some(allowed) => allowed.places().lanes(group),
            None => u16::MAX,
        }
    }

    /// Takes an allowed row that may reach the cut.
    pub(crate) fn offer(&mut self, candidate: Candidate) {
        let Candidate {
            at,
            row,
            upper,
            bound,
        } = candidate;
        if self.filter.denies(row) {
            return;
        }
        self.kept.push((at, upper));
        let score = below(f64::from(upper) - 2.0 * f64::from(bound) - self.tiny);
        let least = Hit { row, score };
        if self.least.admits(least) {
            self.least.push(least);
            let threshold = self.least.threshold().unwrap_or(f32::NEG_INFINITY);
            self.cut = below(f64::from(threshold.max(self.floor)) - self.tiny);
        }
        if self.kept.len() >= self.full {
            self.kept.retain(|&(_, upper)| upper >= self.cut);
            self.full = self.full.max(self.kept.len() * 2);
        }
    }

    /// The places of the rows that must be scored.
    pub(crate) fn into_candidates(self) -> Vec<u32> {
        let left = self
            .kept
            .into_iter()
            .filter(|&(_, upper)| upper >= self.cut);
        left.map(|(at, _)| at).collect()
    }
}

/// The largest `f32` that is certainly not above `value`.
fn below(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) > value {
        near.next_down()
    } else {
        near
    }
}
