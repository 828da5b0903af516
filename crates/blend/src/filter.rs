use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use crossfade_catalog::Vocab;
use crossfade_index::{Allowed, Bitmap};

use crate::Engine;

/// Which tracks may be returned. All conditions must hold; one that is left out or empty holds for every track. Names are
/// compared exactly.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct TrackFilter {
    /// Only these tracks.
    pub track_ids: Vec<String>,
    /// By artist; a track of unknown artist is of none of them.
    pub artists: Names,
    /// By genre; a track of unknown genre is of none of them.
    pub genres: Names,
    /// Only tracks released from the first year to the last, both included; a track of unknown year is in no range.
    pub years: Option<(i16, i16)>,
    /// Only tracks that are marked explicit, or only those that are not.
    pub explicit: Option<bool>,
    /// Only tracks that may be played in this market. Tracks without a list of markets may be played everywhere.
    pub market: Option<String>,
}

/// Names that a filter asks for or leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Names {
    /// Only tracks of one of these.
    pub only: Vec<String>,
    /// No track of any of these.
    pub blocked: Vec<String>,
}

/// What a filter names that the model does not know, each once, in order of appearance.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct UnknownNames {
    /// Ids of tracks.
    pub track_ids: Vec<String>,
    /// Artists.
    pub artists: Vec<String>,
    /// Genres.
    pub genres: Vec<String>,
    /// Markets: only tracks that may be played everywhere are in them.
    pub markets: Vec<String>,
}

/// A filter in the codes of one model, but for the list of tracks. Equal filters have equal conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    pub(crate) artists: Codes,
    pub(crate) genres: Codes,
    pub(crate) years: Option<(i16, i16)>,
    pub(crate) explicit: Option<bool>,
    /// [`UNKNOWN`] for a market that no track names.
    pub(crate) market: Option<u32>,
}

/// Codes in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Codes {
    pub(crate) only: Option<Vec<u32>>,
    pub(crate) blocked: Vec<u32>,
}

/// The code of a name that no track has.
const UNKNOWN: u32 = u32::MAX;

impl Engine {
    /// Looks up a filter's names and prepares the tracks that meet it; `None` if all do. Filters that were asked for lately
    /// are at hand.
    pub fn filter(&self, filter: &TrackFilter) -> (Option<Arc<Allowed>>, UnknownNames) {
        let table = &self.model().tracks;
        let (tracks, unknown_tracks) = look_up(&table.ids, &filter.track_ids);
        let (artists, unknown_artists) = Codes::of(&filter.artists, table.artist.names());
        let (genres, unknown_genres) = Codes::of(&filter.genres, table.genre.names());
        let markets: Vec<String> = filter.market.iter().cloned().collect();
        let (market, unknown_markets) = look_up(table.markets.names(), &markets);
        let conditions = Conditions {
            artists,
            genres,
            years: filter.years,
            explicit: filter.explicit,
            market: (!markets.is_empty()).then(|| market.first().copied().unwrap_or(UNKNOWN)),
        };
        let unknown = UnknownNames {
            track_ids: unknown_tracks,
            artists: unknown_artists,
            genres: unknown_genres,
            markets: unknown_markets,
        };
        let met = (conditions != Conditions::default()).then(|| self.meeting(conditions));
        let listed = (!filter.track_ids.is_empty())
            .then(|| self.index().allow(tracks.into_iter().collect::<Bitmap>()));
        let allowed = match (met, listed) {
            (met, None) => met,
            (None, Some(listed)) => Some(Arc::new(listed)),
            (Some(met), Some(mut listed)) => {
                listed.intersect(&met);
                Some(Arc::new(listed))
            }
        };
        (allowed, unknown)
    }

    fn meeting(&self, conditions: Conditions) -> Arc<Allowed> {
        self.filters.get(conditions, |conditions| {
            self.index().allow(self.facets.meeting(conditions))
        })
    }
}

impl Codes {
    /// The codes of names, and the names without one.
    fn of(names: &Names, vocab: &Vocab) -> (Self, Vec<String>) {
        let (only, mut unknown) = look_up(vocab, &names.only);
        let (blocked, unknown_blocked) = look_up(vocab, &names.blocked);
        for name in unknown_blocked {
            if !unknown.contains(&name) {
                unknown.push(name);
            }
        }
        // Asked for names that do not exist, nothing is right; everything would not be.
        let only = (!names.only.is_empty()).then_some(only);
        (Self { only, blocked }, unknown)
    }
}

/// The codes of names, ascending, and the names that have none.
fn look_up(vocab: &Vocab, names: &[String]) -> (Vec<u32>, Vec<String>) {
    let mut codes = Vec::with_capacity(names.len());
    let mut unknown = Vec::new();
    let mut seen = HashSet::new();
    for name in names {
        match vocab.index_of(name) {
            Some(code) => codes.push(code),
            None if seen.insert(name) => unknown.push(name.clone()),
            None => {}
        }
    }
    codes.sort_unstable();
    codes.dedup();
    (codes, unknown)
}

/// The filters that were asked for last, prepared.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    /// The latest in front.
    recent: Mutex<VecDeque<(Conditions, Arc<Allowed>)>>,
}

impl Filters {
    /// How many are kept; each takes two bits a track.
    const KEPT: usize = 64;

    /// The tracks under these conditions, from before or made now.
    fn get(
        &self,
        conditions: Conditions,
        make: impl FnOnce(&Conditions) -> Allowed,
    ) -> Arc<Allowed> {
        if let Some(known) = self.find(&conditions) {
            return known;
        }
        // Not under the lock: others need not wait for it. Two may make the same, to no harm.
        let made = Arc::new(make(&conditions));
        let mut recent = self.lock();
        recent.push_front((conditions, Arc::clone(&made)));
        recent.truncate(Self::KEPT);
        made
    }

    fn find(&self, conditions: &Conditions) -> Option<Arc<Allowed>> {
        let mut recent = self.lock();
        let place = recent.iter().position(|(known, _)| known == conditions)?;
        let found = recent.remove(place)?;
        let allowed = Arc::clone(&found.1);
        recent.push_front(found);
        Some(allowed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Conditions, Arc<Allowed>)>> {
        // At worst an entry was lost on the way to the front.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_asked_for_last_are_kept() {
        let filters = Filters::default();
        let asked = |year: i16| Conditions {
            years: Some((year, year)),
            ..Conditions::default()
        };
        let ask = |year: i16| {
            let mut made = false;
            filters.get(asked(year), |_| {
                made = true;
                Allowed::default()
            });
            made
        };
        let kept = Filters::KEPT as i16;
        assert!((0..kept).all(ask));
        assert!(!ask(0));
        // Makes room by dropping what was not asked for the longest: year 1.
        assert!(ask(kept));
        assert!(!ask(0));
        assert!(ask(1));
    }
}
