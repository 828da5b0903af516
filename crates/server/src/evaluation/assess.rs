use crossfade_eval::{ArmScores, Band, Bootstrap, Catalogue, Metric, Segment, SignFlips, Test};
use rayon::prelude::*;

use super::{ArmResult, SegmentArm, SegmentResult, arms::RankedArm, exam::Exam};
use crate::{
    pipeline::{Event, Observer, metrics},
    settings::Settings,
};

/// Places of a list whose popularity is told.
const PLACES: usize = 20;

/// What was found of all rankings.
pub(super) struct Assessed {
    pub(super) arms: Vec<ArmResult>,
    pub(super) comparisons: Vec<Test>,
    pub(super) segments: Vec<SegmentResult>,
    pub(super) listening_bands: [[f64; 4]; 2],
}

/// Measures the lists of all rankings.
pub(super) fn assess(
    exam: &Exam,
    ranked: &[RankedArm],
    (settings, observer): (&Settings, Observer<'_>),
) -> Assessed {
    let cutoffs = &settings.validation.cutoffs;
    let metrics = metrics(cutoffs);
    let bootstrap = Bootstrap::default();
    let scores: Vec<ArmScores> = ranked
        .iter()
        .map(|arm| ArmScores::measure(&arm.name, &arm.lists, exam.test(), &metrics))
        .collect();
    let catalogue = Catalogue {
        listeners: exam.all_listeners(),
        users: exam.world.users.len(),
        embeddings: exam.content.as_ref().map(|content| &content.embeddings),
        choices: exam.new_tracks.as_deref(),
    };
    let bands = Band::of_tracks(exam.all_listeners());
    let total = ranked.len() as u64 + 1;
    let arms = ranked.par_iter().zip(&scores).map(|(arm, scores)| {
        let first = |list: &'_ Vec<u32>| list.len().min(PLACES);
        let shown = arm.lists.iter().flat_map(|list| &list[..first(list)]);
        ArmResult {
            report: scores.report(exam.choices(), &bootstrap),
            content_weight: arm.content_weight,
            variety: (cutoffs.iter())
                .map(|&k| catalogue.variety(&arm.lists, k, &bootstrap))
                .collect(),
            bands: Band::shares(&bands, shown),
        }
    });
    let arms: Vec<ArmResult> = arms.collect();
    observer(Event::Progress {
        done: total - 1,
        total,
    });
    let known = exam.test().iter().flat_map(|user| exam.known(user.user));
    let hidden = exam.test().iter().flat_map(|user| &user.tracks);
    Assessed {
        arms,
        comparisons: comparisons(exam, &scores, &bootstrap),
        segments: segments(exam, ranked, &bands),
        listening_bands: [Band::shares(&bands, known), Band::shares(&bands, hidden)],
    }
}

/// The learned blend, or else the last ranking, against all others.
fn comparisons(exam: &Exam, scores: &[ArmScores], bootstrap: &Bootstrap) -> Vec<Test> {
    let blend = scores.iter().position(|arm| arm.name() == "blend");
    let Some(champion) = blend.or(scores.len().checked_sub(1)) else {
        return Vec::new();
    };
    let others: Vec<&ArmScores> = scores
        .iter()
        .enumerate()
        .filter_map(|(place, arm)| (place != champion).then_some(arm))
        .collect();
    let flips = SignFlips::default();
    Test::family(&scores[champion], &others, exam.target, (bootstrap, &flips))
}

/// The main rankings by how much is known of users, and by how popular the hidden tracks are.
fn segments(exam: &Exam, ranked: &[RankedArm], bands: &[Band]) -> Vec<SegmentResult> {
    let longest = ranked.iter().flat_map(|arm| &arm.lists).map(Vec::len).max();
    let metrics = [exam.target, Metric::Recall(longest.unwrap_or(0).max(1))];
    let bootstrap = Bootstrap::default();
    let by_history = Segment::by_history(exam.test(), |user| exam.known(user).len());
    let by_popularity = Segment::by_popularity(exam.test(), bands);
    let named = |by: &'static str, segments: Vec<Segment>| {
        segments.into_iter().map(move |segment| (by, segment))
    };
    let segments = named("history", by_history).chain(named("popularity", by_popularity));
    let segments: Vec<(&str, Segment)> = segments.collect();
    let measured = segments.into_par_iter().map(|(by, segment)| SegmentResult {
        by,
        users: segment.len(),
        arms: (ranked.iter())
            .filter(|arm| arm.content_weight.is_none())
            .map(|arm| SegmentArm {
                arm: arm.name.clone(),
                metrics: metrics
                    .map(|metric| segment.measure(&arm.lists, metric, &bootstrap))
                    .to_vec(),
            })
            .collect(),
        segment: segment.name,
    });
    measured.collect()
}
