//! What a store promises: all or nothing, and the same answers from disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, ops::ControlFlow, path::Path, sync::Arc};

use chrono::{DateTime, Utc};
use crossfade_blend::{Engine, Model, Parameters, Query, Ranking};
use crossfade_bundle::{Error, Publication, Store};
use crossfade_catalog::{CategoryColumn, NumericColumn, TagColumn, TextColumn, TrackTable, Vocab};
use crossfade_content::{
    Clusters, Deviation, Embedder, EmbeddingModel, Features, PcaConfig, PcaEmbedder, Profile,
    Schema, Surplus, taste_vectors,
};
use crossfade_index::{Approximate, Recall};
use crossfade_matrix::Csr;

fn table() -> TrackTable {
    let ids: Vec<String> = (0..6).map(|n| format!("track {n}")).collect();
    let mut table = TrackTable {
        ids: ids.iter().map(String::as_str).collect(),
        year: vec![Some(1971), None],
        explicit: vec![None, Some(true), Some(false)],
        duration_ms: vec![Some(183_000)],
        features: vec![NumericColumn {
            name: "energy".into(),
            values: vec![0.1, f32::NAN, 0.9, 0.4, 0.2, 0.8],
        }],
        ..TrackTable::default()
    };
    let (mut title, mut artist, mut tags, mut markets) = (
        TextColumn::default(),
        CategoryColumn::default(),
        TagColumn::default(),
        TagColumn::default(),
    );
    for track in 0..4 {
        title.push((track != 1).then_some("Blue"));
        artist.push((track != 2).then_some(["Joni", "Neil"][track % 2]));
        tags.push(["folk", "70s"].into_iter().take(track));
        markets.push(["SE", "DE", "JP"].into_iter().take(3 - track));
    }
    (table.title, table.artist) = (title, artist);
    (table.tags, table.markets) = (tags, markets);
    table
}

fn engine() -> Engine {
    engine_with(None)
}

fn engine_with(clusters: Option<Clusters>) -> Engine {
    let table = table();
    let plays = vec![
        (0, 0, 1.0),
        (0, 1, 2.0),
        (1, 2, 1.0),
        (1, 3, 0.0),
        (2, 0, 4.0),
    ];
    let history = Csr::from_triplets(3, 6, plays).unwrap();
    let liked = history.filter(|_, _, strength| strength > 0.0);
    let factorisation = crossfade_mf::Config {
        dim: 3,
        ..Default::default()
    };
    let factors = crossfade_mf::fit(&liked, &factorisation, |_| ControlFlow::Continue(())).unwrap();
    let features = Features::new(6).numeric("energy", table.features[0].values.clone());
    let embedder = PcaEmbedder::fit(&Schema::default(), &PcaConfig::default(), &features).unwrap();
    let encoder = EmbeddingModel::Pca(embedder);
    let embeddings = encoder.embed(&features);
    let users: Vocab = ["ada", "bob", "cyd"].into_iter().collect();
    Engine::new(Model {
        users: Arc::new(users),
        tracks: Arc::new(table),
        user_factors: factors.users,
        track_factors: factors.items,
        tastes: taste_vectors(&embeddings, (&liked, None), &Default::default()),
        embeddings,
        history,
        last_played: Some(vec![10, 20, 30, 40, 50].into()),
        encoder,
        clusters,
        labels: Default::default(),
        factorisation,
        learned_tracks: 6,
        taste: Default::default(),
        index: Default::default(),
        parameters: Parameters::default(),
    })
    .unwrap()
}

/// Publishes a bundle that was made on that second.
fn publish(store: &Store, engine: &Engine, second: i64) -> String {
    let publication = publication(engine, second);
    store
        .publish(&publication, |_| Ok::<(), Error>(()))
        .unwrap()
}

fn publication(engine: &Engine, second: i64) -> Publication<'_> {
    Publication {
        engine,
        recall: Vec::new(),
        program_version: "test",
        created_at: DateTime::<Utc>::from_timestamp(second, 0).unwrap(),
        training: serde_json::json!({"note": "a test"}),
    }
}

fn drafts(root: &Path) -> usize {
    let names = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with(".draft"))
        .count()
}

#[test]
fn what_is_opened_is_what_was_published_bit_for_bit() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("new")).unwrap();
    let engine = engine();
    let version = publish(&store, &engine, 1);
    assert_eq!(store.current().unwrap(), version);
    let bundle = store.load(&version).unwrap();
    let (read, written) = (bundle.engine.model(), engine.model());

    assert!(read.users.iter().eq(written.users.iter()));
    assert!(read.tracks.ids.iter().eq(written.tracks.ids.iter()));
    for (a, b) in [
        (&read.user_factors, &written.user_factors),
        (&read.track_factors, &written.track_factors),
        (&read.tastes, &written.tastes),
        (&read.embeddings, &written.embeddings),
    ] {
        assert_eq!(
            (a.rows(), a.columns(), a.as_slice()),
            (b.rows(), b.columns(), b.as_slice())
        );
    }
    assert_eq!(read.history.offsets(), written.history.offsets());
    assert_eq!(read.history.indices(), written.history.indices());
    assert_eq!(read.history.values(), written.history.values());
    assert_eq!(read.last_played.as_deref(), written.last_played.as_deref());
    assert_eq!(read.encoder, written.encoder);
    assert_eq!(read.parameters, written.parameters);
    for track in 0..6 {
        let (a, b) = (&read.tracks, &written.tracks);
        assert_eq!(a.title.get(track), b.title.get(track));
        assert_eq!(a.artist.get(track), b.artist.get(track));
        assert!(a.tags.get(track).eq(b.tags.get(track)));
        assert!(a.markets.get(track).eq(b.markets.get(track)));
        let at = track as usize;
        assert_eq!(a.year[at], b.year.get(at).copied().flatten());
        assert_eq!(a.explicit[at], b.explicit.get(at).copied().flatten());
        let energy = |table: &TrackTable| table.feature("energy").unwrap().values[at].to_bits();
        assert_eq!(energy(a), energy(b));
    }
    let query = Query {
        include_played: true,
        ..Query::new(Ranking::Blend(None), 6)
    };
    for user in 0..3 {
        let answer = |engine: &Engine| {
            let listener = engine.listener(Some(user), &[]).unwrap();
            engine.recommend(&listener, &query).unwrap().tracks
        };
        assert_eq!(answer(&bundle.engine), answer(&engine));
    }
}

#[test]
fn clusters_are_read_as_written_and_bundles_from_before_them_open() {
    let profile = |name: &str| Profile {
        name: name.into(),
        tracks: 2,
        share: 0.4,
        deviations: vec![Deviation {
            column: "energy".into(),
            deviation: -1.0 / 3.0,
        }],
        genres: vec![Surplus {
            genre: "folk".into(),
            share: 0.75,
            overall: 0.1,
        }],
        examples: vec![1, 3],
    };
    let clusters = Clusters {
        of_track: vec![0, 1, Clusters::NONE, 1, 0, 0],
        profiles: vec![profile("low energy, folk"), profile("high energy")],
    };
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let version = publish(&store, &engine_with(Some(clusters.clone())), 1);
    let engine = store.load(&version).unwrap().engine;
    assert_eq!(engine.model().clusters, Some(clusters.clone()));
    assert_eq!(engine.cluster(3), Some((1, &clusters.profiles[1])));
    assert_eq!(engine.cluster(2), None);
    assert_eq!(
        store.summary(&version).unwrap().manifest.clusters,
        clusters.profiles
    );

    let before = publish(&store, &self::engine(), 2);
    let manifest =
        fs::read_to_string(directory.path().join(&before).join("manifest.json")).unwrap();
    assert!(!manifest.contains("clusters"));
    let engine = store.load(&before).unwrap().engine;
    assert_eq!((engine.cluster(3), engine.clusters()), (None, &[][..]));
}

#[test]
fn a_refused_bundle_leaves_the_store_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let engine = engine();
    let kept = publish(&store, &engine, 1);
    let refusal = store.publish(&publication(&engine, 2), |_| {
        Err(Error::NoneActive {
            root: "refused".into(),
        })
    });
    assert!(refusal.is_err());
    assert_eq!(store.versions().unwrap(), std::slice::from_ref(&kept));
    assert_eq!(store.current().unwrap(), kept);
    assert_eq!(drafts(directory.path()), 0);
}

#[test]
fn rollback_walks_back_and_pruning_spares_the_active_bundle() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let engine = engine();
    let versions: Vec<String> = (1..=4)
        .map(|second| publish(&store, &engine, second))
        .collect();
    assert_eq!(store.versions().unwrap(), versions);

    for expected in versions[..3].iter().rev() {
        let target = store.rollback_target().unwrap();
        assert_eq!(&target, expected);
        store.activate(&target).unwrap();
    }
    assert!(matches!(
        store.rollback_target(),
        Err(Error::NothingOlder { .. })
    ));

    let removed = store.prune(2).unwrap();
    assert_eq!(removed, versions[1..3]);
    assert_eq!(
        store.versions().unwrap(),
        [versions[0].clone(), versions[3].clone()]
    );
    assert_eq!(store.current().unwrap(), versions[0]);
    assert_eq!(drafts(directory.path()), 0);
}

#[test]
fn names_from_outside_do_not_lead_out_of_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    fs::create_dir(directory.path().join("0-elsewhere")).unwrap();
    for name in [
        "../0-elsewhere",
        "",
        ".",
        "/tmp",
        ".lock",
        "0-no-such",
        "0\0",
    ] {
        let found = store.verify(name);
        assert!(
            matches!(found, Err(Error::UnknownVersion { .. })),
            "{name:?}: {found:?}"
        );
    }
    assert!(matches!(store.current(), Err(Error::NoneActive { .. })));
    assert!(Store::open(directory.path().join("missing")).is_err());
}

#[test]
fn a_bundle_of_another_format_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let version = publish(&store, &engine(), 1);
    // A bundle that a later version of the program wrote is intact: its name fits its manifest.
    let renamed = rewrite(directory.path(), &version, |text| {
        text.replace("\"format\": 1", "\"format\": 9")
    });
    let found = store.verify(&renamed);
    let expected = matches!(
        found,
        Err(Error::Format {
            found: 9,
            supported: 1,
            ..
        })
    );
    assert!(expected, "{found:?}");
}

/// The engine with two graphs, and what they are worth.
fn engine_with_graph() -> (Engine, Vec<Recall>) {
    let engine = engine();
    let config = crossfade_index::Config {
        exact_below_rows: 1,
        parts: 2,
        largest_fetch: 1.0,
        ..engine.graph_config()
    };
    let graph = Approximate::build(engine.index().rows(), &config, &|_| ()).unwrap();
    let recall = [0.0, 1.0].map(|mix| Recall {
        mix,
        limit: 100,
        queries: 1,
        mean: 1.0,
        min: 1.0,
        below_nine_tenths: 0.0,
        bands: Vec::new(),
    });
    (
        engine.with_graph(graph, config, recall.to_vec()),
        recall.to_vec(),
    )
}

/// Gives a bundle's manifest another text, and the bundle the name that goes with it.
fn rewrite(root: &Path, version: &str, edit: impl Fn(String) -> String) -> String {
    let manifest = root.join(version).join("manifest.json");
    let text = edit(fs::read_to_string(&manifest).unwrap());
    let hash = &blake3::hash(text.as_bytes()).to_hex()[..16];
    let renamed = format!("{}-{hash}", version.split('-').next().unwrap());
    fs::write(&manifest, text).unwrap();
    fs::rename(root.join(version), root.join(&renamed)).unwrap();
    renamed
}

#[test]
fn every_graph_is_published_opened_and_verified_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let (engine, recall) = engine_with_graph();
    let publication = Publication {
        recall,
        ..publication(&engine, 1)
    };
    let accept = |read: &Engine| -> Result<(), Error> {
        assert_eq!(read.index().approximate().unwrap().parts(), 2);
        Ok(())
    };
    let version = store.publish(&publication, accept).unwrap();
    assert!(
        store
            .load(&version)
            .unwrap()
            .engine
            .index()
            .approximate()
            .is_some()
    );
    for name in ["graph-0.usearch", "graph-1.usearch"] {
        let path = directory.path().join(&version).join(name);
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        fs::write(&path, flipped).unwrap();
        for refused in [store.verify(&version).err(), store.load(&version).err()] {
            assert!(refused.unwrap().to_string().contains(name));
        }
        fs::write(&path, whole).unwrap();
    }
    store.verify(&version).unwrap();
}

#[test]
fn a_graph_of_an_earlier_version_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let (engine, _) = engine_with_graph();
    let version = publish(&store, &engine, 1);
    let graphs = ["graph-0.usearch", "graph-1.usearch"]
        .map(|name| directory.path().join(&version).join(name));
    fs::rename(&graphs[0], graphs[0].with_file_name("graph.usearch")).unwrap();
    let version = rewrite(directory.path(), &version, |text| {
        let text = text.replace("graph-0.usearch", "graph.usearch");
        assert!(text.contains("\"parts\": 2"));
        text.replace("\"parts\": 2", "\"build_threads\": 1")
    });
    let bundle = store.load(&version).unwrap();
    assert!(bundle.engine.index().approximate().is_none());
    assert_eq!(bundle.manifest.index.parts, 1);
}

#[test]
fn costs_are_measured_again_at_opening_only_where_that_is_soon_done() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut engine = engine();
    engine.calibrate().unwrap();
    let mut version = publish(&store, &engine, 1);
    for (seconds, kept) in [(1e3, true), (1e-12, false)] {
        version = rewrite(directory.path(), &version, |text| {
            let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
            for way in ["screened", "listed"] {
                for surface in manifest["costs"][way].as_array_mut().unwrap() {
                    for cost in surface["seconds"].as_array_mut().unwrap() {
                        *cost = seconds.into();
                    }
                }
            }
            manifest.to_string()
        });
        let bundle = store.load(&version).unwrap();
        let (written, used) = (&bundle.manifest.costs, bundle.engine.index().costs());
        assert!(used.is_some());
        // No search takes a millionth of a millionth of a second.
        assert_eq!(used == written.as_ref(), kept, "{seconds} s a search");
    }
}

#[test]
fn equal_data_have_equal_fingerprints() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path()).unwrap();
    let [first, second] = [1, 2].map(|second| {
        let version = publish(&store, &engine(), second);
        store.summary(&version).unwrap()
    });
    assert_eq!(
        first.manifest.data_fingerprint,
        second.manifest.data_fingerprint
    );
    assert_eq!(first.manifest.files, second.manifest.files);
    assert_ne!(first.version, second.version);
    assert!(second.active);
}
