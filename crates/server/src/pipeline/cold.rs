//! Measuring what is said of tracks that nobody has played yet: all plays of some tracks are hidden, and each user's hidden
//! tracks are looked for among all hidden ones.

use crossfade_blend::Model;
use crossfade_content::{Known, Schema};
use crossfade_eval::{Metric, TestUser, TrackHoldout, TrackSplit};
use crossfade_matrix::Dense;
use rayon::prelude::*;

use super::{
    Content, World,
    content::{described, predicted},
    fit::liked,
};
use crate::settings::{ContentSettings, Settings};

/// By what arms are compared: hidden tracks are few for most users, so their order matters less than their being found.
pub(crate) const COLD_TARGET: Metric = Metric::Recall(20);

/// Hides whole tracks, of which enough is known to say something of them.
///
/// # Errors
///
/// If no track can be hidden or nobody played one.
pub(crate) fn hide_tracks(
    world: &World,
    content: &Content,
    settings: &Settings,
) -> anyhow::Result<TrackSplit> {
    let validation = &settings.validation;
    let holdout = TrackHoldout {
        users: validation.users,
        fraction: validation.fraction,
        min_listeners: validation.min_listeners,
        min_tracks: validation.min_tracks,
        seed: validation.seed,
    };
    let eligible = described(world, content, &settings.content);
    let split = holdout.split(&world.plays, |track| eligible[track as usize]);
    anyhow::ensure!(
        !split.test.is_empty(),
        "no user has played a track that could be hidden: one that is described by columns of [content.schema] and has {} \
         listeners or more",
        validation.min_listeners
    );
    Ok(split)
}

/// The name of a ranking and its lists, one for each tested user.
pub(crate) type NamedLists = (&'static str, Vec<Vec<u32>>);

/// Lists of hidden tracks by chance, which is all that factors know of them by themselves; by content; and by the factors
/// predicted of numbers alone, and of numbers and names. Each has its name and a list for each tested user.
///
/// # Errors
///
/// If the factors cannot be predicted.
pub(crate) fn rank_new(
    (world, model): (&World, &Model),
    (test, tracks): (&[TestUser], &[u32]),
    limit: usize,
    settings: &Settings,
) -> anyhow::Result<Vec<NamedLists>> {
    let listeners = &liked(&model.history).column_counts();
    let known = Known {
        factors: &model.track_factors,
        listeners,
    };
    let predict = |content: &ContentSettings| predicted(&world.tracks, content, known);
    let numbers = predict(&numbers_alone(&settings.content))?.factors;
    let names = predict(&settings.content)?.factors;
    let users = &model.user_factors;
    let nothing = Dense::zeros(world.tracks.len(), users.columns());
    let ranked = |users, items| ranked((users, items), (test, tracks), limit);
    Ok(vec![
        ("chance", ranked(users, &nothing)),
        ("content", ranked(&model.tastes, &model.embeddings)),
        ("predicted by numbers", ranked(users, &numbers)),
        ("predicted", ranked(users, &names)),
    ])
}

fn numbers_alone(settings: &ContentSettings) -> ContentSettings {
    ContentSettings {
        schema: Schema {
            categories: Vec::new(),
            ..settings.schema.clone()
        },
        ..settings.clone()
    }
}

/// The hidden tracks with the largest inner products for each user; equals come in an order that is each user's own, so
/// that a ranking that knows nothing is no better than chance.
fn ranked(
    (users, items): (&Dense, &Dense),
    (test, tracks): (&[TestUser], &[u32]),
    limit: usize,
) -> Vec<Vec<u32>> {
    let list = |user: &TestUser| {
        let query = users.row(user.user as usize);
        let mut scored: Vec<(f32, u64, u32)> = tracks
            .iter()
            .map(|&track| {
                let products = query.iter().zip(items.row(track as usize));
                let score = products.map(|(x, y)| x * y).sum();
                (score, lot(user.user, track), track)
            })
            .collect();
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        scored.truncate(limit);
        scored.into_iter().map(|(_, _, track)| track).collect()
    };
    test.par_iter().map(list).collect()
}

/// A number as good as random for each pair (the finaliser of SplitMix64).
fn lot(user: u32, track: u32) -> u64 {
    let mut word = (u64::from(user) << 32 | u64::from(track)).wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_choose_among_hidden_tracks_alone_and_know_no_order_of_equals() {
        let users = Dense::new(2, 1, vec![1.0, -1.0]);
        let items = Dense::new(4, 1, vec![9.0, 1.0, 2.0, 3.0]);
        let test = [0, 1].map(|user| TestUser {
            user,
            tracks: vec![1],
        });
        let lists = ranked((&users, &items), (&test, &[1, 2, 3]), 2);
        assert_eq!(lists, [vec![3, 2], vec![1, 2]]);

        let tracks: Vec<u32> = (0..64).collect();
        let lists = ranked((&users, &Dense::zeros(64, 1)), (&test, &tracks), 64);
        assert_ne!(lists[0], tracks);
        assert_ne!(lists[0], lists[1]);
    }
}
