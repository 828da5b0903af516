//! Promises that users of the whole system rely on, checked on the real program. Each module is one kind of promise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// What serving does while bundles are exchanged.
mod activation;
/// What becomes of tracks that are new since the training.
mod adding;
/// What the page about a catalogue holds.
mod analysis;
/// Crates depend on each other only downwards.
mod arrows;
/// What a list may be asked to be: like seeds, varied, known or obscure, within rules, explained; and how lists compare.
mod asking;
/// Trainings that are killed, interrupted, taken up again, or have learned enough.
mod checkpoint;
/// What the service says of itself, and how it ends.
mod contract;
/// What is left after a killed training or a flipped bit.
mod damage;
/// What measuring rankings finds, and the page about it.
mod evaluation;
/// Rankings compared while serving: who sees which, what is kept of it, and what reports find.
mod experiments;
/// Running the program, and a world to run it on.
mod harness;
/// Labels that are predicted by how tracks sound.
mod labels;
/// What malformed requests are told.
mod malformed;
/// Serving under load: overload, restarts, exchanges and callers that go away; and what is told of it.
mod operations;
/// Playlists, and what is known of a track.
mod playlists;
/// What the rankings are worth.
mod quality;
/// Plays that are reported: kept, each once, counted in answers and read by trainings.
mod recording;
/// How tracks are found: filters, paths, callers at once, and the recall of graphs.
mod retrieval;
/// What `data/` is.
mod sample;
/// What batch scoring writes.
mod scoring;
/// Who is let in, and what becomes of bytes that are no requests.
mod security;
/// Many requests over one stream.
mod streaming;
/// What collectors of traces are sent.
mod traces;
/// What a search finds, and what is left of one that was killed.
mod tuning;
