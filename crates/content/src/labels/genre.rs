use crossfade_matrix::Dense;
use faer::Mat;

use super::{
    GenreReport, LabelConfig, Measured, PredictedGenre,
    folds::Folds,
    learner::{Examples, out_of_fold, select},
    linear::Linear,
    metric::Metric,
    model::Model,
    quality::GenreQuality,
    temperature,
};
use crate::features::Values;
use crate::kernel::Kernel;
use crate::sample::sample;
use crate::{Error, Features};

/// The column of the tracks' genres.
const GENRE: &str = "genre";

/// Predicts the genre of every measured track: one score for each genre by kernel ridge regression on whether a track has
/// it, in the metric of the tracks' scatter within genres; then softmax.
pub(super) fn predict(
    measured: &Measured,
    (features, config): (&Features<'_>, &LabelConfig),
) -> Result<Option<PredictedGenre>, Error> {
    let Some(labelled) = Labelled::of(measured, features, config) else {
        return Ok(None);
    };
    let examples = labelled.examples(measured);
    let folds = Folds::stratified(&labelled.classes, config.folds, config.seed);
    let scores = out_of_fold(&examples, &folds, |learned, tested| {
        let model = fit(&labelled.part(&examples, learned), config)?;
        Ok(model.predict(&select(&examples.points, tested)))
    })?;
    let linear = out_of_fold(&examples, &folds, |learned, tested| {
        let learned = examples.select(learned);
        let model = Linear::fit(&learned.points, &learned.targets)?;
        Ok(model.predict(&select(&examples.points, tested)))
    })?;
    let held_out = calibrated(&scores, &labelled.classes, &folds);

    let all: Vec<usize> = (0..labelled.rows.len()).collect();
    let model = fit(&labelled.part(&examples, &all), config)?;
    let temperature = temperature::fit(&scores, &labelled.classes);
    let probabilities = labelled.spread(measured, &held_out, (&model, temperature));
    let quality = GenreQuality::of(&held_out, &linear, &labelled.classes);
    Ok(Some(PredictedGenre {
        report: GenreReport {
            classes: labelled.names,
            tracks: labelled.rows.len(),
            gamma: model.shape.kernel.gamma,
            directions: model.shape.kernel.directions,
            ridge: model.shape.ridge,
            temperature,
            quality,
        },
        probabilities,
    }))
}

/// Measured tracks whose genre is known and frequent enough.
struct Labelled {
    /// Names of the classes, the most frequent first.
    names: Vec<String>,
    /// Rows of the measured tracks.
    rows: Vec<usize>,
    /// The class of each.
    classes: Vec<u32>,
}

/// Examples and their classes.
struct Part {
    examples: Examples,
    classes: Vec<u32>,
}

impl Labelled {
    fn of(measured: &Measured, features: &Features<'_>, config: &LabelConfig) -> Option<Self> {
        let Some(Values::Category(column)) = features.get(GENRE) else {
            return None;
        };
        let code = |track: u32| {
            let code = column.codes.get(track as usize).copied();
            code.filter(|&code| code != Features::MISSING)
        };
        let mut counts = vec![0; column.names.len()];
        let codes = measured.tracks.iter().filter_map(|&track| code(track));
        codes.for_each(|code| counts[code as usize] += 1);
        let mut frequent: Vec<usize> = (0..counts.len())
            .filter(|&code| counts[code] >= config.min_tracks)
            .collect();
        frequent.sort_by_key(|&code| std::cmp::Reverse(counts[code]));
        frequent.truncate(config.max_classes);
        if frequent.len() < 2 {
            return None;
        }
        let class = |code: u32| frequent.iter().position(|&other| other == code as usize);
        let labelled = measured.tracks.iter().enumerate();
        let labelled: Vec<(usize, u32)> = labelled
            .filter_map(|(row, &track)| Some((row, class(code(track)?)? as u32)))
            .collect();
        let chosen = sample(labelled.len(), config.rows, config.seed);
        let (rows, classes) = chosen.iter().map(|&at| labelled[at as usize]).unzip();
        let names = frequent.iter().map(|&code| column.names[code].to_owned());
        Some(Self {
            names: names.collect(),
            rows,
            classes,
        })
    }

    /// Targets are 1 for the class of a row and 0 for the others.
    fn examples(&self, measured: &Measured) -> Examples {
        Examples {
            points: select(&measured.points, &self.rows),
            targets: Mat::from_fn(self.rows.len(), self.names.len(), |row, class| {
                f64::from(u8::from(self.classes[row] as usize == class))
            }),
        }
    }

    fn part(&self, examples: &Examples, rows: &[usize]) -> Part {
        Part {
            examples: examples.select(rows),
            classes: rows.iter().map(|&row| self.classes[row]).collect(),
        }
    }

    /// Probabilities of all tracks: what was held out of labelled ones, and what the model says of the other measured ones.
    fn spread(
        &self,
        measured: &Measured,
        held_out: &Mat<f64>,
        (model, temperature): (&Model, f64),
    ) -> Dense {
        let width = self.names.len();
        let mut values = vec![0.0; measured.all * width];
        let mut put = |row: usize, probabilities: &[f64]| {
            let start = measured.tracks[row] as usize * width;
            let out = values[start..start + width].iter_mut();
            out.zip(probabilities).for_each(|(out, &p)| *out = p as f32);
        };
        let mut others = Vec::new();
        let mut labelled = self.rows.iter().enumerate().peekable();
        for row in 0..measured.tracks.len() {
            match labelled.next_if(|&(_, &other)| other == row) {
                Some((at, _)) => {
                    let probabilities: Vec<f64> = (0..width).map(|j| held_out[(at, j)]).collect();
                    put(row, &probabilities);
                }
                None => others.push(row),
            }
        }
        let scores = model.predict(&select(&measured.points, &others));
        for (i, &row) in others.iter().enumerate() {
            put(row, &temperature::softmax(&scores, i, temperature));
        }
        Dense::new(measured.all, width, values)
    }
}

/// Probabilities of examples of which scores are held out, at the temperature that suits the other folds.
fn calibrated(scores: &Mat<f64>, classes: &[u32], folds: &Folds) -> Mat<f64> {
    let mut out = Mat::zeros(scores.nrows(), scores.ncols());
    for fold in folds.numbers() {
        let (others, held_out) = folds.parted(fold);
        let known = Mat::from_fn(others.len(), scores.ncols(), |i, j| scores[(others[i], j)]);
        let known_classes: Vec<u32> = others.iter().map(|&row| classes[row]).collect();
        let temperature = temperature::fit(&known, &known_classes);
        for row in held_out {
            let probabilities = temperature::softmax(scores, row, temperature);
            let places = probabilities.into_iter().enumerate();
            places.for_each(|(class, probability)| out[(row, class)] = probability);
        }
    }
    out
}

/// Learns in the metric in which tracks of one genre scatter evenly.
fn fit(part: &Part, config: &LabelConfig) -> Result<Model, Error> {
    let Part { examples, classes } = part;
    let metric = Metric::within(
        &examples.points,
        (classes, examples.targets.ncols()),
        (config.whitening, config.shrinkage),
    )?;
    let kernel = Kernel {
        gamma: config.genre_gamma,
        directions: config.genre_directions,
    };
    Model::fit(examples, metric, &[kernel], config)
}
