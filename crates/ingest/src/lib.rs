//! Parquet in and out
