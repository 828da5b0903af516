use crossfade_content::{Estimate, LabelReports};

use super::tables::table;

/// How well labels are predicted of tracks whose label was hidden, a row for each.
pub(super) fn quality(labels: &LabelReports) -> String {
    let mut rows = table(&["label", "tracks", "", "by sound", "least squares"], 1);
    if let Some(genre) = &labels.genre {
        rows.add_row([
            format!("genre, one of {}", genre.classes.len()),
            genre.tracks.to_string(),
            "accuracy".to_owned(),
            interval(genre.quality.accuracy),
            interval(genre.quality.linear_accuracy),
        ]);
    }
    for number in &labels.numbers {
        rows.add_row([
            number.column.clone(),
            number.tracks.to_string(),
            "R²".to_owned(),
            interval(number.quality.r2),
            interval(number.quality.linear_r2),
        ]);
    }
    rows.to_string()
}

fn interval(estimate: Estimate) -> String {
    format!(
        "{:.3} [{:.3}, {:.3}]",
        estimate.value, estimate.low, estimate.high
    )
}
