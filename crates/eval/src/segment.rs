use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Bootstrap, Estimate, Metric, TestUser};

/// How popular a track is: listening is parted in thirds, those of the few most popular tracks, of those that follow, and
/// of the many others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// The most popular tracks that get a third of all listening.
    Head,
    /// Those that get the next third.
    Middle,
    /// All others with listeners.
    Tail,
    /// Tracks nobody played.
    Cold,
}

impl Band {
    /// All, from the most popular on.
    pub const ALL: [Self; 4] = [Self::Head, Self::Middle, Self::Tail, Self::Cold];

    /// The band of each track by how many listeners it has. Of equally popular tracks the first ones count as more popular.
    pub fn of_tracks(listeners: &[u32]) -> Vec<Self> {
        let total: u64 = listeners.iter().copied().map(u64::from).sum();
        let mut order: Vec<usize> = (0..listeners.len()).collect();
        order.sort_by_key(|&track| std::cmp::Reverse(listeners[track]));
        let mut bands = vec![Self::Cold; listeners.len()];
        let mut before = 0;
        for track in order.into_iter().take_while(|&track| listeners[track] > 0) {
            bands[track] = match 3 * before / total {
                0 => Self::Head,
                1 => Self::Middle,
                _ => Self::Tail,
            };
            before += u64::from(listeners[track]);
        }
        bands
    }

    /// Which share of these tracks lies in each band, in the order of [`ALL`](Self::ALL). Tracks beyond `bands` are cold.
    pub fn shares<'a>(bands: &[Self], tracks: impl Iterator<Item = &'a u32>) -> [f64; 4] {
        let mut counts = [0.0; 4];
        for &track in tracks {
            let band = bands.get(track as usize).copied().unwrap_or(Self::Cold);
            counts[band as usize] += 1.0;
        }
        let total: f64 = counts.iter().sum();
        counts.map(|count| count / total.max(1.0))
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Head => "head",
            Self::Middle => "middle",
            Self::Tail => "tail",
            Self::Cold => "cold",
        })
    }
}

/// Some of what is to be found.
#[derive(Debug, Clone)]
pub struct Segment {
    /// What it is.
    pub name: String,
    /// Places among all tested users, and for each what counts as hidden here.
    users: Vec<(usize, TestUser)>,
}

impl Segment {
    /// Users by how many tracks are known of each; empty segments are left out.
    pub fn by_history(test: &[TestUser], known: impl Fn(u32) -> usize) -> Vec<Self> {
        /// Where segments begin.
        const BOUNDS: [usize; 7] = [0, 1, 10, 20, 50, 100, 200];
        let segment = |(place, &low): (usize, &usize)| {
            let high = BOUNDS.get(place + 1).copied();
            let is_in = |user: &TestUser| {
                let known = known(user.user);
                known >= low && high.is_none_or(|high| known < high)
            };
            let users = test.iter().enumerate().filter(|(_, user)| is_in(user));
            Self {
                name: match high {
                    Some(1) => "no known tracks".to_owned(),
                    Some(high) => format!("{low}\u{2013}{} known tracks", high - 1),
                    None => format!("{low} known tracks or more"),
                },
                users: users.map(|(place, user)| (place, user.clone())).collect(),
            }
        };
        let segments = BOUNDS.iter().enumerate().map(segment);
        segments.filter(|segment| !segment.is_empty()).collect()
    }

    /// Hidden tracks by how popular they were in training; empty segments are left out.
    pub fn by_popularity(test: &[TestUser], bands: &[Band]) -> Vec<Self> {
        let band_of = |track: u32| bands.get(track as usize).copied().unwrap_or(Band::Cold);
        let segment = |band: Band| {
            let of_band = |user: &TestUser| TestUser {
                user: user.user,
                tracks: (user.tracks.iter().copied())
                    .filter(|&track| band_of(track) == band)
                    .collect(),
            };
            let users = test.iter().map(of_band).enumerate();
            Self {
                name: format!("hidden tracks of the {band}"),
                users: users.filter(|(_, user)| !user.tracks.is_empty()).collect(),
            }
        };
        let segments = Band::ALL.into_iter().map(segment);
        segments.filter(|segment| !segment.is_empty()).collect()
    }

    /// How many users it has.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Measures the lists of all tested users here.
    pub fn measure(&self, lists: &[Vec<u32>], metric: Metric, bootstrap: &Bootstrap) -> Estimate {
        let value = |(place, user): &(usize, TestUser)| metric.of(&lists[*place], &user.tracks);
        let values: Vec<f64> = self.users.iter().map(value).collect();
        Estimate {
            metric,
            interval: bootstrap.mean(&values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_band_gets_a_third_of_the_listening() {
        use Band::{Cold, Head, Middle, Tail};
        let bands = Band::of_tracks(&[1, 3, 0, 2, 3]);
        assert_eq!(bands, [Tail, Head, Cold, Tail, Middle]);
        assert_eq!(
            Band::shares(&bands, [0, 1, 1, 9].iter()),
            [0.5, 0.0, 0.25, 0.25]
        );
        assert_eq!(Band::shares(&bands, [].iter()), [0.0; 4]);
        assert!(Band::of_tracks(&[]).is_empty());
    }

    #[test]
    fn segments_part_what_is_to_be_found() {
        let user = |user, tracks: &[u32]| TestUser {
            user,
            tracks: tracks.to_vec(),
        };
        let test = [user(0, &[0, 2]), user(1, &[1]), user(2, &[2])];
        let lists = [vec![2, 0], vec![1], vec![0]];
        let recall = |segment: &Segment| {
            let found = segment.measure(&lists, Metric::Recall(1), &Bootstrap::default());
            (segment.len(), found.interval.mean)
        };
        let known = [5, 10, 19];
        let segments = Segment::by_history(&test, |user| known[user as usize]);
        let names: Vec<&str> = segments
            .iter()
            .map(|segment| segment.name.as_str())
            .collect();
        assert_eq!(
            names,
            ["1\u{2013}9 known tracks", "10\u{2013}19 known tracks"]
        );
        assert_eq!(
            segments.iter().map(recall).collect::<Vec<_>>(),
            [(1, 0.5), (2, 0.5)]
        );

        let bands = [Band::Head, Band::Tail, Band::Cold];
        let segments = Segment::by_popularity(&test, &bands);
        assert_eq!(
            segments.iter().map(recall).collect::<Vec<_>>(),
            [(1, 0.0), (1, 1.0), (2, 0.5)]
        );
    }
}
