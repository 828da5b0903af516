//! Content embeddings of tracks from typed feature columns
