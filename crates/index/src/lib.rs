//! Top-k maximum-inner-product retrieval
