//! Checks every field of a request once, here, and speaks the domain's language from then on.

mod audience;
mod checks;
mod events;
mod experiments;
mod filters;
pub mod limits;
mod playlist;
mod reports;
mod requests;
mod responses;
mod rules;
mod times;
#[cfg(any(fuzzing, test))]
#[allow(unreachable_pub, reason = "a fuzzer reaches it")]
pub mod trial;

pub(super) use audience::{Audience, Recorded, Resolved};
pub(super) use events::{Reported, events};
pub(super) use experiments::{Enrolment, Interleave, assign, report};
pub(super) use filters::unknown_names;
pub(super) use playlist::{Generate, playlist};
pub(super) use reports::{experiment_report, team};
pub(super) use requests::{
    Compare, Order, Rank, Recommend, Similar, describe, neighbors, page, stream_id, version,
};
pub(super) use responses::{basis, components, explained, path, ranked, ranking, retrieval};
pub(super) use times::now_ms;

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::Path,
        time::{Duration, Instant},
    };

    use prost::Message;
    use rand::{Rng, RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::pb;

    /// Bytes with some changed, inserted, repeated or cut off.
    fn mutilated(bytes: &[u8], random: &mut impl Rng) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..random.random_range(1..=6) {
            let at = random.random_range(0..=bytes.len());
            match random.random_range(0..4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, random.random()),
                2 => bytes.extend_from_within(at..),
                _ if at < bytes.len() => bytes[at] = random.random(),
                _ => {}
            }
            bytes.truncate(100_000);
        }
        bytes
    }

    fn samples() -> Vec<Vec<u8>> {
        let plays = vec![pb::Play {
            track_id: "trk_00001".into(),
            play_count: Some(3),
            played_at: Some(prost_types::Timestamp::default()),
        }];
        let filter = pb::TrackFilter {
            genres: vec!["techno".into()],
            min_year: Some(1990),
            explicit: Some(true),
            market: "SE".into(),
            ..Default::default()
        };
        let recommend = pb::RecommendRequest {
            user_id: "usr_00001".into(),
            history: plays.clone(),
            ranking: pb::Ranking::Blend.into(),
            content_weight: Some(0.5),
            limit: Some(20),
            exclude_track_ids: vec!["trk_00002".into()],
            filter: Some(filter),
            ..Default::default()
        };
        let compare = pb::CompareRankingsRequest {
            user_id: "usr_00001".into(),
            history: plays,
            rankings: vec![pb::RankingSpec::default(); 2],
            ..Default::default()
        };
        let record = pb::RecordPlaysRequest {
            events: vec![pb::PlayEvent {
                event_id: "1".into(),
                user_id: "usr_00001".into(),
                track_id: "trk_00001".into(),
                played_at: Some(prost_types::Timestamp::default()),
                ms_played: Some(1),
                play_count: Some(1),
                skipped: true,
                attribution_token: "1.sound.a.1.0123456789abcdef0123456789abcdef.r".into(),
            }],
        };
        let interleave = pb::InterleaveRequest {
            experiment: "sound".into(),
            user_id: "usr_00001".into(),
            request_id: "r".into(),
            first_track_ids: vec!["trk_00001".into()],
            second_track_ids: vec!["trk_00002".into()],
            limit: Some(5),
        };
        vec![
            interleave.encode_to_vec(),
            recommend.encode_to_vec(),
            compare.encode_to_vec(),
            record.encode_to_vec(),
        ]
    }

    /// `TEST_FUZZ_SECONDS` makes it as long as one likes.
    #[test]
    fn no_bytes_make_decoding_and_checking_panic() {
        let seconds = std::env::var("TEST_FUZZ_SECONDS");
        let time = Duration::from_secs(seconds.map_or(1, |seconds| seconds.parse().unwrap()));
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let samples = samples();
        let (start, mut decoded, mut tried) = (Instant::now(), 0_u64, 0_u64);
        while start.elapsed() < time {
            // What is made for one message is tried on all: their fields overlap.
            let sample = &samples[random.random_range(0..samples.len())];
            let bytes = mutilated(sample, &mut random);
            tried += 1;
            let is_whole = pb::RecommendRequest::decode(bytes.as_slice()).is_ok()
                || pb::InterleaveRequest::decode(bytes.as_slice()).is_ok();
            decoded += u64::from(is_whole);
            trial::decode_and_check(&bytes);
        }
        // Enough of them must get through to what is checked.
        assert!(decoded * 20 > tried, "{decoded} of {tried} were decoded");
    }

    #[test]
    fn what_a_fuzzer_found_worth_keeping_makes_nothing_panic() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/requests");
        let mut tried = 0;
        for entry in fs::read_dir(corpus).unwrap() {
            trial::decode_and_check(&fs::read(entry.unwrap().path()).unwrap());
            tried += 1;
        }
        assert!(tried > 10, "{tried}");
    }
}
