//! Requests for rankings that must be refused, each with the field that must be blamed.

use crossfade::pb;

use super::Malformed::{self, Compare, Recommend, Similar};

pub(super) fn limits() -> Vec<i32> {
    vec![0, -1, -20, i32::MIN, 1_001, 5_000, 1_000_000, i32::MAX]
}

pub(super) fn weights() -> Vec<f64> {
    vec![
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.000_1,
        -1.0,
        1.000_1,
        2.0,
        f64::MAX,
        f64::MIN,
    ]
}

pub(super) fn rankings() -> Vec<i32> {
    vec![-1, 5, 6, 99, i32::MAX, i32::MIN]
}

/// Ids that are too long, up to 10 MB.
pub(super) fn long_ids() -> Vec<String> {
    let lengths = [257, 1_000, 100_000, 10_000_000];
    let mut ids: Vec<String> = lengths.iter().map(|&length| "x".repeat(length)).collect();
    // 256 characters, but 512 bytes.
    ids.push("é".repeat(256));
    ids
}

pub(super) fn play(track_id: &str, play_count: Option<u32>) -> pb::Play {
    pb::Play {
        track_id: track_id.to_owned(),
        play_count,
        played_at: None,
    }
}

pub(super) fn recommend_cases() -> Vec<Malformed> {
    let base = pb::RecommendRequest {
        user_id: "usr_00001".into(),
        ..Default::default()
    };
    let mut cases = Vec::new();
    let mut add = |request: pb::RecommendRequest, field: &str| {
        cases.push(Recommend(request, field.to_owned()));
    };
    for limit in limits() {
        add(
            pb::RecommendRequest {
                limit: Some(limit),
                ..base.clone()
            },
            "limit",
        );
    }
    for weight in weights() {
        add(
            pb::RecommendRequest {
                content_weight: Some(weight),
                ..base.clone()
            },
            "content_weight",
        );
    }
    for ranking in rankings() {
        add(
            pb::RecommendRequest {
                ranking,
                ..base.clone()
            },
            "ranking",
        );
    }
    for ranking in [
        pb::Ranking::Collaborative,
        pb::Ranking::Content,
        pb::Ranking::Popular,
    ] {
        for weight in [0.0, 0.5, 1.0] {
            let request = pb::RecommendRequest {
                ranking: ranking.into(),
                content_weight: Some(weight),
                ..base.clone()
            };
            add(request, "content_weight");
        }
    }
    for id in long_ids() {
        add(
            pb::RecommendRequest {
                user_id: id.clone(),
                ..base.clone()
            },
            "user_id",
        );
        let history = vec![play("a", None), play(&id, None)];
        add(
            pb::RecommendRequest {
                history,
                ..base.clone()
            },
            "history[1].track_id",
        );
        let exclude_track_ids = vec![id];
        add(
            pb::RecommendRequest {
                exclude_track_ids,
                ..base.clone()
            },
            "exclude_track_ids[0]",
        );
    }
    for place in [0_usize, 1, 9] {
        let mut history = vec![play("a", Some(1)); 10];
        history[place].track_id.clear();
        add(
            pb::RecommendRequest {
                history,
                ..base.clone()
            },
            &format!("history[{place}].track_id"),
        );
        let mut exclude_track_ids = vec!["a".to_owned(); 10];
        exclude_track_ids[place].clear();
        add(
            pb::RecommendRequest {
                exclude_track_ids,
                ..base.clone()
            },
            &format!("exclude_track_ids[{place}]"),
        );
        for count in [0, 1_000_001, u32::MAX] {
            let mut history = vec![play("a", Some(1)); 10];
            history[place].play_count = Some(count);
            add(
                pb::RecommendRequest {
                    history,
                    ..base.clone()
                },
                &format!("history[{place}].play_count"),
            );
        }
    }
    for entries in [10_001, 50_000] {
        let history = vec![play("a", None); entries];
        add(
            pb::RecommendRequest {
                history,
                ..base.clone()
            },
            "history",
        );
        let exclude_track_ids = vec!["a".to_owned(); entries];
        add(
            pb::RecommendRequest {
                exclude_track_ids,
                ..base.clone()
            },
            "exclude_track_ids",
        );
    }
    for (filter, field) in filters() {
        let filter = Some(filter);
        add(
            pb::RecommendRequest {
                filter,
                ..base.clone()
            },
            &format!("filter.{field}"),
        );
    }
    cases
}

fn filters() -> Vec<(pb::TrackFilter, String)> {
    let none = pb::TrackFilter::default();
    let mut filters = Vec::new();
    let mut names = |place: &str, make: &dyn Fn(Vec<String>) -> pb::TrackFilter, most: usize| {
        filters.push((make(vec!["a".into(); most + 1]), place.to_owned()));
        filters.push((make(vec!["a".into(), String::new()]), format!("{place}[1]")));
        filters.push((make(vec!["x".repeat(257)]), format!("{place}[0]")));
    };
    names(
        "track_ids",
        &|track_ids| pb::TrackFilter {
            track_ids,
            ..none.clone()
        },
        10_000,
    );
    names(
        "artists",
        &|artists| pb::TrackFilter {
            artists,
            ..none.clone()
        },
        1_000,
    );
    names(
        "genres",
        &|genres| pb::TrackFilter {
            genres,
            ..none.clone()
        },
        1_000,
    );
    let blocked = |blocked_artists| pb::TrackFilter {
        blocked_artists,
        ..none.clone()
    };
    names("blocked_artists", &blocked, 1_000);
    let blocked = |blocked_genres| pb::TrackFilter {
        blocked_genres,
        ..none.clone()
    };
    names("blocked_genres", &blocked, 1_000);
    for year in [i32::MIN, -40_000, 40_000, i32::MAX] {
        let min_year = Some(year);
        filters.push((
            pb::TrackFilter {
                min_year,
                ..none.clone()
            },
            "min_year".into(),
        ));
        let max_year = Some(year);
        filters.push((
            pb::TrackFilter {
                max_year,
                ..none.clone()
            },
            "max_year".into(),
        ));
    }
    let (min_year, max_year) = (Some(2_000), Some(1_999));
    filters.push((
        pb::TrackFilter {
            min_year,
            max_year,
            ..none.clone()
        },
        "max_year".into(),
    ));
    let market = "x".repeat(257);
    filters.push((pb::TrackFilter { market, ..none }, "market".into()));
    filters
}

pub(super) fn similar_cases() -> Vec<Malformed> {
    let base = pb::SimilarTracksRequest {
        track_id: "trk_00001".into(),
        ..Default::default()
    };
    let mut cases = Vec::new();
    let mut add = |request: pb::SimilarTracksRequest, field: &str| {
        cases.push(Similar(request, field.to_owned()));
    };
    add(pb::SimilarTracksRequest::default(), "track_id");
    for limit in limits() {
        add(
            pb::SimilarTracksRequest {
                limit: Some(limit),
                ..base.clone()
            },
            "limit",
        );
    }
    for weight in weights() {
        add(
            pb::SimilarTracksRequest {
                content_weight: Some(weight),
                ..base.clone()
            },
            "content_weight",
        );
    }
    for ranking in rankings() {
        add(
            pb::SimilarTracksRequest {
                ranking,
                ..base.clone()
            },
            "ranking",
        );
    }
    add(
        pb::SimilarTracksRequest {
            ranking: pb::Ranking::Popular.into(),
            ..base.clone()
        },
        "ranking",
    );
    for ranking in [pb::Ranking::Collaborative, pb::Ranking::Content] {
        let request = pb::SimilarTracksRequest {
            ranking: ranking.into(),
            content_weight: Some(0.5),
            ..base.clone()
        };
        add(request, "content_weight");
    }
    for id in long_ids() {
        add(
            pb::SimilarTracksRequest {
                track_id: id.clone(),
                ..base.clone()
            },
            "track_id",
        );
        add(
            pb::SimilarTracksRequest {
                exclude_track_ids: vec![id],
                ..base.clone()
            },
            "exclude_track_ids[0]",
        );
    }
    cases
}

pub(super) fn compare_cases() -> Vec<Malformed> {
    let base = pb::CompareRankingsRequest {
        user_id: "usr_00001".into(),
        ..Default::default()
    };
    let spec = |ranking: i32, content_weight| pb::RankingSpec {
        ranking,
        content_weight,
        ..Default::default()
    };
    let good = spec(pb::Ranking::Collaborative.into(), None);
    let mut cases = Vec::new();
    let mut add = |request: pb::CompareRankingsRequest, field: &str| {
        cases.push(Compare(request, field.to_owned()));
    };
    for limit in limits() {
        add(
            pb::CompareRankingsRequest {
                limit: Some(limit),
                ..base.clone()
            },
            "limit",
        );
    }
    add(
        pb::CompareRankingsRequest {
            rankings: vec![good],
            ..base.clone()
        },
        "rankings",
    );
    add(
        pb::CompareRankingsRequest {
            rankings: vec![good; 9],
            ..base.clone()
        },
        "rankings",
    );
    for place in [0_usize, 1, 2, 3, 4] {
        for weight in weights() {
            let mut rankings = vec![good; 5];
            rankings[place] = spec(pb::Ranking::Blend.into(), Some(weight));
            add(
                pb::CompareRankingsRequest {
                    rankings,
                    ..base.clone()
                },
                &format!("rankings[{place}].content_weight"),
            );
        }
        for ranking in rankings() {
            let mut rankings = vec![good; 5];
            rankings[place] = spec(ranking, None);
            add(
                pb::CompareRankingsRequest {
                    rankings,
                    ..base.clone()
                },
                &format!("rankings[{place}].ranking"),
            );
        }
    }
    for id in long_ids() {
        add(
            pb::CompareRankingsRequest {
                user_id: id.clone(),
                ..base.clone()
            },
            "user_id",
        );
        add(
            pb::CompareRankingsRequest {
                history: vec![play(&id, None)],
                ..base.clone()
            },
            "history[0].track_id",
        );
    }
    cases
}
