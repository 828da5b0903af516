use std::{fmt::Write, str};

use arrow_array::{
    Array, ArrayRef, BinaryArray, Decimal128Array, Int32Array, Int64Array, StringArray,
    UInt64Array,
    cast::AsArray,
    types::{
        Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::DataType;
use crossfade_catalog::Vocab;
use rayon::prelude::*;

/// The longest id accepted, in bytes.
pub(super) const LONGEST_ID: usize = 256;

/// A batch of ids or names.
#[derive(Debug, Clone)]
pub(super) enum Labels {
    Text(StringArray),
    Dictionary {
        keys: Int32Array,
        values: StringArray,
    },
    Bytes(BinaryArray),
    Signed(Int64Array),
    Unsigned(UInt64Array),
    Decimal(Decimal128Array),
}

/// One id or name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Label<'a> {
    Missing,
    NotUtf8,
    Text(&'a str),
}

impl Labels {
    /// # Panics
    ///
    /// If [`Kind::Label`](super::kind::Kind::Label) does not accept the array's type.
    pub(super) fn new(array: &ArrayRef) -> Self {
        match array.data_type() {
            DataType::Utf8 => Self::Text(array.as_string().clone()),
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_dictionary::<Int32Type>();
                Self::Dictionary {
                    keys: dictionary.keys().clone(),
                    values: dictionary.values().as_string().clone(),
                }
            }
            DataType::Binary => Self::Bytes(array.as_binary().clone()),
            DataType::Int8 => Self::Signed(array.as_primitive::<Int8Type>().unary(i64::from)),
            DataType::Int16 => Self::Signed(array.as_primitive::<Int16Type>().unary(i64::from)),
            DataType::Int32 => Self::Signed(array.as_primitive::<Int32Type>().unary(i64::from)),
            DataType::Int64 => Self::Signed(array.as_primitive::<Int64Type>().clone()),
            DataType::UInt8 => Self::Unsigned(array.as_primitive::<UInt8Type>().unary(u64::from)),
            DataType::UInt16 => Self::Unsigned(array.as_primitive::<UInt16Type>().unary(u64::from)),
            DataType::UInt32 => Self::Unsigned(array.as_primitive::<UInt32Type>().unary(u64::from)),
            DataType::UInt64 => Self::Unsigned(array.as_primitive::<UInt64Type>().clone()),
            DataType::Decimal128(_, 0) => Self::Decimal(array.as_primitive().clone()),
            other => unreachable!("{other} is not a label"),
        }
    }

    /// The label at `row`; numbers are written into `scratch`.
    pub(super) fn get<'a>(&'a self, row: usize, scratch: &'a mut String) -> Label<'a> {
        if self.is_null(row) {
            return Label::Missing;
        }
        match self {
            Self::Text(texts) => Label::Text(texts.value(row)),
            Self::Dictionary { keys, values } => match keys.value(row) as usize {
                // The decoder lets keys into an empty dictionary pass.
                key if key >= values.len() || values.is_null(key) => Label::Missing,
                key => Label::Text(values.value(key)),
            },
            Self::Bytes(bytes) => match str::from_utf8(bytes.value(row)) {
                Ok(text) => Label::Text(text),
                Err(_) => Label::NotUtf8,
            },
            Self::Signed(numbers) => decimal(numbers.value(row), scratch),
            Self::Unsigned(numbers) => decimal(numbers.value(row), scratch),
            Self::Decimal(numbers) => decimal(numbers.value(row), scratch),
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Text(array) => array.is_null(row),
            Self::Dictionary { keys, .. } => keys.is_null(row),
            Self::Bytes(array) => array.is_null(row),
            Self::Signed(array) => array.is_null(row),
            Self::Unsigned(array) => array.is_null(row),
            Self::Decimal(array) => array.is_null(row),
        }
    }
}

fn decimal(number: impl std::fmt::Display, scratch: &mut String) -> Label<'_> {
    scratch.clear();
    write!(scratch, "{number}").expect("writing to a string does not fail");
    Label::Text(scratch)
}

/// Why an id cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadId {
    Missing,
    TooLong,
    NotUtf8,
}

/// Turns the ids of one column into indices, batch after batch.
///
/// Looking up a string costs a hash and, in a large vocabulary, three cache misses. So the ids of a batch that are known
/// already are all looked up at once, by all threads, and where ids are dictionary-encoded once per dictionary. Only new
/// ones are left for their rows' turn.
#[derive(Debug)]
pub(super) struct IdCursor {
    labels: Labels,
    scratch: String,
    last: Option<u32>,
    /// Index of every entry of the dictionary, or of every row where there is none, else `UNSEEN`.
    seen: Vec<u32>,
}

const UNSEEN: u32 = u32::MAX;
/// Ids a thread looks up in one go.
const LOOKUPS: usize = 1 << 12;

impl Default for IdCursor {
    fn default() -> Self {
        Self {
            labels: Labels::Text(StringArray::new_null(0)),
            scratch: String::new(),
            last: None,
            seen: Vec::new(),
        }
    }
}

impl IdCursor {
    /// Moves on to the next batch, of whose ids some may be in `vocab`. Always the same `vocab`.
    pub(super) fn load(&mut self, array: &ArrayRef, vocab: &Vocab) {
        let labels = Labels::new(array);
        match &labels {
            Labels::Dictionary { values, .. } => {
                let same = matches!(&self.labels, Labels::Dictionary { values: before, .. } if same_memory(before, values));
                if !same {
                    self.look_up(&Labels::Text(values.clone()), values.len(), vocab);
                }
            }
            _ => self.look_up(&labels, array.len(), vocab),
        }
        self.labels = labels;
    }

    fn look_up(&mut self, labels: &Labels, count: usize, vocab: &Vocab) {
        self.seen.clear();
        self.seen.resize(count, UNSEEN);
        let chunks = self.seen.par_chunks_mut(LOOKUPS).enumerate();
        chunks.for_each(|(chunk, seen)| {
            let mut scratch = String::new();
            for (at, index) in (chunk * LOOKUPS..).zip(seen) {
                if let Label::Text(id) = labels.get(at, &mut scratch)
                    && let Some(known) = vocab.index_of(id)
                {
                    *index = known;
                }
            }
        });
    }

    /// Whether the id at `row` can be used.
    pub(super) fn check(&mut self, row: usize) -> Result<(), BadId> {
        if let Some(key) = self.key(row)
            && self.seen[key] != UNSEEN
        {
            return Ok(());
        }
        match self.labels.get(row, &mut self.scratch) {
            Label::Missing | Label::Text("") => Err(BadId::Missing),
            Label::NotUtf8 => Err(BadId::NotUtf8),
            Label::Text(id) if id.len() > LONGEST_ID => Err(BadId::TooLong),
            Label::Text(_) => Ok(()),
        }
    }

    /// The index of the id at `row`, which is added to `vocab` if it is new. Always the same `vocab`.
    ///
    /// # Panics
    ///
    /// If [`check`](Self::check) refuses the id.
    pub(super) fn intern(&mut self, row: usize, vocab: &mut Vocab) -> u32 {
        let key = self.key(row);
        if let Some(key) = key
            && self.seen[key] != UNSEEN
        {
            return self.seen[key];
        }
        let Label::Text(id) = self.labels.get(row, &mut self.scratch) else {
            unreachable!("a missing id was not refused");
        };
        let index = match self.last {
            Some(last) if vocab.id(last) == id => last,
            _ => vocab.intern(id),
        };
        if let Some(key) = key {
            self.seen[key] = index;
        }
        self.last = Some(index);
        index
    }

    /// Where `seen` tells of the id at `row`.
    fn key(&self, row: usize) -> Option<usize> {
        match &self.labels {
            Labels::Dictionary { keys, .. } if keys.is_null(row) => None,
            Labels::Dictionary { keys, .. } => Some(keys.value(row) as usize),
            _ => Some(row),
        }
        .filter(|&key| key < self.seen.len())
    }
}

/// Whether two arrays are views of the same memory. The earlier one is still alive, so equal addresses mean equal contents.
fn same_memory(a: &StringArray, b: &StringArray) -> bool {
    a.len() == b.len()
        && a.offsets().as_ptr() == b.offsets().as_ptr()
        && a.values().as_ptr() == b.values().as_ptr()
        && a.nulls().map(|nulls| nulls.inner().values().as_ptr())
            == b.nulls().map(|nulls| nulls.inner().values().as_ptr())
}
