//! Predicted labels as Arrow columns.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, RecordBatch, cast::AsArray, types::Float32Type};
use arrow_schema::ArrowError;
use crossfade_content::{LabelReports, Labels, PredictedGenre, PredictedNumber};

use crate::arrow_file::{self, column, wrong_type};

/// Column of the genres' probabilities, a vector for each track in the order of the manifest's classes.
const GENRE: &str = "genre";
/// Prefix of the columns that hold predicted numbers.
const NUMBER: &str = "number:";

pub(super) fn to_batch(labels: &Labels) -> Result<RecordBatch, ArrowError> {
    let mut columns: Vec<(String, ArrayRef, bool)> = Vec::new();
    if let Some(genre) = &labels.genre {
        let vectors = arrow_file::vectors(&genre.probabilities)?;
        columns.push((GENRE.to_owned(), Arc::new(vectors), false));
    }
    for number in &labels.numbers {
        let values = number.values.iter();
        let values: Float32Array = values
            .map(|value| value.is_finite().then_some(*value))
            .collect();
        columns.push((name(&number.report.column), Arc::new(values), true));
    }
    RecordBatch::try_from_iter_with_nullable(columns)
}

pub(super) fn from_batch(
    batch: &RecordBatch,
    reports: &LabelReports,
) -> Result<Labels, ArrowError> {
    let genre = reports.genre.as_ref().map(|report| {
        Ok::<_, ArrowError>(PredictedGenre {
            report: report.clone(),
            probabilities: arrow_file::dense(batch, GENRE)?,
        })
    });
    let number = |report: &crossfade_content::NumberReport| {
        let name = name(&report.column);
        let values = column(batch, &name)?
            .as_primitive_opt::<Float32Type>()
            .ok_or_else(|| wrong_type(&name))?;
        Ok::<_, ArrowError>(PredictedNumber {
            report: report.clone(),
            values: values
                .iter()
                .map(|value| value.unwrap_or(f32::NAN))
                .collect(),
        })
    };
    Ok(Labels {
        genre: genre.transpose()?,
        numbers: reports
            .numbers
            .iter()
            .map(number)
            .collect::<Result<_, _>>()?,
    })
}

fn name(column: &str) -> String {
    format!("{NUMBER}{column}")
}
