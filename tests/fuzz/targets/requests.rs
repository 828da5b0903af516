//! Bytes as every request: decoded, and checked as if they had come from a caller.
#![no_main]

use crossfade::grpc::trial::decode_and_check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decode_and_check(bytes));
