use crossfade_experiments::{
    ArmEffect, ArmSummary, Direction, Guardrail, GuardrailState, Interval, Look, Method, Outcome,
    Report, Team, Verdict,
};

use super::times;
use crate::pb;

/// A report as it goes over the wire.
pub(in crate::grpc) fn experiment_report(report: &Report) -> pb::ExperimentReport {
    let (verdict, verdict_arm) = match &report.verdict {
        Verdict::Open => (pb::Verdict::Open, ""),
        Verdict::Better(arm) => (pb::Verdict::Better, arm.as_str()),
        Verdict::Worse(arm) => (pb::Verdict::Worse, arm.as_str()),
        Verdict::Mismatch => (pb::Verdict::Mismatch, ""),
    };
    let method = match report.method {
        Method::Assign => pb::ExperimentMethod::Assign,
        Method::Interleave => pb::ExperimentMethod::Interleave,
    };
    let outcome = match report.outcome {
        Outcome::TracksPerUser => pb::ExperimentOutcome::TracksPerUser,
        Outcome::TracksPerList => pb::ExperimentOutcome::TracksPerList,
        Outcome::Listeners => pb::ExperimentOutcome::Listeners,
    };
    pb::ExperimentReport {
        experiment: report.experiment.clone(),
        method: method.into(),
        outcome: outcome.into(),
        as_of: Some(times::timestamp(report.as_of_ms)),
        alpha: report.alpha,
        verdict: verdict.into(),
        verdict_arm: verdict_arm.to_owned(),
        arms: report.arms.iter().map(arm).collect(),
        effects: report.effects.iter().map(effect).collect(),
        arrivals: report.mismatch.map(|arrivals| pb::Arrivals {
            p_value: arrivals.p_value,
            alarm: arrivals.alarm,
        }),
        guardrails: report.guardrails.iter().map(guardrail).collect(),
        other_lists: report.other_lists,
    }
}

fn arm(arm: &ArmSummary) -> pb::ArmSummary {
    pb::ArmSummary {
        arm: arm.arm.clone(),
        users: arm.users,
        final_users: arm.final_users,
        lists: arm.lists,
        played: arm.played,
        value: arm.value,
        distinct_tracks: arm.distinct_tracks,
        top_artist_share: arm.top_artist_share,
        latency_ms: arm.latency_ms,
    }
}

fn effect(of: &ArmEffect) -> pb::ArmEffect {
    let effect = &of.effect;
    let direction = match of.direction {
        Direction::Open => pb::Direction::Open,
        Direction::Better => pb::Direction::Better,
        Direction::Worse => pb::Direction::Worse,
    };
    pb::ArmEffect {
        arm: of.arm.clone(),
        direction: direction.into(),
        control: effect.control,
        difference: Some(interval(effect.difference)),
        relative: effect.relative.map(interval),
        p_value: effect.p_value,
        users: effect.users,
        detectable: effect.detectable,
        users_needed: effect.users_needed,
        path: effect.path.iter().map(look).collect(),
    }
}

fn look(look: &Look) -> pb::Look {
    pb::Look {
        users: look.users,
        difference: Some(interval(look.difference)),
        p_value: look.p_value,
    }
}

fn guardrail(guardrail: &Guardrail) -> pb::Guardrail {
    let state = match guardrail.state {
        GuardrailState::Open => pb::GuardrailState::Open,
        GuardrailState::Kept => pb::GuardrailState::Kept,
        GuardrailState::Broken => pb::GuardrailState::Broken,
    };
    pb::Guardrail {
        arm: guardrail.arm.clone(),
        guards: guardrail.guards.clone(),
        change: Some(interval(guardrail.change)),
        margin: guardrail.margin,
        state: state.into(),
    }
}

fn interval(interval: Interval) -> pb::Interval {
    pb::Interval {
        estimate: interval.estimate,
        low: interval.low,
        high: interval.high,
    }
}

/// Whose pick a track is.
pub(in crate::grpc) fn team(team: Option<Team>) -> pb::Team {
    match team {
        None => pb::Team::Unspecified,
        Some(Team::First) => pb::Team::First,
        Some(Team::Second) => pb::Team::Second,
    }
}
