use crate::{
    evaluation::{Evaluation, Example, Shown},
    report::{escape, number},
};

/// What some users were shown.
pub(super) fn section(found: &Evaluation) -> String {
    let users: String = found.examples.iter().map(user).collect();
    format!(
        "<p>A few tested users, evenly spread over those of whom enough is known. What is <b>bold</b> was hidden, and is \
         found.</p>{users}"
    )
}

fn user(example: &Example) -> String {
    let mut columns = vec![
        column(
            &format!("known, {} tracks", number(example.known_tracks as f64)),
            &example.known,
            false,
        ),
        column(
            &format!("hidden, {} tracks", number(example.hidden_tracks as f64)),
            &example.hidden,
            false,
        ),
    ];
    let lists = example.lists.iter();
    columns.extend(lists.map(|list| column(&list.arm, &list.tracks, true)));
    format!(
        "<h3>{}</h3><div class=\"small lists\">{}</div>",
        escape(&example.user),
        columns.concat()
    )
}

fn column(heading: &str, tracks: &[Shown], marked: bool) -> String {
    let item = |track: &Shown| {
        let name = escape(track.title.as_deref().unwrap_or(&track.track_id));
        let name = match track.hidden && marked {
            true => format!("<b>{name}</b>"),
            false => name,
        };
        let artist = track.artist.as_deref().map(escape).unwrap_or_default();
        format!("<li>{name} <span class=\"by\">{artist}</span></li>")
    };
    let items: String = tracks.iter().map(item).collect();
    format!(
        "<figure><figcaption>{}</figcaption><ol>{items}</ol></figure>",
        escape(heading)
    )
}
