//! Several rankings side by side, for people.

use super::{
    client::{label, name},
    tables::table,
};
use crate::pb;

/// Tracks of which is told what each ranking makes of them.
const TOLD: usize = 10;

/// The lists of a comparison side by side, how far they agree, and what each makes of the tracks that stand highest.
pub(super) fn text(response: &pb::CompareRankingsResponse) -> String {
    let titles: Vec<String> = response.lists.iter().map(title).collect();
    let mut header = vec!["rank"];
    header.extend(titles.iter().map(String::as_str));
    let mut rows = table(&header, usize::MAX);
    let longest = response.lists.iter().map(|list| list.tracks.len()).max();
    for place in 0..longest.unwrap_or(0) {
        let mut row = vec![(place + 1).to_string()];
        row.extend(response.lists.iter().map(|list| {
            let track = list.tracks.get(place);
            track.map_or_else(String::new, label)
        }));
        rows.add_row(row);
    }
    for (what, value) in [
        (
            "novelty",
            (|list| list.novelty) as fn(&pb::RankedList) -> f64,
        ),
        ("variety", |list| list.variety),
    ] {
        let mut row = vec![what.to_owned()];
        row.extend(
            response
                .lists
                .iter()
                .map(|list| format!("{:.2}", value(list))),
        );
        rows.add_row(row);
    }
    let mut text = format!("{rows}\n");
    for agreement in &response.agreements {
        text += &format!(
            "\n{} and {}: overlap {:.2}, rank-biased overlap {:.2}",
            titles[agreement.first as usize],
            titles[agreement.second as usize],
            agreement.overlap,
            agreement.rank_biased_overlap
        );
        if let Some(tau) = agreement.kendall_tau {
            text += &format!(", Kendall tau {tau:.2}");
        }
        for at in &agreement.overlaps {
            text += &format!(", @{} {:.2}", at.places, at.overlap);
        }
    }
    text + "\n\n" + &ranks(response, &titles)
}

fn title(list: &pb::RankedList) -> String {
    let ranking = name(list.ranking().as_str_name(), "RANKING_");
    format!("{ranking} (w = {})", list.content_weight)
}

/// Rank and score of each track under each ranking, those first that stand highest.
fn ranks(response: &pb::CompareRankingsResponse, titles: &[String]) -> String {
    let mut header = vec!["track"];
    header.extend(titles.iter().map(String::as_str));
    let mut rows = table(&header, 1);
    for track in response.tracks.iter().take(TOLD) {
        let mut row = vec![named(&track.title, &track.artist, &track.track_id)];
        row.extend(track.ranks.iter().zip(&track.scores).map(|(rank, score)| {
            let rank = match rank {
                0 => "-".to_owned(),
                rank => format!("#{rank}"),
            };
            format!("{rank} {score:.3}")
        }));
        rows.add_row(row);
    }
    rows.to_string()
}

fn named(title: &str, artist: &str, id: &str) -> String {
    label(&pb::RankedTrack {
        title: title.to_owned(),
        artist: artist.to_owned(),
        track_id: id.to_owned(),
        ..pb::RankedTrack::default()
    })
}
