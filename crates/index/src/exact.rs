use crate::{Filter, Hit, JointRows, Query, TopK, scan::Scan};

/// Rows bounded and scored together.
pub(crate) const GROUP: usize = 128;

/// With fewer than one row in this many allowed, the allowed rows are visited one by one rather than looked for in the
/// norm order.
const FEW: usize = 8;

/// One in this many groups is visited by norm before the choice of order: enough for a threshold near the final one.
const HEAD: usize = 16;

/// With more than one in this many groups left open by the norm bounds, rows are read in place: reading a row out of
/// order costs about twice as much.
const MANY: usize = 2;

/// Exact search: every row that could be among the best is scored.
///
/// Rows are visited in order of falling norm of the first block, in groups that know the largest norm of each block.
/// A group whose best imaginable score (Cauchy-Schwarz per block, with the floating-point slack of the computed score)
/// is below the current `limit`-th best is skipped; within a group the same is asked of each row before each of its
/// blocks is read. Where most groups could matter, the rows are read in their stored order instead, which memory serves
/// faster. The answer is the one of [`scan_all`](Self::scan_all), bit for bit.
#[derive(Debug, Clone)]
pub struct Exact {
    rows: JointRows,
    order: Vec<u32>,
    // Per group, the largest norm of each block.
    longest: Vec<f32>,
}

/// What a search found and how much it had to look at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Hits, best first.
    pub hits: Vec<Hit>,
    /// How many rows had at least one block read (twice, if so), or how many the graph proposed.
    pub visited: usize,
}

impl Exact {
    /// Sorts the rows by norm. Costs 4 bytes a row; the vectors themselves are not copied.
    pub fn new(rows: &JointRows) -> Self {
        let norms = rows.norms(0);
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.sort_by(|&a, &b| {
            norms[b as usize]
                .total_cmp(&norms[a as usize])
                .then(a.cmp(&b))
        });
        let longest = order
            .chunks(GROUP)
            .flat_map(|group| longest_of(rows, group))
            .collect();
        Self {
            rows: rows.clone(),
            order,
            longest,
        }
    }

    /// The best `limit` rows that pass `filter`; fewer only if fewer pass.
    pub fn search(&self, query: &Query<'_>, limit: usize, filter: &Filter<'_>) -> Found {
        let limit = limit.min(self.rows.len());
        let mut scan = Scan::new(&self.rows, query, TopK::new(limit), *filter);
        if limit == 0 {
            return scan.finish();
        }
        match filter.allowed() {
            Some(allowed) if allowed.len() < self.rows.len() / FEW => {
                self.visit_listed(&mut scan, allowed.iter());
            }
            _ => self.visit_all(&mut scan, limit),
        }
        scan.finish()
    }

    /// The same answer by scoring every allowed row: the reference for [`search`](Self::search), and the faster way
    /// when no bound excludes anything.
    pub fn scan_all(&self, query: &Query<'_>, limit: usize, filter: &Filter<'_>) -> Found {
        let limit = limit.min(self.rows.len());
        let mut scan = Scan::new(&self.rows, query, TopK::new(limit), *filter);
        self.each_in_place(|group| scan.score_all(group));
        scan.finish()
    }

    fn visit_all(&self, scan: &mut Scan<'_>, limit: usize) {
        let bounds = self.longest.chunks_exact(self.rows.blocks());
        let mut groups = self.order.chunks(GROUP).zip(bounds);
        let head = groups.len() / HEAD;
        for (at, (group, longest)) in groups.by_ref().enumerate() {
            if scan.could_enter(longest) {
                scan.visit(group);
            }
            if at >= head && scan.threshold().is_some() {
                break;
            }
        }
        let open = groups
            .clone()
            .filter(|(_, longest)| scan.could_enter(longest));
        if open.count() * MANY > groups.len() {
            scan.restart(limit);
            self.each_in_place(|group| scan.visit(group));
        } else {
            for (group, longest) in groups {
                if scan.could_enter(longest) {
                    scan.visit(group);
                }
            }
        }
    }

    /// Groups of rows as they are stored.
    fn each_in_place(&self, mut visit: impl FnMut(&[u32])) {
        let end = self.rows.len() as u32;
        let mut group = Vec::with_capacity(GROUP);
        for start in (0..end).step_by(GROUP) {
            group.clear();
            group.extend((start..end).take(GROUP));
            visit(&group);
        }
    }

    fn visit_listed(&self, scan: &mut Scan<'_>, listed: impl Iterator<Item = u32>) {
        let rows: Vec<u32> = listed
            .take_while(|&row| (row as usize) < self.rows.len())
            .collect();
        for group in rows.chunks(GROUP) {
            scan.visit(group);
        }
    }
}

fn longest_of(rows: &JointRows, group: &[u32]) -> Vec<f32> {
    (0..rows.blocks())
        .map(|block| {
            let norms = rows.norms(block);
            group
                .iter()
                .map(|&row| norms[row as usize])
                .fold(0.0, f32::max)
        })
        .collect()
}
