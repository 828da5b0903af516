//! Which way is taken, once it is known what each costs; and that it changes no answer that is exact.

use crossfade_index::{
    Answer, Approximate, Bitmap, Config, Costs, Exact, Filter, Hit, Index, JointRows, Path, Recall,
    Request, RowList, Sample,
};
use crossfade_matrix::Dense;
use proptest::prelude::*;

use crate::worlds::World;

/// Costs as a calibration could have found them: listing takes `listed` seconds a row, the screen `screened`, the graph
/// `graph`.
fn costs(listed: f64, screened: f64, graph: f64) -> Costs {
    let surface = |points: [(f64, f64); 2]| {
        serde_json::json!({
            "axes": [[points[0].0, points[1].0], [1.0]],
            "seconds": [points[0].1, points[1].1],
        })
    };
    let costs = serde_json::json!({
        "mixes": [0.0],
        "screened": [surface([(1.0, screened), (1e6, screened)])],
        "listed": [surface([(1.0, listed), (1e6, 1e6 * listed)])],
        "graph": [surface([(1.0, graph), (1e6, graph)])],
    });
    serde_json::from_value(costs).unwrap()
}

fn trusted(mix: f32) -> Recall {
    Recall {
        mix,
        limit: 20,
        queries: 1,
        mean: 1.0,
        min: 1.0,
        below_nine_tenths: 0.0,
        bands: Vec::new(),
    }
}

fn with_graph(rows: &JointRows, mixes: &[f32]) -> Index {
    let config = Config {
        recall_at: 20,
        expansion_search: 200,
        largest_fetch: 1.0,
        certify_rows: 0,
        concurrent_searches: 2,
        ..Config::default()
    };
    let graph = Approximate::build(rows, &config, &|_| ()).unwrap();
    Index::new(rows.clone(), config)
        .unwrap()
        .with_approximate(graph, mixes.iter().map(|&mix| trusted(mix)).collect())
}

fn ask(index: &Index, query: &[f32], mix: Option<f32>, filter: Filter<'_>) -> Answer {
    let request = Request {
        query,
        limit: 20,
        filter,
        mix,
        cancel: None,
    };
    index.search(&request).unwrap()
}

#[test]
fn the_way_that_costs_least_is_taken() {
    let mut world = World::new(1500, 12, 8, 31);
    let query = world.query(0.0);
    let mut index = with_graph(&world.rows, &[0.0]);
    let few = index.allow((0..1000).collect());
    let few = Filter::all().allowing(&few);
    for ((listed, screened, graph), mix, path, seconds) in [
        ((1e-7, 1e-3, 1.0), Some(0.0), Path::Listed, 1e-4),
        ((1e-4, 1e-3, 1.0), Some(0.0), Path::Exact, 1e-3),
        ((1e-4, 1e-3, 1e-5), Some(0.0), Path::Approximate, 1e-5),
        // Where its recall is not known, the graph may be as fast as it likes.
        ((1e-4, 1e-3, 1e-5), Some(0.5), Path::Exact, 1e-3),
        ((1e-7, 1e-3, 1e-5), None, Path::Listed, 1e-4),
    ] {
        index = index.with_costs(costs(listed, screened, graph));
        let answer = ask(&index, &query, mix, few);
        assert_eq!(answer.path, path, "{listed} {screened} {graph} {mix:?}");
        let predicted = answer.predicted.unwrap().as_secs_f64();
        assert!((predicted / seconds - 1.0).abs() < 1e-3, "{predicted}");
    }
    // Without a filter there is nothing to list.
    let index = index.with_costs(costs(1e-9, 1e-3, 1.0));
    assert_eq!(
        ask(&index, &query, Some(0.0), Filter::all()).path,
        Path::Exact
    );
}

#[test]
fn measured_costs_list_few_rows_and_screen_many() {
    let mut world = World::new(60_000, 64, 16, 32);
    let mut index = Index::new(world.rows.clone(), Config::default()).unwrap();
    let query = world.query(0.0);
    let one: Bitmap = [17].into_iter().collect();
    let few = index.allow(one);
    let few = Filter::all().allowing(&few);
    assert_eq!(ask(&index, &query, Some(0.0), few).predicted, None);
    let samples: Vec<Sample> = (0..4)
        .map(|_| Sample {
            mix: 0.0,
            query: world.query(0.0),
        })
        .collect();
    index.calibrate(&samples).unwrap();
    let answer = ask(&index, &query, Some(0.0), few);
    assert_eq!((answer.path, answer.hits.len()), (Path::Listed, 1));
    let all = index.allow(Bitmap::full(60_000));
    let all = Filter::all().allowing(&all);
    assert_eq!(ask(&index, &query, Some(0.0), all).path, Path::Exact);
}

#[test]
fn costs_survive_being_written_down() {
    let mut world = World::new(400, 8, 4, 33);
    let mut index = with_graph(&world.rows, &[0.0]);
    let mix = 0.0;
    let query = world.query(mix);
    index.calibrate(&[Sample { mix, query }]).unwrap();
    let costs = index.costs().unwrap();
    let written = serde_json::to_string(costs).unwrap();
    assert_eq!(*costs, serde_json::from_str::<Costs>(&written).unwrap());
    // Nothing to measure, nothing known.
    index.calibrate(&[]).unwrap();
    assert_eq!(index.costs(), None);
}

#[test]
fn any_number_of_callers_get_what_one_gets() {
    let mut world = World::new(3000, 16, 8, 34);
    // Two searches at a time may be inside the graph; sixteen callers ask.
    let index = with_graph(&world.rows, &[0.0, 1.0]).with_costs(costs(1e-7, 1.0, 1e-5));
    let some = index.allow((0..3000).filter(|row| row % 2 == 0).collect());
    let few = index.allow((0..3000).step_by(100).collect());
    let filters = [
        Filter::all(),
        Filter::all().allowing(&some),
        Filter::all().allowing(&few),
    ];
    let queries = world.queries(0.4, 40);
    let answers = |index: &Index| -> Vec<(Path, Vec<Hit>)> {
        let each = queries.iter().enumerate();
        each.map(|(at, query)| {
            let mix = [Some(0.4), None][at / 3 % 2];
            let answer = ask(index, query, mix, filters[at % 3]);
            (answer.path, answer.hits)
        })
        .collect()
    };
    let serial = answers(&index);
    for path in [Path::Exact, Path::Listed, Path::Approximate] {
        assert!(serial.iter().any(|(taken, _)| *taken == path), "{path:?}");
    }
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..16).map(|_| scope.spawn(|| answers(&index))).collect();
        for caller in callers {
            assert_eq!(caller.join().unwrap(), serial);
        }
    });
}

/// Rows and a query of a kind that is easily got wrong.
fn adversarial() -> impl Strategy<Value = (JointRows, Vec<f32>)> {
    let rows = prop_oneof![Just(1_usize), 2_usize..40, 100_usize..300];
    (rows, 0_u8..4).prop_flat_map(|(rows, kind)| {
        let value = match kind {
            // Many equal scores, rows of zeros, duplicates.
            0 => (-1_i8..2).prop_map(f32::from).boxed(),
            // All rows the same.
            1 => Just(0.5_f32).boxed(),
            // Nothing but zeros.
            2 => Just(0.0_f32).boxed(),
            // Everything differs, lengths by orders of magnitude.
            _ => (-1.0_f32..1.0, -20_i32..20)
                .prop_map(|(value, power)| value * 2.0_f32.powi(power))
                .boxed(),
        };
        let values = prop::collection::vec(value, rows * 6);
        let query = prop::collection::vec((-2_i8..3).prop_map(f32::from), 6);
        (values, query).prop_map(move |(values, query)| {
            let block = |from: usize, columns: usize| {
                let of_row = |row: usize| values[row * 6 + from..][..columns].to_vec();
                Dense::new(
                    rows,
                    columns,
                    (0..rows).flat_map(of_row).collect::<Vec<_>>(),
                )
            };
            let rows = JointRows::new(vec![block(0, 3), block(3, 2), block(5, 1)]).unwrap();
            (rows, query)
        })
    })
}

fn bits(hits: &[Hit]) -> Vec<(u32, u32)> {
    hits.iter()
        .map(|hit| (hit.row, hit.score.to_bits()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_way_finds_what_scoring_every_row_finds(
        (rows, query) in adversarial(),
        limit in prop_oneof![0_usize..30, Just(100_000)],
        allow in prop::option::of(prop_oneof![
            Just(Vec::new()),
            prop::collection::vec(0_u32..320, 1),
            prop::collection::vec(0_u32..320, 0..200),
        ]),
        deny in prop_oneof![
            prop::collection::vec(0_u32..320, 0..50),
            Just((0..320).collect::<Vec<u32>>()),
        ],
    ) {
        // Asks as many candidates of the graph as there are rows, so that it finds all that can be found.
        let index = with_graph(&rows, &[0.0]);
        let deny = RowList::from(deny);
        let allow = allow.map(|rows| index.allow(rows.into_iter().collect()));
        let filter = allow.as_ref().map_or(Filter::all(), |rows| Filter::all().allowing(rows)).denying(&deny);
        let checked = rows.query(&query).unwrap();
        let truth = Exact::new(&rows).scan_all(&checked, limit, &filter).hits;
        prop_assert_eq!(truth.len(), limit.min(filter.qualifying(rows.len())));
        // The first costs make listing the cheapest wherever it is possible, the next the screen, the last the graph.
        let mut index = index;
        for (costs, mix) in [
            (costs(1e-9, 1e-3, 1.0), None),
            (costs(1.0, 1e-3, 1.0), None),
            (costs(1.0, 1.0, 1e-3), Some(0.0)),
        ] {
            index = index.with_costs(costs);
            let answer = index.search(&Request { query: &query, limit, filter, mix, cancel: None }).unwrap();
            if answer.path == Path::Approximate {
                // As many as there should be, and none that does not qualify.
                prop_assert_eq!(answer.hits.len(), truth.len());
                prop_assert!(answer.hits.iter().all(|hit| filter.admits(hit.row)));
            } else {
                prop_assert_eq!(bits(&answer.hits), bits(&truth), "{:?}", answer.path);
            }
        }
    }
}
