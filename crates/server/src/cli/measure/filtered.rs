//! Retrieval under filters that leave more or fewer of the tracks.

use std::time::Instant;

use crossfade_catalog::TrackTable;
use crossfade_index::{Allowed, Bitmap, Filter, Index, Path, Request};
use serde::Serialize;

use super::super::tables::table;

/// Queries whose answers are compared to scoring every allowed track.
const CHECKED: usize = 100;

/// The figures at one content weight under one filter.
#[derive(Debug, Serialize)]
pub(super) struct Filtered {
    content_weight: f64,
    kind: Kind,
    /// Share of the tracks that was asked for, in per cent.
    selectivity: f64,
    /// Tracks that the filter leaves.
    allowed: usize,
    /// Mean share of the exact answer that was found.
    recall: f64,
    queries_per_second: f64,
    /// Time of a query as a multiple of the time without a filter.
    slowdown: f64,
    /// Share of the answers found by listing the allowed tracks.
    listed: f64,
    /// Predicted time as a multiple of the time taken.
    predicted: Option<f64>,
}

/// How the tracks that a filter leaves are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Random,
    Artists,
    Years,
}

/// The queries of one content weight.
pub(super) struct Weight<'a> {
    pub(super) index: &'a Index,
    pub(super) queries: &'a [Vec<f32>],
    pub(super) content_weight: f64,
    pub(super) limit: usize,
}

/// What asking all queries brought.
struct Asked {
    seconds: f64,
    listed: usize,
    predicted: Option<f64>,
}

impl Weight<'_> {
    /// Measures filters of all kinds that leave these shares, in per cent; those that cannot be made from the table are
    /// left out.
    pub(super) fn measure(
        &self,
        table: &TrackTable,
        shares: &[f64],
    ) -> anyhow::Result<Vec<Filtered>> {
        let base = self.ask_all(Filter::all())?.seconds;
        let mut found = Vec::new();
        for &share in shares {
            for kind in [Kind::Random, Kind::Artists, Kind::Years] {
                let wanted = (share / 100.0 * table.len() as f64).round().max(1.0) as usize;
                let tracks = kind.choose(table, wanted);
                if tracks.len() * 10 < wanted * 9 {
                    continue;
                }
                let allowed = self.index.allow(tracks);
                let filter = Filter::all().allowing(&allowed);
                let recall = self.recall(&allowed)?;
                let asked = self.ask_all(filter)?;
                let count = self.queries.len() as f64;
                found.push(Filtered {
                    content_weight: self.content_weight,
                    kind,
                    selectivity: share,
                    allowed: allowed.len(),
                    recall,
                    queries_per_second: count / asked.seconds,
                    slowdown: asked.seconds / base,
                    listed: asked.listed as f64 / count,
                    predicted: asked.predicted.map(|seconds| seconds / asked.seconds),
                });
            }
        }
        Ok(found)
    }

    fn request<'a>(&self, query: &'a [f32], filter: Filter<'a>) -> Request<'a> {
        Request {
            query,
            limit: self.limit,
            filter,
            mix: Some(self.content_weight as f32),
            cancel: None,
        }
    }

    fn ask_all(&self, filter: Filter<'_>) -> anyhow::Result<Asked> {
        let mut asked = Asked {
            seconds: 0.0,
            listed: 0,
            predicted: Some(0.0),
        };
        let start = Instant::now();
        for query in self.queries {
            let answer = self.index.search(&self.request(query, filter))?;
            asked.listed += usize::from(answer.path == Path::Listed);
            let predicted = answer.predicted.map(|time| time.as_secs_f64());
            asked.predicted = asked.predicted.zip(predicted).map(|(sum, time)| sum + time);
        }
        asked.seconds = start.elapsed().as_secs_f64();
        Ok(asked)
    }

    fn recall(&self, allowed: &Allowed) -> anyhow::Result<f64> {
        let filter = Filter::all().allowing(allowed);
        let wanted = self.limit.min(allowed.len()).max(1) as f64;
        let mut total = 0.0;
        let queries = &self.queries[..self.queries.len().min(CHECKED)];
        for query in queries {
            let hits = self.index.search(&self.request(query, filter))?.hits;
            let checked = self.index.rows().query(query)?;
            let truth = self.index.exact().scan_all(&checked, self.limit, &filter);
            let last = truth.hits.last().map_or(f32::INFINITY, |hit| hit.score);
            total += hits.iter().filter(|hit| hit.score >= last).count() as f64 / wanted;
        }
        Ok(total / queries.len().max(1) as f64)
    }
}

impl Kind {
    /// About so many tracks; fewer if there are no more of this kind.
    fn choose(self, table: &TrackTable, wanted: usize) -> Bitmap {
        let tracks = 0..table.len() as u32;
        match self {
            Self::Random => {
                let mut tracks: Vec<u32> = tracks.collect();
                tracks.sort_by_key(|&track| scattered(track));
                tracks.into_iter().take(wanted).collect()
            }
            Self::Artists => {
                let mut credited: Vec<(u32, u32)> = tracks
                    .filter_map(|track| Some((scattered(table.artist.code(track)?), track)))
                    .collect();
                credited.sort_unstable();
                // The artist that is begun is finished.
                let last = credited.get(wanted.saturating_sub(1)).map(|of| of.0);
                let within = |of: &&(u32, u32)| last.is_none_or(|last| of.0 <= last);
                credited.iter().take_while(within).map(|of| of.1).collect()
            }
            Self::Years => {
                let year = |track: u32| table.year.get(track as usize).copied().flatten();
                let mut dated: Vec<(i16, u32, u32)> = tracks
                    .filter_map(|track| Some((year(track)?, scattered(track), track)))
                    .collect();
                dated.sort_unstable();
                let middle = dated.len().saturating_sub(wanted) / 2;
                let within = dated.iter().skip(middle).take(wanted);
                within.map(|of| of.2).collect()
            }
        }
    }
}

/// A number that looks like chance, the same for the same number.
fn scattered(number: u32) -> u32 {
    number
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b1)
        .swap_bytes()
        .wrapping_mul(0x85eb_ca77)
}

pub(super) fn text(filtered: &[Filtered]) -> String {
    let header = [
        "content weight",
        "filter",
        "leaves",
        "tracks",
        "recall",
        "queries/s",
        "x no filter",
        "listed",
        "predicted",
    ];
    let mut rows = table(&header, 2);
    for at in filtered {
        rows.add_row([
            at.content_weight.to_string(),
            format!("{:?}", at.kind).to_lowercase(),
            format!("{} %", at.selectivity),
            at.allowed.to_string(),
            format!("{:.4}", at.recall),
            format!("{:.0}", at.queries_per_second),
            format!("{:.2}", at.slowdown),
            format!("{:.0} %", 100.0 * at.listed),
            at.predicted
                .map_or_else(String::new, |times| format!("{times:.2} x")),
        ]);
    }
    rows.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_leave_whole_artists_neighbouring_years_and_about_what_is_asked_for() {
        let mut table = TrackTable::default();
        for track in 0..100 {
            table.ids.intern(&track.to_string());
            table.artist.push(Some(&(track % 20).to_string()));
            table.year.push((track < 80).then_some(1990 + track / 10));
        }
        assert_eq!(Kind::Random.choose(&table, 30).len(), 30);
        let artists = Kind::Artists.choose(&table, 12);
        assert_eq!(artists.len(), 15);
        assert!(
            artists
                .iter()
                .all(|track| artists.contains((track + 20) % 100))
        );
        let years = Kind::Years.choose(&table, 20);
        assert!(years.iter().eq(30..50));
        assert_eq!(Kind::Years.choose(&table, 90).len(), 80);
    }
}
