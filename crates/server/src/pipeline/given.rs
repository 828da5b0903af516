//! Measuring on a split that somebody else made: all plays of one file for training, those of another to be found.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Context;
use crossfade_blend::{Engine, Parameters};
use crossfade_eval::{ArmReport, ArmScores, Bootstrap, Comparison, Metric, TestUser};
use crossfade_ingest::read_plays;
use crossfade_mf::Training;
use serde::Serialize;

use super::{
    Event, Observer, World, embed, fit,
    fit::{EpochReport, FAILED, factorise, liked, run_epoch},
    lists::{Audience, most_popular},
    load::read_world,
    validate,
    validate::{TARGET, engine_arms, metrics, needed},
};
use crate::settings::Settings;

/// Where the parts of a split lie.
#[derive(Debug, Clone)]
pub struct GivenSources {
    /// The plays to train on.
    pub train: PathBuf,
    /// The plays to find.
    pub test: PathBuf,
    /// The track table, if content is to be measured too.
    pub tracks: Option<PathBuf>,
    /// Whether the collaborative ranking is measured after every epoch.
    pub each_epoch: bool,
}

/// The plays to find, in the indices of the world that is trained on. Users and tracks that it does not have come after
/// its own: such users are given popular tracks, and such tracks count as missed.
#[derive(Debug)]
pub struct Hidden {
    /// The users with their tracks.
    pub users: Vec<TestUser>,
    /// How many users have no plays to train on.
    pub unknown_users: usize,
    /// Pairs whose track has no plays to train on.
    pub unknown_pairs: usize,
    /// Pairs that are trained on as well; no list shows a user's own tracks, so they count as missed.
    pub repeated_pairs: usize,
}

/// What was found of a given split's test plays.
#[derive(Debug, Clone, Serialize)]
pub struct GivenFindings {
    /// Users that were measured: all with test plays.
    pub users: usize,
    /// How many of them have no plays to train on; they are given popular tracks.
    pub unknown_users: usize,
    /// Test pairs of user and track.
    pub hidden: usize,
    /// Those whose track has no plays to train on; they count as missed.
    pub unknown_pairs: usize,
    /// Those that are trained on as well; they count as missed.
    pub repeated_pairs: usize,
    /// Length of the factors.
    pub dim: usize,
    /// Every epoch of the training.
    pub epochs: Vec<EpochReport>,
    /// The collaborative ranking after every epoch, if that was asked for.
    pub curve: Vec<EpochQuality>,
    /// Each ranking with its metrics.
    pub arms: Vec<ArmReport>,
    /// The last ranking against each other one, on the same users.
    pub comparisons: Vec<Comparison>,
    /// The blend, learned on plays hidden from the training part; absent without a track table.
    pub parameters: Option<Parameters>,
}

/// How good the collaborative ranking was after an epoch.
#[derive(Debug, Clone, Serialize)]
pub struct EpochQuality {
    /// From 1.
    pub epoch: usize,
    /// Seconds that training had taken until then, setting up included and measuring not.
    pub seconds: f64,
    /// Means over the users.
    pub metrics: Vec<Mean>,
}

/// A metric's mean.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Mean {
    /// What is measured.
    pub metric: Metric,
    /// Its mean over the users.
    pub mean: f64,
}

/// Trains on one file and measures on the other: popular and collaborative rankings, and with a track table content and
/// blend too.
///
/// Metrics are means over all users with test plays. Recall is divided by the number of a user's test tracks, whether they
/// can be found or not.
///
/// # Errors
///
/// If a file cannot be read, or training or ranking fails.
pub fn measure_given(
    sources: &GivenSources,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<GivenFindings> {
    observer(Event::Stage("read plays"));
    let world = read_world(
        &sources.train,
        sources.tracks.as_deref(),
        (settings, observer),
    )?;
    let hidden = read_hidden(&sources.test, &world, (settings, observer))?;
    let curve = match sources.each_epoch {
        true => learning_curve(&world, &hidden, (settings, observer))?,
        false => Vec::new(),
    };
    let (arms, epochs, parameters) = match sources.tracks {
        Some(_) => all_arms(&world, &hidden, (settings, observer))?,
        None => factor_arms(&world, &hidden, (settings, observer))?,
    };
    let bootstrap = Bootstrap::default();
    let comparisons = match arms.split_last() {
        Some((last, others)) => others
            .iter()
            .filter_map(|other| last.compare(other, TARGET, &bootstrap))
            .collect(),
        None => Vec::new(),
    };
    let report = |arm: &ArmScores| arm.report(world.tracks.len(), &bootstrap);
    Ok(GivenFindings {
        users: hidden.users.len(),
        unknown_users: hidden.unknown_users,
        hidden: hidden.users.iter().map(|user| user.tracks.len()).sum(),
        unknown_pairs: hidden.unknown_pairs,
        repeated_pairs: hidden.repeated_pairs,
        dim: settings.factorisation.dim,
        epochs,
        curve,
        arms: arms.iter().map(report).collect(),
        comparisons,
        parameters,
    })
}

/// Reads plays that are to be found by what `world` is trained on.
///
/// # Errors
///
/// If the file cannot be read.
pub fn read_hidden(
    path: &Path,
    world: &World,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<Hidden> {
    let mut tracks = (*world.tracks).clone();
    let log = read_plays(path, &settings.plays, &mut tracks, &|_| ())?;
    if !log.report.is_clean() {
        observer(Event::Note(&log.report.to_string()));
    }
    let known_users = world.users.len();
    let mut hidden = Hidden {
        users: Vec::with_capacity(log.users.len()),
        unknown_users: 0,
        unknown_pairs: 0,
        repeated_pairs: 0,
    };
    let listened = world.plays.column_counts();
    for (row, id) in log.users.iter().enumerate() {
        let liked = log.strengths.row(row).iter();
        let tracks: Vec<u32> = liked
            .filter_map(|(track, strength)| (strength > 0.0).then_some(track))
            .collect();
        if tracks.is_empty() {
            continue;
        }
        let known = world.users.index_of(id);
        let own = known.map_or(&[][..], |user| world.plays.row(user as usize).indices);
        let is_listened = |track: u32| listened.get(track as usize).is_some_and(|&n| n > 0);
        hidden.unknown_users += usize::from(known.is_none());
        hidden.unknown_pairs += tracks.iter().filter(|&&track| !is_listened(track)).count();
        hidden.repeated_pairs += tracks
            .iter()
            .filter(|track| own.binary_search(track).is_ok())
            .count();
        hidden.users.push(TestUser {
            user: known.unwrap_or((known_users + row) as u32),
            tracks,
        });
    }
    anyhow::ensure!(
        !hidden.users.is_empty(),
        "{}: no play in it can be looked for; were all of them skipped?",
        path.display()
    );
    hidden.users.sort_by_key(|user| user.user);
    Ok(hidden)
}

/// Trains once more, and measures after every epoch.
fn learning_curve(
    world: &World,
    hidden: &Hidden,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<Vec<EpochQuality>> {
    observer(Event::Stage("measure every epoch"));
    let config = &settings.factorisation;
    let metrics = metrics(&settings.validation.cutoffs);
    let audience = Audience {
        train: &world.plays,
        users: &hidden.users,
        popular: &most_popular(&world.plays),
    };
    let liked = liked(&world.plays);
    let start = Instant::now();
    let mut training = Training::new(&liked, config).context(FAILED)?;
    let mut time = start.elapsed();
    let mut curve = Vec::with_capacity(config.epochs);
    for epoch in 1..=config.epochs {
        let start = Instant::now();
        run_epoch(&mut training, config.epochs, observer)?;
        time += start.elapsed();
        let factors = (training.users(), training.items());
        let lists = audience.collaborative(factors, config.dim, needed(&metrics))?;
        let scores = ArmScores::measure("collaborative", &lists, &hidden.users, &metrics);
        let mean = |&metric: &Metric| Mean {
            metric,
            mean: scores.mean(metric).unwrap_or(0.0),
        };
        curve.push(EpochQuality {
            epoch,
            seconds: time.as_secs_f64(),
            metrics: metrics.iter().map(mean).collect(),
        });
    }
    Ok(curve)
}

type Measured = (Vec<ArmScores>, Vec<EpochReport>, Option<Parameters>);

/// The rankings that need no track table.
fn factor_arms(
    world: &World,
    hidden: &Hidden,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<Measured> {
    observer(Event::Stage("factorise"));
    let (factors, epochs) = factorise(&liked(&world.plays), &settings.factorisation, observer)?;
    observer(Event::Stage("measure"));
    let metrics = metrics(&settings.validation.cutoffs);
    let audience = Audience {
        train: &world.plays,
        users: &hidden.users,
        popular: &most_popular(&world.plays),
    };
    let (users, items) = (factors.users.as_slice(), factors.items.as_slice());
    let limit = needed(&metrics);
    let collaborative = audience.collaborative((users, items), factors.items.columns(), limit)?;
    let arms = [
        ("popular", audience.popular(limit)),
        ("collaborative", collaborative),
    ]
    .map(|(name, lists)| ArmScores::measure(name, &lists, &hidden.users, &metrics));
    Ok((arms.into(), epochs, None))
}

/// All rankings, the blend as it is learned on plays hidden from the training part.
fn all_arms(
    world: &World,
    hidden: &Hidden,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<Measured> {
    observer(Event::Stage("embed tracks"));
    let content = embed(&world.tracks, &settings.content)?;
    observer(Event::Stage("learn the blend"));
    let learned = validate(world, &content, (settings, observer))?;
    observer(Event::Stage("factorise"));
    let plays = world.plays.clone();
    let (mut model, epochs) = fit(world, plays, &content, (settings, observer))?;
    if let Some(learned) = learned {
        model.parameters = learned.parameters;
    }
    observer(Event::Stage("measure"));
    let parameters = model.parameters.clone();
    let engine = Engine::new(model).context("the model cannot be answered from")?;
    let arms = engine_arms(&engine, &hidden.users, (settings, observer))?;
    Ok((arms, epochs, Some(parameters)))
}
