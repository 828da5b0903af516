use std::collections::HashMap;

use crossfade::pb::{self, recommendation_service_client::RecommendationServiceClient};
use tonic::transport::Channel;

use crate::harness::{Server, World, crossfade, succeed};

type Client = RecommendationServiceClient<Channel>;

fn request(user: u32) -> pb::RecommendRequest {
    pb::RecommendRequest {
        user_id: format!("usr_{user:05}"),
        content_weight: Some(0.4),
        ..Default::default()
    }
}

async fn ask(client: &mut Client, request: &pb::RecommendRequest) -> pb::RecommendResponse {
    client
        .recommend(request.clone())
        .await
        .unwrap()
        .into_inner()
}

fn ids(tracks: &[pb::RankedTrack]) -> Vec<String> {
    tracks.iter().map(|track| track.track_id.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn seeds_alone_are_the_plays_of_a_stranger_and_change_a_users_list() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let seeds: Vec<String> = ["trk_00007", "trk_00011", "no such"]
        .map(str::to_owned)
        .to_vec();
    let seeded = pb::RecommendRequest {
        seed_track_ids: seeds.clone(),
        content_weight: Some(0.4),
        ..Default::default()
    };
    let alone = ask(&mut client, &seeded).await;
    assert_eq!(alone.unknown_track_ids, ["no such"]);
    assert_eq!(alone.basis(), pb::Basis::Full);
    let history = seeds[..2].iter().map(|id| pb::Play {
        track_id: id.clone(),
        ..Default::default()
    });
    let played = pb::RecommendRequest {
        history: history.collect(),
        content_weight: Some(0.4),
        ..Default::default()
    };
    assert_eq!(ask(&mut client, &played).await.tracks, alone.tracks);

    let user = ask(&mut client, &request(1)).await;
    for (weight, same) in [(Some(0.0), true), (None, false), (Some(1.0), false)] {
        let both = pb::RecommendRequest {
            user_id: "usr_00001".into(),
            seed_weight: weight,
            ..seeded.clone()
        };
        let both = ask(&mut client, &both).await;
        assert_eq!(ids(&both.tracks) == ids(&user.tracks), same, "{weight:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dials_and_caps_change_lists_as_they_say() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let mut popularity = [0.0; 3];
    for user in 0..20 {
        for (sum, discovery) in popularity.iter_mut().zip([-1.0, 0.0, 1.0]) {
            let request = pb::RecommendRequest {
                discovery: Some(discovery),
                ..request(user)
            };
            let tracks = ask(&mut client, &request).await.tracks;
            let described = pb::DescribeTrackRequest {
                track_id: tracks[0].track_id.clone(),
                neighbors: Some(0),
            };
            let described = client.describe_track(described).await.unwrap().into_inner();
            *sum += described.track.unwrap().popularity;
        }
        let rules = pb::ListRules {
            max_per_artist: Some(1),
            ..Default::default()
        };
        let request = pb::RecommendRequest {
            rules: Some(rules),
            limit: Some(50),
            ..request(user)
        };
        let tracks = ask(&mut client, &request).await.tracks;
        assert_eq!(tracks.len(), 50);
        let mut artists: Vec<&str> = tracks.iter().map(|track| track.artist.as_str()).collect();
        artists.sort_unstable();
        artists.dedup();
        assert_eq!(artists.len(), 50, "each artist once");
    }
    assert!(
        popularity[0] > popularity[1] && popularity[1] > popularity[2],
        "{popularity:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn explanations_add_up_and_tell_what_moved_a_track() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let asked = pb::RecommendRequest {
        seed_track_ids: vec!["trk_00007".into()],
        diversity: Some(0.5),
        discovery: Some(0.3),
        rules: Some(pb::ListRules {
            max_per_artist: Some(1),
            ..Default::default()
        }),
        explain: true,
        ..request(2)
    };
    let answer = ask(&mut client, &asked).await;
    let plain = pb::RecommendRequest {
        diversity: None,
        rules: None,
        limit: Some(900),
        ..asked
    };
    let by_score = ask(&mut client, &plain).await;
    let mut moved = 0;
    for track in &answer.tracks {
        let parts = track.components.unwrap();
        let explanation = track.explanation.clone().unwrap();
        assert!((1..=10).contains(&explanation.contributions.len()));
        let told = |part: fn(&pb::Contribution) -> f64| -> f64 {
            explanation.contributions.iter().map(part).sum()
        };
        // A rounding or two of numbers below 10 for each of at most eleven.
        let rounding = 1e-13;
        let collaborative = told(|one| one.collaborative) + explanation.other_collaborative;
        assert!((collaborative - parts.collaborative).abs() < rounding);
        let content = told(|one| one.content) + explanation.other_content;
        assert!((content - parts.content).abs() < rounding);
        let mut rank = 1 + by_score
            .tracks
            .iter()
            .position(|other| other.track_id == track.track_id)
            .unwrap() as i32;
        for step in &explanation.moves {
            assert_eq!(step.from_rank, rank);
            assert_ne!(step.to_rank, rank);
            rank = step.to_rank;
            moved += 1;
        }
        assert_eq!(rank, track.rank);
    }
    assert!(moved > 0);
    let seeds = |track: &pb::RankedTrack| {
        let contributions = &track.explanation.as_ref().unwrap().contributions;
        contributions
            .iter()
            .filter(|one| one.source() == pb::ContributionSource::Seed)
            .count()
    };
    assert!(answer.tracks.iter().any(|track| seeds(track) == 1));
    assert!(
        by_score
            .tracks
            .iter()
            .all(|track| track.explanation.as_ref().unwrap().moves.is_empty())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn given_tracks_are_ranked_with_the_scores_of_recommend() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let list = ask(&mut client, &request(4)).await.tracks;
    let mut track_ids: Vec<String> = ids(&list).into_iter().rev().collect();
    track_ids.push("no such".into());
    track_ids.push(track_ids[0].clone());
    let asked = pb::RankTracksRequest {
        track_ids,
        user_id: "usr_00004".into(),
        content_weight: Some(0.4),
        ..Default::default()
    };
    let ranked = client
        .rank_tracks(asked.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(ranked.tracks, list);
    assert_eq!(ranked.unknown_track_ids, ["no such"]);
    assert!(ranked.unranked_track_ids.is_empty() && ranked.user_known);
    let explained = pb::RankTracksRequest {
        explain: true,
        ..asked
    };
    let explained = client.rank_tracks(explained).await.unwrap().into_inner();
    assert!(
        explained
            .tracks
            .iter()
            .all(|track| track.explanation.is_some())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_tells_ranks_scores_and_agreement() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let spec = |diversity| pb::RankingSpec {
        diversity,
        content_weight: Some(0.4),
        ..Default::default()
    };
    let asked = pb::CompareRankingsRequest {
        user_id: "usr_00005".into(),
        rankings: vec![spec(None), spec(Some(0.6)), spec(None)],
        ..Default::default()
    };
    let compared = client.compare_rankings(asked).await.unwrap().into_inner();
    let [plain, varied] = [&compared.lists[0], &compared.lists[1]];
    assert!(
        varied.variety > plain.variety,
        "{} {}",
        varied.variety,
        plain.variety
    );
    assert!(plain.novelty > 0.0);
    let of = |first, second| {
        let agreement = compared
            .agreements
            .iter()
            .find(|one| (one.first, one.second) == (first, second));
        agreement.unwrap()
    };
    assert_eq!(of(0, 2).kendall_tau, Some(1.0));
    assert!(of(0, 1).overlap < 1.0);
    let places: Vec<i32> = of(0, 1).overlaps.iter().map(|at| at.places).collect();
    assert_eq!(places, [1, 5, 10]);
    assert_eq!(
        of(0, 1).overlaps[0].overlap,
        1.0,
        "the best track comes first in any case"
    );
    for track in &compared.tracks {
        assert_eq!(track.scores.len(), 3);
        assert_eq!(
            track.scores[0], track.scores[1],
            "diversity changes no score"
        );
        for ((list, &rank), score) in compared.lists.iter().zip(&track.ranks).zip(&track.scores) {
            if rank > 0 {
                assert_eq!(list.tracks[rank as usize - 1].score, *score);
            }
        }
    }
}

#[test]
fn the_command_line_asks_for_all_of_it() {
    let server = Server::start(&World::shared().store);
    let address = format!("http://{}", server.address);
    let run =
        |arguments: &[&str]| succeed(crossfade().args(arguments).args(["--server", &address]));
    let dialled = run(&[
        "recommend",
        "usr_00002",
        "--seed",
        "trk_00007",
        "--discovery",
        "-0.5",
        "--diversity",
        "0.4",
        "--max-per-artist",
        "1",
        "--explain",
    ]);
    for expected in ["and one seed", "discovery", "played ", "all others", " by "] {
        assert!(
            dialled.contains(expected),
            "{expected} is missing: {dialled}"
        );
    }
    let ranked = run(&[
        "rank",
        "trk_00001",
        "trk_00002",
        "--user",
        "usr_00002",
        "--json",
    ]);
    let ranked: serde_json::Value = serde_json::from_str(&ranked).unwrap();
    assert_eq!(ranked["tracks"].as_array().unwrap().len(), 2);
    let compared = run(&["compare", "usr_00002"]);
    assert!(
        compared.contains("novelty") && compared.contains("Kendall tau"),
        "{compared}"
    );
    let shown: HashMap<&str, String> = [
        (
            "transition",
            run(&["playlist", "--seed", "trk_00007,trk_00011", "-n", "8"]),
        ),
        (
            "relevance",
            run(&["playlist", "--mood", "0.8,0.6", "-n", "8"]),
        ),
        ("listeners", run(&["describe", "trk_00007"])),
    ]
    .into();
    for (expected, text) in shown {
        assert!(text.contains(expected), "{text}");
    }
}
