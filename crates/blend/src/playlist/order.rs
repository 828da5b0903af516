use super::sound::Sounds;

/// Rounds of improvement at most. Each ends with a better playlist, and none was seen to take a tenth of these.
const ROUNDS: usize = 1_000;
/// What a change must gain: more than rounding could feign.
const GAIN: f64 = 1e-12;

/// Which candidates to play in which order, and what is needed to improve on it.
pub(super) struct Sequence<'a> {
    relevance: &'a [f64],
    /// Costs of all transitions between candidates, row by row.
    costs: Vec<f64>,
    /// What a unit of relevance is worth, and of transition cost.
    weights: (f64, f64),
    /// Candidates by place.
    order: Vec<usize>,
    /// Which candidates have no place.
    is_free: Vec<bool>,
}

impl<'a> Sequence<'a> {
    /// A playlist of `limit` candidates, or of all if they are fewer, that no single change makes better: no exchange of a
    /// track for another candidate or for another place, no move of a track and no reversal of a stretch.
    ///
    /// The better of two, of which one begins with the most relevant track followed by whatever is best next, again and again,
    /// and one with the most relevant tracks in the smoothest order found: so it is no worse than what smoothness 0 gives.
    pub(super) fn find(
        relevance: &'a [f64],
        sounds: &Sounds,
        limit: usize,
        smoothness: f64,
    ) -> Vec<usize> {
        let count = relevance.len();
        let limit = limit.min(count);
        let cost = |pair: usize| sounds.transition(pair / count, pair % count).cost();
        let mut sequence = Self {
            relevance,
            costs: (0..count * count).map(cost).collect(),
            weights: (
                (1.0 - smoothness) / limit.max(1) as f64,
                smoothness / limit.saturating_sub(1).max(1) as f64,
            ),
            order: Vec::with_capacity(limit),
            is_free: vec![true; count],
        };
        sequence.begin(limit);
        sequence.improve();
        let (order, worth) = (sequence.order.clone(), sequence.worth());
        sequence.begin_relevant(limit);
        sequence.improve();
        if sequence.worth() > worth + GAIN {
            sequence.order
        } else {
            order
        }
    }

    fn improve(&mut self) {
        for _ in 0..ROUNDS {
            if !(self.exchange() | self.relocate() | self.reverse()) {
                break;
            }
        }
    }

    /// Candidates come in order of relevance.
    fn begin_relevant(&mut self, limit: usize) {
        self.order = (0..limit).collect();
        let places = self.is_free.iter_mut().enumerate();
        places.for_each(|(at, is_free)| *is_free = at >= limit);
        while self.relocate() | self.reverse() {}
    }

    fn worth(&self) -> f64 {
        let relevance: f64 = self.order.iter().map(|&at| self.relevance[at]).sum();
        self.weights.0 * relevance - self.weights.1 * self.length(&self.order)
    }

    fn begin(&mut self, limit: usize) {
        for _ in 0..limit {
            let last = self.order.last().copied();
            let worth = |at: usize| {
                let cost = last.map_or(0.0, |last| self.cost(last, at));
                self.weights.0 * self.relevance[at] - self.weights.1 * cost
            };
            let free = (0..self.relevance.len()).filter(|&at| self.is_free[at]);
            // The first of equals, which is the more relevant.
            let best = free.reduce(|best, at| if worth(at) > worth(best) { at } else { best });
            if let Some(best) = best {
                self.is_free[best] = false;
                self.order.push(best);
            }
        }
    }

    /// Puts a free candidate in the place of a track where that is better.
    fn exchange(&mut self) -> bool {
        let mut improved = false;
        for place in 0..self.order.len() {
            let around = [place.checked_sub(1), Some(place + 1)];
            let around = around.map(|at| at.and_then(|at| self.order.get(at)).copied());
            let worth = |at: usize| {
                let costs = around.iter().flatten().map(|&other| self.cost(other, at));
                self.weights.0 * self.relevance[at] - self.weights.1 * costs.sum::<f64>()
            };
            let current = self.order[place];
            let free = (0..self.relevance.len()).filter(|&at| self.is_free[at]);
            let best = free.fold(
                current,
                |best, at| if worth(at) > worth(best) { at } else { best },
            );
            if worth(best) > worth(current) + GAIN {
                self.is_free[current] = true;
                self.is_free[best] = false;
                self.order[place] = best;
                improved = true;
            }
        }
        improved
    }

    /// Moves a track to another place where that is better.
    fn relocate(&mut self) -> bool {
        let mut improved = false;
        for place in 0..self.order.len() {
            let before = self.length(&self.order);
            let mut rest = self.order.clone();
            let moved = rest.remove(place);
            // What it costs to have it between its new neighbours, beside them being neighbours.
            let inserted = |at: usize| {
                let [left, right] = [at.checked_sub(1).map(|at| rest[at]), rest.get(at).copied()];
                let joined = left
                    .zip(right)
                    .map_or(0.0, |(left, right)| self.cost(left, right));
                let costs = [left, right]
                    .into_iter()
                    .flatten()
                    .map(|other| self.cost(other, moved));
                costs.sum::<f64>() - joined
            };
            let best = (0..=rest.len()).reduce(|best, at| {
                if inserted(at) < inserted(best) {
                    at
                } else {
                    best
                }
            });
            let best = best.unwrap_or(place);
            if self.length(&rest) + inserted(best) < before - GAIN {
                rest.insert(best, moved);
                self.order = rest;
                improved = true;
            }
        }
        improved
    }

    /// Turns a stretch around where that is better.
    fn reverse(&mut self) -> bool {
        let mut improved = false;
        let count = self.order.len();
        for start in 0..count {
            for end in start + 1..count {
                let joint = |left: Option<usize>, right: Option<usize>| {
                    let tracks = left
                        .zip(right)
                        .map(|(left, right)| (self.order[left], self.order[right]));
                    tracks.map_or(0.0, |(left, right)| self.cost(left, right))
                };
                let (before, after) =
                    (start.checked_sub(1), Some(end + 1).filter(|&at| at < count));
                let now = joint(before, Some(start)) + joint(Some(end), after);
                let then = joint(before, Some(end)) + joint(Some(start), after);
                if then < now - GAIN {
                    self.order[start..=end].reverse();
                    improved = true;
                }
            }
        }
        improved
    }

    fn length(&self, order: &[usize]) -> f64 {
        order
            .windows(2)
            .map(|pair| self.cost(pair[0], pair[1]))
            .sum()
    }

    fn cost(&self, before: usize, after: usize) -> f64 {
        self.costs[before * self.relevance.len() + after]
    }
}
