use std::path::PathBuf;

use anyhow::Context;
use crossfade_blend::Play;
use crossfade_content::history_of;
use crossfade_eval::{Metric, Order, Split, TestUser, TimeHoldout, TrackSplit};
use serde::Serialize;

use crate::{
    pipeline::{
        COLD_TARGET, Content, Event, Sources, Stages, TARGET, World, embed, hide_tracks, load,
        partition, read_hidden, read_world,
    },
    settings::Settings,
};

/// Where plays come from, and which are hidden.
#[derive(Debug, Clone)]
pub enum Source {
    /// Some of one log's plays are hidden.
    Hide(Sources, SplitKind),
    /// Somebody else has parted them.
    Given {
        /// The plays to train on.
        train: PathBuf,
        /// The plays to find.
        test: PathBuf,
        /// The track table, if content is to be measured too.
        tracks: Option<PathBuf>,
    },
}

/// Which plays are hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitKind {
    /// A share of the tracks of some users.
    Plays,
    /// Everybody's, after a moment.
    Time,
    /// All plays of some users; a share of them is given back when their lists are made.
    Users,
    /// All plays of some tracks, which are looked for among each other.
    Tracks,
}

/// Fewer tested users than this give no interval worth the name.
const FEWEST: usize = 20;

/// What is trained on, and what is to be found.
pub(super) struct Exam {
    pub(super) world: World,
    /// Absent without a track table.
    pub(super) content: Option<Content>,
    pub(super) split: Split,
    /// Users whose hidden tracks the blend is learned on; none where the split is given.
    pub(super) learning: Vec<TestUser>,
    pub(super) about: About,
    /// Whether tested users are unknown to the training.
    pub(super) folded_in: bool,
    /// The tracks that were hidden from training, where whole tracks were: all that lists choose from.
    pub(super) new_tracks: Option<Vec<u32>>,
    /// By what rankings are compared.
    pub(super) target: Metric,
    listeners: Vec<u32>,
}

/// What was hidden, in words and numbers.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// How plays were parted: `plays`, `time`, `users`, `tracks` or `given`.
    pub kind: &'static str,
    /// The same for people.
    pub text: String,
    /// Share that was hidden, where it was chosen.
    pub fraction: Option<f64>,
    /// Seed of the draw, where there was one.
    pub seed: Option<u64>,
    /// The moment, in seconds since 1970, where plays were parted by time.
    pub moment: Option<u32>,
}

impl Exam {
    /// The tested users in increasing order.
    pub(super) fn test(&self) -> &[TestUser] {
        &self.split.test
    }

    /// The tracks a user is known to have played when lists are made.
    pub(super) fn known(&self, user: u32) -> &[u32] {
        match (user as usize) < self.split.given.rows() {
            true => self.split.given.row(user as usize).indices,
            false => &[],
        }
    }

    /// The same, with strengths and times.
    ///
    /// # Panics
    ///
    /// If no user is at that row.
    pub(super) fn given(&self, user: u32) -> Vec<Play> {
        let times = self.world.last_played.as_deref();
        let known = self.known(user);
        let all = history_of((&self.world.plays, times), user as usize);
        all.filter(|play| known.binary_search(&play.track).is_ok())
            .collect()
    }

    /// Users whose hidden tracks may tell when training is to stop.
    pub(super) fn watched(&self) -> &[TestUser] {
        match self.folded_in {
            true => &[],
            false => &self.learning,
        }
    }

    /// How many tracks lists choose from.
    pub(super) fn choices(&self) -> usize {
        match &self.new_tracks {
            Some(tracks) => tracks.len(),
            None => self.world.tracks.len(),
        }
    }

    /// How many users liked a track in training.
    pub(super) fn listeners(&self, track: u32) -> u32 {
        self.listeners.get(track as usize).copied().unwrap_or(0)
    }

    /// The same of each track.
    pub(super) fn all_listeners(&self) -> &[u32] {
        &self.listeners
    }
}

/// Reads everything and hides what is to be found.
///
/// # Errors
///
/// If a file cannot be read, or too few users can be tested.
pub(super) fn prepare(source: &Source, stages: &mut Stages<'_>) -> anyhow::Result<Exam> {
    let world = stages.run("read plays and tracks", |settings, observer| match source {
        Source::Hide(sources, _) => load(sources, settings, observer),
        Source::Given { train, tracks, .. } => {
            read_world(train, tracks.as_deref(), (settings, observer))
        }
    })?;
    let described = !matches!(source, Source::Given { tracks: None, .. });
    let content = match described {
        true => Some(stages.run("embed tracks", |settings, _| {
            embed(&world.tracks, &settings.content)
        })?),
        false => None,
    };
    let (split, about, new_tracks) =
        stages.run("hide plays", |settings, observer| match source {
            Source::Hide(_, SplitKind::Tracks) => {
                let content = content
                    .as_ref()
                    .context("whole tracks are told apart by a track table")?;
                hide_whole_tracks(&world, content, settings)
            }
            Source::Hide(_, kind) => hide(&world, *kind, settings),
            Source::Given { test, .. } => {
                let hidden = read_hidden(test, &world, (settings, observer))?;
                observer(Event::Progress { done: 1, total: 1 });
                Ok(given(&world, hidden))
            }
        })?;
    let validation = &stages.settings.validation;
    let (learning, test) = match about.kind {
        // There is nothing to learn the blend from, or no blend to learn.
        "given" | "tracks" => (Vec::new(), split.test),
        _ => {
            let share = validation.learning_users as f64 / validation.holdout().users as f64;
            partition(split.test, share)
        }
    };
    let listeners = split
        .train
        .filter(|_, _, strength| strength > 0.0)
        .column_counts();
    Ok(Exam {
        content,
        listeners,
        split: Split { test, ..split },
        learning,
        folded_in: about.kind == "users",
        target: match new_tracks {
            Some(_) => COLD_TARGET,
            None => TARGET,
        },
        new_tracks,
        about,
        world,
    })
}

type Hidden = (Split, About, Option<Vec<u32>>);

fn given(world: &World, test: Vec<TestUser>) -> Hidden {
    let split = Split {
        train: world.plays.clone(),
        given: world.plays.clone(),
        test,
    };
    let about = About {
        kind: "given",
        text: "Trained on one file; all plays of another are to be found".to_owned(),
        fraction: None,
        seed: None,
        moment: None,
    };
    (split, about, None)
}

fn hide_whole_tracks(
    world: &World,
    content: &Content,
    settings: &Settings,
) -> anyhow::Result<Hidden> {
    let TrackSplit {
        train,
        tracks,
        test,
    } = hide_tracks(world, content, settings)?;
    let validation = &settings.validation;
    let about = About {
        kind: "tracks",
        text: format!(
            "All plays of {} tracks are hidden, {} % of those that are described and have {} listeners; lists choose among these \
             tracks",
            tracks.len(),
            100.0 * validation.fraction,
            validation.min_listeners
        ),
        fraction: Some(validation.fraction),
        seed: Some(validation.seed),
        moment: None,
    };
    let split = Split {
        given: train.clone(),
        train,
        test,
    };
    Ok((split, about, Some(tracks)))
}

fn hide(world: &World, kind: SplitKind, settings: &Settings) -> anyhow::Result<Hidden> {
    let validation = &settings.validation;
    let holdout = validation.holdout();
    let times = world.last_played.as_deref();
    let percent = 100.0 * validation.fraction;
    let order = match (validation.order, times) {
        (Order::Latest, Some(_)) => "the latest ones",
        _ => "drawn at random",
    };
    let (split, name, text, moment) = match kind {
        SplitKind::Plays | SplitKind::Tracks => {
            let text = format!("{percent} % of the tracks of each tested user are hidden, {order}");
            (holdout.split(&world.plays, times), "plays", text, None)
        }
        SplitKind::Users => {
            let split = holdout.split(&world.plays, times).without_tested_users();
            let text = format!(
                "Tested users are unknown to the training; their lists are made from their history without {percent} % of it, {order}"
            );
            (split, "users", text, None)
        }
        SplitKind::Time => {
            let times = times.context(
                "--split time needs plays with times: a column played_at, or another name under plays.columns.played_at",
            )?;
            let holdout = TimeHoldout {
                users: holdout.users,
                fraction: validation.fraction,
                min_tracks: validation.min_tracks,
                seed: validation.seed,
            };
            let (split, moment) = holdout.split(&world.plays, times);
            let at = chrono::DateTime::from_timestamp(i64::from(moment), 0);
            let at = at.map_or_else(String::new, |at| at.format("%F %T UTC").to_string());
            let text = format!("Everybody's plays after {at} are hidden, {percent} % of all");
            (split, "time", text, Some(moment))
        }
    };
    anyhow::ensure!(
        split.test.len() >= FEWEST,
        "only {} users can be tested, too few for any certainty; see validation.min_tracks, which is {}",
        split.test.len(),
        validation.min_tracks
    );
    let about = About {
        kind: name,
        text,
        fraction: Some(validation.fraction),
        seed: Some(validation.seed),
        moment,
    };
    Ok((split, about, None))
}
