use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    basic::{Compression, Encoding, ZstdLevel},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder},
    schema::types::ColumnPath,
};

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
