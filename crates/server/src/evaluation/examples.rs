use serde::Serialize;

use super::{arms::RankedArm, exam::Exam};

/// How many users are shown, of what is known and hidden of each how much, and how much of each list.
const USERS: usize = 4;
const TRACKS: usize = 8;
const PLACES: usize = 10;
/// Rankings beside each other.
const ARMS: [&str; 5] = ["item-knn", "collaborative", "content", "blend", "predicted"];

/// What one tested user was shown.
#[derive(Debug, Clone, Serialize)]
pub struct Example {
    /// The user's id.
    pub user: String,
    /// Tracks known of the user, the most played first.
    pub known: Vec<Shown>,
    /// How many are known.
    pub known_tracks: usize,
    /// Hidden tracks.
    pub hidden: Vec<Shown>,
    /// How many are hidden.
    pub hidden_tracks: usize,
    /// The beginnings of some rankings' lists.
    pub lists: Vec<ShownList>,
}

/// The beginning of a list.
#[derive(Debug, Clone, Serialize)]
pub struct ShownList {
    /// By which ranking.
    pub arm: String,
    /// Best first.
    pub tracks: Vec<Shown>,
}

/// A track as people know it.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// Its id.
    pub track_id: String,
    /// Its title, if it has one.
    pub title: Option<String>,
    /// Who plays it, if that is known.
    pub artist: Option<String>,
    /// Whether it was hidden from the rankings.
    pub hidden: bool,
}

/// Some users, evenly spread over those of whom a few tracks are known and hidden, half of them by name where names are.
pub(super) fn choose(exam: &Exam, ranked: &[RankedArm]) -> Vec<Example> {
    let telling = |&place: &usize| {
        let user = &exam.test()[place];
        exam.known(user.user).len() >= TRACKS && user.tracks.len() >= 3
    };
    let titles = &exam.world.tracks.title;
    let named = |track: &&u32| {
        (**track as usize) < exam.world.tracks.len() && titles.get(**track).is_some()
    };
    let by_name = |&place: &usize| {
        let user = &exam.test()[place];
        let all = [exam.known(user.user), &user.tracks];
        all.iter()
            .all(|tracks| 2 * tracks.iter().filter(named).count() >= tracks.len())
    };
    let telling: Vec<usize> = (0..exam.test().len()).filter(telling).collect();
    let mut places: Vec<usize> = telling.iter().copied().filter(by_name).collect();
    if places.len() < USERS {
        places = telling;
    }
    let step = (places.len() / USERS).max(1);
    let chosen = places.into_iter().skip(step / 2).step_by(step).take(USERS);
    chosen.map(|place| example(exam, ranked, place)).collect()
}

fn example(exam: &Exam, ranked: &[RankedArm], place: usize) -> Example {
    let user = &exam.test()[place];
    let tracks = &exam.world.tracks;
    let named = tracks.len() as u32;
    let show = |&track: &u32| Shown {
        track_id: match track < named {
            true => tracks.ids.id(track).to_owned(),
            false => "a track that training does not know".to_owned(),
        },
        title: (track < named)
            .then(|| tracks.title.get(track))
            .flatten()
            .map(str::to_owned),
        artist: (track < named)
            .then(|| tracks.artist.get(track))
            .flatten()
            .map(str::to_owned),
        hidden: user.tracks.binary_search(&track).is_ok(),
    };
    let mut known: Vec<(u32, f32)> = exam.split.given.row(user.user as usize).iter().collect();
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    let lists = ARMS
        .iter()
        .filter_map(|name| ranked.iter().find(|arm| arm.name == *name));
    Example {
        user: exam.world.users.id(user.user).to_owned(),
        known_tracks: known.len(),
        known: known
            .iter()
            .take(TRACKS)
            .map(|(track, _)| show(track))
            .collect(),
        hidden_tracks: user.tracks.len(),
        hidden: user.tracks.iter().take(TRACKS).map(show).collect(),
        lists: lists
            .map(|arm| ShownList {
                arm: arm.name.clone(),
                tracks: arm.lists[place].iter().take(PLACES).map(show).collect(),
            })
            .collect(),
    }
}
