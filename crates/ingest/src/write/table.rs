use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_writer::{ArrowColumnWriter, ArrowWriterOptions, compute_leaves},
    },
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    schema::types::ColumnPath,
};
use rayon::prelude::*;

use super::atomic::AtomicFile;
use crate::Error;

/// Rows collected before they are encoded.
pub(super) const BATCH_ROWS: usize = 1 << 14;

/// A Parquet file being written.
#[derive(Debug)]
pub(super) struct Table {
    writer: ArrowWriter<AtomicFile>,
    schema: Arc<Schema>,
    path: PathBuf,
    rows: u64,
}

impl Table {
    pub(super) fn create(
        path: &Path,
        fields: Vec<Field>,
        properties: WriterProperties,
    ) -> Result<Self, Error> {
        let file = AtomicFile::create(path)?;
        let schema = Arc::new(Schema::new(fields));
        // The schema's own types say all there is to say; the arrow copy of it would only be longer.
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, schema.clone(), options)
            .map_err(|source| write_error(path, source))?;
        Ok(Self {
            writer,
            schema,
            path: path.to_path_buf(),
            rows: 0,
        })
    }

    /// # Panics
    ///
    /// If the columns are not those of the schema or not of one length.
    pub(super) fn write(&mut self, columns: Vec<ArrayRef>) -> Result<(), Error> {
        let batch = RecordBatch::try_new(self.schema.clone(), columns)
            .expect("columns match the schema and have one length");
        self.writer
            .write(&batch)
            .map_err(|source| write_error(&self.path, source))?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Completes the file and returns how many rows it has.
    pub(super) fn finish(self) -> Result<u64, Error> {
        let file = self
            .writer
            .into_inner()
            .map_err(|source| write_error(&self.path, source))?;
        file.commit()?;
        Ok(self.rows)
    }

    /// Completes an empty table with row groups that `fill` makes by their numbers, as many at a time as there are
    /// threads. `appended` hears of each as it goes into the file, in order.
    pub(super) fn finish_with_groups(
        self,
        count: usize,
        fill: impl Fn(usize, &mut Group) -> Result<(), Error> + Sync,
        appended: &mut dyn FnMut(usize),
    ) -> Result<(), Error> {
        let failed = |source| write_error(&self.path, source);
        let (mut file, factory) = self.writer.into_serialized_writer().map_err(failed)?;
        let encode = |number: usize| {
            let columns = factory.create_column_writers(number).map_err(failed)?;
            let (schema, path) = (Arc::clone(&self.schema), self.path.clone());
            let mut group = Group {
                columns,
                schema,
                path,
            };
            fill(number, &mut group)?;
            let chunks = group.columns.into_iter().map(ArrowColumnWriter::close);
            chunks.collect::<Result<Vec<_>, _>>().map_err(failed)
        };
        let at_once = rayon::current_num_threads();
        for first in (0..count).step_by(at_once) {
            let numbers = first..count.min(first + at_once);
            let groups: Vec<_> = numbers.clone().into_par_iter().map(encode).collect();
            for (number, chunks) in numbers.zip(groups) {
                let mut group = file.next_row_group().map_err(failed)?;
                for chunk in chunks? {
                    chunk.append_to_row_group(&mut group).map_err(failed)?;
                }
                group.close().map_err(failed)?;
                appended(number);
            }
        }
        file.into_inner().map_err(failed)?.commit()
    }
}

/// A row group being encoded.
#[derive(Debug)]
pub(super) struct Group {
    columns: Vec<ArrowColumnWriter>,
    schema: Arc<Schema>,
    path: PathBuf,
}

impl Group {
    pub(super) fn write(&mut self, columns: &[ArrayRef]) -> Result<(), Error> {
        let mut writers = self.columns.iter_mut();
        for (field, column) in self.schema.fields().iter().zip(columns) {
            let leaves = compute_leaves(field, column);
            for leaf in leaves.map_err(|source| write_error(&self.path, source))? {
                let writer = writers
                    .next()
                    .expect("a writer for each leaf of the schema");
                writer
                    .write(&leaf)
                    .map_err(|source| write_error(&self.path, source))?;
            }
        }
        Ok(())
    }
}

/// What all files have in common: compression, statistics per row group, and nothing in the footer that changes from run
/// to run.
pub(super) fn properties(row_group_rows: usize) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_created_by(concat!("crossfade version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(row_group_rows))
        // Ids repeat: let their dictionaries grow large rather than fall back to plain text.
        .set_dictionary_page_size_limit(16 << 20)
}

/// Numbers that seldom repeat, written as differences in as few bits as they need.
pub(super) fn deltas(properties: WriterPropertiesBuilder, column: &str) -> WriterPropertiesBuilder {
    let column = ColumnPath::from(column);
    properties
        .set_column_dictionary_enabled(column.clone(), false)
        .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED)
}

/// Numbers that seldom repeat, written as they are.
pub(super) fn plain(properties: WriterPropertiesBuilder, column: &str) -> WriterPropertiesBuilder {
    properties.set_column_dictionary_enabled(ColumnPath::from(column), false)
}

fn write_error(path: &Path, source: ParquetError) -> Error {
    Error::Write {
        path: path.to_path_buf(),
        source,
    }
}
