use crossfade_blend::{Answer, Basis, Engine, Listener, Query};
use crossfade_ingest::Scores;
use rayon::prelude::*;

use super::TOGETHER;

/// Some users and their answers.
pub(super) struct Block<'a> {
    ids: &'a [&'a str],
    users: Vec<Option<u32>>,
    /// For each query the answers of all users.
    answers: Vec<Vec<Answer>>,
}

impl<'a> Block<'a> {
    pub(super) fn score(
        engine: &Engine,
        ids: &'a [&'a str],
        queries: &[Query],
    ) -> anyhow::Result<Self> {
        let known = &engine.model().users;
        let users: Vec<Option<u32>> = ids.par_iter().map(|user| known.index_of(user)).collect();
        let listener = |&user: &Option<u32>| Ok(engine.listener(user, &[])?);
        let answers = answers(engine, (&users, listener), queries)?;
        Ok(Self {
            ids,
            users,
            answers,
        })
    }

    /// How many users the bundle does not know.
    pub(super) fn unknown_users(&self) -> usize {
        self.users.iter().filter(|user| user.is_none()).count()
    }

    /// How many answers rest on that.
    pub(super) fn count(&self, basis: Basis) -> usize {
        let answers = self.answers.iter().flatten();
        answers.filter(|answer| answer.basis == basis).count()
    }

    /// The rows: user by user, arm by arm, by rank.
    pub(super) fn rows<'b>(&self, engine: &'b Engine, arms: &'b [String]) -> Scores<'b>
    where
        'a: 'b,
    {
        let ids = &engine.model().tracks.ids;
        let mut rows = Scores::default();
        for (place, &user) in self.ids.iter().enumerate() {
            for (arm, answers) in arms.iter().zip(&self.answers) {
                for (rank, ranked) in (1..).zip(&answers[place].tracks) {
                    let parts = ranked.components;
                    rows.user_id.push(user);
                    rows.arm.push(arm);
                    rows.rank.push(rank);
                    rows.track_id.push(ids.id(ranked.track));
                    rows.score.push(parts.sum());
                    rows.collaborative_score.push(parts.collaborative);
                    rows.content_score.push(parts.content);
                    rows.popularity_score.push(parts.popularity);
                    rows.discovery_score.push(parts.discovery);
                }
            }
        }
        rows
    }
}

/// For each query the answers for users, in their order, of whom `listener` says what is known.
///
/// # Errors
///
/// If ranking fails.
pub(crate) fn answers<U: Sync>(
    engine: &Engine,
    (users, listener): (&[U], impl Fn(&U) -> anyhow::Result<Listener> + Sync),
    queries: &[Query],
) -> anyhow::Result<Vec<Vec<Answer>>> {
    let chunks = users
        .par_chunks(TOGETHER)
        .map(|users| {
            let listeners = (users.iter())
                .map(&listener)
                .collect::<anyhow::Result<Vec<_>>>()?;
            let listeners: Vec<&Listener> = listeners.iter().collect();
            let answers = queries
                .iter()
                .map(|query| engine.recommend_all(&listeners, query));
            Ok(answers.collect::<Result<_, _>>()?)
        })
        .collect::<anyhow::Result<Vec<Vec<Vec<Answer>>>>>()?;
    let mut answers: Vec<Vec<Answer>> = vec![Vec::with_capacity(users.len()); queries.len()];
    for (query, found) in chunks
        .into_iter()
        .flat_map(|chunk| chunk.into_iter().enumerate())
    {
        answers[query].extend(found);
    }
    Ok(answers)
}
