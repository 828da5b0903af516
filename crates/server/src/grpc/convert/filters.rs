use crossfade_blend::{Names, TrackFilter, UnknownNames};

use super::{checks::Checks, limits};
use crate::pb;

impl Checks {
    /// A filter whose names are not looked up yet; of a request without one, a filter that all tracks pass.
    pub(super) fn filter(&mut self, filter: Option<pb::TrackFilter>) -> TrackFilter {
        let filter = filter.unwrap_or_default();
        self.names("track_ids", &filter.track_ids, limits::FILTER_TRACKS);
        for (field, names) in [
            ("artists", &filter.artists),
            ("blocked_artists", &filter.blocked_artists),
            ("genres", &filter.genres),
            ("blocked_genres", &filter.blocked_genres),
        ] {
            self.names(field, names, limits::FILTER_NAMES);
        }
        self.id_length(|| "filter.market".into(), &filter.market);
        TrackFilter {
            years: self.years(filter.min_year, filter.max_year),
            track_ids: filter.track_ids,
            artists: Names {
                only: filter.artists,
                blocked: filter.blocked_artists,
            },
            genres: Names {
                only: filter.genres,
                blocked: filter.blocked_genres,
            },
            explicit: filter.explicit,
            market: (!filter.market.is_empty()).then_some(filter.market),
        }
    }

    fn names(&mut self, field: &str, names: &[String], most: usize) {
        self.count(&format!("filter.{field}"), names.len(), most);
        for (place, name) in names.iter().enumerate().take(most) {
            self.id(|| format!("filter.{field}[{place}]"), name);
        }
    }

    fn years(&mut self, first: Option<i32>, last: Option<i32>) -> Option<(i16, i16)> {
        let mut year = |field: &str, year: Option<i32>, open: i16| match year.map(i16::try_from) {
            None => open,
            Some(Ok(year)) => year,
            Some(Err(_)) => {
                let (least, most) = (i16::MIN, i16::MAX);
                self.refuse(
                    format!("filter.{field}"),
                    format!(
                        "must be from {least} to {most}, is {}",
                        year.unwrap_or_default()
                    ),
                );
                open
            }
        };
        let range = (
            year("min_year", first, i16::MIN),
            year("max_year", last, i16::MAX),
        );
        if range.0 > range.1 {
            let description = format!("must not be below min_year, {}, is {}", range.0, range.1);
            self.refuse("filter.max_year", description);
        }
        (first.is_some() || last.is_some()).then_some(range)
    }
}

/// What a filter names that the bundle does not know, but for tracks; absent where there is nothing.
pub(in crate::grpc) fn unknown_names(unknown: UnknownNames) -> Option<pb::UnknownNames> {
    let names = pb::UnknownNames {
        artists: unknown.artists,
        genres: unknown.genres,
        markets: unknown.markets,
    };
    (names != pb::UnknownNames::default()).then_some(names)
}
