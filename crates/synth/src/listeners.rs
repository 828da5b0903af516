use crate::Point;
use crate::pools::Pools;
use crate::space::{Space, liking, liking_at, near, running_sums, squared_distance};
use crate::stream::{Kind, Stream};

/// A row of the table of users, with the truth about them.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// Their number: 0 for the first.
    pub number: u32,
    /// External id, such as `usr_00042`.
    pub user_id: String,
    /// How many plays they have.
    pub plays: u64,
    /// What they like: one to four tastes.
    pub tastes: Vec<Taste>,
}

/// One thing that someone likes.
#[derive(Debug, Clone, PartialEq)]
pub struct Taste {
    /// Number of the style it lies in.
    pub style: u32,
    /// Where it lies.
    pub place: Point,
    /// Its share of the listening on the first day. The shares of a user's tastes add up to 1.
    pub share_at_start: f64,
    /// Its share on the last day; in between it moves evenly.
    pub share_at_end: f64,
}

impl Taste {
    /// Its share of the listening at a fraction of the world's time, 0 to 1.
    pub fn share(&self, fraction: f64) -> f64 {
        self.share_at_start + (self.share_at_end - self.share_at_start) * fraction
    }
}

impl User {
    /// How much they like what lies at `place` when a fraction of the world's time, 0 to 1, has passed: see
    /// [`World::affinity`](crate::World::affinity).
    pub fn affinity(&self, place: &Point, fraction: f64) -> f64 {
        let likes = |taste: &Taste| taste.share(fraction) * liking(&taste.place, place);
        self.tastes.iter().map(likes).sum()
    }
}

/// A user as the source of plays.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    pub(crate) tastes: Vec<Taste>,
    /// Per taste: running sums over the scenes of its style of how often it leads there.
    pub(crate) scene_sums: Vec<Vec<f64>>,
    /// Chance of playing something again.
    pub(crate) repeats: f64,
    /// Chance of a play that no taste led to.
    pub(crate) explores: f64,
    /// Hours by which their day is late.
    pub(crate) lateness: f64,
}

/// How many users have one, two, three and four tastes.
const TASTE_COUNTS: [f64; 4] = [0.2, 0.5, 0.8, 1.0];
/// Distance of a taste from the middle of the scene it is drawn by, in every dimension.
const TASTE_SPREAD: f64 = 0.6;
/// Variance, in every dimension, of the distance at which a taste leads to a scene.
const SCENE_REACH: f64 = 3.5;

impl Listener {
    pub(crate) fn new(seed: u64, space: &Space, pools: &Pools, user: u32) -> Self {
        let mut stream = Stream::new(seed, Kind::User, user);
        let count = stream.by_sums(&TASTE_COUNTS) + 1;
        let repeats = stream.between(0.15, 0.45);
        let explores = stream.between(0.1, 0.3);
        let lateness = 2.0 * stream.normal();
        let places: Vec<(usize, Point)> = (0..count)
            .map(|_| {
                let scene = stream.by_sums(&pools.scene_sums);
                (
                    scene,
                    near(&space.scenes[scene].centre, TASTE_SPREAD, &mut stream),
                )
            })
            .collect();
        let start = shares(count, &mut stream);
        // Tastes drift; they do not change into new ones altogether.
        let end: Vec<f64> = shares(count, &mut stream)
            .iter()
            .zip(&start)
            .map(|(new, old)| 0.7 * new + 0.3 * old)
            .collect();
        let tastes: Vec<Taste> = places
            .iter()
            .zip(start.iter().zip(&end))
            .map(
                |(&(scene, place), (&share_at_start, &share_at_end))| Taste {
                    style: space.style_of_scene(scene) as u32,
                    place,
                    share_at_start,
                    share_at_end,
                },
            )
            .collect();
        let scene_sums = tastes
            .iter()
            .map(|taste| lead(taste, space, pools))
            .collect();
        Self {
            tastes,
            scene_sums,
            repeats,
            explores,
            lateness,
        }
    }
}

impl Listener {
    /// How much the nearest taste likes what is at `place`.
    pub(crate) fn liking(&self, place: &Point) -> f64 {
        let distance = |taste: &Taste| squared_distance(&taste.place, place);
        let nearest = self
            .tastes
            .iter()
            .map(distance)
            .fold(f64::INFINITY, f64::min);
        liking_at(nearest)
    }
}

/// Random shares that add up to 1, each division as likely as any other.
fn shares(count: usize, stream: &mut Stream) -> Vec<f64> {
    let parts: Vec<f64> = (0..count).map(|_| stream.exponential() + 1e-3).collect();
    let total: f64 = parts.iter().sum();
    parts.iter().map(|part| part / total).collect()
}

fn lead(taste: &Taste, space: &Space, pools: &Pools) -> Vec<f64> {
    let per_style = space.scenes_per_style();
    let first = taste.style as usize * per_style;
    let weight = |scene: usize| {
        let distance = squared_distance(&taste.place, &space.scenes[scene].centre);
        pools.appeal[scene] * libm::exp(-0.5 * distance / SCENE_REACH)
    };
    running_sums((first..first + per_style).map(weight).collect())
}
