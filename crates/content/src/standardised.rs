use crate::design::Design;
use crate::{Error, Features, Points, Schema};

/// The numeric columns of the tracks of which anything is known, each scaled as the schema says and all counting the same:
/// what tracks are compared by when they are described rather than recommended.
///
/// A missing value is 0, the mean. Weights of the schema other than 0 do not count here.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardised {
    /// What each dimension is: the column's name, with `(sin)` or `(cos)` behind it for the two of a cyclic column.
    pub labels: Vec<String>,
    /// The track of each row, rising.
    pub tracks: Vec<u32>,
    /// The scaled values.
    pub points: Points,
}

impl Standardised {
    /// Scales all numeric columns but those left out.
    ///
    /// # Errors
    ///
    /// If the schema is invalid, or none of the columns has anything to tell.
    pub fn fit(
        schema: &Schema,
        leave_out: &[String],
        features: &Features<'_>,
    ) -> Result<Self, Error> {
        schema.validate()?;
        let design = Design::fit(&equal(schema, leave_out), features);
        if design.dim() == 0 {
            return Err(Error::NothingKnown);
        }
        let rows = design.read(features);
        let mut row = vec![0.0; design.dim()];
        let (mut tracks, mut values) = (Vec::new(), Vec::new());
        for track in 0..features.rows() {
            if rows.write(track, &mut row) {
                tracks.push(track as u32);
                values.extend_from_slice(&row);
            }
        }
        Ok(Self {
            labels: design.labels(),
            tracks,
            points: Points::new(design.dim(), values),
        })
    }
}

/// The schema's numeric columns that count, all alike.
pub(crate) fn equal(schema: &Schema, leave_out: &[String]) -> Schema {
    let numeric = schema.numeric.iter().cloned();
    let counting =
        numeric.filter(|column| column.weight > 0.0 && !leave_out.contains(&column.column));
    let alike = counting.map(|mut column| {
        column.weight = 1.0;
        column.missing_indicator = false;
        column
    });
    Schema {
        numeric: alike.collect(),
        categories: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_tracks_of_which_anything_is_known() {
        let features = Features::new(4)
            .numeric("energy", vec![1.0, f32::NAN, 3.0])
            .numeric("key", vec![0.0, f32::NAN, f32::NAN, 6.0])
            .numeric("tempo", vec![120.0; 4]);
        let all = Standardised::fit(&Schema::default(), &[], &features).unwrap();
        assert_eq!(all.labels, ["energy", "key (sin)", "key (cos)"]);
        assert_eq!(all.tracks, [0, 2, 3]);
        assert_eq!(all.points.row(1), [1.0, 0.0, 0.0]);

        let energy = Standardised::fit(&Schema::default(), &["key".into()], &features).unwrap();
        assert_eq!(energy.tracks, [0, 2]);
        assert_eq!(energy.points.as_slice(), [-1.0, 1.0]);

        let nothing = ["key".into(), "energy".into()];
        assert_eq!(
            Standardised::fit(&Schema::default(), &nothing, &features),
            Err(Error::NothingKnown)
        );
    }
}
