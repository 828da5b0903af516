use std::fs;

use crossfade::pb;
use serde_json::Value;

use crate::harness::{Server, World, crossfade, fail, succeed, train_command};

/// What `crossfade describe` says of all of a world's tracks, neighbours left out.
async fn described(server: &Server) -> Vec<pb::Track> {
    let mut client = server.recommendations().await;
    let mut tracks = Vec::new();
    for track in 0..900 {
        let request = pb::DescribeTrackRequest {
            track_id: format!("trk_{track:05}"),
            neighbors: Some(0),
        };
        let response = client.describe_track(request).await.unwrap().into_inner();
        tracks.push(response.track.unwrap());
    }
    tracks
}

#[tokio::test(flavor = "multi_thread")]
async fn genres_are_predicted_of_tracks_with_and_without_one() {
    let server = Server::start(&World::shared().store);
    let tracks = described(&server).await;
    let (mut right, mut known, mut unknown) = (0, 0, 0);
    for track in &tracks {
        let Some(guess) = &track.predicted_genre else {
            continue;
        };
        assert_eq!(guess.known, !track.genre.is_empty());
        let sum: f64 = guess.genres.iter().map(|one| one.probability).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{guess:?}");
        assert!(
            guess
                .genres
                .is_sorted_by(|a, b| a.probability >= b.probability)
        );
        match guess.known {
            true => {
                known += 1;
                right += usize::from(guess.genres[0].genre == track.genre);
            }
            false => unknown += 1,
        }
    }
    assert!(known > 500 && unknown > 0, "{known} {unknown}");

    // The bundle's own figure is that of the tracks whose genre is frequent enough to be predicted.
    let mut show = crossfade();
    show.args(["bundle", "show", "--json", "--bundles"])
        .arg(&World::shared().store);
    let bundle: Value = serde_json::from_str(&succeed(&mut show)).unwrap();
    let genre = &bundle["labels"]["genre"];
    let quality = &genre["quality"];
    let count = |value: &Value| value.as_f64().unwrap();
    let hits = count(&quality["accuracy"]["value"]) * count(&genre["tracks"]);
    assert_eq!(hits.round() as usize, right);
    assert!(count(&quality["accuracy"]["low"]) > 2.0 * count(&quality["largest_share"]));
    assert!(count(&quality["calibration_error"]) < 0.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_predicted_where_they_are_asked_for_and_serve_moods() {
    let store = tempfile::tempdir().unwrap();
    let settings = store.path().join("settings.toml");
    fs::write(
        &settings,
        "[content.labels]\ngenre = false\nnumbers = [\"valence\", \"energy\"]\n",
    )
    .unwrap();
    let bundles = store.path().join("bundles");
    let mut train = train_command(&World::shared().data, &bundles);
    succeed(train.arg("--config").arg(&settings));
    let server = Server::start(&bundles);
    let tracks = described(&server).await;
    let mut without = Vec::new();
    for track in &tracks {
        assert!(track.predicted_genre.is_none());
        for number in &track.predicted_numbers {
            let own = track
                .features
                .iter()
                .find(|feature| feature.name == number.name);
            assert_eq!(number.known, own.map(|feature| feature.value));
            assert!(number.expected_error > 0.0 && number.expected_error < 0.5);
            if number.known.is_none() && number.name == "valence" {
                without.push((track.track_id.clone(), number.predicted));
            }
        }
    }
    assert!(!without.is_empty());

    // A track without the feature counts in a mood by what is predicted of it.
    let (track_id, valence) = &without[0];
    let energy = tracks
        .iter()
        .find(|track| track.track_id == *track_id)
        .unwrap();
    let energy = energy
        .features
        .iter()
        .find(|feature| feature.name == "energy");
    let request = pb::GeneratePlaylistRequest {
        mood: Some(pb::Mood {
            valence: valence.clamp(0.0, 1.0),
            energy: energy.unwrap().value,
        }),
        filter: Some(pb::TrackFilter {
            track_ids: vec![track_id.clone()],
            ..Default::default()
        }),
        limit: Some(1),
        ..Default::default()
    };
    let mut client = server.recommendations().await;
    let playlist = client
        .generate_playlist(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        playlist.tracks[0].track.as_ref().unwrap().track_id,
        *track_id
    );

    let mut describe = crossfade();
    describe
        .args(["describe", track_id, "--server"])
        .arg(format!("http://{}", server.address));
    let text = succeed(&mut describe);
    assert!(
        text.contains("By how it sounds:") && text.contains("valence"),
        "{text}"
    );
}

#[test]
fn the_page_tells_how_well_labels_are_predicted() {
    let out = tempfile::tempdir().unwrap();
    let mut analyze = crossfade();
    analyze
        .args(["analyze", "--tracks"])
        .arg(World::shared().data.join("tracks.parquet"))
        .arg("--out")
        .arg(out.path())
        .env("CROSSFADE_CONTENT__LABELS__NUMBERS", "[\"valence\"]");
    let text = succeed(&mut analyze);
    assert!(
        text.contains("accuracy") && text.contains("least squares"),
        "{text}"
    );
    let found: Value =
        serde_json::from_slice(&fs::read(out.path().join("analysis.json")).unwrap()).unwrap();
    let genre = &found["labels"]["genre"];
    let classes = genre["classes"].as_array().unwrap().len();
    let rows = genre["quality"]["confusion"].as_array().unwrap();
    let cells = rows.iter().flat_map(|row| row.as_array().unwrap());
    assert_eq!(rows.len(), classes);
    let tracks: u64 = cells.map(|cell| cell.as_u64().unwrap()).sum();
    assert_eq!(tracks, genre["tracks"].as_u64().unwrap());
    let valence = &found["labels"]["numbers"][0];
    assert_eq!(valence["column"], "valence");
    assert!(valence["quality"]["r2"]["low"].as_f64().unwrap() > 0.0);
    let html = fs::read_to_string(out.path().join("analysis.html")).unwrap();
    assert!(html.contains("id=\"labels\"") && html.contains("True and predicted genres"));
}

#[test]
fn a_number_that_is_not_read_is_named() {
    let store = tempfile::tempdir().unwrap();
    let mut train = train_command(&World::shared().data, store.path());
    let complaint = fail(train.env("CROSSFADE_CONTENT__LABELS__NUMBERS", "[\"mood_valence\"]"));
    assert!(
        complaint.contains("[content.labels]")
            && complaint.contains("`mood_valence`, which is not read"),
        "{complaint}"
    );
}
