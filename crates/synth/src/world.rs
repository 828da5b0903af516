use std::ops::Range;

use crate::calendar::Calendar;
use crate::listeners::{Listener, User};
use crate::plays::{Play, UserPlays};
use crate::pools::Pools;
use crate::space::Space;
use crate::stream::{Kind, Stream};
use crate::tracks::{Core, Track, numbered};
use crate::{Error, Point, WorldConfig};

/// A world of music and its listeners. Users, tracks and plays are made when they are asked for, in any order and from
/// any number of threads, and are always the same for the same configuration.
#[derive(Debug, Clone)]
pub struct World {
    config: WorldConfig,
    pub(crate) space: Space,
    cores: Vec<Core>,
    pub(crate) pools: Pools,
    pub(crate) calendar: Calendar,
    /// Plays of all users before each one; the last is the number of plays.
    play_offsets: Vec<u64>,
}

/// The most active user has so many times the average number of plays.
const MOST_ACTIVE: f64 = 10.0;

impl World {
    /// Makes the parts that everything else is made from: time and memory grow with users and tracks.
    ///
    /// # Errors
    ///
    /// If a setting is out of range.
    pub fn new(config: WorldConfig) -> Result<Self, Error> {
        config.validate()?;
        let space = Space::new(&config);
        let cores: Vec<Core> = (0..config.tracks)
            .map(|number| Core::new(&config, &space, number))
            .collect();
        Ok(Self {
            pools: Pools::new(&config, &space, &cores),
            calendar: Calendar::new(&config),
            play_offsets: play_offsets(&config),
            space,
            cores,
            config,
        })
    }

    /// What it was made from.
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// The track of that number.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn track(&self, number: u32) -> Track {
        self.cores[number as usize].describe(&self.config, &self.space, number)
    }

    /// All tracks in order of their numbers.
    pub fn tracks(&self) -> impl ExactSizeIterator<Item = Track> + '_ {
        (0..self.config.tracks).map(|number| self.track(number))
    }

    /// The external id of a track.
    pub fn track_id(&self, number: u32) -> String {
        numbered("trk", number, self.config.tracks)
    }

    /// The user of that number.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn user(&self, number: u32) -> User {
        User {
            number,
            user_id: self.user_id(number),
            plays: self.play_count(number),
            tastes: self.listener(number).tastes,
        }
    }

    /// All users in order of their numbers.
    pub fn users(&self) -> impl ExactSizeIterator<Item = User> + '_ {
        (0..self.config.users).map(|number| self.user(number))
    }

    /// The external id of a user.
    pub fn user_id(&self, number: u32) -> String {
        numbered("usr", number, self.config.users)
    }

    /// How many plays a user has.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn play_count(&self, user: u32) -> u64 {
        self.play_offsets[user as usize + 1] - self.play_offsets[user as usize]
    }

    /// The plays of one user in order of time.
    ///
    /// # Panics
    ///
    /// If there is no such user.
    pub fn user_plays(&self, user: u32) -> UserPlays<'_> {
        UserPlays::new(self, user)
    }

    /// The track that makes its debut with the `play`th play of a user, counted from 0 in order of time, if any does and it
    /// is out by that time.
    ///
    /// Debuts are spread evenly over the whole log: somebody, somewhere, heard each track that is not cold, whatever its
    /// popularity. Worlds with fewer than two plays a track have none.
    pub(crate) fn debut(&self, (user, play): (u32, u64), now_ms: i64) -> Option<(u32, &Core)> {
        let every = self.config.plays / u64::from(self.config.tracks);
        let number = self.play_offsets[user as usize] + play;
        if every < 2 || !number.is_multiple_of(every) {
            return None;
        }
        let track = u32::try_from(number / every).ok()?;
        let core = self.cores.get(track as usize)?;
        let released_ms = core.release.start_ms() - self.config.start.start_ms();
        (!core.cold && released_ms <= now_ms).then_some((track, core))
    }

    /// All plays, user after user, those of each in order of time.
    pub fn plays(&self) -> impl Iterator<Item = Play> + '_ {
        (0..self.config.users).flat_map(|user| self.user_plays(user))
    }

    /// A stretch of [`plays`](Self::plays), by their numbers from 0. It costs what its own plays do, and at most those of
    /// one user before them; so a log can be made in parts, and by many threads.
    pub fn plays_in(&self, range: Range<u64>) -> impl Iterator<Item = Play> + '_ {
        // The last user whose first play is not after the first play wanted.
        let at_or_before = self
            .play_offsets
            .partition_point(|&first| first <= range.start);
        let user = (at_or_before - 1).min(self.config.users as usize);
        let skipped = range.start - self.play_offsets[user];
        (user as u32..self.config.users)
            .flat_map(|user| self.user_plays(user))
            .skip(skipped as usize)
            .take(range.end.saturating_sub(range.start) as usize)
    }

    /// The truth: how much a user likes a track at a time (in milliseconds since 1970), from 0 to 1. It is the mean,
    /// by their shares at that time, of how much each of the user's tastes likes it. Popularity is no part of it. Each call makes
    /// the user anew; for many tracks of one user, [`User::affinity`] is faster.
    ///
    /// # Panics
    ///
    /// If there is no such user or track.
    pub fn affinity(&self, user: u32, track: u32, at_ms: i64) -> f64 {
        let fraction = self.fraction(at_ms - self.config.start.start_ms());
        self.user(user).affinity(self.place(track), fraction)
    }

    /// The truth: where a track lies in the latent space.
    ///
    /// # Panics
    ///
    /// If there is no such track.
    pub fn place(&self, track: u32) -> &Point {
        &self.cores[track as usize].place
    }

    /// The truth: the number of the style a track belongs to.
    ///
    /// # Panics
    ///
    /// If there is no such track.
    pub fn style(&self, track: u32) -> u32 {
        let artist = self.cores[track as usize].artist;
        let scene = self.space.artists[artist as usize].scene;
        self.space.style_of_scene(scene as usize) as u32
    }

    /// The truth: whether a track came out in the last days and is never played.
    ///
    /// # Panics
    ///
    /// If there is no such track.
    pub fn is_cold(&self, track: u32) -> bool {
        self.cores[track as usize].cold
    }

    pub(crate) fn listener(&self, user: u32) -> Listener {
        Listener::new(self.config.seed, &self.space, &self.pools, user)
    }

    /// How much of the world's time has passed, 0 to 1.
    pub(crate) fn fraction(&self, since_start_ms: i64) -> f64 {
        (since_start_ms as f64 / self.config.span_ms() as f64).clamp(0.0, 1.0)
    }
}

/// Shares the plays out by activity: each user gets the plays that fall between their running sum and the next.
fn play_offsets(config: &WorldConfig) -> Vec<u64> {
    let activity = |user| {
        let mut stream = Stream::new(config.seed, Kind::Activity, user);
        // The mean of a log-normal with sigma 1 is exp(1/2) = 1.65.
        stream.log_normal(1.0).min(1.65 * MOST_ACTIVE)
    };
    let total: f64 = (0..config.users).map(activity).sum();
    let mut sum = 0.0;
    let mut offsets = vec![0];
    for user in 0..config.users {
        sum += activity(user);
        offsets.push((config.plays as f64 * (sum / total)).round() as u64);
    }
    offsets
}
