//! Scores many users at once: the answers that the service would give, as Parquet files of fixed blocks of users.

use std::sync::Arc;

use crossfade_blend::{Arrangement, Basis, Discovery, Engine, Query, TrackFilter, UnknownNames};
use crossfade_bundle::Bundle;
use crossfade_catalog::Vocab;
use crossfade_index::{Allowed, Bitmap};
use serde::Serialize;

use crate::{
    arm::Arm,
    pipeline::{Event, Observer},
};

mod block;
mod output;
mod place;
mod run;

use block::Block;
pub(crate) use block::answers;
use output::Output;
pub use place::{Place, place};
use run::Run;

/// Rows that are scored and written at once, about: memory depends on this, and not on the number of users.
const ROWS_AT_ONCE: usize = 1 << 17;

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
    /// The rankings; each user gets a list of each.
    pub arms: Vec<Arm>,
    /// Whether to prefer what everybody plays or what hardly anybody does.
    pub discovery: Discovery,
    /// What lists are to be like besides having the best scores.
    pub arrangement: Arrangement,
    /// How many tracks in each list.
    pub limit: usize,
    /// Whether users' own tracks may be returned.
    pub include_played: bool,
    /// Users in each file.
    pub part_users: usize,
    /// Which share of the files, from 0, and of how many.
    pub shard: (usize, usize),
}

/// What was scored.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BatchReport {
    /// Users whose lists are in the files of this shard.
    pub users: usize,
    /// Files of this shard.
    pub parts: usize,
    /// Of these, files that an earlier run of the same request had completed; what follows does not count them.
    pub parts_found: usize,
    /// Users that the bundle does not know; they got popular tracks.
    pub unknown_users: usize,
    /// Lists of popular tracks for want of anything else, whether the user is known or not.
    pub popular: usize,
    /// Candidates that the bundle does not know.
    pub unknown_candidates: usize,
    /// What the filter names that the bundle does not know.
    pub unknown_names: UnknownNames,
    /// Rows written.
    pub rows: u64,
}

/// Ranks tracks for every user and writes `user_id, arm, rank, track_id, score, collaborative_score, content_score,
/// popularity_score, discovery_score` to files at `out`, users in the order asked for, each user's arms in the order asked for.
///
/// Each file appears when it is complete. Files that are there are kept, if they are of the same request to the same bundle:
/// a run that was killed goes on where it was, and the same request gives the same bytes whatever happened in between.
///
/// # Errors
///
/// If there is something else at `out`, or ranking or writing fails.
pub fn score(
    bundle: &Bundle,
    request: &BatchRequest,
    out: &dyn Place,
    observer: Observer<'_>,
) -> anyhow::Result<BatchReport> {
    let engine = &bundle.engine;
    let mut report = BatchReport::default();
    let candidates = candidates(engine, request, &mut report);
    let names: Vec<String> = request.arms.iter().map(Arm::to_string).collect();
    let query = |arm: &Arm| Query {
        candidates: candidates.clone(),
        include_played: request.include_played,
        discovery: request.discovery,
        arrangement: request.arrangement,
        ..Query::new(arm.0, request.limit)
    };
    let queries: Vec<Query> = request.arms.iter().map(query).collect();
    let users: Vec<&str> = match &request.users {
        Some(users) => users.iter().collect(),
        None => engine.model().users.iter().collect(),
    };
    let run = Run::new(&bundle.version, request, &users);
    let (index, count) = request.shard;
    let wanted = index * run.parts / count..(index + 1) * run.parts / count;
    let mut output = Output::open(out, &run)?;
    let found = output.found(&wanted);
    report.parts = wanted.len();
    report.parts_found = found.len();
    let users_of =
        |part: usize| &users[part * run.part_users..users.len().min((part + 1) * run.part_users)];
    report.users = wanted.clone().map(|part| users_of(part).len()).sum();
    let mut done: usize = found.iter().map(|&part| users_of(part).len()).sum();

    let lists = request.limit.max(1) * request.arms.len().max(1);
    let at_once = (ROWS_AT_ONCE / lists).clamp(2 * TOGETHER, 16 * TOGETHER);
    let missing = wanted.filter(|part| !found.contains(part));
    let blocks =
        missing.flat_map(|part| users_of(part).chunks(at_once).map(move |ids| (part, ids)));
    let write = |output: &mut Output<'_>, block: Option<(usize, Block<'_>)>| match block {
        Some((part, block)) => output.write(part, block.rows(engine, &names)),
        None => Ok(()),
    };
    let mut last: Option<(usize, Block<'_>)> = None;
    for (part, ids) in blocks {
        // One block is written while the next one is scored.
        let (written, next) = rayon::join(
            || write(&mut output, last.take()),
            || Block::score(engine, ids, &queries),
        );
        written?;
        let next = next?;
        report.unknown_users += next.unknown_users();
        report.popular += next.count(Basis::Popular);
        last = Some((part, next));
        done += ids.len();
        observer(Event::Progress {
            done: done as u64,
            total: report.users as u64,
        });
    }
    write(&mut output, last)?;
    report.rows = output.finish()?;
    Ok(report)
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
