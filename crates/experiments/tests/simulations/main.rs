//! What the statistics promise, on simulated experiments whose truth is known.
//!
//! Each runs a few hundred experiments here; `SIMULATIONS=2000 cargo test --release -p crossfade-experiments --test simulations --
//! --nocapture` runs as many as ARCHITECTURE.md has figures of.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "figures for ARCHITECTURE.md")]

/// Values of a policy that never served.
mod off_policy;
/// False alarms, found effects, and how many users that takes.
mod sequential;
/// Listeners who play what they are shown.
mod world;

/// How many experiments to simulate.
fn simulations(few: usize) -> usize {
    let given = std::env::var("SIMULATIONS");
    given.map_or(few, |count| count.parse().unwrap())
}

/// How often something happened, and the most that a chance of `share` would do in all but one of 10,000 runs: 3.72 standard
/// errors of a binomial.
fn bound(share: f64, of: usize) -> f64 {
    share + 3.72 * (share * (1.0 - share) / of as f64).sqrt()
}

/// The middle of some numbers.
fn median(mut numbers: Vec<usize>) -> usize {
    numbers.sort_unstable();
    numbers[numbers.len() / 2]
}
