use anyhow::Context;
use crossfade_blend::{
    Answer, Case, Engine, Learned, Listener, Parameters, Query, Ranking, learn_weights,
};
use crossfade_eval::{ArmReport, ArmScores, Bootstrap, Comparison, Metric, TestUser};
use serde::{Deserialize, Serialize};

use super::{
    Content, Event, Observer, World,
    early_stop::factorise,
    fit::{Plays, liked, model},
};
use crate::{batch::answers, settings::Settings};

/// The metric by which the blend is learned and arms are compared.
pub(crate) const TARGET: Metric = Metric::Ndcg(20);

/// What was found on hidden plays.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Findings {
    /// Epochs of the factors that were measured.
    pub epochs: usize,
    /// How many epochs are enough; absent where training was still of use at its last epoch, or was not watched.
    pub enough_epochs: Option<usize>,
    /// Mean NDCG@100 of the collaborative ranking after each epoch, on the users the blend was learned on; empty where
    /// training was not watched.
    pub epoch_curve: Vec<f64>,
    /// Users that were measured.
    pub users: usize,
    /// Hidden pairs of user and track.
    pub hidden: usize,
    /// Each ranking with its metrics.
    pub arms: Vec<ArmReport>,
    /// The blend against each other ranking, on the same users.
    pub comparisons: Vec<Comparison>,
    /// The blend that was learned, on other users than those measured.
    pub parameters: Parameters,
    /// Mean quality by content weight on the users it was learned on.
    pub weight_curve: Vec<WeightQuality>,
}

/// A content weight and the quality it gave.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct WeightQuality {
    /// The content weight.
    pub content_weight: f64,
    /// Mean NDCG@20.
    pub ndcg: f64,
}

/// The rankings that are compared.
const ARMS: [(&str, Ranking); 4] = [
    ("popular", Ranking::Popular),
    ("collaborative", Ranking::Collaborative),
    ("content", Ranking::Content),
    ("blend", Ranking::Blend(None)),
];

/// Trains on a part of the plays, learns the blend on the hidden plays of some users, and measures all rankings on those
/// of others. `None` when too few users have enough plays to tell anything.
///
/// # Errors
///
/// If training or ranking fails.
pub fn validate(
    world: &World,
    content: &Content,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<Option<Findings>> {
    /// Fewer users than this give no interval worth the name.
    const FEWEST: usize = 20;
    let validation = &settings.validation;
    let split = validation
        .holdout()
        .split(&world.plays, world.last_played.as_deref());
    if split.test.len() < FEWEST {
        let note = format!(
            "only {} users have {} tracks or more; the blend keeps its default and nothing is measured",
            split.test.len(),
            validation.min_tracks
        );
        observer(Event::Note(&note));
        return Ok(None);
    }
    let learning = validation.learning_users as f64 / validation.holdout().users as f64;
    let (learning, test) = partition(split.test, learning);
    let factorised = factorise(
        (&liked(&split.train), &world.tracks),
        &learning,
        (settings, observer),
    )?;
    let plays = Plays::some(world, split.train, settings);
    let model = model((world, content), plays, factorised.factors, settings)?;
    let mut engine = Engine::new(model).context("the model cannot be answered from")?;
    let learned = learn(&mut engine, &learning, of_model)?;
    Ok(Some(Findings {
        epochs: factorised.epochs,
        enough_epochs: factorised.enough,
        epoch_curve: factorised.curve,
        ..measure(&engine, &test, learned, (settings, observer))?
    }))
}

/// Parts users in two, the first of about that share, evenly spread.
pub(crate) fn partition(users: Vec<TestUser>, share: f64) -> (Vec<TestUser>, Vec<TestUser>) {
    let mut due = 0.0;
    users.into_iter().partition(|_| {
        due += share;
        let now = due >= 1.0;
        due -= f64::from(u8::from(now));
        now
    })
}

/// A user as the model knows it; of others nothing is known.
fn of_model(engine: &Engine, user: u32) -> anyhow::Result<Listener> {
    let known = (user as usize) < engine.model().users.len();
    Ok(engine.listener(known.then_some(user), &[])?)
}

/// Learns the blend on the hidden tracks of users, of whom the engine may know what `listener` says.
pub(crate) fn learn(
    engine: &mut Engine,
    users: &[TestUser],
    listener: impl Fn(&Engine, u32) -> anyhow::Result<Listener>,
) -> anyhow::Result<Learned> {
    let cases = users
        .iter()
        .map(|user| {
            Ok(Case {
                listener: listener(engine, user.user)?,
                hidden: user.tracks.clone(),
            })
        })
        .collect::<anyhow::Result<Vec<Case>>>()?;
    let quality = |list: &[u32], hidden: &[u32]| TARGET.of(list, hidden);
    Ok(learn_weights(engine, &cases, TARGET.cutoff(), quality)?)
}

fn measure(
    engine: &Engine,
    test: &[TestUser],
    learned: Learned,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<Findings> {
    let arms = engine_arms(engine, test, (settings, observer))?;
    let bootstrap = Bootstrap::default();
    let tracks = engine.model().tracks.len();
    let comparisons = match arms.split_last() {
        Some((blend, others)) => others
            .iter()
            .filter_map(|other| blend.compare(other, TARGET, &bootstrap))
            .collect(),
        None => Vec::new(),
    };
    Ok(Findings {
        epochs: engine.model().factorisation.epochs,
        enough_epochs: None,
        epoch_curve: Vec::new(),
        users: test.len(),
        hidden: test.iter().map(|user| user.tracks.len()).sum(),
        arms: arms
            .iter()
            .map(|arm| arm.report(tracks, &bootstrap))
            .collect(),
        comparisons,
        parameters: learned.parameters,
        weight_curve: learned
            .curve
            .into_iter()
            .map(|(content_weight, ndcg)| WeightQuality {
                content_weight,
                ndcg,
            })
            .collect(),
    })
}

/// What is measured with lists of these lengths.
pub(crate) fn metrics(cutoffs: &[usize]) -> Vec<Metric> {
    let mut metrics = Metric::standard(cutoffs);
    if !metrics.contains(&TARGET) {
        metrics.push(TARGET);
    }
    metrics
}

/// How long lists must be for that.
pub(crate) fn needed(metrics: &[Metric]) -> usize {
    let cutoffs = metrics.iter().map(|metric| metric.cutoff());
    cutoffs.max().unwrap_or(1)
}

/// Measures the engine's answers under each ranking.
///
/// # Errors
///
/// If ranking fails.
fn engine_arms(
    engine: &Engine,
    test: &[TestUser],
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<Vec<ArmScores>> {
    let metrics = metrics(&settings.validation.cutoffs);
    let limit = needed(&metrics);
    let mut arms = Vec::new();
    for (place, (name, ranking)) in ARMS.into_iter().enumerate() {
        let lists = lists(engine, test, ranking, limit)?;
        arms.push(ArmScores::measure(name, &lists, test, &metrics));
        observer(Event::Progress {
            done: place as u64 + 1,
            total: ARMS.len() as u64,
        });
    }
    Ok(arms)
}

fn lists(
    engine: &Engine,
    test: &[TestUser],
    ranking: Ranking,
    limit: usize,
) -> anyhow::Result<Vec<Vec<u32>>> {
    let query = Query::new(ranking, limit);
    let listener = |user: &TestUser| of_model(engine, user.user);
    let tracks = |answer: Answer| answer.tracks.iter().map(|ranked| ranked.track).collect();
    let answers = answers(engine, (test, listener), &[query])?
        .into_iter()
        .flatten();
    Ok(answers.map(tracks).collect())
}
