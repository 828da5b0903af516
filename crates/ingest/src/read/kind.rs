use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, StringArray, new_null_array,
    types::Int32Type,
};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;

use super::times;

/// What a column holds, which decides the types it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ids and names: text or integers.
    Label,
    /// Any number, or boolean.
    Number,
    /// A point in time.
    Time,
    /// Yes or no.
    Flag,
    /// A year, or something that has one.
    Year,
    /// A list of texts, or a text with commas.
    Tags,
    /// A list of numbers.
    Vector,
}

impl Kind {
    /// Whether a column of that type can be read as this kind.
    pub(super) fn accepts(self, found: &DataType) -> bool {
        match self {
            Self::Label => is_label(found),
            Self::Number | Self::Flag => is_number(found),
            Self::Time => is_time(found) || is_plain_number(found),
            Self::Year => is_time(found) || is_plain_number(found) || is_text(found),
            Self::Tags => is_text(found) || element(found).is_some_and(is_text),
            Self::Vector => element(found).is_some_and(is_number),
        }
    }

    /// The types this kind accepts, for people.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Label => "text or an integer type",
            Self::Number => "a numeric type",
            Self::Time => "a timestamp, a date or a number of seconds or milliseconds since 1970",
            Self::Flag => "boolean or a numeric type",
            Self::Year => "a number, a date, a timestamp or text that starts with the year",
            Self::Tags => "a list of texts or text with commas",
            Self::Vector => "a list of numbers",
        }
    }

    /// What to do about a column of another type.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Label => "cast the column to text, or name another one",
            Self::Number | Self::Flag | Self::Vector => {
                "cast the column, name another one, or leave it out"
            }
            Self::Time => "cast the column to a timestamp, name another one, or leave it out",
            Self::Year | Self::Tags => "cast the column to text, name another one, or leave it out",
        }
    }

    /// `rows` times the value that a directory's name gives; `None` if it is not of this kind.
    pub(super) fn constant(self, value: Option<&str>, rows: usize) -> Option<ArrayRef> {
        let Some(text) = value else {
            let empty = match self {
                Self::Label | Self::Year | Self::Tags => DataType::Utf8,
                Self::Number | Self::Flag => DataType::Float64,
                Self::Time => DataType::Int64,
                Self::Vector => return None,
            };
            return Some(new_null_array(&empty, rows));
        };
        Some(match self {
            Self::Label => {
                let names = Arc::new(StringArray::from(vec![text]));
                Arc::new(DictionaryArray::<Int32Type>::new(
                    vec![0; rows].into(),
                    names,
                ))
            }
            Self::Year | Self::Tags => Arc::new(StringArray::from(vec![text; rows])),
            Self::Number => Arc::new(Float64Array::from(vec![text.parse::<f64>().ok()?; rows])),
            Self::Time => Arc::new(Int64Array::from(vec![times::parse(text)?; rows])),
            Self::Flag => {
                let value = match text.to_ascii_lowercase().as_str() {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => return None,
                };
                let values = if value {
                    BooleanBuffer::new_set(rows)
                } else {
                    BooleanBuffer::new_unset(rows)
                };
                Arc::new(BooleanArray::new(values, None))
            }
            Self::Vector => return None,
        })
    }
}

fn is_text(found: &DataType) -> bool {
    matches!(found, DataType::Utf8 | DataType::Binary)
}

fn is_label(found: &DataType) -> bool {
    is_text(found) || found.is_integer() || matches!(found, DataType::Decimal128(_, 0))
}

fn is_plain_number(found: &DataType) -> bool {
    found.is_integer() || found.is_floating() || matches!(found, DataType::Decimal128(_, _))
}

fn is_number(found: &DataType) -> bool {
    is_plain_number(found) || *found == DataType::Boolean
}

fn is_time(found: &DataType) -> bool {
    matches!(
        found,
        DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64
    )
}

fn element(found: &DataType) -> Option<&DataType> {
    // Parquet has one list type; the arrow variants of it only appear when a file's arrow schema is honoured, and it is not.
    match found {
        DataType::List(field) => Some(field.data_type()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;

    use super::*;

    #[test]
    fn partition_values_of_another_kind_are_refused() {
        assert!(Kind::Number.constant(Some("12.5"), 2).is_some());
        assert!(Kind::Number.constant(Some("many"), 2).is_none());
        assert!(Kind::Flag.constant(Some("True"), 2).is_some());
        assert!(Kind::Flag.constant(Some("maybe"), 2).is_none());
        assert!(Kind::Time.constant(Some("2024-02-30x"), 2).is_none());
        assert!(Kind::Vector.constant(Some("1,2"), 2).is_none());
        assert_eq!(
            Kind::Number
                .constant(None, 2)
                .map(|array| array.null_count()),
            Some(2)
        );
    }
}
