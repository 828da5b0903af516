//! Arrow IPC files of exactly one record batch, mapped into memory rather than read.

use std::{fs::File, io::BufWriter, panic::AssertUnwindSafe, path::Path, ptr::NonNull, sync::Arc};

use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, LargeListArray, RecordBatch, UInt32Array,
    cast::AsArray,
    types::{Float32Type, UInt32Type},
};
use arrow_buffer::{ArrowNativeType, Buffer, OffsetBuffer, ScalarBuffer};
use arrow_ipc::{
    MetadataVersion,
    convert::fb_to_schema,
    reader::{FileDecoder, read_footer_length},
    root_as_footer,
    writer::{FileWriter, IpcWriteOptions},
};
use arrow_schema::{ArrowError, DataType, Field};
use crossfade_matrix::{Csr, Dense};

use crate::Error;

/// Width to which buffers are aligned, so that mapped numbers can be used where they lie.
const ALIGNMENT: usize = 64;
/// Length of the footer's length and the closing magic.
const TRAILER: usize = 10;

/// Writes `batch` as the whole of a new file and makes it durable.
pub(crate) fn write(path: &Path, batch: &RecordBatch) -> Result<(), Error> {
    let file = File::create_new(path).map_err(Error::io("create", path))?;
    let arrow = |source| Error::Arrow {
        action: "write",
        path: path.to_owned(),
        source,
    };
    let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5).map_err(arrow)?;
    let mut writer =
        FileWriter::try_new_with_options(BufWriter::new(file), &batch.schema(), options)
            .map_err(arrow)?;
    writer.write(batch).map_err(arrow)?;
    writer.finish().map_err(arrow)?;
    let file = writer
        .into_inner()
        .map_err(arrow)?
        .into_inner()
        .map_err(|error| Error::io("write", path)(error.into_error()))?;
    file.sync_all().map_err(Error::io("write", path))
}

/// Maps a file that [`write`] wrote; the batch's buffers point into the map.
pub(crate) fn map(path: &Path) -> Result<RecordBatch, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    #[expect(
        unsafe_code,
        reason = "published files are never written again, and their checksums were just verified"
    )]
    let bytes = unsafe { memmap2::Mmap::map(&file) }.map_err(Error::io("map", path))?;
    decode(Buffer::from(bytes::Bytes::from_owner(bytes))).map_err(Error::arrow("read", path))
}

fn decode(file: Buffer) -> Result<RecordBatch, ArrowError> {
    let incomplete = || ArrowError::IpcError("the file is incomplete".into());
    let trailer = file.len().checked_sub(TRAILER).ok_or_else(incomplete)?;
    let end = <[u8; TRAILER]>::try_from(&file[trailer..]).map_err(|_| incomplete())?;
    let start = trailer
        .checked_sub(read_footer_length(end)?)
        .ok_or_else(incomplete)?;
    let footer = root_as_footer(&file[start..trailer])
        .map_err(|error| ArrowError::IpcError(error.to_string()))?;
    let schema = fb_to_schema(footer.schema().ok_or_else(incomplete)?);
    let decoder = FileDecoder::new(Arc::new(schema), footer.version()).with_require_alignment(true);
    let batches = footer.recordBatches().ok_or_else(incomplete)?;
    let block = batches.iter().next().ok_or_else(incomplete)?;
    let length = block.bodyLength() as usize + block.metaDataLength() as usize;
    let offset = block.offset() as usize;
    if offset
        .checked_add(length)
        .is_none_or(|end| end > file.len())
    {
        return Err(incomplete());
    }
    decoder
        .read_record_batch(block, &file.slice_with_length(offset, length))?
        .ok_or_else(incomplete)
}

/// The same numbers as Arrow sees them, not copied: of a large model there is no room for two.
fn shared<T: ArrowNativeType>(numbers: &crossfade_matrix::Buffer<T>) -> ScalarBuffer<T>
where
    crossfade_matrix::Buffer<T>: Send + Sync + 'static,
{
    let (start, bytes) = (
        NonNull::from_ref(&**numbers).cast(),
        size_of_val(&**numbers),
    );
    let owner = Arc::new(AssertUnwindSafe(numbers.clone()));
    #[expect(
        unsafe_code,
        reason = "the clone keeps the numbers alive where they are, and nobody can change them"
    )]
    let buffer = unsafe { Buffer::from_custom_allocation(start, bytes, owner) };
    buffer.into()
}

/// A column of one vector per row.
pub(crate) fn vectors(matrix: &Dense) -> Result<FixedSizeListArray, ArrowError> {
    let item = Arc::new(Field::new_list_field(DataType::Float32, false));
    let values = Float32Array::new(shared(matrix.buffer()), None);
    let columns = i32::try_from(matrix.columns())
        .map_err(|_| ArrowError::InvalidArgumentError("vectors are too long".into()))?;
    FixedSizeListArray::try_new_with_length(item, columns, Arc::new(values), None, matrix.rows())
}

/// The column of vectors called `name`, in place.
pub(crate) fn dense(batch: &RecordBatch, name: &str) -> Result<Dense, ArrowError> {
    let column = column(batch, name)?
        .as_fixed_size_list_opt()
        .ok_or_else(|| wrong_type(name))?;
    let values = column
        .values()
        .as_primitive_opt::<Float32Type>()
        .ok_or_else(|| wrong_type(name))?
        .values()
        .clone();
    let columns = column.value_length() as usize;
    if values.len() != column.len() * columns {
        return Err(wrong_type(name));
    }
    Ok(Dense::new(
        column.len(),
        columns,
        crossfade_matrix::Buffer::shared(values),
    ))
}

/// Two list columns, indices and values, with one list per row.
pub(crate) fn sparse_columns(matrix: &Csr) -> Result<[LargeListArray; 2], ArrowError> {
    let offsets = offsets(matrix);
    let (indices, values) = matrix.buffers();
    let indices = UInt32Array::new(shared(indices), None);
    let values = Float32Array::new(shared(values), None);
    Ok([
        list(&offsets, Arc::new(indices))?,
        list(&offsets, Arc::new(values))?,
    ])
}

/// A further list column: a number for each entry of the matrix.
pub(crate) fn list_column(
    matrix: &Csr,
    numbers: &crossfade_matrix::Buffer<u32>,
) -> Result<LargeListArray, ArrowError> {
    let numbers = UInt32Array::new(shared(numbers), None);
    list(&offsets(matrix), Arc::new(numbers))
}

fn offsets(matrix: &Csr) -> OffsetBuffer<i64> {
    let offsets = matrix.offsets().iter().map(|&offset| offset as i64);
    OffsetBuffer::new(ScalarBuffer::from_iter(offsets))
}

fn list(offsets: &OffsetBuffer<i64>, values: ArrayRef) -> Result<LargeListArray, ArrowError> {
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), false));
    LargeListArray::try_new(item, offsets.clone(), values, None)
}

/// The numbers of a list column, in place; nothing where there is no such column.
pub(crate) fn listed(
    batch: &RecordBatch,
    name: &str,
) -> Result<Option<crossfade_matrix::Buffer<u32>>, ArrowError> {
    if batch.column_by_name(name).is_none() {
        return Ok(None);
    }
    let numbers = large_list(batch, name)?.values();
    let numbers = numbers
        .as_primitive_opt::<UInt32Type>()
        .ok_or_else(|| wrong_type(name))?;
    Ok(Some(crossfade_matrix::Buffer::shared(
        numbers.values().clone(),
    )))
}

/// The matrix whose rows are the lists in two columns, in place.
pub(crate) fn sparse(
    batch: &RecordBatch,
    [indices, values]: [&str; 2],
    columns: usize,
) -> Result<Csr, ArrowError> {
    let indices_list = large_list(batch, indices)?;
    let offsets = indices_list.offsets().inner().inner().clone();
    let offsets = ScalarBuffer::<u64>::new(offsets, 0, indices_list.len() + 1);
    let index_values = indices_list
        .values()
        .as_primitive_opt::<UInt32Type>()
        .ok_or_else(|| wrong_type(indices))?
        .values()
        .clone();
    let value_values = large_list(batch, values)?
        .values()
        .as_primitive_opt::<Float32Type>()
        .ok_or_else(|| wrong_type(values))?
        .values()
        .clone();
    Csr::new(
        columns,
        crossfade_matrix::Buffer::shared(offsets),
        crossfade_matrix::Buffer::shared(index_values),
        crossfade_matrix::Buffer::shared(value_values),
    )
    .map_err(|error| ArrowError::ExternalError(Box::new(error)))
}

fn large_list<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a LargeListArray, ArrowError> {
    column(batch, name)?
        .as_list_opt::<i64>()
        .ok_or_else(|| wrong_type(name))
}

/// The column called `name`.
pub(crate) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, ArrowError> {
    batch
        .column_by_name(name)
        .map(AsRef::as_ref)
        .ok_or_else(|| ArrowError::SchemaError(format!("column {name} is missing")))
}

/// The error for a column that has another type than it was written with.
pub(crate) fn wrong_type(name: &str) -> ArrowError {
    ArrowError::SchemaError(format!("column {name} has an unexpected type"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_written_from_where_the_numbers_lie() {
        let matrix = Dense::new(2, 2, vec![1.0, 2.0, 3.0, 4.0]);
        let column = vectors(&matrix).unwrap();
        let values = column.values().as_primitive::<Float32Type>().values();
        assert_eq!(values.as_ptr(), matrix.as_slice().as_ptr());
        // They outlive the matrix.
        drop(matrix);
        assert_eq!(&values[..], [1.0, 2.0, 3.0, 4.0]);

        let sparse = Csr::new(3, vec![0, 1, 2], vec![2, 0], vec![5.0, 6.0]).unwrap();
        let [indices, values] = sparse_columns(&sparse).unwrap();
        let indices = indices.values().as_primitive::<UInt32Type>().values();
        let values = values.values().as_primitive::<Float32Type>().values();
        assert_eq!(indices.as_ptr(), sparse.indices().as_ptr());
        assert_eq!(values.as_ptr(), sparse.values().as_ptr());
    }

    #[test]
    fn matrices_without_rows_make_empty_columns() {
        assert_eq!(vectors(&Dense::zeros(0, 2)).unwrap().len(), 0);
        assert_eq!(sparse_columns(&Csr::empty()).unwrap()[0].len(), 0);
    }
}
