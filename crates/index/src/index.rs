use crate::{Approximate, Config, Error, Exact, Filter, Found, Hit, JointRows, Query, Recall};

/// Rows with an exact and, if it pays, an approximate way to search them, and the rule that picks between the two.
#[derive(Debug)]
pub struct Index {
    rows: JointRows,
    exact: Exact,
    approximate: Option<Approximate>,
    trust: Vec<Recall>,
    config: Config,
}

/// One search.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The query, one value per joint column.
    pub query: &'a [f32],
    /// How many hits to return.
    pub limit: usize,
    /// Which rows may be returned.
    pub filter: Filter<'a>,
    /// Where the query lies among the mixes recall was measured at; `None` asks for an exact answer.
    pub mix: Option<f32>,
}

/// Which search answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Every row that could be among the hits was scored.
    Exact,
    /// The graph proposed the candidates, and the bounds of exact search showed that nothing else belongs among the hits,
    /// or found what does: the answer is the exact one.
    Certified,
    /// The graph proposed the candidates; recall is at least the configured floor on average.
    Approximate,
}

/// The answer to a [`Request`].
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Hits, best first: `limit` of them if that many rows pass the filter.
    pub hits: Vec<Hit>,
    /// Which search answered.
    pub path: Path,
    /// How many rows were looked at.
    pub visited: usize,
}

impl Index {
    /// An index that only searches exactly, until it is given a graph.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the configuration is not valid.
    pub fn new(rows: JointRows, config: Config) -> Result<Self, Error> {
        config.validate()?;
        Ok(Self {
            exact: Exact::new(&rows),
            rows,
            approximate: None,
            trust: Vec::new(),
            config,
        })
    }

    /// Adds a graph over the same rows, and the recall measured on it ([`Measured::new`](crate::Measured::new)) at several
    /// mixes.
    ///
    /// A query's mix is its place on a line of queries that the caller defines, such as the weight of one block against
    /// the other. The graph is used where the measured mixes on both sides of a query's reach the floor.
    ///
    /// # Panics
    ///
    /// If a mix is NaN.
    pub fn with_approximate(self, approximate: Approximate, mut measured: Vec<Recall>) -> Self {
        assert!(
            measured.iter().all(|point| !point.mix.is_nan()),
            "a mix is a number"
        );
        measured.sort_by(|a, b| a.mix.total_cmp(&b.mix));
        Self {
            approximate: Some(approximate),
            trust: measured,
            ..self
        }
    }

    /// The rows.
    pub fn rows(&self) -> &JointRows {
        &self.rows
    }

    /// The exact search over them.
    pub fn exact(&self) -> &Exact {
        &self.exact
    }

    /// The graph, if there is one.
    pub fn approximate(&self) -> Option<&Approximate> {
        self.approximate.as_ref()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The best rows for a query: `limit` of them whenever that many pass the filter.
    ///
    /// # Errors
    ///
    /// As [`JointRows::query`] and [`Approximate::search`].
    ///
    /// # Panics
    ///
    /// If the query's length is not that of a joint vector.
    pub fn search(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let query = self.rows.query(request.query)?;
        if let Some(graph) = self.trusted(request) {
            let expansion = self.fetch(request);
            let found = graph.search(&query, request.limit, expansion, &request.filter)?;
            let qualifying = request.filter.qualifying(self.rows.len());
            if found.hits.len() >= request.limit.min(qualifying) {
                return Ok(self.certify(&query, request, found));
            }
        }
        Ok(self.search_exact(&query, request))
    }

    /// What the graph found, completed by exact search from its last score on if that leaves few enough rows open.
    fn certify(&self, query: &Query<'_>, request: &Request<'_>, found: Found) -> Answer {
        let Some(last) = found
            .hits
            .last()
            .filter(|_| found.hits.len() == request.limit)
        else {
            // All rows that qualify, or none were asked for.
            return Answer::new(found, Path::Certified);
        };
        let open = self.exact.open(query, last.score);
        if open.is_none_or(|open| open > found.visited.saturating_mul(self.config.certify_rows)) {
            return Answer::new(found, Path::Approximate);
        }
        let wanted = (request.limit, &request.filter);
        let mut complete = self.exact.search_above(query, Some(last.score), wanted);
        complete.visited += found.visited;
        Answer::new(complete, Path::Certified)
    }

    fn search_exact(&self, query: &Query<'_>, request: &Request<'_>) -> Answer {
        let found = self.exact.search(query, request.limit, &request.filter);
        Answer::new(found, Path::Exact)
    }

    /// The graph, if it is worth asking for this request.
    fn trusted(&self, request: &Request<'_>) -> Option<&Approximate> {
        let graph = self.approximate.as_ref()?;
        let small = self.rows.len() < self.config.exact_below_rows;
        let largest = self.rows.len() as f64 * f64::from(self.config.largest_fetch);
        if small || self.fetch(request) as f64 > largest {
            return None;
        }
        self.measured_well(request.mix?).then_some(graph)
    }

    /// How many candidates leave enough after the filter: as many as for an unfiltered request, per admitted row, and one
    /// for every denied row, as those tend to score well.
    fn fetch(&self, request: &Request<'_>) -> usize {
        let wanted = self.config.expansion(request.limit);
        let allowed = request
            .filter
            .allowed()
            .map_or(self.rows.len(), |rows| rows.len());
        let inflated = wanted as f64 * self.rows.len() as f64 / allowed.max(1) as f64;
        (inflated.ceil() as usize).saturating_add(request.filter.denied())
    }

    /// Whether the measured mixes on both sides of `mix`, or at it, reach the floor.
    fn measured_well(&self, mix: f32) -> bool {
        let reaches = |point: &Recall| point.mean >= self.config.recall_floor;
        let above = self.trust.partition_point(|point| point.mix < mix);
        match self.trust.get(above) {
            Some(at) if at.mix == mix => reaches(at),
            Some(next) if above > 0 => reaches(next) && reaches(&self.trust[above - 1]),
            _ => false,
        }
    }
}

impl Answer {
    fn new(found: Found, path: Path) -> Self {
        Self {
            hits: found.hits,
            path,
            visited: found.visited,
        }
    }
}
