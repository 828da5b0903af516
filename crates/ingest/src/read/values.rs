use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, ListArray, PrimitiveArray,
    cast::AsArray,
    types::{
        ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, Float16Type, Float32Type,
        Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
        TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
        UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::{DataType, TimeUnit};

use super::{
    labels::{Label, Labels},
    times::{self, Clock},
};

/// Any numeric or boolean array as `f64`. Exact up to 2^53.
///
/// # Panics
///
/// If the array is neither.
pub(super) fn numbers(array: &ArrayRef) -> Float64Array {
    fn cast<T: ArrowPrimitiveType>(
        array: &ArrayRef,
        convert: impl Fn(T::Native) -> f64,
    ) -> Float64Array {
        array.as_primitive::<T>().unary(convert)
    }
    match array.data_type() {
        DataType::Boolean => {
            let flags = array.as_boolean();
            let values: Vec<f64> = flags
                .values()
                .iter()
                .map(|flag| f64::from(u8::from(flag)))
                .collect();
            Float64Array::new(values.into(), flags.nulls().cloned())
        }
        DataType::Int8 => cast::<Int8Type>(array, f64::from),
        DataType::Int16 => cast::<Int16Type>(array, f64::from),
        DataType::Int32 => cast::<Int32Type>(array, f64::from),
        DataType::Int64 => cast::<Int64Type>(array, |value| value as f64),
        DataType::UInt8 => cast::<UInt8Type>(array, f64::from),
        DataType::UInt16 => cast::<UInt16Type>(array, f64::from),
        DataType::UInt32 => cast::<UInt32Type>(array, f64::from),
        DataType::UInt64 => cast::<UInt64Type>(array, |value| value as f64),
        DataType::Float16 => cast::<Float16Type>(array, |value| value.to_f64()),
        DataType::Float32 => cast::<Float32Type>(array, f64::from),
        DataType::Float64 => array.as_primitive::<Float64Type>().clone(),
        DataType::Decimal128(_, scale) => {
            let unit = 10_f64.powi(-i32::from(*scale));
            cast::<Decimal128Type>(array, |value| value as f64 * unit)
        }
        other => unreachable!("{other} is not numeric"),
    }
}

/// A number per row, `None` where it is null.
pub(super) fn at(numbers: &Float64Array, row: usize) -> Option<f64> {
    numbers.is_valid(row).then(|| numbers.value(row))
}

/// Any array of times as seconds since 1970. Times that are too large or not finite become `i64::MIN`.
///
/// # Panics
///
/// If the array is neither a time nor numeric.
pub(super) fn seconds(array: &ArrayRef) -> Int64Array {
    instants(array, Clock::seconds)
}

/// The same in milliseconds.
pub(super) fn milliseconds(array: &ArrayRef) -> Int64Array {
    instants(array, Clock::milliseconds)
}

fn instants(array: &ArrayRef, of: fn(Clock, i64) -> i64) -> Int64Array {
    let clock = Clock::of(array.data_type());
    let convert = |raw| of(clock, raw);
    match array.data_type() {
        DataType::Date32 => array
            .as_primitive::<Date32Type>()
            .unary(|raw| convert(raw.into())),
        DataType::Date64 => ticks::<Date64Type>(array, convert),
        DataType::Timestamp(TimeUnit::Second, _) => ticks::<TimestampSecondType>(array, convert),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            ticks::<TimestampMillisecondType>(array, convert)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            ticks::<TimestampMicrosecondType>(array, convert)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            ticks::<TimestampNanosecondType>(array, convert)
        }
        DataType::Int64 => ticks::<Int64Type>(array, convert),
        _ => numbers(array).unary(|raw| {
            let fits = raw.abs() < i64::MAX as f64;
            if fits {
                convert(raw.floor() as i64)
            } else {
                i64::MIN
            }
        }),
    }
}

fn ticks<T: ArrowPrimitiveType<Native = i64>>(
    array: &ArrayRef,
    convert: impl Fn(i64) -> i64,
) -> Int64Array {
    let array: &PrimitiveArray<T> = array.as_primitive();
    array.unary(convert)
}

/// Years of a column that [`Kind::Year`](super::kind::Kind::Year) accepts.
#[derive(Debug)]
pub(super) enum Years {
    Numbers(Float64Array),
    Times(Int64Array),
    Texts(Labels),
}

impl Years {
    pub(super) fn new(array: &ArrayRef) -> Self {
        match array.data_type() {
            DataType::Utf8 | DataType::Binary => Self::Texts(Labels::new(array)),
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _) => {
                Self::Times(seconds(array))
            }
            _ => Self::Numbers(numbers(array)),
        }
    }

    /// The year at `row`: `Ok(None)` if it is null, `Err` if it is no year between 1000 and 2999.
    pub(super) fn get(&self, row: usize) -> Result<Option<i16>, ()> {
        let year = match self {
            Self::Numbers(numbers) => at(numbers, row).map(f64::trunc),
            Self::Times(seconds) => seconds
                .is_valid(row)
                .then(|| times::year(seconds.value(row)) as f64),
            Self::Texts(texts) => match texts.get(row, &mut String::new()) {
                Label::Missing | Label::Text("") => None,
                Label::NotUtf8 => return Err(()),
                Label::Text(text) => Some(leading_year(text).ok_or(())?),
            },
        };
        match year {
            None => Ok(None),
            Some(year) if (1000.0..3000.0).contains(&year) => Ok(Some(year as i16)),
            Some(_) => Err(()),
        }
    }
}

/// The four digits that a date such as `1999-05-01` starts with.
fn leading_year(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.get(..4)?;
    let ends = !text.as_bytes().get(4).is_some_and(u8::is_ascii_digit);
    let year = digits.bytes().all(|byte| byte.is_ascii_digit()) && ends;
    year.then(|| digits.parse().ok())?
}

/// Tags of a column that [`Kind::Tags`](super::kind::Kind::Tags) accepts.
#[derive(Debug)]
pub(super) enum Tags {
    Joined(Labels),
    Lists(ListArray, Labels),
}

impl Tags {
    pub(super) fn new(array: &ArrayRef) -> Self {
        match array.as_list_opt::<i32>() {
            Some(lists) => Self::Lists(lists.clone(), Labels::new(lists.values())),
            None => Self::Joined(Labels::new(array)),
        }
    }

    /// Replaces `into` with the tags at `row`: trimmed, none empty, none twice. `Err` if one is not UTF-8; the others
    /// are there.
    pub(super) fn get(&self, row: usize, into: &mut Vec<String>) -> Result<(), ()> {
        into.clear();
        let mut scratch = String::new();
        let mut outcome = Ok(());
        let mut add = |label: Label<'_>, split: bool| match label {
            Label::Missing => {}
            Label::NotUtf8 => outcome = Err(()),
            Label::Text(text) if split => text.split(',').for_each(|tag| add_tag(tag, into)),
            Label::Text(text) => add_tag(text, into),
        };
        match self {
            Self::Joined(texts) => add(texts.get(row, &mut scratch), true),
            Self::Lists(lists, elements) => {
                for at in span(lists, row) {
                    add(elements.get(at, &mut scratch), false);
                }
            }
        }
        outcome
    }
}

fn add_tag(tag: &str, tags: &mut Vec<String>) {
    let tag = tag.trim();
    if !tag.is_empty() && !tags.iter().any(|other| other == tag) {
        tags.push(tag.to_owned());
    }
}

/// Vectors of a column that [`Kind::Vector`](super::kind::Kind::Vector) accepts.
#[derive(Debug)]
pub(super) struct Vectors {
    lists: ListArray,
    numbers: Float64Array,
}

impl Vectors {
    pub(super) fn new(array: &ArrayRef) -> Self {
        let lists = array.as_list::<i32>().clone();
        let numbers = numbers(lists.values());
        Self { lists, numbers }
    }

    /// The vector at `row`, `None` if it is null or empty. Null numbers are NaN.
    pub(super) fn get(&self, row: usize) -> Option<impl ExactSizeIterator<Item = f32>> {
        let span = span(&self.lists, row);
        let value = |index| at(&self.numbers, index).map_or(f32::NAN, |value| value as f32);
        (!span.is_empty()).then(|| span.map(value))
    }
}

/// Where the elements of the list at `row` are; an empty range if the list is null.
pub(super) fn span(lists: &ListArray, row: usize) -> std::ops::Range<usize> {
    if lists.is_null(row) {
        return 0..0;
    }
    let offsets = lists.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_four_leading_digits_are_a_year() {
        assert_eq!(leading_year("1999-05-01"), Some(1999.0));
        assert_eq!(leading_year(" 1999 "), Some(1999.0));
        for text in ["99", "19995", "May 1999", "19é9", ""] {
            assert_eq!(leading_year(text), None, "{text}");
        }
    }
}
