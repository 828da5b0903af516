use crate::{
    Filter, Hit, JointRows, Query, TopK,
    scan::Scan,
    screen::{Screen, Wanted},
};

/// Rows bounded and scored together.
pub(crate) const GROUP: usize = 128;

/// With fewer than one row in this many allowed, the allowed rows are scored one by one rather than looked for among all.
const FEW: usize = 16;

/// Exact search: every row that could be among the best is scored.
///
/// A copy of the rows in 8-bit integers, with a proven bound on how far a product with them can be from the score, says
/// which rows those are; of the rows themselves hardly more are read than are returned. Under a narrow filter the allowed
/// rows are scored as they are, a block at a time as long as the norms of the others do not exclude them. The answer is the
/// one of [`scan_all`](Self::scan_all), bit for bit.
#[derive(Debug, Clone)]
pub struct Exact {
    rows: JointRows,
    screen: Option<Screen>,
}

/// What a search found and how much it had to look at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Hits, best first.
    pub hits: Vec<Hit>,
    /// How many rows had their codes or at least one block read, or how many the graph proposed.
    pub visited: usize,
}

impl Exact {
    /// Sorts the rows by norm and codes them: one pass over all values, and about a byte a value and twenty a row of memory.
    /// A block whose vectors repeat is coded once per distinct vector.
    pub fn new(rows: &JointRows) -> Self {
        Self {
            screen: Screen::new(rows),
            rows: rows.clone(),
        }
    }

    /// The best `limit` rows that pass `filter`; fewer only if fewer pass.
    pub fn search(&self, query: &Query<'_>, limit: usize, filter: &Filter<'_>) -> Found {
        self.search_above(query, None, (limit, filter))
    }

    /// As [`search`](Self::search), when `limit` rows that pass are known to score at least `floor`.
    pub(crate) fn search_above(
        &self,
        query: &Query<'_>,
        floor: Option<f32>,
        (limit, filter): (usize, &Filter<'_>),
    ) -> Found {
        let limit = limit.min(self.rows.len());
        if limit == 0 {
            return Found::default();
        }
        let narrow = (filter.allowed()).filter(|allowed| allowed.len() < self.rows.len() / FEW);
        let wanted = Wanted {
            limit,
            filter,
            floor,
        };
        let screened = match (narrow, &self.screen) {
            (None, Some(screen)) => screen.search(query, wanted),
            _ => None,
        };
        screened.unwrap_or_else(|| {
            let mut scan = Scan::new(&self.rows, query, TopK::new(limit), *filter);
            match narrow {
                Some(allowed) => self.each_listed(allowed.iter(), |group| scan.visit(group)),
                None => self.each(|group| scan.visit(group)),
            }
            scan.finish()
        })
    }

    /// How many rows [`search_above`](Self::search_above) would have to look at, about; `None` if it has nothing to tell
    /// by.
    pub(crate) fn open(&self, query: &Query<'_>, floor: f32) -> Option<usize> {
        self.screen.as_ref()?.open(query, floor)
    }

    /// The same answer by scoring every allowed row: the reference for [`search`](Self::search).
    pub fn scan_all(&self, query: &Query<'_>, limit: usize, filter: &Filter<'_>) -> Found {
        let limit = limit.min(self.rows.len());
        let mut scan = Scan::new(&self.rows, query, TopK::new(limit), *filter);
        self.each(|group| scan.score_all(group));
        scan.finish()
    }

    /// Groups of all rows as they are stored.
    fn each(&self, visit: impl FnMut(&[u32])) {
        self.each_listed(0..self.rows.len() as u32, visit);
    }

    fn each_listed(&self, listed: impl Iterator<Item = u32>, mut visit: impl FnMut(&[u32])) {
        let mut listed = listed
            .take_while(|&row| (row as usize) < self.rows.len())
            .peekable();
        let mut group = Vec::with_capacity(GROUP);
        while listed.peek().is_some() {
            group.clear();
            group.extend(listed.by_ref().take(GROUP));
            visit(&group);
        }
    }
}
