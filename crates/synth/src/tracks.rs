use crate::audio::{AudioFeatures, duration_ms, features};
use crate::names::{self, GENRES};
use crate::space::{Space, TRACK_SPREAD, near};
use crate::stream::{Kind, Stream};
use crate::{Date, Point, WorldConfig};

/// A row of the table of tracks.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Its number: 0 for the first.
    pub number: u32,
    /// External id, such as `trk_00042`.
    pub track_id: String,
    /// Title.
    pub title: String,
    /// The artist's name. Two artists may share one, as they do in life.
    pub artist: String,
    /// Album; singles have none.
    pub album: Option<String>,
    /// Genre: that of the artist's style, with some mistakes and gaps.
    pub genre: Option<&'static str>,
    /// Day of release; no play is earlier.
    pub release_date: Date,
    /// Whether the lyrics are marked explicit.
    pub explicit: bool,
    /// Length in milliseconds.
    pub duration_ms: u32,
    /// Audio features, named by [`AUDIO_FEATURES`](crate::AUDIO_FEATURES).
    pub features: AudioFeatures,
}

/// What plays depend on, kept for every track.
#[derive(Debug, Clone)]
pub(crate) struct Core {
    pub(crate) place: Point,
    pub(crate) artist: u32,
    pub(crate) duration_ms: u32,
    pub(crate) release: Date,
    pub(crate) cold: bool,
    pub(crate) popularity: f32,
}

/// Standard deviation of the logarithm of the popularity of an artist's tracks.
const TRACK_POPULARITY: f64 = 1.0;

/// Cold tracks come out within so many days of the end.
const COLD_DAYS: u32 = 14;

impl Core {
    pub(crate) fn new(config: &WorldConfig, space: &Space, number: u32) -> Self {
        let mut stream = Stream::new(config.seed, Kind::Track, number);
        let artist = space.draw_artist(&mut stream);
        let place = near(&space.artists[artist].place, TRACK_SPREAD, &mut stream);
        let popularity = space.artists[artist].fame * stream.log_normal(TRACK_POPULARITY);
        // One track at least can be played from the first day on.
        let cold = stream.chance(config.cold_share) && number > 0;
        let new = stream.chance(0.12) && number > 0;
        let release = match (cold, new) {
            (true, _) => {
                let last = COLD_DAYS.min(config.days);
                config
                    .start
                    .plus((config.days - last + stream.below(last)) as i32)
            }
            (false, true) => config.start.plus(stream.below(config.days) as i32),
            (false, false) => {
                // Years since release: median 5, at most 70.
                let years = (5.0 * stream.log_normal(1.0)).min(70.0);
                config.start.plus(-1 - (years * 365.25) as i32)
            }
        };
        Self {
            place,
            artist: artist as u32,
            duration_ms: duration_ms(&place, &mut stream),
            release,
            cold,
            popularity: popularity as f32,
        }
    }

    /// The whole row.
    pub(crate) fn describe(&self, config: &WorldConfig, space: &Space, number: u32) -> Track {
        let mut stream = Stream::new(config.seed, Kind::TrackDetails, number);
        let scene = space.artists[self.artist as usize].scene as usize;
        let style = space.style_of_scene(scene);
        let album = stream.below(6);
        Track {
            number,
            track_id: numbered("trk", number, config.tracks),
            title: names::title(&mut stream),
            artist: names::artist(&mut self.artist_stream(config, 0)),
            album: (album > 0).then(|| names::album(&mut self.artist_stream(config, album))),
            genre: match stream.below(20) {
                0 => None,
                1 => Some(GENRES[stream.below(config.styles) as usize]),
                _ => Some(GENRES[style]),
            },
            release_date: self.release,
            explicit: stream.chance(explicit_share(style)),
            duration_ms: self.duration_ms,
            features: features(&self.place, &mut stream),
        }
    }

    /// Names of the artist (0) and of their albums (from 1).
    fn artist_stream(&self, config: &WorldConfig, which: u32) -> Stream {
        let seed = config.seed.wrapping_add(u64::from(which).rotate_right(16));
        Stream::new(seed, Kind::ArtistName, self.artist)
    }
}

fn explicit_share(style: usize) -> f64 {
    match GENRES[style] {
        "hip hop" | "trap" | "grime" => 0.6,
        "r&b" | "punk rock" | "heavy metal" | "hardcore" | "latin pop" => 0.2,
        _ => 0.04,
    }
}

/// An id of a length that does not depend on the number: `trk_00042` where there are up to 100,000.
pub(crate) fn numbered(prefix: &str, number: u32, count: u32) -> String {
    let digits = (count.max(1) - 1).checked_ilog10().unwrap_or(0) as usize + 1;
    format!("{prefix}_{number:0width$}", width = digits.max(5))
}
