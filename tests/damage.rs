use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use crate::harness::{Server, World, crossfade, fail, succeed, train_command};

fn verify(store: &Path) -> std::process::Command {
    let mut command = crossfade();
    command.args(["bundle", "verify", "--bundles"]).arg(store);
    command
}

fn current(store: &Path) -> String {
    fs::read_to_string(store.join("CURRENT"))
        .unwrap()
        .trim()
        .to_owned()
}

#[test]
fn a_training_killed_at_any_moment_leaves_the_earlier_bundle_served() {
    let world = World::shared();
    let store = world.copy_of_store();
    // How long an undisturbed training takes decides at which moments it is killed.
    let start = Instant::now();
    succeed(&mut train_command(&world.data, store.path()));
    let whole = start.elapsed();
    let published = current(store.path());
    assert_ne!(published, world.versions[1]);

    for moment in 0..10 {
        let mut training = train_command(&world.data, store.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Spread over the whole run, denser towards its end, where files are written.
        let share = 1.0 - (f64::from(10 - moment) / 10.0).powi(2);
        std::thread::sleep(whole.mul_f64(share));
        // It may have finished by itself, which is also a moment.
        let _ = training.kill();
        training.wait().unwrap();

        succeed(&mut verify(store.path()));
        let server = Server::start(store.path());
        drop(server);
    }
    // What the killed ones left behind goes with the next training.
    succeed(&mut train_command(&world.data, store.path()));
    let strays: Vec<PathBuf> = fs::read_dir(store.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(".draft")
        })
        .collect();
    assert!(strays.is_empty(), "{strays:?}");
}

#[test]
fn a_flipped_bit_in_any_file_is_found_and_named() {
    let world = World::shared();
    let store = world.copy_of_store();
    let bundle = store.path().join(&world.versions[1]);
    let mut checked = 0;
    for entry in fs::read_dir(&bundle).unwrap() {
        let path = entry.unwrap().path();
        let intact = fs::read(&path).unwrap();
        for place in [0, intact.len() / 2, intact.len() - 1] {
            let mut damaged = intact.clone();
            damaged[place] ^= 1 << (place % 8);
            fs::write(&path, &damaged).unwrap();
            let complaint = fail(&mut verify(store.path()));
            let name = path.file_name().unwrap().to_string_lossy();
            assert!(
                complaint.contains(&*name),
                "{name} is not named: {complaint}"
            );
            checked += 1;
        }
        // A server refuses it, names it, and says what to do.
        let Err(complaint) = Server::try_start(store.path(), &[]) else {
            panic!("{} was served damaged", path.display());
        };
        assert!(complaint.contains("rollback"), "{complaint}");
        fs::write(&path, &intact).unwrap();
    }
    assert!(checked >= 15, "only {checked} places were damaged");
    succeed(&mut verify(store.path()));
}

#[test]
fn a_cut_short_or_missing_file_is_found_and_named() {
    let world = World::shared();
    let store = world.copy_of_store();
    let bundle = store.path().join(&world.versions[1]);
    let path = bundle.join("vectors.arrow");
    let intact = fs::read(&path).unwrap();
    fs::write(&path, &intact[..intact.len() / 2]).unwrap();
    assert!(fail(&mut verify(store.path())).contains("vectors.arrow"));
    fs::remove_file(&path).unwrap();
    assert!(fail(&mut verify(store.path())).contains("vectors.arrow"));
}

#[test]
fn a_damaged_pointer_is_named_and_the_bundles_stay_usable() {
    let world = World::shared();
    let store = world.copy_of_store();
    let pointer = store.path().join("CURRENT");
    for wrong in ["", "../elsewhere", "20000101T000000000Z-0123456789abcdef\n"] {
        fs::write(&pointer, wrong).unwrap();
        assert!(
            fail(&mut verify(store.path())).contains("CURRENT"),
            "{wrong:?}"
        );
    }
    succeed(
        crossfade()
            .args(["bundle", "activate", &world.versions[0], "--bundles"])
            .arg(store.path()),
    );
    assert_eq!(current(store.path()), world.versions[0]);
}

#[test]
fn damage_does_not_stop_a_rollback() {
    let world = World::shared();
    let store = world.copy_of_store();
    fs::write(
        store.path().join(&world.versions[1]).join("users.arrow"),
        "nonsense",
    )
    .unwrap();
    assert!(Server::try_start(store.path(), &[]).is_err());
    succeed(
        crossfade()
            .args(["bundle", "rollback", "--bundles"])
            .arg(store.path()),
    );
    let _server = Server::start(store.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_keeps_its_bundle_when_a_damaged_one_is_activated() {
    let world = World::shared();
    let store = world.copy_of_store();
    let server = Server::start(store.path());
    fs::write(
        store.path().join(&world.versions[0]).join("users.arrow"),
        "nonsense",
    )
    .unwrap();
    let request = crossfade::pb::ActivateBundleRequest {
        version: world.versions[0].clone(),
    };
    let status = server
        .models()
        .await
        .activate_bundle(request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), tonic::Code::FailedPrecondition);
    assert!(status.message().contains("users.arrow"), "{status:?}");
    // Even pointing the store at it from outside changes nothing, though the server looks every second.
    fs::write(store.path().join("CURRENT"), &world.versions[0]).unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let request = crossfade::pb::RecommendRequest::default();
    let response = server
        .recommendations()
        .await
        .recommend(request)
        .await
        .unwrap();
    assert_eq!(response.into_inner().bundle_version, world.versions[1]);
}
