//! Requests whose seeds, dials, rules or lists of tracks must be refused, each with the field that must be blamed.

use crossfade::pb;
use prost_types::{Duration, Timestamp};

use super::{
    Malformed::{self, Compare, Describe, Playlist, Rank, Recommend},
    requests::{limits, long_ids, play, rankings, weights},
};

fn base() -> pb::RecommendRequest {
    pb::RecommendRequest {
        user_id: "usr_00001".into(),
        ..Default::default()
    }
}

/// Seeds that are wrong, and the field that is.
fn seeds() -> Vec<(Vec<String>, String)> {
    let mut seeds: Vec<(Vec<String>, String)> = long_ids()
        .into_iter()
        .map(|id| (vec!["a".into(), id], "seed_track_ids[1]".into()))
        .collect();
    seeds.push((vec![String::new()], "seed_track_ids[0]".into()));
    seeds.push((vec!["a".into(); 101], "seed_track_ids".into()));
    seeds
}

pub(super) fn dial_cases() -> Vec<Malformed> {
    let mut cases = Vec::new();
    for (seed_track_ids, field) in seeds() {
        cases.push(Recommend(
            pb::RecommendRequest {
                seed_track_ids,
                ..base()
            },
            field,
        ));
    }
    for weight in weights() {
        let seed_track_ids = vec!["a".to_owned()];
        let request = pb::RecommendRequest {
            seed_track_ids,
            seed_weight: Some(weight),
            ..base()
        };
        cases.push(Recommend(request, "seed_weight".into()));
        let request = pb::RecommendRequest {
            diversity: Some(weight),
            ..base()
        };
        cases.push(Recommend(request, "diversity".into()));
        let good = pb::RankingSpec::default();
        let wrong = pb::RankingSpec {
            diversity: Some(weight),
            ..good
        };
        let rankings = vec![good, wrong];
        let request = pb::CompareRankingsRequest {
            rankings,
            ..Default::default()
        };
        cases.push(Compare(request, "rankings[1].diversity".into()));
    }
    let alone = pb::RecommendRequest {
        seed_weight: Some(0.5),
        ..base()
    };
    cases.push(Recommend(alone, "seed_weight".into()));
    for discovery in [f64::NAN, f64::INFINITY, -1.01, 1.01, f64::MIN, f64::MAX] {
        let request = pb::RecommendRequest {
            discovery: Some(discovery),
            ..base()
        };
        cases.push(Recommend(request, "discovery".into()));
    }
    let popular = pb::RecommendRequest {
        ranking: pb::Ranking::Popular.into(),
        discovery: Some(0.5),
        ..base()
    };
    cases.push(Recommend(popular, "discovery".into()));
    for (rules, field) in rules() {
        let request = pb::RecommendRequest {
            rules: Some(rules),
            include_played: true,
            ..base()
        };
        cases.push(Recommend(request, format!("rules.{field}")));
    }
    for (rules, field) in [
        (
            pb::ListRules {
                no_repeat_plays: Some(5),
                ..Default::default()
            },
            "no_repeat_plays",
        ),
        (
            pb::ListRules {
                no_repeat_within: Some(seconds(60)),
                ..Default::default()
            },
            "no_repeat_within",
        ),
    ] {
        let request = pb::RecommendRequest {
            rules: Some(rules),
            ..base()
        };
        cases.push(Recommend(request, format!("rules.{field}")));
    }
    for (seconds, nanos) in [
        (-1, 0),
        (i64::MAX, 0),
        (0, -1),
        (0, 1_000_000_000),
        (99_999_999_999, 0),
    ] {
        let mut history = vec![play("a", None); 2];
        history[1].played_at = Some(Timestamp { seconds, nanos });
        let request = pb::RecommendRequest { history, ..base() };
        cases.push(Recommend(request, "history[1].played_at".into()));
    }
    cases
}

fn seconds(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
}

fn rules() -> Vec<(pb::ListRules, &'static str)> {
    let none = pb::ListRules::default();
    let mut rules = Vec::new();
    for number in [0, -1, i32::MIN, 1_001, i32::MAX] {
        let rule = pb::ListRules {
            max_per_artist: Some(number),
            ..none
        };
        rules.push((rule, "max_per_artist"));
    }
    for number in [0, -1, i32::MIN, 100_001, i32::MAX] {
        let rule = pb::ListRules {
            no_repeat_plays: Some(number),
            ..none
        };
        rules.push((rule, "no_repeat_plays"));
    }
    let wrong = Duration {
        seconds: 5,
        nanos: -1,
    };
    for time in [
        seconds(0),
        seconds(-1),
        seconds(i64::MIN),
        seconds(i64::MAX),
        seconds(400_000_000),
        wrong,
    ] {
        let rule = pb::ListRules {
            no_repeat_within: Some(time),
            ..none
        };
        rules.push((rule, "no_repeat_within"));
    }
    rules
}

pub(super) fn rank_cases() -> Vec<Malformed> {
    let base = pb::RankTracksRequest {
        track_ids: vec!["a".into()],
        ..Default::default()
    };
    let mut cases = Vec::new();
    let mut add =
        |request: pb::RankTracksRequest, field: &str| cases.push(Rank(request, field.to_owned()));
    add(pb::RankTracksRequest::default(), "track_ids");
    add(
        pb::RankTracksRequest {
            track_ids: vec!["a".into(); 10_001],
            ..base.clone()
        },
        "track_ids",
    );
    add(
        pb::RankTracksRequest {
            track_ids: vec!["a".into(), String::new()],
            ..base.clone()
        },
        "track_ids[1]",
    );
    for id in long_ids() {
        add(
            pb::RankTracksRequest {
                track_ids: vec![id.clone()],
                ..base.clone()
            },
            "track_ids[0]",
        );
        add(
            pb::RankTracksRequest {
                user_id: id.clone(),
                ..base.clone()
            },
            "user_id",
        );
        let history = vec![play(&id, None)];
        add(
            pb::RankTracksRequest {
                history,
                ..base.clone()
            },
            "history[0].track_id",
        );
    }
    for ranking in rankings() {
        add(
            pb::RankTracksRequest {
                ranking,
                ..base.clone()
            },
            "ranking",
        );
    }
    for weight in weights() {
        add(
            pb::RankTracksRequest {
                content_weight: Some(weight),
                ..base.clone()
            },
            "content_weight",
        );
    }
    add(
        pb::RankTracksRequest {
            discovery: Some(-2.0),
            ..base.clone()
        },
        "discovery",
    );
    for (seed_track_ids, field) in seeds() {
        add(
            pb::RankTracksRequest {
                seed_track_ids,
                ..base.clone()
            },
            &field,
        );
    }
    cases
}

pub(super) fn playlist_cases() -> Vec<Malformed> {
    let base = pb::GeneratePlaylistRequest::default();
    let mut cases = Vec::new();
    let mut add = |request: pb::GeneratePlaylistRequest, field: &str| {
        cases.push(Playlist(request, field.to_owned()))
    };
    for limit in limits().into_iter().chain([201, 1_000]) {
        add(
            pb::GeneratePlaylistRequest {
                limit: Some(limit),
                ..base.clone()
            },
            "limit",
        );
    }
    for number in [0, -1, i32::MIN, 1_001, i32::MAX] {
        add(
            pb::GeneratePlaylistRequest {
                max_per_artist: Some(number),
                ..base.clone()
            },
            "max_per_artist",
        );
    }
    for weight in weights() {
        add(
            pb::GeneratePlaylistRequest {
                smoothness: Some(weight),
                ..base.clone()
            },
            "smoothness",
        );
        let mood = Some(pb::Mood {
            valence: weight,
            energy: 0.5,
        });
        add(
            pb::GeneratePlaylistRequest {
                mood,
                ..base.clone()
            },
            "mood.valence",
        );
        let mood = Some(pb::Mood {
            valence: 0.5,
            energy: weight,
        });
        add(
            pb::GeneratePlaylistRequest {
                mood,
                ..base.clone()
            },
            "mood.energy",
        );
        add(
            pb::GeneratePlaylistRequest {
                content_weight: Some(weight),
                ..base.clone()
            },
            "content_weight",
        );
    }
    for cluster in [-1, i32::MIN] {
        add(
            pb::GeneratePlaylistRequest {
                cluster: Some(cluster),
                ..base.clone()
            },
            "cluster",
        );
    }
    for (seed_track_ids, field) in seeds() {
        add(
            pb::GeneratePlaylistRequest {
                seed_track_ids,
                ..base.clone()
            },
            &field,
        );
    }
    let exclude_track_ids = vec![String::new()];
    add(
        pb::GeneratePlaylistRequest {
            exclude_track_ids,
            ..base.clone()
        },
        "exclude_track_ids[0]",
    );
    let filter = Some(pb::TrackFilter {
        artists: vec![String::new()],
        ..Default::default()
    });
    add(
        pb::GeneratePlaylistRequest { filter, ..base },
        "filter.artists[0]",
    );
    cases
}

pub(super) fn describe_cases() -> Vec<Malformed> {
    let track_id = "trk_00001".to_owned();
    let mut cases = vec![Describe(
        pb::DescribeTrackRequest::default(),
        "track_id".into(),
    )];
    for id in long_ids() {
        let request = pb::DescribeTrackRequest {
            track_id: id,
            neighbors: None,
        };
        cases.push(Describe(request, "track_id".into()));
    }
    for number in [-1, 101, i32::MIN, i32::MAX] {
        let request = pb::DescribeTrackRequest {
            track_id: track_id.clone(),
            neighbors: Some(number),
        };
        cases.push(Describe(request, "neighbors".into()));
    }
    cases
}
