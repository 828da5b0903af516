use std::time::{Duration, Instant};

use crate::{
    Allowed, Approximate, Bitmap, Cancel, Config, Costs, Error, Exact, Filter, Found, Hit,
    JointRows, Query, Recall, Sample, calibrate::Timed, screen::Wanted,
};

/// Rows with several ways to search them, and the rule that picks between them.
///
/// There are two exact ways, by the [screen](Exact::search) and by [listing](Exact::search_listed) what a filter allows, which
/// give the same bits, and maybe a graph. The one that [is predicted](Costs) to take the least time answers; the graph is
/// among them only where its recall was measured to be good enough.
#[derive(Debug)]
pub struct Index {
    rows: JointRows,
    exact: Exact,
    approximate: Option<Approximate>,
    trust: Vec<Recall>,
    costs: Option<Costs>,
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
    /// What says that nobody waits for the answer any more, if anything may.
    pub cancel: Option<&'a Cancel>,
}

/// Which search answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Every row that could be among the hits was scored; a screen told which.
    Exact,
    /// The rows that a narrow filter allows were gone through: exact too.
    Listed,
    /// The graph proposed the candidates, and the bounds of exact search showed that nothing else belongs among the hits,
    /// or found what does: the answer is the exact one.
    Certified,
    /// The graph proposed the candidates; recall is at least the configured floor on average.
    Approximate,
}

impl Path {
    /// All paths, in order of declaration.
    pub const ALL: [Self; 4] = [
        Self::Exact,
        Self::Listed,
        Self::Certified,
        Self::Approximate,
    ];
}

/// The answer to a [`Request`].
#[derive(Debug, Clone)]
pub struct Answer {
    /// Hits, best first: `limit` of them if that many rows pass the filter.
    pub hits: Vec<Hit>,
    /// Which search answered.
    pub path: Path,
    /// How many rows were looked at.
    pub visited: usize,
    /// How long the search was predicted to take; `None` before [`Index::calibrate`].
    pub predicted: Option<Duration>,
    /// How long it took.
    pub took: Duration,
}

/// A way to answer, and the seconds it is predicted to take.
#[derive(Clone, Copy)]
struct Plan<'a> {
    way: Way<'a>,
    seconds: Option<f64>,
}

#[derive(Clone, Copy)]
enum Way<'a> {
    Screened,
    Listed,
    Graph(&'a Approximate),
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
            costs: None,
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
            costs: None,
            ..self
        }
    }

    /// Times sample queries, several of each mix if possible, on every way to answer under several filters: some hundred
    /// searches. Before, the screen answers, and the graph wherever it is trusted.
    ///
    /// Which exact way is taken changes no answer. Whether the graph is does: to have the same answers everywhere and at all
    /// times, measure once, keep the costs with the graph, and bring them [back](Self::with_costs).
    ///
    /// # Errors
    ///
    /// As [`JointRows::query`] and [`Approximate::search`].
    ///
    /// # Panics
    ///
    /// If a query's length is not that of a joint vector.
    pub fn calibrate(&mut self, samples: &[Sample]) -> Result<(), Error> {
        let timed = Timed {
            rows: &self.rows,
            exact: &self.exact,
            graph: self.approximate.as_ref(),
            config: &self.config,
        };
        self.costs = timed.costs(samples)?;
        Ok(())
    }

    /// Takes over costs that were measured before.
    pub fn with_costs(self, costs: Costs) -> Self {
        Self {
            costs: Some(costs),
            ..self
        }
    }

    /// What each way to answer costs, if it is known.
    pub fn costs(&self) -> Option<&Costs> {
        self.costs.as_ref()
    }

    /// Prepares a set of rows for filters of this index; see [`Exact::allow`].
    pub fn allow(&self, rows: Bitmap) -> Allowed {
        self.exact.allow(rows)
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
    /// As [`JointRows::query`] and [`Approximate::search`]; [`Error::Cancelled`] soon after the request is cancelled.
    ///
    /// # Panics
    ///
    /// If the query's length is not that of a joint vector.
    pub fn search(&self, request: &Request<'_>) -> Result<Answer, Error> {
        self.search_by(self.plan(request), request)
    }

    fn search_by(&self, plan: Plan<'_>, request: &Request<'_>) -> Result<Answer, Error> {
        let start = Instant::now();
        let query = self.rows.query(request.query)?;
        let (found, path) = match plan.way {
            Way::Graph(graph) => self.ask_graph(graph, &query, request)?,
            Way::Screened => self.search_exact(&query, request),
            Way::Listed => {
                let found = self.exact.list_wanted(&query, wanted(request, None));
                (found, Path::Listed)
            }
        };
        if is_cancelled(request) {
            return Err(Error::Cancelled);
        }
        Ok(Answer {
            hits: found.hits,
            path,
            visited: found.visited,
            predicted: plan.seconds.map(Duration::from_secs_f64),
            took: start.elapsed(),
        })
    }

    /// The answers of [`search`](Self::search) to many requests, each as it would be alone. Those that the screen answers go
    /// through memory together, which takes less time; what one of them took is the mean.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search), if any of them is cancelled.
    ///
    /// # Panics
    ///
    /// As [`search`](Self::search).
    pub fn search_all(&self, requests: &[Request<'_>]) -> Result<Vec<Answer>, Error> {
        let start = Instant::now();
        let plans: Vec<Plan<'_>> = requests.iter().map(|request| self.plan(request)).collect();
        let asked = requests
            .iter()
            .zip(&plans)
            .filter(|(_, plan)| matches!(plan.way, Way::Screened))
            .map(|(request, _)| {
                let query = self.rows.query(request.query)?;
                Ok((query, wanted(request, None)))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let mut found = self.exact.search_each(&asked).into_iter();
        if requests.iter().any(is_cancelled) {
            return Err(Error::Cancelled);
        }
        let took = start.elapsed() / asked.len().max(1) as u32;
        let answer = |(request, &plan): (&Request<'_>, &Plan<'_>)| {
            let found = match plan.way {
                Way::Screened => found.next(),
                Way::Listed | Way::Graph(_) => None,
            };
            let Some(found) = found else {
                return self.search_by(plan, request);
            };
            Ok(Answer {
                hits: found.hits,
                path: Path::Exact,
                visited: found.visited,
                predicted: plan.seconds.map(Duration::from_secs_f64),
                took,
            })
        };
        requests.iter().zip(&plans).map(answer).collect()
    }

    /// The way that is predicted to take the least time. Without costs, the graph if it is trusted, or else the screen.
    fn plan(&self, request: &Request<'_>) -> Plan<'_> {
        let graph = self.trusted(request);
        let Some(costs) = &self.costs else {
            return Plan {
                way: graph.map_or(Way::Screened, Way::Graph),
                seconds: None,
            };
        };
        let allowed = request.filter.allowed().map(Allowed::len);
        let sizes = [allowed.unwrap_or(self.rows.len()), request.limit];
        let mut plan = (Way::Screened, costs.screened(request.mix, sizes));
        let mut offer = |way, seconds| {
            if seconds < plan.1 {
                plan = (way, seconds);
            }
        };
        if allowed.is_some() {
            offer(Way::Listed, costs.listed(request.mix, sizes));
        }
        if let Some(graph) = graph {
            let seconds = costs.graph(request.mix, self.fetch(request));
            offer(Way::Graph(graph), seconds);
        }
        let (way, seconds) = plan;
        Plan {
            way,
            seconds: Some(seconds),
        }
    }

    /// The graph's answer, or the exact one if the filter left too few of its candidates.
    fn ask_graph(
        &self,
        graph: &Approximate,
        query: &Query<'_>,
        request: &Request<'_>,
    ) -> Result<(Found, Path), Error> {
        let found = graph.search(query, request.limit, self.fetch(request), &request.filter)?;
        let qualifying = request.filter.qualifying(self.rows.len());
        Ok(match found.hits.len() >= request.limit.min(qualifying) {
            true => self.certify(query, request, found),
            false => self.search_exact(query, request),
        })
    }

    /// What the graph found, completed by exact search from its last score on if that leaves few enough rows open.
    fn certify(&self, query: &Query<'_>, request: &Request<'_>, found: Found) -> (Found, Path) {
        let Some(last) = found
            .hits
            .last()
            .filter(|_| found.hits.len() == request.limit)
        else {
            // All rows that qualify, or none were asked for.
            return (found, Path::Certified);
        };
        let open = self.exact.open(query, last.score);
        if open.is_none_or(|open| open > found.visited.saturating_mul(self.config.certify_rows)) {
            return (found, Path::Approximate);
        }
        let wanted = wanted(request, Some(last.score));
        let mut complete = self.exact.search_wanted(query, wanted);
        complete.visited += found.visited;
        (complete, Path::Certified)
    }

    fn search_exact(&self, query: &Query<'_>, request: &Request<'_>) -> (Found, Path) {
        let found = self.exact.search_wanted(query, wanted(request, None));
        (found, Path::Exact)
    }

    /// The graph, if its recall is known to be good enough for this request.
    fn trusted(&self, request: &Request<'_>) -> Option<&Approximate> {
        let graph = self.approximate.as_ref()?;
        let largest = self.rows.len() as f64 * f64::from(self.config.largest_fetch);
        let close = self.fetch(request) as f64 <= largest;
        (close && self.measured_well(request.mix?)).then_some(graph)
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
        let reaches = |point: &Recall| point.reaches(&self.config);
        let above = self.trust.partition_point(|point| point.mix < mix);
        match self.trust.get(above) {
            Some(at) if at.mix == mix => reaches(at),
            Some(next) if above > 0 => reaches(next) && reaches(&self.trust[above - 1]),
            _ => false,
        }
    }
}

fn is_cancelled(request: &Request<'_>) -> bool {
    request.cancel.is_some_and(Cancel::is_cancelled)
}

/// What an exact search is told, if `limit` rows are known to score at least `floor`.
fn wanted<'a>(request: &'a Request<'_>, floor: Option<f32>) -> Wanted<'a> {
    Wanted {
        limit: request.limit,
        filter: &request.filter,
        floor,
        cancel: request.cancel,
    }
}
