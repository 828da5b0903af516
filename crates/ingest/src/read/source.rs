use std::{collections::BTreeSet, fs::File, sync::Arc};

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
            ParquetRecordBatchReaderBuilder,
        },
    },
    basic::{ConvertedType, Encoding, LogicalType},
    errors::ParquetError,
    file::{metadata::ColumnChunkMetaData, statistics::Statistics},
};

use super::{
    contain::contain,
    files::{Part, failed},
    kind::Kind,
};
use crate::Error;

/// Whether a column must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
    /// Optional, and left out when its type is wrong as well.
    Lenient,
}

/// A column to read.
#[derive(Debug, Clone)]
pub(super) struct Want {
    /// Its name in the file.
    pub(super) name: String,
    /// The option that configures the name.
    pub(super) option: &'static str,
    pub(super) kind: Kind,
    pub(super) need: Need,
}

impl Want {
    pub(super) fn required(option: &'static str, name: &str, kind: Kind) -> Self {
        let need = Need::Required;
        Self {
            name: name.to_owned(),
            option,
            kind,
            need,
        }
    }

    /// A column that may be missing as long as its name is the default, which is the option's own name.
    pub(super) fn optional(option: &'static str, name: &str, kind: Kind) -> Self {
        let need = if name == option {
            Need::Optional
        } else {
            Need::Required
        };
        Self {
            need,
            ..Self::required(option, name, kind)
        }
    }
}

/// Where a wanted column's values come from.
#[derive(Debug)]
enum Slot {
    Absent,
    /// Absent for its type, which is kept for the report.
    Unusable(DataType),
    /// The file's top-level column with that index.
    Column(usize),
    /// A value from the path, as many times as a batch has rows.
    Constant(ArrayRef),
}

/// An open Parquet file whose footer has been read and whose columns have been found.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) part: &'a Part,
    file: File,
    metadata: ArrowReaderMetadata,
    wants: &'a [Want],
    slots: Vec<Slot>,
    batch_rows: usize,
}

/// Rows of a file: one array per wanted column, `None` where the file does not have it.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub(super) part: &'a Part,
    pub(super) columns: Vec<Option<ArrayRef>>,
    pub(super) rows: usize,
    /// Index in the file of the first of them.
    pub(super) first_row: u64,
}

impl<'a> Source<'a> {
    pub(super) fn open(
        part: &'a Part,
        wants: &'a [Want],
        batch_rows: usize,
    ) -> Result<Self, Error> {
        let file = File::open(&part.path).map_err(failed("open", &part.path))?;
        let metadata = contain(|| ArrowReaderMetadata::load(&file, options()))
            .map_err(|source| damaged(part, None, source))?;
        let mut opened = Self {
            part,
            file,
            metadata,
            wants,
            slots: Vec::new(),
            batch_rows,
        };
        for want in wants {
            let slot = opened.find(want)?;
            opened.slots.push(slot);
        }
        Ok(opened)
    }

    /// How many rows the footer announces.
    pub(super) fn rows(&self) -> u64 {
        let groups = 0..self.row_groups();
        groups.fold(0, |sum, group| self.group_rows(group).saturating_add(sum))
    }

    pub(super) fn row_groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    fn group_rows(&self, group: usize) -> u64 {
        let rows = self.metadata.metadata().row_group(group).num_rows();
        u64::try_from(rows).unwrap_or(0)
    }

    pub(super) fn has(&self, want: usize) -> bool {
        matches!(self.slots[want], Slot::Column(_) | Slot::Constant(_))
    }

    /// The type for which a lenient column was left out.
    pub(super) fn unusable(&self, want: usize) -> Option<&DataType> {
        match &self.slots[want] {
            Slot::Unusable(found) => Some(found),
            Slot::Absent | Slot::Column(_) | Slot::Constant(_) => None,
        }
    }

    /// The wanted column's type and its statistics in a row group, if it is a column of the file and has any.
    pub(super) fn statistics(&self, want: usize, group: usize) -> Option<(&DataType, &Statistics)> {
        let Slot::Column(root) = self.slots[want] else {
            return None;
        };
        let chunk = self.chunk(root, group)?;
        Some((
            self.metadata.schema().field(root).data_type(),
            chunk.statistics()?,
        ))
    }

    /// Decodes a row group, batch by batch. `first_row` is the index in the file of its first row.
    pub(super) fn read_group<E: From<Error>>(
        &self,
        group: usize,
        first_row: u64,
        mut each: impl FnMut(Batch<'a>) -> Result<(), E>,
    ) -> Result<u64, E> {
        let roots = self.roots();
        let mut reader = self
            .reader(group, &roots)
            .map_err(|e| self.blame(group, e))?;
        let mut rows = 0;
        while let Some(decoded) = next(&mut reader).map_err(|e| self.blame(group, e))? {
            each(self.batch(&decoded, &roots, first_row + rows))?;
            rows += decoded.num_rows() as u64;
        }
        if rows != self.group_rows(group) {
            let problem = format!("{rows} rows instead of {}", self.group_rows(group));
            return Err(damaged(self.part, Some(group), ParquetError::EOF(problem)).into());
        }
        Ok(rows)
    }

    fn find(&self, want: &Want) -> Result<Slot, Error> {
        let schema = self.metadata.schema();
        let Ok(root) = schema.index_of(&want.name) else {
            return self.find_in_path(want);
        };
        let found = schema.field(root).data_type();
        if want.kind.accepts(found) && self.is_checked_text(root) {
            return Ok(Slot::Column(root));
        }
        if want.need == Need::Lenient {
            return Ok(Slot::Unusable(found.clone()));
        }
        Err(Error::WrongType {
            path: self.part.path.clone(),
            column: want.name.clone(),
            found: found.to_string(),
            expected: want.kind.expected(),
            remedy: want.kind.remedy(),
        })
    }

    fn find_in_path(&self, want: &Want) -> Result<Slot, Error> {
        let key = self
            .part
            .keys
            .iter()
            .rev()
            .find(|(name, _)| *name == want.name);
        let Some((_, value)) = key else {
            if want.need != Need::Required {
                return Ok(Slot::Absent);
            }
            let fields = self.metadata.schema().fields();
            return Err(Error::MissingColumn {
                path: self.part.path.clone(),
                column: want.name.clone(),
                option: want.option,
                available: fields.iter().map(|field| field.name().clone()).collect(),
            });
        };
        let constant = want.kind.constant(value.as_deref(), self.batch_rows);
        constant
            .map(Slot::Constant)
            .ok_or_else(|| Error::PartitionValue {
                path: self.part.path.clone(),
                column: want.name.clone(),
                value: value.clone().unwrap_or_default(),
                expected: want.kind.expected(),
            })
    }

    /// The decoder checks that text is UTF-8 only where the schema says UTF8, yet hands JSON out as text too. What it
    /// has not checked must not become a `str`.
    fn is_checked_text(&self, root: usize) -> bool {
        let schema = self.metadata.parquet_schema();
        let leaves =
            (0..schema.num_columns()).filter(|&leaf| schema.get_column_root_idx(leaf) == root);
        leaves.map(|leaf| schema.column(leaf)).all(|leaf| {
            leaf.converted_type() != ConvertedType::JSON
                && !matches!(leaf.logical_type_ref(), Some(LogicalType::Json))
        })
    }

    fn chunk(&self, root: usize, group: usize) -> Option<&ColumnChunkMetaData> {
        let schema = self.metadata.parquet_schema();
        let leaf =
            (0..schema.num_columns()).find(|&leaf| schema.get_column_root_idx(leaf) == root)?;
        self.metadata
            .metadata()
            .row_group(group)
            .columns()
            .get(leaf)
    }

    /// The top-level columns to decode, each once, in the file's order.
    fn roots(&self) -> Vec<usize> {
        let roots = self.slots.iter().filter_map(|slot| match slot {
            Slot::Column(root) => Some(*root),
            Slot::Absent | Slot::Unusable(_) | Slot::Constant(_) => None,
        });
        roots.collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn reader(
        &self,
        group: usize,
        roots: &[usize],
    ) -> Result<ParquetRecordBatchReader, ParquetError> {
        let file = self.file.try_clone()?;
        contain(|| {
            let metadata = self.with_dictionaries(group)?;
            let mask = ProjectionMask::roots(metadata.parquet_schema(), roots.iter().copied());
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
                .with_projection(mask)
                .with_row_groups(vec![group])
                .with_batch_size(self.batch_rows)
                .build()
        })
    }

    /// The file's metadata, set up so that labels which are dictionary-encoded throughout the row group stay so: then
    /// each distinct id is hashed once and not once a row. (A chunk that is only partly encoded so would be encoded anew
    /// batch by batch, which is slower than plain text.)
    fn with_dictionaries(&self, group: usize) -> Result<ArrowReaderMetadata, ParquetError> {
        let mut fields: Vec<Arc<Field>> = self.metadata.schema().fields().to_vec();
        let mut changed = false;
        for (want, slot) in self.wants.iter().zip(&self.slots) {
            let Slot::Column(root) = *slot else { continue };
            let is_text = *fields[root].data_type() == DataType::Utf8;
            if want.kind == Kind::Label
                && is_text
                && self.chunk(root, group).is_some_and(all_dictionary)
            {
                let text = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
                fields[root] = Arc::new(fields[root].as_ref().clone().with_data_type(text));
                changed = true;
            }
        }
        if !changed {
            return Ok(self.metadata.clone());
        }
        let metadata = self.metadata.metadata().clone();
        ArrowReaderMetadata::try_new(
            metadata,
            options().with_schema(Arc::new(Schema::new(fields))),
        )
    }

    fn batch(&self, decoded: &RecordBatch, roots: &[usize], first_row: u64) -> Batch<'a> {
        let rows = decoded.num_rows();
        let column = |slot: &Slot| match slot {
            Slot::Absent | Slot::Unusable(_) => None,
            Slot::Constant(values) => Some(values.slice(0, rows)),
            Slot::Column(root) => roots
                .binary_search(root)
                .ok()
                .map(|at| decoded.column(at).clone()),
        };
        Batch {
            part: self.part,
            columns: self.slots.iter().map(column).collect(),
            rows,
            first_row,
        }
    }

    /// The error for a row group that could not be decoded. The decoder does not say which column it failed on, so each
    /// is tried alone.
    fn blame(&self, group: usize, source: ParquetError) -> Error {
        let fails = |&root: &usize| -> bool {
            let drained = self.reader(group, &[root]).and_then(|mut reader| {
                while next(&mut reader)?.is_some() {}
                Ok(())
            });
            drained.is_err()
        };
        let column = self.roots().into_iter().find(fails);
        Error::Damaged {
            path: self.part.path.clone(),
            row_group: Some(group),
            column: column.map(|root| self.metadata.schema().field(root).name().clone()),
            source,
        }
    }
}

/// The arrow schema that some writers embed is ignored: it only adds variants of the types that Parquet has.
fn options() -> ArrowReaderOptions {
    ArrowReaderOptions::new().with_skip_arrow_metadata(true)
}

fn next(reader: &mut ParquetRecordBatchReader) -> Result<Option<RecordBatch>, ParquetError> {
    contain(|| Ok(reader.next().transpose()?))
}

/// Whether all pages are dictionary-encoded, as far as is known: a writer that does not say so is given the benefit of the
/// doubt, since only speed is at stake.
fn all_dictionary(chunk: &ColumnChunkMetaData) -> bool {
    let only = |encoding| {
        let pages = chunk.page_encoding_stats_mask();
        pages.is_none_or(|pages| pages.is_only(encoding))
    };
    chunk.dictionary_page_offset().is_some()
        && (only(Encoding::RLE_DICTIONARY) || only(Encoding::PLAIN_DICTIONARY))
}

fn damaged(part: &Part, row_group: Option<usize>, source: ParquetError) -> Error {
    Error::Damaged {
        path: part.path.clone(),
        row_group,
        column: None,
        source,
    }
}
