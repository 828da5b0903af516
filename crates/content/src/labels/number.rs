use faer::Mat;

use super::{
    LabelConfig, Measured, NumberReport, PredictedNumber,
    folds::Folds,
    learner::{Examples, out_of_fold, select},
    linear::Linear,
    metric::Metric,
    model::Model,
    quality::NumberQuality,
};
use crate::kernel::Kernel;
use crate::sample::sample;
use crate::{Error, Features};

/// Predicts a number of every measured track by kernel ridge regression; `None` where too few have it, or all the same.
pub(super) fn predict(
    column: &str,
    measured: &Measured,
    (features, config): (&Features<'_>, &LabelConfig),
) -> Result<Option<PredictedNumber>, Error> {
    let values = features.numbers(column).unwrap_or_default();
    let value = |row: usize| {
        let value = values.get(measured.tracks[row] as usize).copied();
        value.filter(|value| value.is_finite()).map(f64::from)
    };
    let known: Vec<(usize, f64)> = (0..measured.tracks.len())
        .filter_map(|row| Some((row, value(row)?)))
        .collect();
    let varies = known.iter().any(|(_, value)| *value != known[0].1);
    if known.len() < config.min_tracks || !varies {
        return Ok(None);
    }
    let chosen = sample(known.len(), config.rows, config.seed);
    let (rows, values): (Vec<usize>, Vec<f64>) =
        chosen.iter().map(|&at| known[at as usize]).unzip();
    let examples = Examples {
        points: select(&measured.points, &rows),
        targets: Mat::from_fn(rows.len(), 1, |row, _| values[row]),
    };
    let folds = Folds::stratified(&vec![0; rows.len()], config.folds, config.seed);
    let held_out = out_of_fold(&examples, &folds, |learned, tested| {
        let model = fit(&examples.select(learned), config)?;
        Ok(model.predict(&select(&examples.points, tested)))
    })?;
    let linear = out_of_fold(&examples, &folds, |learned, tested| {
        let learned = examples.select(learned);
        let model = Linear::fit(&learned.points, &learned.targets)?;
        Ok(model.predict(&select(&examples.points, tested)))
    })?;
    let flat =
        |matrix: &Mat<f64>| -> Vec<f64> { (0..rows.len()).map(|i| matrix[(i, 0)]).collect() };
    let quality = NumberQuality::of(&values, &flat(&held_out), &flat(&linear), config.seed);

    let model = fit(&examples, config)?;
    let said = model.predict(&measured.points);
    let mut out = vec![f32::NAN; measured.all];
    for (row, &track) in measured.tracks.iter().enumerate() {
        out[track as usize] = said[(row, 0)] as f32;
    }
    for (at, &row) in rows.iter().enumerate() {
        out[measured.tracks[row] as usize] = held_out[(at, 0)] as f32;
    }
    Ok(Some(PredictedNumber {
        report: NumberReport {
            column: column.to_owned(),
            tracks: rows.len(),
            gamma: model.shape.kernel.gamma,
            ridge: model.shape.ridge,
            quality,
        },
        values: out,
    }))
}

/// Learns in the plain metric.
fn fit(examples: &Examples, config: &LabelConfig) -> Result<Model, Error> {
    let metric = Metric::plain(&examples.points);
    let gammas = config.number_gammas.iter();
    let kernels: Vec<Kernel> = gammas.map(|&gamma| Kernel::gaussian(gamma)).collect();
    Model::fit(examples, metric, &kernels, config)
}
