use arrow_array::{
    ArrayRef, BinaryArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, LargeStringArray, StringArray,
    StringViewArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
    types::{Int8Type, UInt16Type},
};

use super::fixtures::{Files, array, int, text};
use crate::{Error, PlayOptions, Reason};

fn users(ids: ArrayRef) -> Vec<String> {
    let rows = ids.len();
    let files = Files::of(&[("user_id", ids), ("track_id", int(vec![1; rows]))]);
    let log = files.plays(&PlayOptions::default()).unwrap();
    log.users.iter().map(String::from).collect()
}

#[test]
fn ids_of_every_type_are_the_same_ids() {
    let texts = ["7", "12", "7"];
    let dictionary: DictionaryArray<Int8Type> = texts.into_iter().collect();
    let wide: DictionaryArray<UInt16Type> = texts.into_iter().collect();
    let ids: Vec<ArrayRef> = vec![
        array(StringArray::from(texts.to_vec())),
        array(LargeStringArray::from(texts.to_vec())),
        array(StringViewArray::from(texts.to_vec())),
        array(dictionary),
        array(wide),
        array(BinaryArray::from(vec![b"7".as_slice(), b"12", b"7"])),
        array(Int8Array::from(vec![7, 12, 7])),
        array(Int16Array::from(vec![7, 12, 7])),
        array(Int32Array::from(vec![7, 12, 7])),
        int([7, 12, 7]),
        array(UInt8Array::from(vec![7, 12, 7])),
        array(UInt16Array::from(vec![7, 12, 7])),
        array(UInt32Array::from(vec![7, 12, 7])),
        array(UInt64Array::from(vec![7, 12, 7])),
        array(
            Decimal128Array::from(vec![7, 12, 7])
                .with_precision_and_scale(20, 0)
                .unwrap(),
        ),
    ];
    for ids in ids {
        let found = ids.data_type().clone();
        assert_eq!(users(ids), ["7", "12"], "{found}");
    }
}

#[test]
fn integer_ids_keep_every_digit_and_sign() {
    assert_eq!(
        users(array(UInt64Array::from(vec![u64::MAX, 0]))),
        [u64::MAX.to_string(), "0".into()]
    );
    assert_eq!(
        users(int([i64::MIN, -1])),
        [i64::MIN.to_string(), "-1".into()]
    );
}

#[test]
fn binary_ids_that_are_not_text_are_counted() {
    let ids = array(BinaryArray::from(vec![b"\xff".as_slice(), b"ok"]));
    let files = Files::of(&[
        ("user_id", ids.clone()),
        (
            "track_id",
            array(BinaryArray::from(vec![b"t".as_slice(), b"\xc3("])),
        ),
    ]);
    let error = files.plays(&PlayOptions::default()).unwrap_err();
    let Error::Empty { report, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(report.count(Reason::UserIdNotUtf8), 1);
    assert_eq!(report.count(Reason::TrackIdNotUtf8), 1);
}

#[test]
fn times_of_every_type_are_the_same_time() {
    // 2023-11-14 22:13:20, and the start of that day for dates.
    let (time, day) = (1_700_000_000_i64, 19_675_i32);
    let exact: Vec<ArrayRef> = vec![
        array(TimestampSecondArray::from(vec![time])),
        array(TimestampMillisecondArray::from(vec![time * 1_000 + 999])),
        array(TimestampMicrosecondArray::from(vec![time * 1_000_000]).with_timezone("+05:00")),
        array(TimestampNanosecondArray::from(vec![time * 1_000_000_000 + 1]).with_timezone("UTC")),
        int([time]),
        int([time * 1_000]),
        array(UInt32Array::from(vec![time as u32])),
        array(Int32Array::from(vec![time as i32])),
        array(Float64Array::from(vec![time as f64 + 0.5])),
    ];
    let dates: Vec<ArrayRef> = vec![
        array(Date32Array::from(vec![day])),
        array(Date64Array::from(vec![i64::from(day) * 86_400_000])),
    ];
    let cases = exact.into_iter().map(|times| (times, time)).chain(
        dates
            .into_iter()
            .map(|times| (times, i64::from(day) * 86_400)),
    );
    for (times, expected) in cases {
        let found = times.data_type().clone();
        let files = Files::of(&[
            ("user_id", int([1])),
            ("track_id", int([1])),
            ("played_at", times),
        ]);
        let options = PlayOptions {
            half_life_days: Some(1.0),
            ..Default::default()
        };
        let log = files.plays(&options).unwrap();
        assert_eq!(log.last_played, Some(vec![expected as u32]), "{found}");
        assert_eq!(log.strengths.values(), [1.0], "{found}");
    }
}

#[test]
fn counts_of_every_type_are_the_same_count() {
    let counts: Vec<ArrayRef> = vec![
        array(Int8Array::from(vec![3])),
        array(UInt64Array::from(vec![3])),
        array(Float32Array::from(vec![3.0])),
        array(Float64Array::from(vec![3.0])),
        array(
            Decimal128Array::from(vec![300])
                .with_precision_and_scale(10, 2)
                .unwrap(),
        ),
    ];
    for counts in counts {
        let found = counts.data_type().clone();
        let files = Files::of(&[
            ("user_id", int([1])),
            ("track_id", int([1])),
            ("play_count", counts),
        ]);
        assert_eq!(
            files
                .plays(&PlayOptions::default())
                .unwrap()
                .strengths
                .values(),
            [3.0],
            "{found}"
        );
    }
}

#[test]
fn a_wrong_type_is_named_with_file_column_and_remedy() {
    let cases = [
        (
            "user_id",
            array(Float64Array::from(vec![1.0])),
            "column \"user_id\" of",
        ),
        (
            "played_at",
            text(["2024-05-01"]),
            "is Utf8, expected a timestamp, a date or",
        ),
        (
            "play_count",
            text(["3"]),
            "is Utf8, expected a numeric type; cast the column",
        ),
        (
            "skipped",
            array(Date32Array::from(vec![1])),
            "is Date32, expected boolean or",
        ),
    ];
    for (column, values, expected) in cases {
        let mut columns = vec![("user_id", int([1])), ("track_id", int([1]))];
        columns.retain(|(name, _)| *name != column);
        columns.push((column, values));
        let error = Files::of(&columns)
            .plays(&PlayOptions::default())
            .unwrap_err();
        assert!(matches!(error, Error::WrongType { .. }), "{error}");
        let message = error.to_string();
        assert!(
            message.contains(expected) && message.contains("data.parquet"),
            "{message}"
        );
    }
}
