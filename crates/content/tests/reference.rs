//! Agreement with scikit-learn, scipy, statsmodels, pandas and NumPy on the data of `reference/reference.json`, which
//! `reference/reference.py` wrote with the versions pinned beside it.

use crossfade_content::{
    ColumnSummary, Features, Histogram, KMeans, KMeansConfig, LabelConfig, Linkage, Merge,
    NumericFeature, Pca, Points, Regression, Scaler, Schema, Transform, correlations, linkage,
    predict_labels, silhouettes,
};
use serde::Deserialize;

/// Numbers in a row of the data.
const DIM: usize = 5;

#[derive(Deserialize)]
struct Reference {
    rows: Vec<f64>,
    standard: Vec<f64>,
    robust: Vec<f64>,
    pca: Components,
    kmeans: Clusters,
    silhouette: f64,
    silhouettes: Vec<f64>,
    ward: Vec<[f64; 4]>,
    average: Vec<[f64; 4]>,
    regression: Fit,
    description: Description,
    labels: Predicted,
}

#[derive(Deserialize)]
struct Components {
    components: Vec<f64>,
    explained: Vec<f64>,
    projected: Vec<f64>,
}

#[derive(Deserialize)]
struct Clusters {
    labels: Vec<u32>,
    centroids: Vec<f64>,
    inertia: f64,
}

#[derive(Deserialize)]
struct Fit {
    target: Vec<f64>,
    intercept: f64,
    coefficients: Vec<f64>,
    r2: f64,
    adjusted_r2: f64,
    residual_std: f64,
    std_errors: Vec<f64>,
    intervals: Vec<f64>,
}

#[derive(Deserialize)]
struct Description {
    correlations: Vec<f64>,
    quantiles: Vec<f64>,
    mean: f64,
    std: f64,
    histogram: Counts,
}

#[derive(Deserialize)]
struct Predicted {
    gamma: f64,
    directions: f64,
    ridge: f64,
    whitening: f64,
    shrinkage: f64,
    classes: Vec<u32>,
    numbers: Vec<f32>,
    scores: Vec<f64>,
    predicted: Vec<f64>,
}

#[derive(Deserialize)]
struct Counts {
    low: f64,
    high: f64,
    counts: Vec<usize>,
}

fn reference() -> Reference {
    let json = include_str!("reference/reference.json");
    serde_json::from_str(json).expect("the reference has these fields")
}

impl Reference {
    fn column(&self, column: usize) -> Vec<f32> {
        let values = self.rows.iter().skip(column).step_by(DIM);
        values.map(|&value| value as f32).collect()
    }

    /// The column with every seventh number of the data missing, counted row by row.
    fn gaps(&self, column: usize) -> Vec<f32> {
        let values = (column..).step_by(DIM).zip(self.column(column));
        values
            .map(|(at, value)| if at % 7 == 0 { f32::NAN } else { value })
            .collect()
    }

    fn scaled(&self) -> Points {
        Points::new(DIM, self.standard.clone())
    }
}

/// No number may be further away than `tolerance`, relative where numbers are above 1.
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let allowed = tolerance * expected.abs().max(1.0);
        assert!(
            (found - expected).abs() <= allowed,
            "{at}: {found} {expected}"
        );
    }
}

/// Each value goes through some 10 roundings of numbers no larger than it times a small factor; means and deviations
/// of 150 numbers, added up in another order, differ by less than 150 eps of the largest: 150 * 2.2e-16 * 10 < 1e-12.
#[test]
fn scaling_agrees_with_scikit_learn() {
    let reference = reference();
    let kinds = [
        (Transform::Standard, &reference.standard),
        (Transform::Robust, &reference.robust),
    ];
    for (transform, expected) in kinds {
        let mut found = vec![0.0; expected.len()];
        for column in 0..DIM {
            let feature = NumericFeature::new("any", transform);
            let values = reference.column(column);
            let scaler = Scaler::fit(feature.transform, &values).expect("the column varies");
            for (row, &value) in values.iter().enumerate() {
                scaler.apply(value, &mut found[row * DIM + column..][..1]);
            }
        }
        assert_close(&found, expected, 1e-12);
    }
}

/// An eigenvector moves by the covariance's rounding, 150 eps of its norm (below 3), over the gap between eigenvalues (0.3):
/// below 4e-13; projections by that times the length of a row (6).
#[test]
fn principal_components_agree_with_scikit_learn() {
    let reference = reference();
    let points = reference.scaled();
    let pca = Pca::fit(points.len(), DIM, 2, |row, out| {
        out.copy_from_slice(points.row(row));
        true
    })
    .expect("finite data converge");
    let components: Vec<f64> = pca.components().flatten().copied().collect();
    assert_close(&components, &reference.pca.components, 4e-13);
    assert_close(
        &pca.explained_variance_ratio(),
        &reference.pca.explained,
        4e-13,
    );
    let mut projected = vec![0.0; 2 * points.len()];
    for (row, out) in points.rows().zip(projected.chunks_exact_mut(2)) {
        pca.project(row, out);
    }
    assert_close(&projected, &reference.pca.projected, 3e-12);
}

/// Both end with the same clusters, or inertia would differ by far more; what is left are sums of at most 150 * 5 numbers,
/// 750 eps = 1.7e-13 of them, in either library.
#[test]
fn clusters_from_the_same_start_agree_with_scikit_learn() {
    let reference = reference();
    let points = reference.scaled();
    let config = KMeansConfig {
        tolerance: 0.0,
        ..KMeansConfig::default()
    };
    let start = points.select(&[0, 1, 2, 3, 4]);
    let found = KMeans::from_start(&points, start, &config);
    assert_eq!(found.labels, reference.kmeans.labels);
    assert_close(
        found.centroids.as_slice(),
        &reference.kmeans.centroids,
        4e-13,
    );
    assert_close(&[found.inertia], &[reference.kmeans.inertia], 4e-13);

    // With k-means++ and several starts it must not be worse than from the first rows.
    let best = KMeans::fit(
        &points,
        &KMeansConfig {
            clusters: 5,
            ..config
        },
    );
    assert!(best.inertia <= found.inertia * (1.0 + 1e-12));
}

/// scikit-learn finds distances by |x|^2 - 2 x.y + |y|^2, whose error of some 15 eps of the squares (60) becomes up to 1e-12
/// in distances of 0.1 and more.
#[test]
fn silhouettes_agree_with_scikit_learn() {
    let reference = reference();
    let found = silhouettes(&reference.scaled(), &[&reference.kmeans.labels]).concat();
    assert_close(&found, &reference.silhouettes, 1e-11);
    let mean = found.iter().sum::<f64>() / found.len() as f64;
    assert_close(&[mean], &[reference.silhouette], 1e-11);
}

/// A distance is updated at most 149 times, each with some 10 roundings: 1,500 eps = 3.3e-13 of it.
#[test]
fn linkage_agrees_with_scipy() {
    let reference = reference();
    let kinds = [
        (Linkage::Ward, &reference.ward),
        (Linkage::Average, &reference.average),
    ];
    for (kind, expected) in kinds {
        let found = linkage(&reference.scaled(), kind);
        let groups = |merge: &Merge| [merge.left, merge.right, merge.size].map(f64::from);
        let found_groups: Vec<[f64; 3]> = found.iter().map(groups).collect();
        let expected_groups: Vec<[f64; 3]> = expected.iter().map(|m| [m[0], m[1], m[3]]).collect();
        assert_eq!(found_groups, expected_groups, "{kind:?}");
        let distances: Vec<f64> = found.iter().map(|merge| merge.distance).collect();
        let expected: Vec<f64> = expected.iter().map(|merge| merge[2]).collect();
        assert_close(&distances, &expected, 4e-13);
    }
}

/// The correlations' condition is below 10; solving multiplies the rounding of their sums (150 eps) by that: below 4e-13.
/// Intervals rest on Student's t with 144 degrees of freedom, which the expansion knows to 1e-9.
#[test]
fn regression_agrees_with_scikit_learn_and_statsmodels() {
    let Reference {
        standard,
        regression: expected,
        ..
    } = reference();
    let found = Regression::fit(&Points::new(DIM, standard), &expected.target)
        .expect("there are enough rows");
    let get = |field: fn(&crossfade_content::Coefficient) -> f64| -> Vec<f64> {
        found.coefficients.iter().map(field).collect()
    };
    assert_close(&get(|c| c.per_std), &expected.coefficients, 1e-12);
    assert_close(&get(|c| c.std_error), &expected.std_errors, 1e-12);
    let intervals: Vec<f64> = found
        .coefficients
        .iter()
        .flat_map(|c| [c.low, c.high])
        .collect();
    assert_close(&intervals, &expected.intervals, 1e-9);
    assert_close(
        &[
            found.intercept,
            found.r2,
            found.adjusted_r2,
            found.residual_std,
        ],
        &[
            expected.intercept,
            expected.r2,
            expected.adjusted_r2,
            expected.residual_std,
        ],
        1e-12,
    );
}

/// Scores become probabilities by `softmax(score / temperature)`, so that the temperature times the logarithm of a row's
/// probabilities are its scores but for a number common to the row. Probabilities and numbers are f32: their rounding, 6e-8
/// of them, is far above that of solving.
#[test]
fn predicted_labels_agree_with_scikit_learn() {
    let reference = reference();
    let expected = &reference.labels;
    let names: Vec<String> = (0..DIM).map(|column| column.to_string()).collect();
    let classes = ["0", "1", "2"];
    let mut features = Features::new(reference.rows.len() / DIM)
        .category("genre", expected.classes.clone(), classes)
        .numeric("number", expected.numbers.clone());
    for (column, name) in names.iter().enumerate() {
        features = features.numeric(name, reference.column(column));
    }
    let numeric = names.iter();
    let schema = Schema {
        numeric: numeric
            .map(|name| NumericFeature::new(name, Transform::Standard))
            .collect(),
        categories: Vec::new(),
    };
    let config = LabelConfig {
        numbers: vec!["number".to_owned()],
        genre_gamma: expected.gamma,
        genre_directions: expected.directions,
        number_gammas: vec![expected.gamma],
        ridges: vec![expected.ridge],
        whitening: expected.whitening,
        shrinkage: expected.shrinkage,
        ..LabelConfig::default()
    };
    let found = predict_labels(&schema, &config, &features).expect("the settings are valid");
    let genre = found.genre.expect("three classes are frequent");
    let others = expected.classes.len() as u32..features.rows() as u32;
    for (track, expected) in others
        .clone()
        .zip(expected.scores.chunks_exact(classes.len()))
    {
        let scores = genre.of(track).into_iter().map(|(name, probability)| {
            let class: usize = name.parse().expect("names are numbers");
            let score = genre.report.temperature * f64::from(probability).ln();
            score - expected[class]
        });
        let common: Vec<f64> = scores.collect();
        assert_close(&common, &[common[0]; 3], 1e-6);
    }
    let numbers: Vec<f64> = others
        .map(|track| f64::from(found.numbers[0].values[track as usize]))
        .collect();
    assert_close(&numbers, &expected.predicted, 2e-7);
}

/// Sums of 150 products: 150 eps of numbers up to 1,500, divided by deviations of some 300.
#[test]
fn descriptions_agree_with_pandas_and_numpy() {
    let reference = reference();
    let expected = &reference.description;
    let columns: Vec<Vec<f32>> = (0..DIM).map(|column| reference.gaps(column)).collect();
    let views: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
    let found: Vec<f64> = correlations(&views)
        .concat()
        .into_iter()
        .map(|r| r.expect("every column varies"))
        .collect();
    assert_close(&found, &expected.correlations, 1e-12);

    let summary = ColumnSummary::of(views[4]).expect("values are known");
    assert_close(&summary.quantiles, &expected.quantiles, 1e-15);
    assert_close(
        &[summary.mean, summary.std],
        &[expected.mean, expected.std],
        1e-13,
    );
    assert_eq!(summary.known + summary.missing, views[4].len());
    let known = views[4].iter().filter(|value| value.is_finite());
    let known: Vec<f64> = known.map(|&value| f64::from(value)).collect();
    let range = (expected.histogram.low, expected.histogram.high);
    let found = Histogram::of(&known, range, expected.histogram.counts.len());
    assert_eq!(found.counts, expected.histogram.counts);
}

/// The same bits on one thread and on several, over more rows than one block has.
#[test]
fn clusters_do_not_depend_on_threads() {
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let points = Points::new(3, (0..3 * 10_000).map(|_| next()).collect());
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads start").install(|| {
            let config = KMeansConfig {
                clusters: 6,
                restarts: 2,
                ..KMeansConfig::default()
            };
            KMeans::fit(&points, &config)
        })
    };
    assert_eq!(on(1), on(3));
}
