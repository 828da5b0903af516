//! What a checkpoint promises: the same bits or an error.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use crossfade_bundle::{CheckpointHead, Checkpoints, Error, Origin, Store};
use crossfade_catalog::Vocab;
use crossfade_matrix::Csr;
use crossfade_mf::Config;
use tempfile::TempDir;

fn place() -> (TempDir, Checkpoints) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let checkpoints = store.checkpoints().unwrap();
    (directory, checkpoints)
}

fn origin(config: &Config, plays: &Csr) -> Origin {
    let users: Vocab = ["ada", "bob"].into_iter().collect();
    let tracks: Vocab = ["blue"].into_iter().collect();
    Origin::new([&users, &tracks], plays, config)
}

fn plays(strength: f32) -> Csr {
    Csr::from_triplets(2, 1, vec![(0, 0, strength)]).unwrap()
}

fn head(epochs: usize) -> CheckpointHead {
    CheckpointHead {
        origin: origin(&Config::default(), &plays(1.0)),
        epochs,
        dim: 2,
        reports: serde_json::json!([{"loss": 0.1}]),
    }
}

#[test]
fn what_is_loaded_is_what_was_saved_last_bit_for_bit() {
    let (_directory, checkpoints) = place();
    assert!(checkpoints.load().unwrap().is_none());
    let users = [1.5, -0.0, f32::MIN_POSITIVE, f32::from_bits(0x7fc0_1234)];
    let tracks = [f32::MAX, 1e-45];
    checkpoints.save(&head(1), &[0.0; 4], &[0.0; 2]).unwrap();
    checkpoints.save(&head(2), &users, &tracks).unwrap();
    let found = checkpoints.load().unwrap().unwrap();
    assert_eq!(found.head, head(2));
    let factors = found.factors();
    let bits = |numbers: &[f32]| numbers.iter().map(|n| n.to_bits()).collect::<Vec<u32>>();
    assert_eq!(bits(factors.users.as_slice()), bits(&users));
    assert_eq!(bits(factors.items.as_slice()), bits(&tracks));
    assert_eq!((factors.users.rows(), factors.items.rows()), (2, 1));

    checkpoints.discard().unwrap();
    assert!(checkpoints.load().unwrap().is_none());
    checkpoints.discard().unwrap();
}

#[test]
fn a_file_that_is_intact_and_no_checkpoint_is_damaged() {
    let (_directory, checkpoints) = place();
    checkpoints.save(&head(1), &[0.0; 4], &[0.0; 2]).unwrap();
    let path = checkpoints.directory().join("factors");
    let json = serde_json::to_vec(&head(1)).unwrap();
    let length = json.len() as u64;
    let file = |length: u64, json: &[u8], numbers: usize| {
        [&length.to_le_bytes()[..], json, &vec![0; numbers]].concat()
    };
    let seal = |content: &[u8]| [content, blake3::hash(content).as_bytes()].concat();
    for wrong in [
        Vec::new(),
        file(length, &json, 23),
        file(length, &json, 28),
        file(length - 1, &json, 24),
        file(u64::MAX, &json, 24),
        file(7, b"nothing", 0),
    ] {
        std::fs::write(&path, seal(&wrong)).unwrap();
        let found = checkpoints.load();
        assert!(matches!(found, Err(Error::Damaged { .. })), "{found:?}");
    }
    std::fs::write(&path, seal(&file(length, &json, 24))).unwrap();
    assert!(checkpoints.load().unwrap().is_some());
}

#[test]
fn findings_are_found_only_under_their_key() {
    let (_directory, checkpoints) = place();
    checkpoints.save_findings("one", &[1, 2]).unwrap();
    assert_eq!(checkpoints.findings("one").unwrap(), Some([1, 2]));
    assert_eq!(checkpoints.findings::<[u8; 2]>("two").unwrap(), None);
    assert!(checkpoints.findings::<String>("one").is_err());
}

#[test]
fn what_differs_is_put_into_words_and_the_number_of_epochs_does_not() {
    let config = Config::default();
    let now = origin(&config, &plays(1.0));
    let before = |change: fn(&mut Config)| {
        let mut config = config.clone();
        change(&mut config);
        now.differences(&origin(&config, &plays(1.0)))
    };
    assert!(before(|config| config.epochs += 1).is_empty());
    assert_eq!(
        before(|config| (config.dim, config.confidence.epsilon) = (7, 2.0)),
        [
            "factorisation.confidence.epsilon: 2.0 then, 1.0 now",
            "factorisation.dim: 7 then, 128 now"
        ]
    );
    assert_eq!(
        before(|config| config.init_stddev = Some(0.5)),
        ["factorisation.init_stddev: 0.5 then, null now"]
    );
    let others = origin(&config, &plays(2.0));
    assert_eq!(
        now.differences(&others),
        ["ids or plays: as many as then, but others"]
    );
    let described = Origin {
        descriptions: Some("another".to_owned()),
        ..now.clone()
    };
    assert_eq!(
        now.differences(&described),
        ["what is known of the tracks, or what factors are predicted by"]
    );
    let fewer = origin(&config, &Csr::from_triplets(2, 1, Vec::new()).unwrap());
    assert_eq!(
        now.differences(&fewer),
        ["pairs of user and track: 0 then, 1 now"]
    );
}

#[test]
fn one_training_at_a_time_has_the_place() {
    let (directory, checkpoints) = place();
    let store = Store::open(directory.path()).unwrap();
    assert!(matches!(store.checkpoints(), Err(Error::Busy { .. })));
    drop(checkpoints);
    store.checkpoints().unwrap();
}
