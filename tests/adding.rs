use std::{collections::BTreeSet, fs, path::Path};

use chrono::{Datelike, NaiveDate};
use crossfade::pb;
use crossfade_bundle::{Bundle, Store};
use crossfade_catalog::TrackTable;
use crossfade_ingest::{Track, TrackColumns, TrackWriter, read_ids, read_tracks};

use crate::harness::{Server, World, crossfade, fail, succeed, train};

/// Writes the tracks that `keep` holds for, and returns how many there are of them.
fn write(table: &TrackTable, path: &Path, keep: impl Fn(&str) -> bool) -> usize {
    let names: Vec<&str> = (table.features.iter())
        .map(|column| column.name.as_str())
        .filter(|name| *name != "duration_ms")
        .collect();
    let mut writer = TrackWriter::create(path, &names).unwrap();
    let mut count = 0;
    for track in (0..table.len() as u32).filter(|&track| keep(table.ids.id(track))) {
        let at = track as usize;
        let year = table.year.get(at).copied().flatten().unwrap();
        let date = NaiveDate::from_ymd_opt(year.into(), 1, 1).unwrap();
        let features: Vec<f32> = (names.iter())
            .map(|name| table.feature(name).unwrap().values[at])
            .collect();
        let written = Track {
            track_id: table.ids.id(track),
            title: table.title.get(track),
            artist: table.artist.get(track),
            album: table.album.get(track),
            genre: table.genre.get(track),
            tags: &Vec::from_iter(table.tags.get(track)),
            release_date: Some(date.num_days_from_ce() - 719_163),
            explicit: table.explicit[at],
            duration_ms: table.duration_ms[at],
            features: &features,
        };
        writer.write(&written).unwrap();
        count += 1;
    }
    writer.finish().unwrap();
    count
}

fn active(store: &Path) -> Bundle {
    let store = Store::open(store).unwrap();
    store.load(&store.current().unwrap()).unwrap()
}

fn add(store: &Path, tracks: &Path) -> serde_json::Value {
    let mut command = crossfade();
    command.args(["add-tracks", "--json", "--bundles"]);
    let output = succeed(command.arg(store).arg("--tracks").arg(tracks));
    serde_json::from_str(&output).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_tracks_join_a_bundle_and_nothing_that_was_there_changes() {
    let world = World::shared();
    let directory = tempfile::tempdir().unwrap();
    let (data, store) = (
        directory.path().join("data"),
        directory.path().join("bundles"),
    );
    fs::create_dir_all(&data).unwrap();
    let all = world.data.join("tracks.parquet");
    let plays = world.data.join("plays.parquet");
    let (table, _) = read_tracks(&all, &TrackColumns::default(), &|_| ()).unwrap();
    let (played, _) = read_ids(&plays, "track_id").unwrap();
    fs::copy(&plays, data.join("plays.parquet")).unwrap();
    let early = data.join("tracks.parquet");
    let before = write(&table, &early, |id| played.index_of(id).is_some());
    let new: BTreeSet<&str> = (table.ids.iter())
        .filter(|id| played.index_of(id).is_none())
        .collect();
    assert!(new.len() > 20, "{} tracks are new", new.len());

    let version = train(&data, &store, "1");
    let old = active(&store);
    let report = add(&store, &all);
    let bundle = active(&store);
    assert_eq!(report["version"], bundle.version.as_str());
    assert_eq!(report["base"], version.as_str());
    assert_eq!(report["added"], new.len());
    assert_eq!(report["predicted"], new.len());

    let (first, second) = (old.engine.model(), bundle.engine.model());
    assert_eq!(second.tracks.len(), before + new.len());
    let unchanged = [
        (&first.user_factors, &second.user_factors),
        (&first.tastes, &second.tastes),
        (&first.track_factors, &second.track_factors),
        (&first.embeddings, &second.embeddings),
    ];
    for (first, second) in unchanged {
        assert_eq!(
            first.as_slice(),
            &second.as_slice()[..first.as_slice().len()]
        );
    }
    for track in before..second.tracks.len() {
        for vectors in [&second.embeddings, &second.track_factors] {
            assert!(
                vectors.row(track).iter().any(|&value| value != 0.0),
                "{track}"
            );
        }
        let track = track as u32;
        assert!(bundle.engine.is_predicted(track));
        assert!(bundle.engine.cluster(track).is_some());
    }
    // Folding a user in is what it was.
    let plays: Vec<crossfade_blend::Play> = (first.history.row(0).iter())
        .map(|(track, strength)| crossfade_blend::Play::new(track, strength))
        .collect();
    let folded = [&old, &bundle].map(|of| of.engine.listener(None, &plays).unwrap());
    assert_eq!(folded[0], folded[1]);

    let again = add(&store, &all);
    assert_eq!(
        (&again["added"], &again["version"]),
        (&0.into(), &report["version"])
    );
    served(&store, &new).await;
}

/// Whoever looks far enough finds new tracks by their listeners-to-be, told apart from others, with reasons that add up.
async fn served(store: &Path, new: &BTreeSet<&str>) {
    let server = Server::start(store);
    let mut client = server.recommendations().await;
    let mut shown = BTreeSet::new();
    for user in 0..20 {
        let request = pb::RecommendRequest {
            user_id: format!("usr_{user:05}"),
            ranking: pb::Ranking::Collaborative.into(),
            limit: Some(200),
            explain: true,
            ..Default::default()
        };
        let response = client.recommend(request).await.unwrap().into_inner();
        for track in response.tracks {
            let is_new = new.contains(track.track_id.as_str());
            // Tracks that were only skipped have no listeners either.
            assert!(track.predicted || !is_new, "{}", track.track_id);
            if is_new {
                let why = track.explanation.unwrap();
                let parts = why.contributions.iter().map(|one| one.collaborative);
                let sum = parts.sum::<f64>() + why.other_collaborative;
                assert!((sum - track.score).abs() < 1e-9 * track.score.abs().max(1.0));
                // The rest is made of small parts; it does not hide a sum that is another.
                assert!(why.other_collaborative.abs() < track.score.abs());
                shown.insert(track.track_id);
            }
        }
    }
    assert!(!shown.is_empty());
}

#[test]
fn tracks_are_added_only_to_a_bundle() {
    let store = tempfile::tempdir().unwrap();
    let none = fail(
        crossfade()
            .args(["add-tracks", "--tracks"])
            .arg(World::shared().data.join("tracks.parquet"))
            .arg("--bundles")
            .arg(store.path()),
    );
    assert!(none.contains("no active bundle"), "{none}");
}
