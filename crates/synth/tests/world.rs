//! What a world promises, through the public interface.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crossfade_synth::{AUDIO_FEATURES, Play, Track, World, WorldConfig};

/// The default world and its rows, made once for all tests.
struct Sample {
    world: World,
    tracks: Vec<Track>,
    plays: Vec<Play>,
}

static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
    let world = World::new(WorldConfig::default()).expect("the default is valid");
    Sample {
        tracks: world.tracks().collect(),
        plays: world.plays().collect(),
        world,
    }
});

fn small(seed: u64) -> World {
    World::new(WorldConfig {
        users: 50,
        tracks: 300,
        plays: 2_000,
        seed,
        ..WorldConfig::default()
    })
    .expect("the settings are in range")
}

/// FNV-1a (64 bit) over all rows: plays as little-endian numbers, tracks and users as text.
fn fingerprint(world: &World) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for play in world.plays() {
        add(&play.user.to_le_bytes());
        add(&play.track.to_le_bytes());
        add(&play.played_at_ms.to_le_bytes());
        add(&play.ms_played.to_le_bytes());
        add(&[u8::from(play.skipped)]);
    }
    for track in world.tracks() {
        add(format!("{track:?}").as_bytes());
    }
    for user in world.users() {
        add(format!("{user:?}").as_bytes());
    }
    hash
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value;
        count += 1.0;
    }
    sum / count
}

#[test]
fn a_seed_gives_the_same_rows_for_ever() {
    // A change of this number is a change of every world ever generated: say so in the changelog.
    assert_eq!(fingerprint(&small(7)), 6_975_731_096_183_513_103);
    assert_ne!(fingerprint(&small(8)), fingerprint(&small(7)));
}

#[test]
fn users_and_tracks_do_not_depend_on_the_order_they_are_asked_for() {
    let world = small(1);
    let log: Vec<Play> = world.plays().collect();
    for user in (0..50).rev() {
        let alone: Vec<Play> = world.user_plays(user).collect();
        let among: Vec<Play> = log
            .iter()
            .copied()
            .filter(|play| play.user == user)
            .collect();
        assert_eq!(alone, among);
        assert_eq!(alone.len() as u64, world.user(user).plays);
    }
    let tracks: Vec<_> = world.tracks().collect();
    assert_eq!(world.track(299), tracks[299]);
    assert_eq!(world.track(0), tracks[0]);
}

#[test]
fn a_stretch_of_the_log_is_made_alone() {
    let config = WorldConfig {
        users: 40,
        tracks: 300,
        plays: 900,
        ..WorldConfig::default()
    };
    let world = World::new(config).unwrap();
    let all: Vec<_> = world.plays().collect();
    for step in [1, 7, 250, 900] {
        let parts = (0..900)
            .step_by(step)
            .map(|first| first..(first + step as u64).min(900));
        let together: Vec<_> = parts.flat_map(|range| world.plays_in(range)).collect();
        assert_eq!(together, all);
    }
    assert_eq!(world.plays_in(900..900).count(), 0);
    assert_eq!(world.plays_in(890..2_000).count(), 10);
}

#[test]
fn there_are_exactly_as_many_plays_as_asked_for() {
    for plays in [0, 1, 49, 2_001] {
        let config = WorldConfig {
            users: 50,
            tracks: 300,
            plays,
            ..WorldConfig::default()
        };
        let world = World::new(config).unwrap();
        assert_eq!(world.plays().count() as u64, plays);
    }
}

#[test]
fn the_smallest_worlds_work() {
    for (users, styles, days, cold_share) in [(1, 1, 1, 0.0), (1, 40, 1, 0.5), (3, 2, 2, 0.5)] {
        let config = WorldConfig {
            users,
            tracks: 100,
            plays: 25,
            styles,
            days,
            cold_share,
            ..WorldConfig::default()
        };
        let world = World::new(config).unwrap();
        assert_eq!(world.plays().count(), 25);
        assert_eq!(world.tracks().len(), 100);
    }
}

#[test]
fn plays_are_in_order_of_time_within_the_world_and_after_release() {
    let Sample {
        world,
        tracks,
        plays,
    } = &*SAMPLE;
    let start = world.config().start.start_ms();
    let end = world.config().start.plus(365).start_ms();
    let mut last = (0, 0);
    for play in plays {
        assert!((play.user, play.played_at_ms) >= last);
        last = (play.user, play.played_at_ms);
        assert!((start..end).contains(&play.played_at_ms));
        let track = &tracks[play.track as usize];
        assert!(track.release_date.start_ms() <= play.played_at_ms);
        assert!(play.ms_played > 0 && play.ms_played <= track.duration_ms);
        assert!(!play.skipped || play.ms_played <= track.duration_ms / 2);
    }
}

#[test]
fn cold_tracks_are_described_but_never_played() {
    let Sample {
        world,
        tracks,
        plays,
    } = &*SAMPLE;
    let cold: Vec<u32> = (0..5_000).filter(|&track| world.is_cold(track)).collect();
    // Five standard deviations of a binomial count around 250.
    assert!((172..=328).contains(&cold.len()), "{}", cold.len());
    assert!(plays.iter().all(|play| !world.is_cold(play.track)));
    let known = |&&track: &&u32| tracks[track as usize].features.iter().flatten().count() > 6;
    assert!(cold.iter().filter(known).count() > cold.len() * 9 / 10);
    let last_days = world.config().start.plus(365 - 14);
    assert!(
        cold.iter()
            .all(|&track| tracks[track as usize].release_date >= last_days)
    );
}

#[test]
fn few_tracks_and_users_have_most_of_the_plays() {
    let Sample { world, plays, .. } = &*SAMPLE;
    let mut counts = vec![0_u64; 5_000];
    for play in plays {
        counts[play.track as usize] += 1;
    }
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let top: u64 = counts[..50].iter().sum();
    assert!(top * 10 > 150_000, "the top 1 % have {top} plays");
    let mut active: Vec<u64> = world.users().map(|user| user.plays).collect();
    active.sort_unstable_by(|a, b| b.cmp(a));
    let top: u64 = active[..200].iter().sum();
    assert!(top * 10 > 150_000 * 3, "the top 10 % have {top} plays");
}

#[test]
fn people_play_what_they_like_and_skip_what_they_do_not() {
    let Sample { world, plays, .. } = &*SAMPLE;
    let plays: Vec<Play> = plays.iter().copied().step_by(47).collect();
    let liked = |play: &Play, track| world.affinity(play.user, track, play.played_at_ms);
    let played = mean(plays.iter().map(|play| liked(play, play.track)));
    // The tracks that others play: as popular, but not chosen by this user.
    let others = plays.iter().cycle().skip(plays.len() / 2);
    let popular = mean(
        plays
            .iter()
            .zip(others)
            .map(|(play, other)| liked(play, other.track)),
    );
    let random = mean(
        plays
            .iter()
            .zip((0..5_000).cycle())
            .map(|(play, track)| liked(play, track)),
    );
    assert!(played > 3.0 * popular, "{played} {popular}");
    assert!(popular < 2.0 * random, "{popular} {random}");

    let of = |skipped| {
        let plays = plays.iter().filter(move |play| play.skipped == skipped);
        mean(plays.map(|play| liked(play, play.track)))
    };
    assert!(of(false) > 1.3 * of(true), "{} {}", of(false), of(true));
    let skipped = mean(plays.iter().map(|play| f64::from(u8::from(play.skipped))));
    assert!((0.1..0.4).contains(&skipped), "{skipped}");
}

#[test]
fn tastes_drift_and_listening_follows() {
    let Sample { world, .. } = &*SAMPLE;
    let mut follows = Vec::new();
    for user in world
        .users()
        .filter(|user| user.plays >= 60 && user.tastes.len() > 1)
    {
        let sum =
            |share: fn(&crossfade_synth::Taste) -> f64| user.tastes.iter().map(share).sum::<f64>();
        assert!((sum(|taste| taste.share_at_start) - 1.0).abs() < 1e-12);
        assert!((sum(|taste| taste.share_at_end) - 1.0).abs() < 1e-12);
        // How much better the end's truth explains the late plays than the early ones.
        let gain = |play: &Play| {
            let place = world.place(play.track);
            user.affinity(place, 1.0) - user.affinity(place, 0.0)
        };
        let plays: Vec<Play> = world.user_plays(user.number).collect();
        let (early, late) = plays.split_at(plays.len() / 2);
        follows.push(mean(late.iter().map(gain)) - mean(early.iter().map(gain)));
    }
    let share = mean(follows.iter().map(|&gain| f64::from(u8::from(gain > 0.0))));
    assert!(
        mean(follows.iter().copied()) > 0.0 && share > 0.6,
        "{share}"
    );
}

#[test]
fn features_are_in_range_and_some_are_missing() {
    let mut missing = 0;
    for track in &SAMPLE.tracks {
        for (name, value) in AUDIO_FEATURES.iter().zip(track.features) {
            let Some(value) = value else {
                missing += 1;
                continue;
            };
            let whole = value.fract() == 0.0;
            let fits = match *name {
                "loudness" => (-60.0..=0.0).contains(&value),
                "tempo" => (50.0..=220.0).contains(&value),
                "key" => (0.0..=11.0).contains(&value) && whole,
                "mode" => value == 0.0 || value == 1.0,
                "time_signature" => [1.0, 3.0, 4.0, 5.0].contains(&value),
                _ => (0.0..=1.0).contains(&value),
            };
            assert!(fits, "{name} {value}");
        }
        assert!((45_000..=900_000).contains(&track.duration_ms));
    }
    let share = f64::from(missing) / f64::from(5_000 * 12);
    assert!((0.01..0.03).contains(&share), "{share}");
}

#[test]
fn features_and_genre_tell_of_the_style() {
    let Sample { world, tracks, .. } = &*SAMPLE;
    // The nearest mean of a style in danceability, energy and valence, learned from even and tried on odd tracks.
    let heard = |number: usize| -> Option<[f32; 3]> {
        let f = &tracks[number].features;
        Some([f[0]?, f[1]?, f[9]?])
    };
    let mut sums = BTreeMap::<u32, ([f32; 3], f32)>::new();
    for number in (0..5_000).step_by(2) {
        let Some(values) = heard(number) else {
            continue;
        };
        let (sum, count) = sums.entry(world.style(number as u32)).or_default();
        sum.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
        *count += 1.0;
    }
    let guess = |values: [f32; 3]| {
        let distance = |(sum, count): &([f32; 3], f32)| -> f32 {
            sum.iter()
                .zip(values)
                .map(|(sum, x)| (sum / count - x) * (sum / count - x))
                .sum()
        };
        let nearest = sums
            .iter()
            .min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)));
        nearest.map(|(&style, _)| style)
    };
    let right = (1..5_000).step_by(2).filter_map(|number| {
        let guessed = guess(heard(number)?) == Some(world.style(number as u32));
        Some(f64::from(u8::from(guessed)))
    });
    // One in 24 by chance.
    let share = mean(right);
    assert!(share > 0.12, "{share}");

    let mut genres = BTreeMap::<(u32, Option<&str>), usize>::new();
    for track in tracks {
        *genres
            .entry((world.style(track.number), track.genre))
            .or_default() += 1;
    }
    let main: usize = (0..24)
        .map(|style| {
            let of_style = genres
                .iter()
                .filter(|((s, genre), _)| *s == style && genre.is_some());
            of_style.map(|(_, &count)| count).max().unwrap_or(0)
        })
        .sum();
    assert!((4_300..4_800).contains(&main), "{main}");
}

#[test]
fn names_are_readable_and_ids_have_one_length() {
    let Sample { world, tracks, .. } = &*SAMPLE;
    for track in tracks {
        assert_eq!(track.track_id, format!("trk_{:05}", track.number));
        for name in [
            Some(&track.title),
            Some(&track.artist),
            track.album.as_ref(),
        ]
        .into_iter()
        .flatten()
        {
            assert!((3..=60).contains(&name.len()), "{name}");
            assert!(
                name.chars().next().is_some_and(char::is_uppercase),
                "{name}"
            );
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_alphabetic() || " &".contains(c)),
                "{name}"
            );
        }
        assert_eq!(track.release_date.to_string().len(), 10);
    }
    assert_eq!(world.user_id(42), "usr_00042");
    let large = World::new(WorldConfig {
        users: 1_000_001,
        tracks: 100,
        plays: 0,
        ..WorldConfig::default()
    });
    assert_eq!(large.unwrap().user_id(42), "usr_0000042");
}

#[test]
fn listening_has_a_daily_rhythm() {
    let mut hours = [0_u32; 24];
    for play in &SAMPLE.plays {
        hours[(play.played_at_ms / 3_600_000 % 24) as usize] += 1;
    }
    let night: u32 = hours[2..6].iter().sum();
    let evening: u32 = hours[16..20].iter().sum();
    assert!(evening > 2 * night, "{hours:?}");
}
