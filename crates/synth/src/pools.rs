//! What can be played, scene by scene, ready for drawing by popularity.

use crate::alias::Alias;
use crate::space::{Space, running_sums};
use crate::stream::Stream;
use crate::tracks::Core;
use crate::{Point, WorldConfig};

/// A track as plays see it. Copied from the table of tracks so that the tracks of a scene lie side by side in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) track: u32,
    pub(crate) duration_ms: u32,
    /// Day of release from the first day of the world; negative if before.
    pub(crate) release_day: i32,
    pub(crate) place: Point,
}

/// The tracks of a scene that may be played.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    offers: Vec<Offer>,
    by_popularity: Alias,
    /// The most popular track that is out on the first day.
    anchor: usize,
    /// Sum of the popularity.
    mass: f64,
}

impl Pool {
    /// `None` if no track of the scene is out on the first day.
    fn new(config: &WorldConfig, cores: &[Core], tracks: &[u32]) -> Option<Self> {
        let weight = |track: u32| f64::from(cores[track as usize].popularity);
        let weights: Vec<f64> = tracks.iter().map(|&track| weight(track)).collect();
        let offers: Vec<Offer> = tracks
            .iter()
            .map(|&track| Offer::new(config, cores, track))
            .collect();
        let out = (0..offers.len()).filter(|&slot| offers[slot].release_day < 0);
        let anchor = out.max_by(|&a, &b| weights[a].total_cmp(&weights[b]).then(b.cmp(&a)))?;
        Some(Self {
            by_popularity: Alias::new(&weights),
            anchor,
            mass: weights.iter().sum(),
            offers,
        })
    }

    /// A track drawn by popularity.
    pub(crate) fn draw(&self, stream: &mut Stream) -> &Offer {
        &self.offers[self.by_popularity.draw(stream)]
    }

    /// The most popular track that is out on the first day.
    pub(crate) fn anchor(&self) -> &Offer {
        &self.offers[self.anchor]
    }
}

impl Offer {
    fn new(config: &WorldConfig, cores: &[Core], track: u32) -> Self {
        let core = &cores[track as usize];
        Self {
            track,
            duration_ms: core.duration_ms,
            release_day: core.release.days() - config.start.days(),
            place: core.place,
        }
    }
}

/// The pools of all scenes, and how listeners come across them.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    of_scene: Vec<Option<Pool>>,
    /// How much a scene draws: the root of its popularity, so that large scenes do not swallow small ones.
    pub(crate) appeal: Vec<f64>,
    /// Running sums of `appeal`.
    pub(crate) scene_sums: Vec<f64>,
    /// What is played where there is nothing to play.
    home: Offer,
}

impl Pools {
    pub(crate) fn new(config: &WorldConfig, space: &Space, cores: &[Core]) -> Self {
        let mut tracks = vec![Vec::new(); space.scenes.len()];
        for (number, core) in cores.iter().enumerate().filter(|(_, core)| !core.cold) {
            let scene = space.artists[core.artist as usize].scene;
            tracks[scene as usize].push(number as u32);
        }
        let of_scene: Vec<Option<Pool>> = tracks
            .iter()
            .map(|tracks| Pool::new(config, cores, tracks))
            .collect();
        let appeal = |pool: &Option<Pool>| pool.as_ref().map_or(0.0, |pool| pool.mass.sqrt());
        let appeal: Vec<f64> = of_scene.iter().map(appeal).collect();
        Self {
            scene_sums: running_sums(appeal.clone()),
            appeal,
            of_scene,
            // The first track is never cold or new.
            home: Offer::new(config, cores, 0),
        }
    }

    pub(crate) fn of_scene(&self, scene: usize) -> Option<&Pool> {
        self.of_scene[scene].as_ref()
    }

    pub(crate) fn home(&self) -> &Offer {
        &self.home
    }
}
