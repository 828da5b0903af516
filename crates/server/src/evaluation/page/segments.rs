use super::{HALF, colour};
use crate::{
    evaluation::{Evaluation, SegmentResult},
    report::{Bar, bars, escape, figure, number},
};

/// Where rankings are strong and weak.
pub(super) fn segments(found: &Evaluation) -> String {
    let part = |by: &str, heading: &str, text: &str| {
        let segments: Vec<&SegmentResult> = found
            .segments
            .iter()
            .filter(|segment| segment.by == by)
            .collect();
        let charts: String = segments
            .iter()
            .map(|segment| segment_chart(found, segment))
            .collect();
        format!("<h3>{heading}</h3><p>{text}</p><div class=\"two\">{charts}</div>")
    };
    let by_history = part(
        "history",
        "Users by how much is known of them",
        "Where little is known, popularity and content have their chance; where much is, taste.",
    );
    let by_popularity = part(
        "popularity",
        "Hidden tracks by how popular they were",
        "The head are the few tracks that get the first third of all listening, the middle those that get the second, the tail all \
         others with listeners; nobody played the cold ones. Here only the hidden tracks of the band count as found.",
    );
    by_history + &by_popularity
}

fn segment_chart(found: &Evaluation, segment: &SegmentResult) -> String {
    let rows: Vec<Bar> = (segment.arms.iter())
        .filter_map(|arm| {
            let estimate = arm.metrics.first()?;
            Some(Bar {
                label: arm.arm.clone(),
                value: estimate.interval.mean,
                low: estimate.interval.low,
                high: estimate.interval.high,
                colour: colour(found, &arm.arm),
            })
        })
        .collect();
    let chart = bars(
        HALF,
        &segment.segment,
        &format!("mean {}", found.target),
        &rows,
    );
    let users = number(segment.users as f64);
    figure(
        &chart,
        &format!("<b>{}</b>, {users} users", escape(&segment.segment)),
    )
}
