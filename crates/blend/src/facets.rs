use crossfade_catalog::{CategoryColumn, TagColumn, TrackTable};
use crossfade_index::Bitmap;

use crate::filter::Conditions;

/// Where the values that filters ask for occur among the tracks, so that a filter is compiled without reading every track.
#[derive(Debug)]
pub(crate) struct Facets {
    tracks: usize,
    artists: Postings,
    genres: Postings,
    markets: Postings,
    /// Tracks without a list of markets.
    everywhere: Bitmap,
    /// Years and tracks, ascending; tracks of unknown year are missing.
    years: Vec<(i16, u32)>,
    explicit: Bitmap,
}

impl Facets {
    pub(crate) fn of(table: &TrackTable) -> Self {
        let tracks = 0..table.len() as u32;
        let year = |track: u32| table.year.get(track as usize).copied().flatten();
        let mut years: Vec<(i16, u32)> = tracks
            .clone()
            .filter_map(|track| Some((year(track)?, track)))
            .collect();
        years.sort_unstable();
        let is_explicit = |&track: &u32| table.explicit.get(track as usize) == Some(&Some(true));
        let is_everywhere = |&track: &u32| table.markets.codes(track).is_empty();
        Self {
            tracks: table.len(),
            artists: Postings::of_category(&table.artist),
            genres: Postings::of_category(&table.genre),
            markets: Postings::of_lists(&table.markets),
            everywhere: tracks.clone().filter(is_everywhere).collect(),
            years,
            explicit: tracks.filter(is_explicit).collect(),
        }
    }

    /// The tracks of an artist, by its code.
    pub(crate) fn of_artist(&self, artist: u32) -> &[u32] {
        self.artists.of(artist)
    }

    /// The tracks that meet all conditions.
    pub(crate) fn meeting(&self, conditions: &Conditions) -> Bitmap {
        let mut met = Bitmap::full(self.tracks);
        let lists = [
            (&self.artists, &conditions.artists),
            (&self.genres, &conditions.genres),
        ];
        for (postings, wanted) in lists {
            if let Some(values) = &wanted.only {
                met.intersect(&postings.any(values).collect());
            }
            for track in postings.any(&wanted.blocked) {
                met.remove(track);
            }
        }
        if let Some((first, last)) = conditions.years {
            let [start, end] = [
                self.years.partition_point(|&(year, _)| year < first),
                self.years.partition_point(|&(year, _)| year <= last),
            ];
            let within = self.years.get(start..end).unwrap_or_default();
            met.intersect(&within.iter().map(|&(_, track)| track).collect());
        }
        match conditions.explicit {
            None => {}
            Some(true) => met.intersect(&self.explicit),
            Some(false) => self.explicit.iter().for_each(|track| met.remove(track)),
        }
        if let Some(market) = conditions.market {
            let mut sold = self.everywhere.clone();
            for &track in self.markets.of(market) {
                sold.insert(track);
            }
            met.intersect(&sold);
        }
        met
    }
}

/// The tracks of each value of a column.
#[derive(Debug)]
struct Postings {
    /// `starts[v]..starts[v + 1]` are the tracks of value `v`.
    starts: Vec<u32>,
    tracks: Vec<u32>,
}

impl Postings {
    fn of_category(column: &CategoryColumn) -> Self {
        let known = (0..column.len() as u32).filter_map(|track| Some((column.code(track)?, track)));
        Self::new(column.names().len(), known)
    }

    fn of_lists(column: &TagColumn) -> Self {
        let listed = (0..column.len() as u32)
            .flat_map(|track| column.codes(track).iter().map(move |&code| (code, track)));
        Self::new(column.names().len(), listed)
    }

    /// Sorts pairs of value and track by value, keeping their order.
    fn new(values: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0; values + 1];
        for (value, _) in pairs.clone() {
            starts[value as usize + 1] += 1;
        }
        for value in 0..values {
            starts[value + 1] += starts[value];
        }
        let mut next = starts.clone();
        let mut tracks = vec![0; starts[values] as usize];
        for (value, track) in pairs {
            let place = &mut next[value as usize];
            tracks[*place as usize] = track;
            *place += 1;
        }
        Self { starts, tracks }
    }

    /// The tracks of one value; none of a value that does not exist.
    fn of(&self, value: u32) -> &[u32] {
        let value = value as usize;
        match (
            self.starts.get(value),
            self.starts.get(value.saturating_add(1)),
        ) {
            (Some(&start), Some(&end)) => &self.tracks[start as usize..end as usize],
            _ => &[],
        }
    }

    fn any(&self, values: &[u32]) -> impl Iterator<Item = u32> {
        values.iter().flat_map(|&value| self.of(value)).copied()
    }
}
