use std::path::Path;

use crossfade_eval::TestUser;
use crossfade_ingest::read_plays;

use super::{Event, Observer, World};
use crate::settings::Settings;

/// Reads plays that are to be found by what `world` is trained on, in its indices. Users and tracks that it does not have come
/// after its own: nothing is known of such users, and such tracks cannot be found.
///
/// # Errors
///
/// If the file cannot be read.
pub fn read_hidden(
    path: &Path,
    world: &World,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<Vec<TestUser>> {
    let mut tracks = (*world.tracks).clone();
    let log = read_plays(path, &settings.plays, &mut tracks, &|_| ())?;
    if !log.report.is_clean() {
        observer(Event::Note(&log.report.to_string()));
    }
    let known_users = world.users.len();
    let mut users = Vec::with_capacity(log.users.len());
    for (row, id) in log.users.iter().enumerate() {
        let liked = log.strengths.row(row).iter();
        let tracks: Vec<u32> = liked
            .filter_map(|(track, strength)| (strength > 0.0).then_some(track))
            .collect();
        if tracks.is_empty() {
            continue;
        }
        let known = world.users.index_of(id);
        users.push(TestUser {
            user: known.unwrap_or((known_users + row) as u32),
            tracks,
        });
    }
    anyhow::ensure!(
        !users.is_empty(),
        "{}: no play in it can be looked for; were all of them skipped?",
        path.display()
    );
    users.sort_by_key(|user| user.user);
    Ok(users)
}
