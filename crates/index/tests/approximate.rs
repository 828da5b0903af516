use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use crossfade_index::{
    Approximate, Config, Error, Exact, Filter, Hit, JointRows, Measured, RowList,
};
use crossfade_matrix::Dense;

use crate::worlds::World;

fn config() -> Config {
    Config {
        expansion_search: 200,
        concurrent_searches: 4,
        parts: 1,
        ..Config::default()
    }
}

fn build(rows: &JointRows, config: &Config) -> Approximate {
    Approximate::build(rows, config, &|_| ()).unwrap()
}

fn answers(graph: &Approximate, rows: &JointRows, queries: &[Vec<f32>]) -> Vec<Vec<Hit>> {
    let of_one = |query: &Vec<f32>| {
        let query = rows.query(query).unwrap();
        graph.search(&query, 20, 100, &Filter::all()).unwrap().hits
    };
    queries.iter().map(of_one).collect()
}

#[test]
fn recall_is_high_and_an_opened_file_answers_like_the_built_index() {
    let mut world = World::new(4000, 24, 12, 7);
    let exact = Exact::new(&world.rows);
    let built = build(&world.rows, &config());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("graph");
    built.save(|_| file.clone()).unwrap();
    let opened = Approximate::open(|_| file.clone(), &world.rows, &config()).unwrap();
    for w in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let queries = world.queries(w, 20);
        let measure = |approximate| {
            let measured = Measured {
                limit: 20,
                expansion: 400,
                ..Measured::new(&world.rows, &exact, approximate, &config())
            };
            measured.recall(w, &queries).unwrap()
        };
        let recall = measure(&built);
        assert!(recall.mean >= 0.95, "{recall:?}");
        assert_eq!(recall, measure(&opened));
        assert_eq!(
            answers(&built, &world.rows, &queries),
            answers(&opened, &world.rows, &queries)
        );
    }
}

#[test]
fn the_same_rows_give_the_same_files_on_any_number_of_threads() {
    let world = World::new(1501, 16, 8, 8);
    let config = Config {
        parts: 4,
        ..config()
    };
    let folder = tempfile::tempdir().unwrap();
    let built = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let graph = pool
            .build()
            .unwrap()
            .install(|| build(&world.rows, &config));
        let file = |part| folder.path().join(format!("{threads}-{part}"));
        graph.save(file).unwrap();
        assert_eq!(graph.parts(), 4);
        [0, 1, 2, 3].map(|part| fs::read(file(part)).unwrap())
    };
    assert!(built(1) == built(3));
}

#[test]
fn several_graphs_have_every_row_once_report_progress_and_open_again() {
    let mut world = World::new(3001, 16, 8, 9);
    let config = Config {
        parts: 4,
        ..config()
    };
    let most = AtomicUsize::new(0);
    let graph = Approximate::build(&world.rows, &config, &|done| {
        most.fetch_max(done, Ordering::Relaxed);
    })
    .unwrap();
    assert_eq!(most.into_inner(), 3001);
    let query = world.query(0.5);
    let query = world.rows.query(&query).unwrap();
    let found = graph.search(&query, 3001, 3001, &Filter::all()).unwrap();
    let mut rows: Vec<u32> = found.hits.iter().map(|hit| hit.row).collect();
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), found.hits.len());
    assert!(rows.len() > 2900, "{} rows can be reached", rows.len());

    let folder = tempfile::tempdir().unwrap();
    let file = |part| folder.path().join(format!("part {part}"));
    graph.save(file).unwrap();
    let opened = Approximate::open(file, &world.rows, &config).unwrap();
    let again = opened.search(&query, 3001, 3001, &Filter::all()).unwrap();
    assert_eq!(found, again);
    // Parts are not interchangeable: the first has one row more.
    let swapped = |part| file(3 - part);
    let mismatch = Approximate::open(swapped, &world.rows, &config).unwrap_err();
    assert!(matches!(mismatch, Error::Mismatch { field: "rows", .. }));
}

#[test]
fn sixty_four_threads_find_what_one_finds_and_none_fails() {
    let mut world = World::new(2000, 16, 8, 10);
    let queries = world.queries(0.3, 16);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("graph");
    build(&world.rows, &config())
        .save(|_| file.clone())
        .unwrap();
    // Only four may be inside at a time.
    let graph = Approximate::open(|_| file.clone(), &world.rows, &config()).unwrap();
    let serial = answers(&graph, &world.rows, &queries);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..4 {
                    assert_eq!(answers(&graph, &world.rows, &queries), serial);
                }
            });
        }
    });
}

#[test]
fn scaling_a_block_in_the_graph_leaves_scores_as_they_are() {
    let mut world = World::new(1000, 16, 8, 11);
    let scaled = Config {
        block_scales: vec![1.0, 3.0, 0.5],
        ..config()
    };
    let graph = build(&world.rows, &scaled);
    let query = world.query(0.5);
    let checked = world.rows.query(&query).unwrap();
    let hits = graph
        .search(&checked, 10, 300, &Filter::all())
        .unwrap()
        .hits;
    for hit in &hits {
        assert_eq!(hit.score, world.rows.dot(&checked, hit.row));
    }
    let exact = Exact::new(&world.rows).search(&checked, 10, &Filter::all());
    assert_eq!(hits[0], exact.hits[0]);
    let wrong = Config {
        block_scales: vec![1.0],
        ..config()
    };
    let refused = Approximate::build(&world.rows, &wrong, &|_| ());
    assert!(matches!(
        refused,
        Err(Error::Config {
            field: "block_scales",
            ..
        })
    ));
}

#[test]
fn denied_rows_are_left_out_and_a_limit_beyond_the_catalogue_is_harmless() {
    let mut world = World::new(200, 8, 4, 12);
    let graph = build(&world.rows, &config());
    let query = world.query(0.0);
    let query = world.rows.query(&query).unwrap();
    let deny: RowList = (0..100).collect();
    let found = graph
        .search(&query, usize::MAX, 1, &Filter::all().denying(&deny))
        .unwrap();
    assert!(!found.hits.is_empty());
    assert!(found.hits.iter().all(|hit| hit.row >= 100));
    assert!(
        graph
            .search(&query, 0, 10, &Filter::all())
            .unwrap()
            .hits
            .is_empty()
    );
}

#[test]
fn an_empty_catalogue_can_be_built_saved_opened_and_searched() {
    let rows = JointRows::new(vec![Dense::zeros(0, 4)]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("graph");
    build(&rows, &config()).save(|_| file.clone()).unwrap();
    let graph = Approximate::open(|_| file.clone(), &rows, &config()).unwrap();
    let query = rows.query(&[0.0; 4]).unwrap();
    assert!(
        graph
            .search(&query, 5, 5, &Filter::all())
            .unwrap()
            .hits
            .is_empty()
    );
}

#[test]
fn a_graph_refuses_rows_and_queries_whose_products_overflow() {
    let rows = JointRows::new(vec![Dense::new(1, 1, vec![1e19])]).unwrap();
    let scaled = |scale| Config {
        block_scales: vec![scale],
        ..config()
    };
    let refused = Approximate::build(&rows, &scaled(10.0), &|_| ());
    assert!(matches!(refused, Err(Error::RowsTooLarge { .. })));

    let small = JointRows::new(vec![Dense::new(1, 1, vec![1e-9])]).unwrap();
    let graph = build(&small, &scaled(0.001));
    let query = small.query(&[1e38]).unwrap();
    let refused = graph.search(&query, 1, 1, &Filter::all());
    assert!(matches!(refused, Err(Error::QueryTooLarge { .. })));
}

#[test]
fn a_file_that_is_missing_foreign_cut_short_or_for_other_rows_is_refused_by_name() {
    let world = World::new(600, 8, 4, 13);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("graph");
    let open = |rows: &JointRows, config: &Config| {
        let error = Approximate::open(|_| file.clone(), rows, config).unwrap_err();
        assert!(error.to_string().contains("graph"), "{error}");
        error
    };
    assert!(matches!(open(&world.rows, &config()), Error::File { .. }));

    let graph = build(&world.rows, &config());
    let nowhere = folder.path().join("no folder").join("graph");
    assert!(matches!(
        graph.save(|_| nowhere.clone()),
        Err(Error::File { .. })
    ));
    graph.save(|_| file.clone()).unwrap();
    let whole = fs::read(&file).unwrap();
    let fewer = World::new(599, 8, 4, 13);
    let mismatch = open(&fewer.rows, &config());
    assert!(matches!(mismatch, Error::Mismatch { field: "rows", .. }));
    let narrower = World::new(600, 7, 4, 13);
    assert!(matches!(
        open(&narrower.rows, &config()),
        Error::Mismatch { .. }
    ));
    let denser = Config {
        connectivity: 24,
        ..config()
    };
    let mismatch = open(&world.rows, &denser);
    assert!(matches!(
        mismatch,
        Error::Mismatch {
            field: "connectivity",
            ..
        }
    ));

    for length in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..length]).unwrap();
        open(&world.rows, &config());
    }
    // A byte a value, and a scale.
    let vectors = 8 + 600 * (13 + 4);
    let mut foreign = whole.clone();
    foreign[vectors..vectors + 7].copy_from_slice(b"garbage");
    fs::write(&file, &foreign).unwrap();
    assert!(matches!(open(&world.rows, &config()), Error::File { .. }));
}
