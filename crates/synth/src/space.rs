//! The latent space of music: styles, the scenes within them, and the artists within those.

use crate::WorldConfig;
use crate::stream::{Kind, Stream};

/// Dimensions of the latent space. The first four show in the audio features; the others are what listeners share but
/// no signal tells: era, language, fashion.
pub const DIM: usize = 8;

/// A place in the latent space.
pub type Point = [f32; DIM];

// How far things lie from what they belong to: standard deviations in every dimension.
const STYLE_SPREAD: f64 = 0.8;
const SCENE_SPREAD: f64 = 0.5;
const ARTIST_SPREAD: f64 = 0.5;
pub(crate) const TRACK_SPREAD: f64 = 0.2;

/// Distance at which a listener's liking has fallen to `exp(-1/2)`.
const REACH: f64 = 1.4;

/// How much someone whose taste is at `taste` likes what is at `place`: 1 at no distance, falling to 0.
pub(crate) fn liking(taste: &Point, place: &Point) -> f64 {
    liking_at(squared_distance(taste, place))
}

/// The liking at a squared distance.
pub(crate) fn liking_at(squared_distance: f64) -> f64 {
    libm::exp(squared_distance * (-0.5 / (REACH * REACH)))
}

pub(crate) fn squared_distance(a: &Point, b: &Point) -> f64 {
    let mut sum = 0.0;
    for (a, b) in a.iter().zip(b) {
        let difference = f64::from(*a) - f64::from(*b);
        sum += difference * difference;
    }
    sum
}

pub(crate) fn near(centre: &Point, spread: f64, stream: &mut Stream) -> Point {
    centre.map(|x| (f64::from(x) + spread * stream.normal()) as f32)
}

/// A part of a style whose artists the same people listen to.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) centre: Point,
}

/// What is known of an artist without their name.
#[derive(Debug, Clone)]
pub(crate) struct Artist {
    pub(crate) scene: u32,
    pub(crate) place: Point,
    /// Factor on the popularity of the artist's tracks; median 1.
    pub(crate) fame: f64,
}

/// Styles, scenes and artists.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    pub(crate) styles: Vec<Point>,
    /// Those of the first style, then those of the second, and so on: equally many each.
    pub(crate) scenes: Vec<Scene>,
    pub(crate) artists: Vec<Artist>,
    /// Running sums of how productive the artists are.
    output_sums: Vec<f64>,
}

impl Space {
    pub(crate) fn new(config: &WorldConfig) -> Self {
        let style = |number| {
            let mut stream = Stream::new(config.seed, Kind::Style, number);
            near(&[0.0; DIM], STYLE_SPREAD, &mut stream)
        };
        let styles: Vec<Point> = (0..config.styles).map(style).collect();
        let per_style = config.scenes_per_style();
        let mut sizes = Vec::new();
        let scenes: Vec<Scene> = (0..config.styles * per_style)
            .map(|number| {
                let mut stream = Stream::new(config.seed, Kind::Scene, number);
                let style = number / per_style;
                // Styles shrink slowly with their number, scenes at random.
                sizes.push(stream.log_normal(0.5) / (f64::from(style) + 8.0));
                let centre = near(&styles[style as usize], SCENE_SPREAD, &mut stream);
                Scene { centre }
            })
            .collect();
        let size_sums = running_sums(sizes);
        let mut outputs = Vec::new();
        let artists = (0..config.artists())
            .map(|number| {
                let mut stream = Stream::new(config.seed, Kind::Artist, number);
                let scene = stream.by_sums(&size_sums);
                outputs.push(stream.log_normal(0.9));
                Artist {
                    scene: scene as u32,
                    place: near(&scenes[scene].centre, ARTIST_SPREAD, &mut stream),
                    fame: stream.log_normal(ARTIST_FAME),
                }
            })
            .collect();
        Self {
            styles,
            scenes,
            artists,
            output_sums: running_sums(outputs),
        }
    }

    pub(crate) fn scenes_per_style(&self) -> usize {
        self.scenes.len() / self.styles.len()
    }

    pub(crate) fn style_of_scene(&self, scene: usize) -> usize {
        scene / self.scenes_per_style()
    }

    /// Draws the artist of a track.
    pub(crate) fn draw_artist(&self, stream: &mut Stream) -> usize {
        stream.by_sums(&self.output_sums)
    }
}

/// Standard deviation of the logarithm of artists' fame.
const ARTIST_FAME: f64 = 1.0;

pub(crate) fn running_sums(values: Vec<f64>) -> Vec<f64> {
    let mut total = 0.0;
    let add = |value| {
        total += value;
        total
    };
    values.into_iter().map(add).collect()
}
