use std::collections::{HashMap, HashSet};

use crossfade::pb;
use tonic::Code;
use tonic_types::StatusExt;

use crate::harness::{Server, World};

fn seeded() -> pb::GeneratePlaylistRequest {
    pb::GeneratePlaylistRequest {
        seed_track_ids: [
            "trk_00007",
            "trk_00011",
            "trk_00100",
            "trk_00200",
            "trk_00300",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_from_seeds_flows_better_than_its_tracks_by_relevance() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let playlist = client
        .generate_playlist(seeded())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(playlist.tracks.len(), 20);
    assert!(
        playlist.transition_cost < 0.7 * playlist.transition_cost_by_relevance,
        "{playlist:?}"
    );
    assert!(playlist.relevance > 0.0 && playlist.relevance <= playlist.relevance_of_best);
    let mut artists: HashMap<String, usize> = HashMap::new();
    let mut seen = HashSet::new();
    for (rank, one) in (1..).zip(&playlist.tracks) {
        let track = one.track.clone().unwrap();
        assert_eq!(track.rank, rank);
        assert!(
            seen.insert(track.track_id.clone())
                && !seeded().seed_track_ids.contains(&track.track_id)
        );
        *artists.entry(track.artist).or_default() += 1;
        assert_eq!(one.transition.is_none(), rank == 1);
    }
    let known = playlist
        .tracks
        .iter()
        .filter(|one| one.tempo.is_some() && !one.key.is_empty());
    assert!(known.count() > 10);
    assert!(artists.values().all(|&count| count <= 2), "{artists:?}");
    let costs = playlist
        .tracks
        .iter()
        .filter_map(|one| Some(one.transition?.cost));
    assert!((costs.sum::<f64>() / 19.0 - playlist.transition_cost).abs() < 1e-12);
    let again = client
        .generate_playlist(seeded())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(again.tracks, playlist.tracks);
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_and_moods_say_which_tracks_a_playlist_has() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let request = pb::GeneratePlaylistRequest {
        cluster: Some(0),
        limit: Some(5),
        ..Default::default()
    };
    let playlist = client
        .generate_playlist(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(playlist.tracks.len(), 5);
    for one in playlist.tracks {
        let track_id = one.track.unwrap().track_id;
        let request = pb::DescribeTrackRequest {
            track_id,
            neighbors: Some(0),
        };
        let described = client.describe_track(request).await.unwrap().into_inner();
        assert_eq!(described.track.unwrap().cluster.unwrap().number, 0);
    }
    let mut energies = Vec::new();
    for energy in [0.1, 0.9] {
        let mood = Some(pb::Mood {
            valence: 0.5,
            energy,
        });
        let request = pb::GeneratePlaylistRequest {
            mood,
            ..Default::default()
        };
        let playlist = client
            .generate_playlist(request)
            .await
            .unwrap()
            .into_inner();
        let sum: f64 = playlist.tracks.iter().map(|one| one.energy.unwrap()).sum();
        energies.push(sum / playlist.tracks.len() as f64);
    }
    assert!(energies[0] + 0.2 < energies[1], "{energies:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_playlist_cannot_be_made_of_is_told() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let request = pb::GeneratePlaylistRequest {
        cluster: Some(1_000),
        ..Default::default()
    };
    let status = client.generate_playlist(request).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(
        status.get_error_details().error_info().unwrap().reason,
        "UNKNOWN_CLUSTER"
    );
    let request = pb::DescribeTrackRequest {
        track_id: "no such".into(),
        neighbors: None,
    };
    let status = client.describe_track(request).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(
        status.get_error_details().error_info().unwrap().reason,
        "UNKNOWN_TRACK"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_has_what_is_known_of_a_track() {
    let server = Server::start(&World::shared().store);
    let mut client = server.recommendations().await;
    let request = pb::DescribeTrackRequest {
        track_id: "trk_00007".into(),
        neighbors: None,
    };
    let described = client.describe_track(request).await.unwrap().into_inner();
    let track = described.track.unwrap();
    assert_eq!(track.track_id, "trk_00007");
    assert!(!track.title.is_empty() && !track.artist.is_empty() && track.listeners > 0);
    assert!(track.features.len() > 5);
    assert!(
        track
            .features
            .iter()
            .all(|feature| (0.0..=1.0).contains(&feature.quantile))
    );
    assert!(!track.cluster.unwrap().name.is_empty());
    let similar = pb::SimilarTracksRequest {
        track_id: "trk_00007".into(),
        limit: Some(10),
        ..Default::default()
    };
    let similar = client.similar_tracks(similar).await.unwrap().into_inner();
    assert_eq!(described.neighbors, similar.tracks);
}
