use serde::{Deserialize, Serialize};

use crate::codes::NameCode;
use crate::features::Values;
use crate::{Features, Schema};

/// The part of the embedding that a categorical column makes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameBlock {
    pub(crate) column: String,
    weight: f64,
    dim: usize,
}

/// How many numbers the blocks make together.
pub(crate) fn dim(blocks: &[NameBlock]) -> usize {
    blocks.iter().map(|block| block.dim).sum()
}

/// A block for each of the schema's categorical columns that has names and weight.
pub(crate) fn fit_names(schema: &Schema, features: &Features<'_>) -> Vec<NameBlock> {
    let known = |column: &str| match features.get(column) {
        Some(Values::Category(categories)) => !categories.names.is_empty(),
        Some(Values::Tags(tags)) => !tags.names.is_empty(),
        Some(Values::Numeric(_) | Values::Vectors(_)) | None => false,
    };
    let used = schema
        .categories
        .iter()
        .filter(|f| f.weight > 0.0 && known(&f.column));
    let block = used.map(|feature| NameBlock {
        column: feature.column.clone(),
        weight: f64::from(feature.weight),
        dim: feature.dim,
    });
    block.collect()
}

/// What the blocks make of each row of the data.
pub(crate) struct NameRows<'f>(Vec<BlockRows<'f>>);

impl<'f> NameRows<'f> {
    pub(crate) fn new(blocks: &'f [NameBlock], features: &'f Features<'_>) -> Self {
        let rows = blocks.iter().map(|block| BlockRows::new(block, features));
        Self(rows.collect())
    }

    /// Writes a row's blocks side by side to `out`, which holds zeros.
    pub(crate) fn write(&self, row: usize, out: &mut [f64]) {
        let mut rest = out;
        for rows in &self.0 {
            let (own, others) = rest.split_at_mut(rows.block.dim);
            rows.write(row, own);
            rest = others;
        }
    }
}

/// A categorical column of the data beside its block, with one code per distinct name.
struct BlockRows<'f> {
    block: &'f NameBlock,
    values: Option<&'f Values<'f>>,
    codes: Vec<NameCode>,
}

impl<'f> BlockRows<'f> {
    fn new(block: &'f NameBlock, features: &'f Features<'_>) -> Self {
        let values = features.get(&block.column);
        let names: &[&str] = match values {
            Some(Values::Category(categories)) => &categories.names,
            Some(Values::Tags(tags)) => &tags.names,
            Some(Values::Numeric(_) | Values::Vectors(_)) | None => &[],
        };
        let codes = names
            .iter()
            .map(|name| NameCode::new(&block.column, name))
            .collect();
        Self {
            block,
            values,
            codes,
        }
    }

    /// Writes the sum of the row's codes at the block's weight to `out`, which holds zeros.
    fn write(&self, row: usize, out: &mut [f64]) {
        let codes: &[u32] = match self.values {
            Some(Values::Category(categories)) => {
                categories.codes.get(row..=row).unwrap_or_default()
            }
            Some(Values::Tags(tags)) => tags.lists.get(row).copied().unwrap_or_default(),
            Some(Values::Numeric(_) | Values::Vectors(_)) | None => &[],
        };
        // Sums of signs are whole numbers: exact, in any order.
        for &code in codes.iter().filter(|&&code| code != Features::MISSING) {
            self.codes[code as usize].add_to(out);
        }
        let norm = out.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm > 0.0 {
            out.iter_mut().for_each(|x| *x *= self.block.weight / norm);
        }
    }
}
