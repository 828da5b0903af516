//! Scores many users at once: the answers that the service would give, as Parquet.

use std::{path::Path, sync::Arc};

use crossfade_blend::{
    Answer, Basis, ContentWeight, Engine, Listener, Query, Ranking, TrackFilter, UnknownNames,
};
use crossfade_catalog::Vocab;
use crossfade_index::{Allowed, Bitmap};
use crossfade_ingest::{ScoreWriter, Scores};
use rayon::prelude::*;
use serde::Serialize;

use crate::pipeline::{Event, Observer};

/// Users whose lists are written at once. There are never more than two blocks of them, whatever the number of users.
const BLOCK: usize = 1_024;

/// Users that one thread looks for tracks for together.
const TOGETHER: usize = 64;

/// What to score.
#[derive(Debug, Clone)]
pub struct BatchRequest {
    /// Ids of the users; `None` for all users of the bundle.
    pub users: Option<Vocab>,
    /// Ids of the tracks that may be returned; `None` for all.
    pub candidates: Option<Vocab>,
    /// Which of them may be returned.
    pub filter: TrackFilter,
    /// By which evidence.
    pub ranking: Ranking,
    /// How many tracks for each user.
    pub limit: usize,
    /// Whether users' own tracks may be returned.
    pub include_played: bool,
    /// Which part of the users, from 0, and of how many.
    pub shard: (usize, usize),
}

/// What was scored.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BatchReport {
    /// Users written.
    pub users: usize,
    /// Of these, users that the bundle does not know; they got popular tracks.
    pub unknown_users: usize,
    /// Of these, users that got popular tracks, known or not.
    pub popular: usize,
    /// Candidates that the bundle does not know.
    pub unknown_candidates: usize,
    /// What the filter names that the bundle does not know.
    pub unknown_names: UnknownNames,
    /// Rows written.
    pub rows: u64,
}

/// Ranks tracks for every user and writes `user_id, rank, track_id, score, collaborative_score, content_score,
/// popularity_score` to `out`, users in the order asked for. The file appears when it is complete.
///
/// # Errors
///
/// If ranking or writing fails.
pub fn score(
    engine: &Engine,
    request: &BatchRequest,
    out: &Path,
    observer: Observer<'_>,
) -> anyhow::Result<BatchReport> {
    let model = engine.model();
    let mut report = BatchReport::default();
    let query = Query {
        candidates: candidates(engine, request, &mut report),
        include_played: request.include_played,
        ..Query::new(request.ranking, request.limit)
    };
    let users: Vec<&str> = match &request.users {
        Some(users) => users.iter().collect(),
        None => model.users.iter().collect(),
    };
    let (index, count) = request.shard;
    let users = &users[index * users.len() / count..(index + 1) * users.len() / count];

    let mut writer = ScoreWriter::create(out)?;
    let mut last = Block::default();
    for ids in users.chunks(BLOCK) {
        // One block is written while the next one is scored.
        let (written, next) = rayon::join(
            || writer.write(columns(engine, &last)),
            || Block::score(engine, ids, &query),
        );
        written?;
        last = next?;
        last.count(&mut report);
        observer(Event::Progress {
            done: report.users as u64,
            total: users.len() as u64,
        });
    }
    writer.write(columns(engine, &last))?;
    report.rows = writer.finish()?;
    Ok(report)
}

/// Some users and their answers.
#[derive(Default)]
struct Block<'a> {
    ids: &'a [&'a str],
    users: Vec<Option<u32>>,
    answers: Vec<Answer>,
}

impl<'a> Block<'a> {
    fn score(engine: &Engine, ids: &'a [&'a str], query: &Query) -> anyhow::Result<Self> {
        let known = &engine.model().users;
        let users: Vec<Option<u32>> = ids.par_iter().map(|user| known.index_of(user)).collect();
        let answers = answers(engine, &users, query)?;
        Ok(Self {
            ids,
            users,
            answers,
        })
    }

    fn count(&self, report: &mut BatchReport) {
        report.users += self.ids.len();
        report.unknown_users += self.users.iter().filter(|user| user.is_none()).count();
        let popular = |answer: &&Answer| answer.basis == Basis::Popular;
        report.popular += self.answers.iter().filter(popular).count();
    }
}

/// The answers for users of the model and for others, of whom nothing is known, in the order of the users.
///
/// # Errors
///
/// If ranking fails.
pub(crate) fn answers(
    engine: &Engine,
    users: &[Option<u32>],
    query: &Query,
) -> anyhow::Result<Vec<Answer>> {
    let answers = users
        .par_chunks(TOGETHER)
        .map(|users| {
            let listeners = (users.iter())
                .map(|&user| engine.listener(user, &[]))
                .collect::<Result<Vec<_>, _>>()?;
            let listeners: Vec<&Listener> = listeners.iter().collect();
            Ok(engine.recommend_all(&listeners, query)?)
        })
        .collect::<anyhow::Result<Vec<Vec<Answer>>>>()?;
    Ok(answers.into_iter().flatten().collect())
}

fn candidates(
    engine: &Engine,
    request: &BatchRequest,
    report: &mut BatchReport,
) -> Option<Arc<Allowed>> {
    let (met, unknown) = engine.filter(&request.filter);
    report.unknown_names = unknown;
    let Some(ids) = &request.candidates else {
        return met;
    };
    let vocab = &engine.model().tracks.ids;
    let known: Bitmap = ids.iter().filter_map(|id| vocab.index_of(id)).collect();
    report.unknown_candidates = ids.len() - known.len();
    let mut allowed = engine.index().allow(known);
    if let Some(met) = met {
        allowed.intersect(&met);
    }
    Some(Arc::new(allowed))
}

fn columns<'a>(engine: &'a Engine, block: &Block<'a>) -> Scores<'a> {
    let ids = &engine.model().tracks.ids;
    let mut scores = Scores::default();
    for (&user, answer) in block.ids.iter().zip(&block.answers) {
        for (rank, ranked) in (1..).zip(&answer.tracks) {
            scores.user_id.push(user);
            scores.rank.push(rank);
            scores.track_id.push(ids.id(ranked.track));
            scores.score.push(ranked.components.sum());
            scores
                .collaborative_score
                .push(ranked.components.collaborative);
            scores.content_score.push(ranked.components.content);
            scores.popularity_score.push(ranked.components.popularity);
        }
    }
    scores
}

/// The ranking that a content weight stands for when no ranking is named.
pub fn blend(weight: Option<f64>) -> anyhow::Result<Ranking> {
    match weight {
        None => Ok(Ranking::Blend(None)),
        Some(weight) => match ContentWeight::new(weight) {
            Some(weight) => Ok(Ranking::Blend(Some(weight))),
            None => anyhow::bail!("the content weight must be from 0 to 1, is {weight}"),
        },
    }
}
