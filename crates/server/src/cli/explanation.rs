//! Where scores come from, for people.

use super::client::name;
use crate::pb;

/// Contributions told of each track.
const TOLD: usize = 3;

/// A paragraph for each track that is explained.
pub(super) fn text(tracks: &[pb::RankedTrack]) -> String {
    let explained = tracks
        .iter()
        .filter_map(|track| Some((track, track.explanation.as_ref()?)));
    explained
        .map(|(track, explanation)| paragraph(track, explanation))
        .collect()
}

fn paragraph(track: &pb::RankedTrack, explanation: &pb::Explanation) -> String {
    let mut text = format!(
        "\n\n{}. {}: {:.4}",
        track.rank,
        super::client::label(track),
        track.score
    );
    for one in explanation.contributions.iter().take(TOLD) {
        let source = name(one.source().as_str_name(), "CONTRIBUTION_SOURCE_");
        let what = match (one.title.as_str(), one.artist.as_str()) {
            ("", _) => one.track_id.clone(),
            (title, "") => title.to_owned(),
            (title, artist) => format!("{title} - {artist}"),
        };
        text += &line(one.collaborative, one.content, &format!("{source} {what}"));
    }
    let rest = explanation.contributions.get(TOLD..).unwrap_or_default();
    let collaborative: f64 = rest.iter().map(|one| one.collaborative).sum();
    let content: f64 = rest.iter().map(|one| one.content).sum();
    text += &line(
        collaborative + explanation.other_collaborative,
        content + explanation.other_content,
        "all others",
    );
    let parts = track.components.unwrap_or_default();
    for (part, what) in [
        (parts.popularity, "popularity"),
        (parts.discovery, "discovery"),
    ] {
        if part != 0.0 {
            text += &format!("\n   {part:+.4}  {what}");
        }
    }
    for moved in &explanation.moves {
        let from = match moved.from_rank {
            0 => "far below".to_owned(),
            from => format!("rank {from}"),
        };
        let rule = name(moved.rule().as_str_name(), "RULE_");
        text += &format!("\n   from {from} to rank {} by {rule}", moved.to_rank);
    }
    text
}

fn line(collaborative: f64, content: f64, what: &str) -> String {
    let total = collaborative + content;
    format!("\n   {total:+.4}  {what} (collaborative {collaborative:+.4}, content {content:+.4})")
}
