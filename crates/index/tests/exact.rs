use crossfade_index::{Allowed, Bitmap, Exact, Filter, Hit, JointRows, RowList, rank_all};
use crossfade_matrix::Dense;
use proptest::prelude::*;

use crate::worlds::World;

/// A computed score and the f64 one differ by less than this. Each product goes through at most 11 roundings here (40
/// columns in 16 lanes: three sums, four for the tree of lanes, three blocks, one spare), sum |q_j y_j| <= |q| |y|, and
/// no world here has |q| |y| above 40.
const TOLERANCE: f64 = 11.0 * 6.0e-8 * 40.0;

/// The hits are the best `limit` admitted rows, up to rows that f32 cannot tell apart, in the promised order, with the
/// scores of `dot`.
fn assert_best(rows: &JointRows, query: &[f32], limit: usize, filter: &Filter<'_>, hits: &[Hit]) {
    let truth = rank_all(rows, query, filter);
    assert_eq!(hits.len(), limit.min(truth.len()));
    assert!(hits.is_sorted());
    let checked = rows.query(query).unwrap();
    for (hit, (_, best)) in hits.iter().zip(&truth) {
        assert!(filter.admits(hit.row));
        assert_eq!(hit.score.to_bits(), rows.dot(&checked, hit.row).to_bits());
        assert!((f64::from(hit.score) - best).abs() <= TOLERANCE);
    }
    let mut seen: Vec<u32> = hits.iter().map(|hit| hit.row).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), hits.len(), "no row twice");
}

fn assert_same(rows: &JointRows, query: &[f32], limit: usize, filter: &Filter<'_>) -> usize {
    let exact = Exact::new(rows);
    let checked = rows.query(query).unwrap();
    let pruned = exact.search(&checked, limit, filter);
    let plain = exact.scan_all(&checked, limit, filter);
    assert_best(rows, query, limit, filter, &plain.hits);
    let bits = |hits: &[Hit]| -> Vec<(u32, u32)> {
        hits.iter()
            .map(|hit| (hit.row, hit.score.to_bits()))
            .collect()
    };
    assert_eq!(bits(&pruned.hits), bits(&plain.hits));
    let listed = exact.search_listed(&checked, limit, filter);
    assert_eq!(bits(&listed.hits), bits(&plain.hits));
    let smaller = (checked.clone(), limit / 2, *filter);
    let together = exact.search_all(&[smaller, (checked, limit, *filter)]);
    assert_eq!(
        bits(&together[0].hits),
        bits(&plain.hits[..plain.hits.len().min(limit / 2)])
    );
    assert_eq!(together[1], pruned);
    pruned.visited
}

#[test]
fn pruning_changes_nothing_and_saves_most_rows_when_norms_differ() {
    let mut world = World::new(3000, 40, 24, 1);
    for w in [0.0, 0.25, 0.5, 0.75, 1.0] {
        for limit in [1, 10, 100] {
            let query = world.query(w);
            assert_same(&world.rows, &query, limit, &Filter::all());
        }
    }
    let query = world.query(0.0);
    let visited = assert_same(&world.rows, &query, 10, &Filter::all());
    assert!(visited < 1500, "{visited} of 3000 rows visited");
}

#[test]
fn filters_are_kept_whether_they_leave_many_rows_few_or_none() {
    let mut world = World::new(2000, 32, 16, 2);
    let exact = Exact::new(&world.rows);
    let allow = |rows: Bitmap| exact.allow(rows);
    let nothing = Allowed::default();
    let few = allow((0..2000).step_by(97).chain([5000]).collect());
    let most = allow((0..2000).filter(|row| row % 5 != 0).collect());
    assert_eq!((few.len(), most.len()), (21, 1600));
    let deny: RowList = (0..2000).step_by(3).collect();
    for w in [0.0, 0.5, 1.0] {
        let query = world.query(w);
        for allow in [None, Some(&nothing), Some(&few), Some(&most)] {
            let base = allow.map_or(Filter::all(), |rows| Filter::all().allowing(rows));
            for filter in [base, base.denying(&deny)] {
                for limit in [1, 30, 5000] {
                    assert_same(&world.rows, &query, limit, &filter);
                }
            }
        }
    }
}

#[test]
fn queries_searched_together_have_the_answers_they_have_alone() {
    // Rows for several stretches, and queries of all kinds: some end early, some cannot be coded.
    let mut world = World::new(10_000, 24, 12, 5);
    let exact = Exact::new(&world.rows);
    let some = exact.allow((0..10_000).filter(|row| row % 3 == 1).collect());
    let none = exact.allow(Bitmap::default());
    let deny: RowList = (0..10_000).step_by(7).collect();
    let filters = [
        Filter::all(),
        Filter::all().allowing(&some).denying(&deny),
        Filter::all().allowing(&none),
    ];
    let mut queries = vec![vec![0.0; 37], vec![1e-20; 37]];
    for w in [0.0, 0.3, 1.0] {
        queries.extend(world.queries(w, 6));
    }
    let limits = [100, 0, 1, 20_000, 7];
    let asked: Vec<_> = (queries.iter().enumerate())
        .map(|(at, query)| {
            (
                world.rows.query(query).unwrap(),
                limits[at % 5],
                filters[at % 3],
            )
        })
        .collect();
    let together = exact.search_all(&asked);
    assert_eq!(together.len(), asked.len());
    for ((query, limit, filter), found) in asked.iter().zip(together) {
        assert_eq!(found, exact.search(query, *limit, filter));
        assert_eq!(found.hits, exact.scan_all(query, *limit, filter).hits);
    }
    assert!(exact.search_all(&[]).is_empty());
}

#[test]
fn denying_the_best_row_brings_up_the_next() {
    let mut world = World::new(500, 16, 8, 3);
    let query = world.query(0.4);
    let exact = Exact::new(&world.rows);
    let checked = world.rows.query(&query).unwrap();
    let before = exact.search(&checked, 3, &Filter::all()).hits;
    let deny = RowList::from(vec![before[0].row]);
    let after = exact
        .search(&checked, 2, &Filter::all().denying(&deny))
        .hits;
    assert_eq!(after, before[1..]);
}

#[test]
fn equal_rows_come_in_order_of_their_number() {
    let rows = JointRows::new(vec![Dense::new(300, 2, [1.0, -2.0].repeat(300))]).unwrap();
    for query in [[1.0, 0.5], [0.0, 0.0], [1.0, 1.0]] {
        assert_same(&rows, &query, 7, &Filter::all());
        let exact = Exact::new(&rows);
        let hits = exact
            .search(&rows.query(&query).unwrap(), 7, &Filter::all())
            .hits;
        let found: Vec<u32> = hits.iter().map(|hit| hit.row).collect();
        assert_eq!(found, [0, 1, 2, 3, 4, 5, 6]);
    }
}

#[test]
fn vectors_that_repeat_change_nothing() {
    // Forty embeddings for 1500 rows, of which the first also has rows without factors.
    let mut world = World::new(1500, 24, 12, 4);
    let repeated: Vec<f32> = (0..1500)
        .flat_map(|row| world.rows.block(1).row(row * row % 40).to_vec())
        .collect();
    let blocks = vec![
        world.rows.block(0).clone(),
        Dense::new(1500, 12, repeated),
        world.rows.block(2).clone(),
    ];
    let rows = JointRows::new(blocks).unwrap();
    let some = (0..1500).filter(|row| row % 3 == 1).collect();
    let some = Exact::new(&rows).allow(some);
    let deny: RowList = (0..1500).step_by(7).collect();
    for w in [0.0, 0.1, 0.5, 0.9, 1.0] {
        for mut query in world.queries(w, 3) {
            for prior in [0.0, 0.1, -0.3] {
                query[36] = prior;
                for limit in [1, 20, 700, 1500] {
                    assert_same(&rows, &query, limit, &Filter::all());
                    let filter = Filter::all().allowing(&some).denying(&deny);
                    assert_same(&rows, &query, limit, &filter);
                }
            }
        }
    }
}

#[test]
fn no_rows_and_no_limit_give_no_hits() {
    let empty = JointRows::new(vec![Dense::zeros(0, 3)]).unwrap();
    assert_same(&empty, &[1.0, 2.0, 3.0], 10, &Filter::all());
    let some = JointRows::new(vec![Dense::zeros(3, 1)]).unwrap();
    assert_same(&some, &[1.0], 0, &Filter::all());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn small_integers_zeros_and_duplicates_are_ranked_as_in_f64(
        rows in 0_usize..400,
        values in prop::collection::vec(-2_i8..3, 7 * 400),
        query in prop::collection::vec(-2_i8..3, 7),
        limit in 0_usize..450,
        deny in prop::collection::vec(0_u32..420, 0..50),
        allow in prop::option::of(prop::collection::vec(0_u32..420, 0..300)),
    ) {
        let value = |at: usize| f32::from(values[at]);
        let wide: Vec<f32> = (0..rows * 5).map(value).collect();
        let narrow: Vec<f32> = (0..rows * 2).map(|at| value(2000 + at)).collect();
        let joint = JointRows::new(vec![Dense::new(rows, 5, wide), Dense::new(rows, 2, narrow)]).unwrap();
        let query: Vec<f32> = query.into_iter().map(f32::from).collect();
        let deny = RowList::from(deny);
        let exact = Exact::new(&joint);
        let allow = allow.map(|rows| exact.allow(rows.into_iter().collect()));
        let filter = allow.as_ref().map_or(Filter::all(), |rows| Filter::all().allowing(rows)).denying(&deny);
        assert_same(&joint, &query, limit, &filter);
        // Small integers are exact in both precisions, so here even the order among equals must agree.
        let hits = Exact::new(&joint).search(&joint.query(&query).unwrap(), limit, &filter).hits;
        let found: Vec<(u32, f64)> = hits.iter().map(|hit| (hit.row, f64::from(hit.score))).collect();
        let mut truth = rank_all(&joint, &query, &filter);
        truth.truncate(limit);
        prop_assert_eq!(found, truth);
    }

    #[test]
    fn rows_that_differ_in_the_last_bit_survive_the_bound(
        bits in prop::collection::vec(0_u32..4, 24 * 300),
        scale in -60_i32..60,
    ) {
        // All norms are nearly equal and the query is parallel to them: the bound is as tight as it can be.
        let near = |bit: u32| f32::from_bits(0.37_f32.to_bits() + bit) * 2.0_f32.powi(scale);
        let values: Vec<f32> = bits.into_iter().map(near).collect();
        let joint = JointRows::new(vec![Dense::new(300, 24, values)]).unwrap();
        let exact = Exact::new(&joint);
        let query = [near(0); 24];
        let checked = joint.query(&query).unwrap();
        for limit in [1, 5] {
            let pruned = exact.search(&checked, limit, &Filter::all());
            let plain = exact.scan_all(&checked, limit, &Filter::all());
            prop_assert_eq!(pruned.hits, plain.hits);
        }
    }

    #[test]
    fn lengths_of_any_size_survive_the_bound(
        values in prop::collection::vec(-1.0_f32..1.0, 200 * 11),
        scales in prop::collection::vec(-140_i32..45, 200),
        query in prop::collection::vec(-1.0_f32..1.0, 11),
        (wide, narrow) in (-145_i32..70, -145_i32..70),
    ) {
        // Up to lengths that cannot be coded and down to ones whose products underflow.
        let scaled = |at: usize| values[at] * 2.0_f32.powi(scales[at / 11]);
        let block = |columns: std::ops::Range<usize>| -> Dense {
            let of_row = |row: usize| columns.clone().map(move |column| row * 11 + column);
            let values: Vec<f32> = (0..200).flat_map(of_row).map(scaled).collect();
            Dense::new(200, columns.len(), values)
        };
        let joint = JointRows::new(vec![block(0..7), block(7..10), block(10..11)]).unwrap();
        let exact = Exact::new(&joint);
        let size = |at: usize| 2.0_f32.powi(if at < 7 { wide } else { narrow });
        let query: Vec<f32> = query.iter().enumerate().map(|(at, q)| q * size(at)).collect();
        let Ok(checked) = joint.query(&query) else { return Ok(()); };
        for limit in [1, 5, 60] {
            let pruned = exact.search(&checked, limit, &Filter::all());
            let plain = exact.scan_all(&checked, limit, &Filter::all());
            prop_assert_eq!(pruned.hits, plain.hits);
        }
    }
}
