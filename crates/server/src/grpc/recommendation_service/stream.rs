//! Many requests over one stream: answered together, a few batches at a time, each answer as soon as it is there.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use crossfade_blend::{Answer, Cancel};
use prost::Message;
use tokio::{sync::mpsc, task::JoinSet};
use tonic::{Status, Streaming, codegen::tokio_stream::Stream};

use super::{Answered, Asked, Recommendations, keep};
use crate::{
    grpc::{
        admission::Work,
        call::{Call, Priority},
        convert::{Recommend, limits, stream_id},
        status::Refusal,
    },
    pb::{self, stream_recommend_response::Result as Outcome},
    serving::Serving,
};

/// Requests that are answered together: as many as go through memory at once.
const TOGETHER: usize = 64;
/// Batches of a stream that are worked on or wait for it at a time.
const BATCHES: usize = 4;
/// Interactive requests come first, and a batch waits as long as it takes.
const BULK: Call = Call {
    deadline: None,
    priority: Priority::Bulk,
};

/// The answers to a stream's requests. Dropped, nothing more is asked for and what waits is given up.
#[derive(Debug)]
pub(in crate::grpc) struct Answers(mpsc::Receiver<Result<pb::StreamRecommendResponse, Status>>);

impl Stream for Answers {
    type Item = Result<pb::StreamRecommendResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

type Requests = Streaming<pb::StreamRecommendRequest>;
type Sender = mpsc::Sender<Result<pb::StreamRecommendResponse, Status>>;

/// Answers requests until there are no more, or nobody waits for answers.
///
/// They are bulk work, and no deadline but that of the stream itself is theirs.
pub(super) fn answer(service: Recommendations, requests: Requests) -> Answers {
    // A caller that does not read its answers stops the work on further ones.
    let (sender, answers) = mpsc::channel(TOGETHER);
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = answer_all(&service, requests, &sender) => {}
        }
    });
    Answers(answers)
}

async fn answer_all(service: &Recommendations, mut requests: Requests, sender: &Sender) {
    // Aborts what is left of it when dropped.
    let mut batches = JoinSet::new();
    let end = loop {
        while batches.len() >= BATCHES {
            batches.join_next().await;
        }
        let taken = Taken::from(&mut requests).await;
        if !taken.requests.is_empty() {
            batches.spawn(answer_batch(
                service.clone(),
                taken.requests,
                sender.clone(),
            ));
        }
        if let Some(end) = taken.end {
            break end;
        }
    };
    // What was taken in before the end is answered, however it ended.
    batches.join_all().await;
    if let Err(status) = end {
        let _ = sender.send(Err(status)).await;
    }
}

/// What was taken off a stream.
struct Taken {
    requests: Vec<pb::StreamRecommendRequest>,
    /// How the stream ended, if it did.
    end: Option<Result<(), Status>>,
}

impl Taken {
    /// Waits for a request, and takes those that are there besides.
    async fn from(stream: &mut Requests) -> Self {
        let mut requests = Vec::new();
        let end = loop {
            let is_first = requests.is_empty();
            let next = poll_fn(|context| match Pin::new(&mut *stream).poll_next(context) {
                Poll::Ready(next) => Poll::Ready(Some(next)),
                Poll::Pending if is_first => Poll::Pending,
                Poll::Pending => Poll::Ready(None),
            });
            match next.await {
                Some(Some(Ok(request))) => requests.push(request),
                Some(Some(Err(status))) => break Some(Err(status)),
                Some(None) => break Some(Ok(())),
                None => break None,
            }
            if requests.len() == TOGETHER {
                break None;
            }
        };
        Self { requests, end }
    }
}

async fn answer_batch(
    service: Recommendations,
    batch: Vec<pb::StreamRecommendRequest>,
    sender: Sender,
) {
    let ids: Vec<String> = batch.iter().map(echoed).collect();
    let serving = Arc::clone(&service.serving);
    let answered = service
        .admission
        .run(Work::Stream, BULK, move |cancel| {
            Ok(answers(&serving, batch, cancel))
        })
        .await;
    let answered = answered.unwrap_or_else(|refusal| {
        let status = Status::from(refusal);
        ids.iter().map(|_| Err(status.clone())).collect()
    });
    let outcomes = outcomes(&service.serving, answered).await;
    for (id, outcome) in ids.into_iter().zip(outcomes) {
        let answer = pb::StreamRecommendResponse {
            id,
            result: Some(outcome),
        };
        if sender.send(Ok(answer)).await.is_err() {
            return;
        }
    }
}

/// The id of an answer: that of its request, unless it is too long to be sent back.
fn echoed(request: &pb::StreamRecommendRequest) -> String {
    match request.id.len() <= limits::ID_BYTES {
        true => request.id.clone(),
        false => String::new(),
    }
}

/// What becomes of each request.
fn answers(
    serving: &Serving,
    batch: Vec<pb::StreamRecommendRequest>,
    cancel: &Cancel,
) -> Vec<Result<Answered, Status>> {
    // One bundle for all of them.
    let Some(bundle) = serving.bundle() else {
        let status = Status::from(Refusal::NoBundle);
        return batch.iter().map(|_| Err(status.clone())).collect();
    };
    let asked: Vec<Result<Asked, Refusal>> = batch
        .into_iter()
        .map(|request| {
            let request = stream_id(request)?;
            Asked::of(serving, &bundle, (Recommend::check(request)?, cancel))
        })
        .collect();
    let queries: Vec<_> = asked.iter().flatten().flat_map(Asked::queries).collect();
    let mut found = match bundle.engine.recommend_each(&queries) {
        Ok(answers) => answers.into_iter(),
        Err(error) => {
            let status = Status::from(Refusal::from(error));
            return asked.iter().map(|_| Err(status.clone())).collect();
        }
    };
    let mut respond = |asked: Result<Asked, Refusal>| {
        let asked = asked?;
        let answers: Vec<Answer> = found.by_ref().take(asked.queries().count()).collect();
        let took = answers.iter().map(|answer| answer.retrieval.took).sum();
        asked.respond((serving, &bundle), answers, took)
    };
    let answer = |asked| respond(asked).map_err(Status::from);
    asked.into_iter().map(answer).collect()
}

/// Results as messages, what is part of experiments being on disk.
async fn outcomes(serving: &Serving, answered: Vec<Result<Answered, Status>>) -> Vec<Outcome> {
    let (mut good, mut failures) = (Vec::new(), Vec::new());
    for one in answered {
        match one {
            Ok(answered) => {
                good.push(answered);
                failures.push(None);
            }
            Err(status) => failures.push(Some(failure(&status))),
        }
    }
    let mut responses = keep(serving, good).await.into_iter();
    let outcome =
        |failure: Option<Outcome>| failure.or_else(|| responses.next().map(Outcome::Response));
    failures.into_iter().filter_map(outcome).collect()
}

/// A status as a message: its details are one already.
fn failure(status: &Status) -> Outcome {
    let details = tonic_types::pb::Status::decode(status.details()).unwrap_or_default();
    Outcome::Error(tonic_types::pb::Status {
        code: status.code() as i32,
        message: status.message().to_owned(),
        details: details.details,
    })
}
