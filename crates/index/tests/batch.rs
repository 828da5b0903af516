use crossfade_index::{Batch, Error, Hit};
use proptest::prelude::*;

/// Every item that is not excluded, scored in f64 and sorted.
fn brute_force(query: &[f32], items: &[f32], excluded: &[u32]) -> Vec<(u32, f64)> {
    let mut all: Vec<(u32, f64)> = (0..)
        .zip(items.chunks_exact(query.len()))
        .filter(|(row, _)| !excluded.contains(row))
        .map(|(row, item)| {
            let products = query
                .iter()
                .zip(item)
                .map(|(&q, &x)| f64::from(q) * f64::from(x));
            // An f64 sum of zeros may be -0.
            (row, products.sum::<f64>() + 0.0)
        })
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all
}

fn found(hits: &[Hit]) -> Vec<(u32, f64)> {
    hits.iter()
        .map(|hit| (hit.row, f64::from(hit.score)))
        .collect()
}

fn bits(answers: &[Vec<Hit>]) -> Vec<(u32, u32)> {
    let hits = answers.iter().flatten();
    hits.map(|hit| (hit.row, hit.score.to_bits())).collect()
}

/// Numbers without order, the same ones every time.
fn noise(count: usize) -> Vec<f32> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 2.0_f32.powi(23) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn equal_items_come_in_order_of_their_number_wherever_they_lie_in_a_tile() {
    let dim = 37;
    let pattern = noise(dim);
    for (items, queries) in [(1_100, 1), (1_025, 7), (1_024, 130)] {
        let items = pattern.repeat(items);
        let queries = noise(queries * dim);
        let batch = Batch::new(&items, dim).unwrap();
        let answers = batch.search(&queries, 1_023, |_| &[]).unwrap();
        for hits in answers {
            assert!(hits.iter().map(|hit| hit.row).eq(0..1_023));
            assert!(
                hits.iter()
                    .all(|hit| hit.score.to_bits() == hits[0].score.to_bits())
            );
        }
    }
}

#[test]
fn a_query_has_the_same_answer_alone_and_among_others_on_any_number_of_threads() {
    let dim = 20;
    let items = noise(1_500 * dim);
    let queries = noise(300 * dim);
    let batch = Batch::new(&items, dim).unwrap();
    let excluded: Vec<u32> = (0..1_500).step_by(3).collect();
    let search = |queries: &[f32]| batch.search(queries, 25, |_| &excluded).unwrap();
    let pool = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap()
    };
    let together = bits(&pool(1).install(|| search(&queries)));
    assert_eq!(together, bits(&pool(3).install(|| search(&queries))));
    let alone: Vec<Vec<Hit>> = queries.chunks(dim).flat_map(search).collect();
    assert_eq!(together, bits(&alone));
}

#[test]
fn degenerate_shapes_give_short_or_empty_answers() {
    let zeros = Batch::new(&[0.0; 6], 2).unwrap();
    let ask = |limit, excluded: &'static [u32]| {
        let answers = zeros.search(&[0.0, 0.0, 1.0, -1.0], limit, move |_| excluded);
        let answers = answers.unwrap();
        answers.iter().map(|hits| found(hits)).collect::<Vec<_>>()
    };
    let all = vec![vec![(0, 0.0), (1, 0.0), (2, 0.0)]; 2];
    assert_eq!(ask(usize::MAX, &[]), all);
    assert_eq!(ask(5, &[0, 1, 2, 9]), vec![vec![]; 2]);
    assert_eq!(ask(1, &[0, 1]), vec![vec![(2, 0.0)]; 2]);
    assert_eq!(ask(0, &[]), vec![vec![]; 2]);
    assert!(zeros.search(&[], 3, |_| &[]).unwrap().is_empty());
    let none = Batch::new(&[], 2).unwrap();
    assert_eq!(none.search(&[1.0, 2.0], 3, |_| &[]).unwrap(), [vec![]]);
}

#[test]
fn numbers_that_give_no_score_are_refused() {
    let row = |values: &[f32]| Batch::new(values, 2).map(drop);
    assert!(matches!(
        row(&[0.0, 1.0, f32::NAN, 0.0]),
        Err(Error::NotFinite { row: 1, .. })
    ));
    assert!(matches!(Batch::new(&[], 0), Err(Error::Shape { .. })));
    let huge = [1e30, 0.0];
    let batch = Batch::new(&huge, 2).unwrap();
    let ask = |query: &[f32]| batch.search(query, 1, |_| &[]).map(drop);
    assert!(ask(&[1.0, 0.0]).is_ok());
    assert!(matches!(
        ask(&[1e30, 0.0]),
        Err(Error::QueryTooLarge { .. })
    ));
    assert!(matches!(
        ask(&[1.0, f32::INFINITY]),
        Err(Error::QueryNotFinite { at: 1 })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Small integers are exact in both precisions, so even the order among equals must agree.
    #[test]
    fn answers_are_those_of_brute_force(
        dim in 1_usize..20,
        items in 0_usize..1_300,
        queries in 1_usize..140,
        limit in 0_usize..1_400,
        values in prop::collection::vec(-2_i8..3, 1_440 * 20),
        excluded in prop::collection::btree_set(0_u32..1_400, 0..200),
    ) {
        let value = |at: usize| f32::from(values[at]);
        let rows: Vec<f32> = (0..items * dim).map(value).collect();
        let asked: Vec<f32> = (0..queries * dim).map(|at| value(1_300 * 20 + at)).collect();
        let excluded: Vec<u32> = excluded.into_iter().collect();
        // Every second query leaves nothing out.
        let of = |query: usize| if query.is_multiple_of(2) { excluded.as_slice() } else { &[] };
        let answers = Batch::new(&rows, dim).unwrap().search(&asked, limit, of).unwrap();
        prop_assert_eq!(answers.len(), queries);
        for (query, hits) in answers.iter().enumerate() {
            let mut truth = brute_force(&asked[query * dim..][..dim], &rows, of(query));
            truth.truncate(limit);
            prop_assert_eq!(found(hits), truth);
        }
    }
}
