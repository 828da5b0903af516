//! One request for recommendations, from its ids to its answer.

use std::{sync::Arc, time::Duration};

use crossfade_blend::{Answer, Cancel, Listener, Query};
use crossfade_bundle::Bundle;

use super::{
    deepened,
    exposed::{Answered, Enrolled},
    resolve, told,
};
use crate::{
    grpc::{
        convert::{self, Order, Recommend, Resolved},
        status::Refusal,
    },
    pb,
    serving::Serving,
};

/// A RecommendRequest, ready to be answered from a bundle.
#[derive(Debug)]
pub(super) struct Asked {
    audience: Resolved,
    listener: Listener,
    /// The list that is wanted, or the two that are to be one.
    lists: Vec<(Order, Query)>,
    limit: usize,
    explain: bool,
    enrolled: Option<Enrolled>,
}

impl Asked {
    pub(super) fn of(
        serving: &Serving,
        bundle: &Bundle,
        (request, cancel): (Recommend, &Cancel),
    ) -> Result<Self, Refusal> {
        let user_id = request.audience.user_id().to_owned();
        let enrolled = match request.enrolment {
            Some(enrolment) => Enrolled::of(serving, enrolment, user_id)?,
            None => None,
        };
        let audience = resolve(serving, bundle, request.audience);
        let listener = audience.listener(&bundle.engine)?;
        let (orders, further) = match &enrolled {
            Some(enrolled) => (
                enrolled.orders(request.order),
                enrolled.further(request.limit),
            ),
            None => (vec![request.order], 0),
        };
        let lists = orders.into_iter().map(|order| {
            let query = audience.query(order, request.limit + further);
            let query = deepened(query, request.explain).cancelled_by(cancel);
            (order, query)
        });
        Ok(Self {
            lists: lists.collect(),
            limit: request.limit,
            explain: request.explain,
            enrolled,
            audience,
            listener,
        })
    }

    /// What to look for; as many answers are expected by [`respond`](Self::respond).
    pub(super) fn queries(&self) -> impl Iterator<Item = (&Listener, &Query)> {
        self.lists.iter().map(|(_, query)| (&self.listener, query))
    }

    /// The response, made of the answers to the queries; they took so long.
    pub(super) fn respond(
        self,
        (serving, bundle): (&Serving, &Arc<Bundle>),
        mut answers: Vec<Answer>,
        took: Duration,
    ) -> Result<Answered, Refusal> {
        let engine = &bundle.engine;
        for answer in &answers {
            serving.paths().record(&answer.retrieval);
        }
        let trial = match (
            &self.enrolled,
            self.lists.as_slice(),
            answers.as_mut_slice(),
        ) {
            (Some(enrolled), [(_, query)], [answer]) => {
                let trial = enrolled.explore((engine, &self.listener), query, answer);
                answer.tracks.truncate(self.limit);
                trial?
            }
            _ => None,
        };
        let explain = self.explain.then_some(&self.listener);
        let lists = self.lists.iter().zip(&answers);
        let mut lists = lists
            .map(|(&(order, _), answer)| told(engine, &answer.tracks, (explain, order)))
            .collect::<Result<Vec<_>, _>>()?;
        let (Some(first), Some(&(order, _))) = (answers.first(), self.lists.first()) else {
            return Err(Refusal::Lost);
        };
        let (tracks, teams, ranking) = match (&self.enrolled, lists.pop(), lists.pop()) {
            (Some(enrolled), Some(second), Some(first)) => {
                let (tracks, teams) = enrolled.draft([first, second], self.limit);
                (tracks, teams, pb::Ranking::Unspecified)
            }
            (_, Some(only), _) => (only, Vec::new(), convert::ranking(order.ranking)),
            (_, None, _) => return Err(Refusal::Lost),
        };
        let played = self.audience.played(engine);
        let response = pb::RecommendResponse {
            tracks,
            bundle_version: bundle.version.clone(),
            ranking: ranking.into(),
            content_weight: first.content_weight,
            basis: convert::basis(first.basis).into(),
            user_known: self.audience.user.is_some(),
            retrieval: Some(convert::retrieval(&first.retrieval)),
            unknown_track_ids: self.audience.unknown.track_ids.clone(),
            unknown_names: convert::unknown_names(self.audience.unknown),
            attribution: None,
        };
        Ok(match self.enrolled {
            Some(enrolled) => {
                let exposure = enrolled.exposure(&response, (teams, trial), (played, took));
                Answered::exposed(response, exposure)
            }
            None => Answered::from(response),
        })
    }
}
