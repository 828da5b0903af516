use super::{
    args::Describe,
    client::{call, name, ranked, show},
    tables::table,
    ui::Ui,
};
use crate::pb;

pub(super) fn run(args: &Describe, ui: &Ui) -> anyhow::Result<()> {
    let request = pb::DescribeTrackRequest {
        track_id: args.track.clone(),
        neighbors: Some(args.neighbors),
    };
    let response = call(&args.server, async |client| {
        client.describe_track(request).await
    })?;
    show(ui, "DescribeTrackResponse", &response, |response| {
        let track = response.track.clone().unwrap_or_default();
        let mut text = facts(&track);
        if !track.features.is_empty() {
            text += &format!("\n\n{}", features(&track.features));
        }
        let guesses = guesses(&track);
        if !guesses.is_empty() {
            text += &format!("\n\nBy how it sounds:\n\n{guesses}");
        }
        let basis = name(response.neighbors_basis().as_str_name(), "BASIS_");
        text + &format!("\n\nMost similar ({basis}):\n\n") + &ranked(&response.neighbors)
    })
}

/// What is known of a track, a line for each.
fn facts(track: &pb::Track) -> String {
    let number = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
    let explicit = match track.explicit {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    };
    let cluster = track.cluster.as_ref().map_or_else(String::new, |cluster| {
        let share = 100.0 * cluster.share;
        format!(
            "{}: {} ({} tracks, {share:.0} %)",
            cluster.number, cluster.name, cluster.tracks
        )
    });
    let lines = [
        ("title", track.title.clone()),
        ("artist", track.artist.clone()),
        ("album", track.album.clone()),
        ("genre", track.genre.clone()),
        ("tags", track.tags.join(", ")),
        ("markets", track.markets.join(", ")),
        ("year", number(track.year.map(i64::from))),
        ("explicit", explicit.to_owned()),
        ("duration_ms", number(track.duration_ms.map(i64::from))),
        (
            "listeners",
            format!("{} (popularity {:.3})", track.listeners, track.popularity),
        ),
        ("cluster", cluster),
    ];
    let known = lines.iter().filter(|(_, value)| !value.is_empty());
    let text: Vec<String> = known
        .map(|(what, value)| format!("{what:12} {value}"))
        .collect();
    format!("{}\n\n{}", track.track_id, text.join("\n"))
}

/// Genres that are named of a track, the most probable ones.
const GENRES: usize = 3;

/// What is predicted of a track, a line for each label.
fn guesses(track: &pb::Track) -> String {
    let mut lines = Vec::new();
    if let Some(genre) = &track.predicted_genre {
        let genres = genre.genres.iter().take(GENRES);
        let genres: Vec<String> = genres
            .map(|one| format!("{} {:.0} %", one.genre, 100.0 * one.probability))
            .collect();
        let known = match genre.known {
            true => format!(" (it is {})", track.genre),
            false => String::new(),
        };
        lines.push(format!("{:12} {}{known}", "genre", genres.join(", ")));
    }
    for number in &track.predicted_numbers {
        let known = number.known.map(|known| format!(" (it is {known:.3})"));
        lines.push(format!(
            "{:12} {:.3} ± {:.3}{}",
            number.name,
            number.predicted,
            number.expected_error,
            known.unwrap_or_default()
        ));
    }
    lines.join("\n")
}

fn features(features: &[pb::TrackFeature]) -> String {
    let mut rows = table(&["feature", "value", "higher than"], 1);
    for feature in features {
        rows.add_row([
            feature.name.clone(),
            format!("{:.4}", feature.value),
            format!("{:.0} %", 100.0 * feature.quantile),
        ]);
    }
    rows.to_string()
}
