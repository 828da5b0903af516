//! What fuzzing tries.

use prost::Message;

use super::{
    Compare, Generate, Interleave, Rank, Recommend, Similar, assign, describe, events, page,
    report, stream_id, version,
};
use crate::pb;

/// Takes bytes for every message that there is, and checks what can be decoded, as if it had come from a caller. None may
/// make it panic.
pub fn decode_and_check(bytes: &[u8]) {
    _ = pb::RecommendRequest::decode(bytes).map(Recommend::check);
    _ = pb::SimilarTracksRequest::decode(bytes).map(Similar::check);
    _ = pb::CompareRankingsRequest::decode(bytes).map(Compare::check);
    _ = pb::RankTracksRequest::decode(bytes).map(Rank::check);
    _ = pb::GeneratePlaylistRequest::decode(bytes).map(Generate::check);
    _ = pb::DescribeTrackRequest::decode(bytes).map(describe);
    _ = pb::StreamRecommendRequest::decode(bytes).map(stream_id);
    _ = pb::RecordPlaysRequest::decode(bytes).map(events);
    _ = pb::AssignArmRequest::decode(bytes).map(assign);
    _ = pb::InterleaveRequest::decode(bytes).map(Interleave::check);
    _ = pb::GetReportRequest::decode(bytes).map(report);
    _ = pb::ListBundlesRequest::decode(bytes).map(|request| page(&request));
    _ = pb::ActivateBundleRequest::decode(bytes).map(version);
}
