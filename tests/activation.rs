use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crossfade::pb;

use crate::harness::{Server, World, crossfade, succeed};

/// What user 3 is recommended, by the bundle that says so.
async fn tracks(server: &Server) -> (String, Vec<String>) {
    let request = pb::RecommendRequest {
        user_id: "usr_00003".into(),
        limit: Some(10),
        ..Default::default()
    };
    let response = server
        .recommendations()
        .await
        .recommend(request)
        .await
        .unwrap()
        .into_inner();
    let tracks = response
        .tracks
        .into_iter()
        .map(|track| track.track_id)
        .collect();
    (response.bundle_version, tracks)
}

async fn activate(server: &Server, version: &str) {
    let request = pb::ActivateBundleRequest {
        version: version.to_owned(),
    };
    let response = server
        .models()
        .await
        .activate_bundle(request)
        .await
        .unwrap();
    assert_eq!(response.into_inner().bundle.unwrap().version, version);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_activations_under_load_fail_no_request_and_mix_no_bundles() {
    let world = World::shared();
    let store = world.copy_of_store();
    let server = Arc::new(Server::start(store.path()));

    // What each bundle answers on its own.
    let mut expected = Vec::new();
    for version in &world.versions {
        activate(&server, version).await;
        let (answered_by, tracks) = tracks(&server).await;
        assert_eq!(&answered_by, version);
        expected.push((answered_by, tracks));
    }
    assert_ne!(expected[0].1, expected[1].1, "the bundles differ");

    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (server, stop, expected) =
                (Arc::clone(&server), Arc::clone(&stop), expected.clone());
            tokio::spawn(async move {
                let mut seen = BTreeSet::new();
                let mut calls = 0;
                while !stop.load(Ordering::Relaxed) {
                    let (version, tracks) = tracks(&server).await;
                    let (_, alone) = expected
                        .iter()
                        .find(|(known, _)| *known == version)
                        .unwrap();
                    assert_eq!(
                        &tracks, alone,
                        "an answer of {version} is not that bundle's"
                    );
                    seen.insert(version);
                    calls += 1;
                }
                (seen, calls)
            })
        })
        .collect();
    for turn in 0..20 {
        activate(&server, &world.versions[turn % 2]).await;
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        let (seen, calls) = caller.await.unwrap();
        assert!(calls > 0 && !seen.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_follows_what_is_activated_in_its_store() {
    let world = World::shared();
    let store = world.copy_of_store();
    let server = Server::start(store.path());
    assert_eq!(tracks(&server).await.0, world.versions[1]);
    succeed(
        crossfade()
            .args(["bundle", "rollback", "--bundles"])
            .arg(store.path()),
    );
    let deadline = Instant::now() + Duration::from_secs(30);
    while tracks(&server).await.0 != world.versions[0] {
        assert!(Instant::now() < deadline, "the server did not follow");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
