use std::sync::Arc;

use crossfade_experiments::{Method, bucket};
use tokio::{sync::Mutex, task::spawn_blocking};
use tonic::{Request, Response, Status};

use super::{
    convert::{self, Enrolment, Interleave, now_ms},
    recommendation_service::{Enrolled, expose},
    status::Refusal,
};
use crate::{
    experiments::{self, Defined, ranking},
    pb::{self, experiment_service_server::ExperimentService},
    serving::Serving,
};

/// Assigns users to arms, interleaves, and tells what came of it.
#[derive(Debug)]
pub(super) struct Trials {
    pub(super) serving: Arc<Serving>,
    /// One report at a time: it reads all that was recorded.
    pub(super) reporting: Arc<Mutex<()>>,
}

#[tonic::async_trait]
impl ExperimentService for Trials {
    async fn assign_arm(
        &self,
        request: Request<pb::AssignArmRequest>,
    ) -> Result<Response<pb::AssignArmResponse>, Status> {
        let (experiment, user_id) = convert::assign(request.into_inner())?;
        let response = assign(self.find(experiment)?, &user_id)?;
        Ok(Response::new(response))
    }

    async fn interleave(
        &self,
        request: Request<pb::InterleaveRequest>,
    ) -> Result<Response<pb::InterleaveResponse>, Status> {
        let request = Interleave::check(request.into_inner())?;
        let response = self.draft(request).await?;
        Ok(Response::new(response))
    }

    async fn get_report(
        &self,
        request: Request<pb::GetReportRequest>,
    ) -> Result<Response<pb::GetReportResponse>, Status> {
        let (experiment, as_of_ms) = convert::report(request.into_inner())?;
        let defined = Arc::clone(self.find(experiment)?);
        let report = self.report(defined, as_of_ms).await?;
        Ok(Response::new(report))
    }
}

impl Trials {
    fn find(&self, name: String) -> Result<&Arc<Defined>, Refusal> {
        let found = self.serving.experiments().find(&name);
        found.ok_or(Refusal::UnknownExperiment(name))
    }

    async fn draft(&self, request: Interleave) -> Result<pb::InterleaveResponse, Refusal> {
        let defined = self.find(request.experiment)?;
        if defined.experiment.method == Method::Assign {
            return Err(Refusal::Assigns(defined.name.clone()));
        }
        let enrolment = Enrolment {
            experiment: defined.name.clone(),
            request_id: Some(request.request_id),
        };
        let played = self.played(&request.user_id);
        let enrolled = Enrolled::of(&self.serving, enrolment, request.user_id)?;
        let [first, second] = request.rankings.each_ref().map(|list| {
            let tracks = list.iter().map(String::as_str);
            tracks.collect::<Vec<_>>()
        });
        let Some(enrolled) = enrolled else {
            let tracks = first.into_iter().take(request.limit);
            return Ok(pb::InterleaveResponse {
                tracks: interleaved(tracks.map(|track| (track, pb::Team::Unspecified))),
                attribution: None,
            });
        };
        let picks = enrolled.draft_ids([&first, &second], request.limit);
        let shown = picks.iter().map(|pick| (pick.track.to_owned(), pick.team));
        let exposure = enrolled.plain(shown.unzip(), played);
        let attribution = expose(&self.serving, vec![exposure]).await.pop();
        let tracks = picks
            .iter()
            .map(|pick| (pick.track, convert::team(pick.team)));
        Ok(pb::InterleaveResponse {
            tracks: interleaved(tracks),
            attribution,
        })
    }

    /// How many tracks a user is known to have played.
    fn played(&self, user_id: &str) -> usize {
        let bundle = self.serving.bundle();
        let known = bundle.and_then(|bundle| {
            let model = bundle.engine.model();
            let user = model.users.index_of(user_id)?;
            Some(model.history.row(user as usize).indices.len())
        });
        known.unwrap_or(0)
    }

    async fn report(
        &self,
        defined: Arc<Defined>,
        as_of_ms: i64,
    ) -> Result<pb::GetReportResponse, Refusal> {
        if self.serving.experiments().sources().is_none() {
            return Err(Refusal::ReportsOff);
        }
        // Held by the work, not by the caller, who may go away.
        let turn = Arc::clone(&self.reporting).lock_owned().await;
        let serving = Arc::clone(&self.serving);
        let made = spawn_blocking(move || {
            let _turn = turn;
            let sources = serving.experiments().sources();
            let sources = sources.ok_or(Refusal::ReportsOff)?;
            experiments::report(&defined, sources, as_of_ms).map_err(Refusal::Report)
        });
        let report = made.await.map_err(|_| Refusal::Lost)??;
        Ok(pb::GetReportResponse {
            report: Some(convert::experiment_report(&report)),
        })
    }
}

fn assign(defined: &Defined, user_id: &str) -> Result<pb::AssignArmResponse, Refusal> {
    let experiment = &defined.experiment;
    if experiment.method == Method::Interleave {
        return Err(Refusal::Interleaves(defined.name.clone()));
    }
    let arm = experiment.assign(&defined.name, user_id);
    let arm = arm.map(|place| &experiment.arms[place]);
    Ok(pb::AssignArmResponse {
        arm: arm.map_or_else(String::new, |arm| arm.name.clone()),
        ranking: arm.map_or(0, |arm| convert::ranking(ranking(arm)).into()),
        content_weight: arm.and_then(|arm| arm.content_weight),
        bucket: bucket(experiment.salt(&defined.name), user_id) as u32,
        running: experiment.runs_at(now_ms()),
    })
}

fn interleaved<'a>(tracks: impl Iterator<Item = (&'a str, pb::Team)>) -> Vec<pb::InterleavedTrack> {
    let track = |(rank, (track_id, team)): (i32, (&str, pb::Team))| pb::InterleavedTrack {
        track_id: track_id.to_owned(),
        rank,
        team: team.into(),
    };
    (1..).zip(tracks).map(track).collect()
}
