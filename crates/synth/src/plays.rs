use crate::World;
use crate::listeners::Listener;
use crate::pools::{Offer, Pool};
use crate::space::liking;
use crate::stream::{Kind, Stream};

/// A row of the log of plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Play {
    /// Number of the user.
    pub user: u32,
    /// Number of the track.
    pub track: u32,
    /// When it began, in milliseconds since 1970-01-01T00:00Z.
    pub played_at_ms: i64,
    /// For how long, in milliseconds; at most the track's length.
    pub ms_played: u32,
    /// Whether it was broken off.
    pub skipped: bool,
}

/// Tracks that are considered for each play that is not a repeat.
const CANDIDATES: usize = 4;
/// How often candidates are drawn before the scene's anchor is played: all may be unreleased yet.
const ROUNDS: usize = 8;
/// Plays that a listener remembers for repeating.
const MEMORY: usize = 256;
/// Chance of staying with the taste of the play before, within a session.
const STAY: f64 = 0.8;
/// Chance that something played again is skipped.
const SKIPPED_REPEATS: f64 = 0.06;
const DAY_MS: i64 = 86_400_000;
/// Plays in a session, on average.
const SESSION: f64 = 6.0;

/// A track that may be repeated.
#[derive(Debug, Clone, Copy)]
struct Heard {
    track: u32,
    duration_ms: u32,
}

/// The plays of one user in order of time, made as they are asked for.
#[derive(Debug)]
pub struct UserPlays<'w> {
    world: &'w World,
    user: u32,
    listener: Listener,
    stream: Stream,
    /// The sessions to come: (beginning, number of plays), the next one last.
    sessions: Vec<(i64, u32)>,
    left: u64,
    left_in_session: u32,
    /// When the last play ended, from the first day's beginning.
    now_ms: i64,
    /// The taste that led to the last play; `None` if none did.
    taste: Option<usize>,
    memory: Vec<Heard>,
}

impl<'w> UserPlays<'w> {
    pub(crate) fn new(world: &'w World, user: u32) -> Self {
        let left = world.play_count(user);
        let listener = world.listener(user);
        let mut stream = Stream::new(world.config().seed, Kind::Plays, user);
        let sessions = sessions(world, listener.lateness, left, &mut stream);
        Self {
            world,
            user,
            listener,
            stream,
            sessions,
            left,
            left_in_session: 0,
            now_ms: 0,
            taste: None,
            memory: Vec::new(),
        }
    }

    /// Moves on to the time of the next play and the taste that leads to it.
    fn advance(&mut self) {
        let mut stay = STAY;
        if self.left_in_session == 0
            && let Some((start, plays)) = self.sessions.pop()
        {
            self.now_ms = self.now_ms.max(start);
            self.left_in_session = plays;
            stay = 0.0;
        }
        self.left_in_session = self.left_in_session.saturating_sub(1);
        self.now_ms = self.now_ms.min(self.world.config().span_ms() - 1);
        if !self.stream.chance(stay) {
            self.taste = self.next_taste();
        }
    }

    fn next_taste(&mut self) -> Option<usize> {
        if self.stream.chance(self.listener.explores) {
            return None;
        }
        let fraction = self.world.fraction(self.now_ms);
        let mut at = self.stream.unit();
        let tastes = &self.listener.tastes;
        let found = tastes.iter().position(|taste| {
            at -= taste.share(fraction);
            at < 0.0
        });
        Some(found.unwrap_or(tastes.len() - 1))
    }

    /// The next track and the chance that it is skipped.
    fn next_track(&mut self) -> (Heard, f64) {
        let play = self.world.play_count(self.user) - self.left - 1;
        if let Some((track, core)) = self.world.debut((self.user, play), self.now_ms) {
            let duration_ms = core.duration_ms;
            return (Heard { track, duration_ms }, 0.0);
        }
        if !self.memory.is_empty() && self.stream.chance(self.listener.repeats) {
            return (self.stream.pick(&self.memory), SKIPPED_REPEATS);
        }
        let world = self.world;
        let offer = match world.pools.of_scene(self.next_scene()) {
            Some(pool) => self.choose(pool),
            None => world.pools.home(),
        };
        let liked = self.listener.liking(&offer.place);
        let heard = Heard {
            track: offer.track,
            duration_ms: offer.duration_ms,
        };
        (heard, 0.08 + 0.5 * (1.0 - liked) * (1.0 - liked))
    }

    fn next_scene(&mut self) -> usize {
        match self.taste {
            Some(taste) => {
                let style = self.listener.tastes[taste].style as usize;
                let first = style * self.world.space.scenes_per_style();
                first + self.stream.by_sums(&self.listener.scene_sums[taste])
            }
            None => self.stream.by_sums(&self.world.pools.scene_sums),
        }
    }

    /// Draws a few tracks by popularity and takes one of them by liking (sampling importance resampling; Rubin 1987).
    fn choose(&mut self, pool: &'w Pool) -> &'w Offer {
        for _ in 0..ROUNDS {
            let offers = [(); CANDIDATES].map(|()| pool.draw(&mut self.stream));
            let mut total = 0.0;
            let sums = offers.map(|offer| {
                total += self.weight(offer);
                total
            });
            if total > 0.0 {
                return offers[self.stream.by_sums(&sums)];
            }
        }
        pool.anchor()
    }

    fn weight(&self, offer: &Offer) -> f64 {
        match self.taste {
            _ if i64::from(offer.release_day) * DAY_MS > self.now_ms => 0.0,
            Some(taste) => liking(&self.listener.tastes[taste].place, &offer.place),
            None => 1.0,
        }
    }

    /// How long a track is heard.
    fn listen(&mut self, duration_ms: u32, skipped: bool) -> u32 {
        let duration = f64::from(duration_ms);
        match skipped {
            true => self.stream.between(2_000.0, 40_000.0).min(duration * 0.5) as u32,
            // Most are heard to the end, others faded out near it.
            false => (duration * self.stream.between(0.85, 1.35).min(1.0)) as u32,
        }
    }

    fn remember(&mut self, track: Heard) {
        if self.memory.len() < MEMORY {
            self.memory.push(track);
        } else {
            let slot = self.stream.below(MEMORY as u32);
            self.memory[slot as usize] = track;
        }
    }
}

impl Iterator for UserPlays<'_> {
    type Item = Play;

    fn next(&mut self) -> Option<Play> {
        self.left = self.left.checked_sub(1)?;
        self.advance();
        let (track, skips) = self.next_track();
        let skipped = self.stream.chance(skips);
        let ms_played = self.listen(track.duration_ms, skipped);
        if !skipped {
            self.remember(track);
        }
        let play = Play {
            user: self.user,
            track: track.track,
            played_at_ms: self.world.config().start.start_ms() + self.now_ms,
            ms_played,
            skipped,
        };
        self.now_ms += i64::from(ms_played) + 500 + i64::from(self.stream.below(2_500));
        Some(play)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).ok();
        (left.unwrap_or(usize::MAX), left)
    }
}

fn sessions(world: &World, lateness: f64, plays: u64, stream: &mut Stream) -> Vec<(i64, u32)> {
    let mut sessions = Vec::new();
    let mut planned = 0;
    while planned < plays {
        let length = 1.0 + (SESSION - 1.0) * stream.exponential();
        let length = length.min(40.0) as u32;
        planned += u64::from(length);
        sessions.push((world.calendar.session_start(lateness, stream), length));
    }
    sessions.sort_unstable_by(|a, b| b.cmp(a));
    sessions
}
