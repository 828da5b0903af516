use crate::{
    Allowed, Bitmap, Filter, Hit, JointRows, Query, TopK,
    scan::Scan,
    screen::{Screen, Wanted},
};

/// Rows bounded and scored together.
pub(crate) const GROUP: usize = 128;

/// Exact search: every row that could be among the best is scored.
///
/// A copy of the rows in 8-bit integers, with a proven bound on how far a product with them can be from the score, says
/// which rows those are; of the rows themselves hardly more are read than are returned. Where few rows are allowed, they can
/// instead be [listed](Self::search_listed) and scored as they are. Either way the answer is the one of
/// [`scan_all`](Self::scan_all), bit for bit.
#[derive(Debug, Clone)]
pub struct Exact {
    rows: JointRows,
    screen: Option<Screen>,
    // The place of each row in the order of a search, in which norms fall; without a screen rows stay where they are.
    places: Vec<u32>,
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
        let screen = Screen::new(rows);
        let mut places: Vec<u32> = (0..rows.len() as u32).collect();
        for (place, &row) in (0..).zip(screen.iter().flat_map(Screen::order)) {
            places[row as usize] = place;
        }
        Self {
            screen,
            places,
            rows: rows.clone(),
        }
    }

    /// Prepares a set of rows for searches of this index: once for any number of queries. Rows beyond the catalogue are
    /// left out.
    pub fn allow(&self, rows: Bitmap) -> Allowed {
        let mut rows = rows;
        rows.intersect(&Bitmap::full(self.rows.len()));
        let places = rows.iter().map(|row| self.places[row as usize]).collect();
        Allowed::new(rows, places)
    }

    /// The best `limit` rows that pass `filter`; fewer only if fewer pass.
    pub fn search(&self, query: &Query<'_>, limit: usize, filter: &Filter<'_>) -> Found {
        self.search_wanted(
            query,
            Wanted {
                limit,
                filter,
                floor: None,
                cancel: None,
            },
        )
    }

    /// As [`search`](Self::search), when `limit` rows that pass may be known to score at least a floor. If it is cancelled, what
    /// it finds is not the answer.
    pub(crate) fn search_wanted(&self, query: &Query<'_>, wanted: Wanted<'_>) -> Found {
        let wanted = Wanted {
            limit: wanted.limit.min(self.rows.len()),
            ..wanted
        };
        if wanted.limit == 0 {
            return Found::default();
        }
        let screened = (self.screen.as_ref()).and_then(|screen| screen.search(query, wanted));
        screened.unwrap_or_else(|| self.list_wanted(query, wanted))
    }

    /// The same answer by going through the allowed rows themselves in order of falling norm, a block at a time as long as
    /// the norms of the others do not exclude them: faster than [`search`](Self::search) where few are allowed.
    pub fn search_listed(&self, query: &Query<'_>, limit: usize, filter: &Filter<'_>) -> Found {
        let wanted = Wanted {
            limit,
            filter,
            floor: None,
            cancel: None,
        };
        self.list_wanted(query, wanted)
    }

    /// As [`search_listed`](Self::search_listed). If it is cancelled, what it finds is not the answer.
    pub(crate) fn list_wanted(&self, query: &Query<'_>, wanted: Wanted<'_>) -> Found {
        let limit = wanted.limit.min(self.rows.len());
        if limit == 0 {
            return Found::default();
        }
        let mut scan = Scan::new(&self.rows, query, TopK::new(limit), *wanted.filter);
        let order = self.screen.as_ref().map(Screen::order);
        let row = |place: u32| order.map_or(place, |order| order[place as usize]);
        let visit = |group: &[u32]| {
            scan.visit(group);
            !wanted.is_cancelled()
        };
        match wanted.filter.allowed() {
            Some(allowed) => each(allowed.places().iter().map(row), visit),
            None => each((0..self.rows.len() as u32).map(row), visit),
        }
        scan.finish()
    }

    /// The answers of [`search`](Self::search) to many queries, each with its limit and filter. They go through memory
    /// together and take less time than one by one. Works on one thread; a few dozen at a time are enough.
    pub fn search_all(&self, asked: &[(Query<'_>, usize, Filter<'_>)]) -> Vec<Found> {
        let wanted = asked.iter().map(|(query, limit, filter)| {
            let wanted = Wanted {
                limit: *limit,
                filter,
                floor: None,
                cancel: None,
            };
            (query.clone(), wanted)
        });
        self.search_each(&wanted.collect::<Vec<_>>())
    }

    /// As [`search_all`](Self::search_all). If one is cancelled, what is found is not the answer.
    pub(crate) fn search_each(&self, asked: &[(Query<'_>, Wanted<'_>)]) -> Vec<Found> {
        let wanted: Vec<(&Query<'_>, Wanted<'_>)> = asked
            .iter()
            .map(|(query, wanted)| {
                let limit = wanted.limit.min(self.rows.len());
                (query, Wanted { limit, ..*wanted })
            })
            .collect();
        let found = match &self.screen {
            Some(screen) => screen.search_all(&wanted),
            None => vec![None; asked.len()],
        };
        let each = found.into_iter().zip(wanted);
        each.map(|(found, (query, wanted))| {
            found.unwrap_or_else(|| self.list_wanted(query, wanted))
        })
        .collect()
    }

    /// How many rows [`search_wanted`](Self::search_wanted) would have to look at, about; `None` if it has nothing to tell
    /// by.
    pub(crate) fn open(&self, query: &Query<'_>, floor: f32) -> Option<usize> {
        self.screen.as_ref()?.open(query, floor)
    }

    /// The same answer by scoring every allowed row: the reference for [`search`](Self::search).
    pub fn scan_all(&self, query: &Query<'_>, limit: usize, filter: &Filter<'_>) -> Found {
        let limit = limit.min(self.rows.len());
        let mut scan = Scan::new(&self.rows, query, TopK::new(limit), *filter);
        each(0..self.rows.len() as u32, |group| {
            scan.score_all(group);
            true
        });
        scan.finish()
    }
}

/// Visits rows in groups, as long as `visit` says to go on.
fn each(rows: impl Iterator<Item = u32>, mut visit: impl FnMut(&[u32]) -> bool) {
    let mut rows = rows.peekable();
    let mut group = Vec::with_capacity(GROUP);
    while rows.peek().is_some() {
        group.clear();
        group.extend(rows.by_ref().take(GROUP));
        if !visit(&group) {
            return;
        }
    }
}
