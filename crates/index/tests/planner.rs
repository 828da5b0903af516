use crossfade_index::{
    Allowed, Answer, Approximate, Cancel, Config, Error, Exact, Filter, Index, Path, Recall,
    Request, RowList,
};

use crate::worlds::World;

const ROWS: usize = 2000;

fn config() -> Config {
    Config {
        exact_below_rows: 100,
        expansion_search: 100,
        recall_at: 50,
        largest_fetch: 0.25,
        certify_rows: 0,
        ..Config::default()
    }
}

fn point(mix: f32, mean: f32) -> Recall {
    Recall {
        mix,
        limit: 50,
        queries: 1,
        mean,
        min: mean,
        below_nine_tenths: 0.0,
        bands: Vec::new(),
    }
}

fn index(world: &World, config: Config) -> Index {
    let graph = Approximate::build(&world.rows, &config, &|_| ()).unwrap();
    let measured = vec![point(1.0, 0.5), point(0.0, 0.99), point(0.5, 0.96)];
    Index::new(world.rows.clone(), config)
        .unwrap()
        .with_approximate(graph, measured)
}

fn ask(index: &Index, query: &[f32], mix: Option<f32>, limit: usize, filter: Filter<'_>) -> Answer {
    let request = Request {
        query,
        limit,
        filter,
        mix,
        cancel: None,
    };
    index.search(&request).unwrap()
}

#[test]
fn the_graph_is_used_only_between_mixes_that_reached_the_floor() {
    let mut world = World::new(ROWS, 16, 8, 21);
    let index = index(&world, config());
    let query = world.query(0.2);
    for (mix, path) in [
        (Some(0.0), Path::Approximate),
        (Some(0.2), Path::Approximate),
        (Some(0.5), Path::Approximate),
        (Some(0.6), Path::Exact),
        (Some(1.0), Path::Exact),
        (Some(-0.1), Path::Exact),
        (Some(1.1), Path::Exact),
        (Some(f32::NAN), Path::Exact),
        (None, Path::Exact),
    ] {
        let answer = ask(&index, &query, mix, 10, Filter::all());
        assert_eq!(answer.path, path, "{mix:?}");
        assert_eq!(answer.hits.len(), 10);
    }
}

#[test]
fn a_narrow_filter_and_a_large_fetch_are_searched_exactly() {
    let mut world = World::new(ROWS, 16, 8, 22);
    let query = world.query(0.0);
    let planned = index(&world, config());
    let path = |filter, limit| ask(&planned, &query, Some(0.0), limit, filter).path;
    let narrow = planned.allow((0..200).collect());
    let wide = planned.allow((0..1800).collect());
    let known: RowList = (0..50).collect();
    let many: RowList = (0..1000).collect();
    assert_eq!(path(Filter::all().allowing(&narrow), 10), Path::Exact);
    assert_eq!(path(Filter::all().allowing(&wide), 10), Path::Approximate);
    assert_eq!(path(Filter::all().denying(&known), 10), Path::Approximate);
    assert_eq!(path(Filter::all().denying(&many), 10), Path::Exact);
    assert_eq!(path(Filter::all(), 1000), Path::Exact);
}

#[test]
fn never_fewer_hits_than_qualify() {
    let mut world = World::new(ROWS, 16, 8, 23);
    let config = Config {
        largest_fetch: 1.0,
        ..config()
    };
    let index = index(&world, config);
    let exact = Exact::new(&world.rows);
    let query = world.query(0.3);
    let checked = world.rows.query(&query).unwrap();
    // Allow only rows that score badly, so that the graph's candidates are all filtered out.
    let ranked = exact.search(&checked, ROWS, &Filter::all()).hits;
    let worst = ranked[ROWS / 2..].iter().map(|hit| hit.row).collect();
    let worst = index.allow(worst);
    let filter = Filter::all().allowing(&worst);
    for limit in [0, 1, 50, 900, 1000, 1001, 5000] {
        let answer = ask(&index, &query, Some(0.3), limit, filter);
        assert_eq!(answer.hits.len(), limit.min(1000));
        assert!(answer.hits.iter().all(|hit| worst.rows().contains(hit.row)));
    }
    let nothing = Allowed::default();
    let answer = ask(
        &index,
        &query,
        Some(0.3),
        5,
        Filter::all().allowing(&nothing),
    );
    assert!(answer.hits.is_empty());
}

#[test]
fn an_answer_of_the_graph_is_completed_where_little_enough_is_left_open() {
    let mut world = World::new(ROWS, 16, 8, 25);
    // So few candidates that the graph alone misses some.
    let config = Config {
        expansion_search: 50,
        certify_rows: ROWS,
        ..config()
    };
    let exact = Exact::new(&world.rows);
    let completing = index(&world, config.clone());
    let leaving = index(
        &world,
        Config {
            certify_rows: 0,
            ..config
        },
    );
    let known: RowList = (0..20).collect();
    let mut missed = 0;
    for query in world.queries(0.4, 20) {
        let filter = Filter::all().denying(&known);
        let checked = world.rows.query(&query).unwrap();
        let truth = exact.scan_all(&checked, 50, &filter).hits;
        let answer = ask(&completing, &query, Some(0.4), 50, filter);
        assert_eq!(answer.path, Path::Certified);
        assert_eq!(answer.hits, truth);
        let answer = ask(&leaving, &query, Some(0.4), 50, filter);
        assert_eq!(answer.path, Path::Approximate);
        missed += usize::from(answer.hits != truth);
    }
    assert!(missed > 0, "the graph alone missed nothing");
}

#[test]
fn a_query_that_is_not_finite_is_refused() {
    let world = World::new(ROWS, 16, 8, 24);
    let index = index(&world, config());
    let mut query = vec![0.0; 25];
    query[3] = f32::NEG_INFINITY;
    let request = Request {
        query: &query,
        limit: 1,
        filter: Filter::all(),
        mix: Some(0.0),
        cancel: None,
    };
    let refused = index.search(&request);
    assert!(matches!(refused, Err(Error::QueryNotFinite { at: 3 })));
}

#[test]
fn a_cancelled_search_gives_no_answer_on_any_path() {
    let world = World::new(ROWS, 16, 8, 24);
    let index = index(&world, config());
    let few = index.allow((0..ROWS as u32).step_by(100).collect());
    let query = vec![1.0; 25];
    let cancel = Cancel::default();
    let ask = |filter, mix| {
        index.search(&Request {
            query: &query,
            limit: 5,
            filter,
            mix,
            cancel: Some(&cancel),
        })
    };
    let all = [Filter::all(), Filter::all().allowing(&few)];
    let asked = || {
        all.into_iter()
            .flat_map(|filter| [(filter, None), (filter, Some(0.5))])
    };
    assert!(asked().all(|(filter, mix)| ask(filter, mix).is_ok()));
    cancel.clone().cancel();
    assert!(asked().all(|(filter, mix)| matches!(ask(filter, mix), Err(Error::Cancelled))));
}
