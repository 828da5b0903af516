//! The verbs that ask a running server.

use std::time::Duration;

use anyhow::Context;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

use super::{
    args::{AudienceArgs, Compare, RankingArg, Recommend, ServerArg, Similar, WantedArgs},
    tables::table,
    ui::{Ui, print},
};
use crate::pb::{self, recommendation_service_client::RecommendationServiceClient};

type Client = RecommendationServiceClient<Channel>;

/// How long a server is waited for.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn recommend(args: &Recommend, ui: &Ui) -> anyhow::Result<()> {
    let request = pb::RecommendRequest {
        user_id: args.audience.user.clone(),
        history: args.audience.plays(),
        ranking: args.ranking.wire().into(),
        content_weight: args.content_weight,
        limit: Some(args.audience.wanted.limit),
        exclude_track_ids: args.audience.wanted.exclude.clone(),
        include_played: args.audience.include_played,
        filter: args.audience.wanted.filter(),
    };
    let response = call(&args.server, async |channel| {
        Client::new(channel).recommend(request).await
    })?;
    show(ui, "RecommendResponse", &response, |response| {
        let heading = format!(
            "{} tracks for {} by {} at content weight {} ({}), bundle {}",
            response.tracks.len(),
            listener(&args.audience.user, response.user_known),
            name(response.ranking().as_str_name(), "RANKING_"),
            response.content_weight,
            name(response.basis().as_str_name(), "BASIS_"),
            response.bundle_version
        );
        let unknown = unknown(&response.unknown_track_ids, response.unknown_names.as_ref());
        heading + &unknown + "\n\n" + &ranked(&response.tracks)
    })
}

pub(super) fn similar(args: &Similar, ui: &Ui) -> anyhow::Result<()> {
    let request = pb::SimilarTracksRequest {
        track_id: args.track.clone(),
        ranking: pb::Ranking::Unspecified.into(),
        content_weight: args.content_weight,
        limit: Some(args.wanted.limit),
        exclude_track_ids: args.wanted.exclude.clone(),
        filter: args.wanted.filter(),
    };
    let response = call(&args.server, async |channel| {
        Client::new(channel).similar_tracks(request).await
    })?;
    show(ui, "SimilarTracksResponse", &response, |response| {
        let heading = format!(
            "{} tracks similar to {} at content weight {} ({}), bundle {}",
            response.tracks.len(),
            args.track,
            response.content_weight,
            name(response.basis().as_str_name(), "BASIS_"),
            response.bundle_version
        );
        let unknown = unknown(&response.unknown_track_ids, response.unknown_names.as_ref());
        heading + &unknown + "\n\n" + &ranked(&response.tracks)
    })
}

pub(super) fn compare(args: &Compare, ui: &Ui) -> anyhow::Result<()> {
    let rankings = args.content_weight.iter().map(|&weight| pb::RankingSpec {
        ranking: pb::Ranking::Blend.into(),
        content_weight: Some(weight),
    });
    let request = pb::CompareRankingsRequest {
        user_id: args.audience.user.clone(),
        history: args.audience.plays(),
        rankings: rankings.collect(),
        limit: Some(args.audience.wanted.limit),
        exclude_track_ids: args.audience.wanted.exclude.clone(),
        include_played: args.audience.include_played,
        filter: args.audience.wanted.filter(),
    };
    let response = call(&args.server, async |channel| {
        Client::new(channel).compare_rankings(request).await
    })?;
    show(ui, "CompareRankingsResponse", &response, |response| {
        let user = listener(&args.audience.user, response.user_known);
        format!("Rankings for {user}, bundle {}", response.bundle_version)
            + &unknown(&response.unknown_track_ids, response.unknown_names.as_ref())
            + "\n\n"
            + &comparison(response)
    })
}

/// The lists of a comparison side by side, and how far they agree.
pub(super) fn comparison(response: &pb::CompareRankingsResponse) -> String {
    let titles: Vec<String> = response
        .lists
        .iter()
        .map(|list| {
            let ranking = name(list.ranking().as_str_name(), "RANKING_");
            format!("{ranking} (w = {})", list.content_weight)
        })
        .collect();
    let mut header = vec!["rank"];
    header.extend(titles.iter().map(String::as_str));
    let mut rows = table(&header, usize::MAX);
    let longest = response.lists.iter().map(|list| list.tracks.len()).max();
    for place in 0..longest.unwrap_or(0) {
        let mut row = vec![(place + 1).to_string()];
        row.extend(response.lists.iter().map(|list| {
            let track = list.tracks.get(place);
            track.map_or_else(String::new, label)
        }));
        rows.add_row(row);
    }
    let mut text = format!("{rows}\n");
    for agreement in &response.agreements {
        text += &format!(
            "\n{} and {}: overlap {:.2}, rank-biased overlap {:.2}",
            titles[agreement.first as usize],
            titles[agreement.second as usize],
            agreement.overlap,
            agreement.rank_biased_overlap
        );
    }
    text
}

fn label(track: &pb::RankedTrack) -> String {
    match (track.title.as_str(), track.artist.as_str()) {
        ("", "") => track.track_id.clone(),
        (title, "") => title.to_owned(),
        ("", artist) => format!("{} - {artist}", track.track_id),
        (title, artist) => format!("{title} - {artist}"),
    }
}

fn ranked(tracks: &[pb::RankedTrack]) -> String {
    let header = [
        "rank",
        "track",
        "title",
        "artist",
        "score",
        "collaborative",
        "content",
        "popularity",
    ];
    let mut rows = table(&header, 4);
    for track in tracks {
        let parts = track.components.unwrap_or_default();
        rows.add_row([
            track.rank.to_string(),
            track.track_id.clone(),
            track.title.clone(),
            track.artist.clone(),
            format!("{:.4}", track.score),
            format!("{:.4}", parts.collaborative),
            format!("{:.4}", parts.content),
            format!("{:.4}", parts.popularity),
        ]);
    }
    rows.to_string()
}

fn listener(user: &str, known: bool) -> String {
    match (user, known) {
        ("", _) => "the history given".into(),
        (user, true) => user.into(),
        (user, false) => format!("unknown user {user}"),
    }
}

pub(super) fn unknown(tracks: &[String], names: Option<&pb::UnknownNames>) -> String {
    let nothing = pb::UnknownNames::default();
    let names = names.unwrap_or(&nothing);
    let lists = [
        ("tracks", tracks),
        ("artists", &names.artists),
        ("genres", &names.genres),
        ("markets", &names.markets),
    ];
    let named = lists.into_iter().filter(|(_, names)| !names.is_empty());
    named
        .map(|(what, names)| format!("\nunknown {what}: {}", names.join(", ")))
        .collect()
}

/// An enum value for people: RANKING_BLEND becomes blend.
fn name(value: &str, prefix: &str) -> String {
    let value = value.strip_prefix(prefix).unwrap_or(value);
    value.to_lowercase().replace('_', " ")
}

impl AudienceArgs {
    fn plays(&self) -> Vec<pb::Play> {
        self.history
            .iter()
            .map(|play| pb::Play {
                track_id: play.track_id.clone(),
                play_count: play.play_count,
            })
            .collect()
    }
}

impl WantedArgs {
    /// The filter of a request, if it is to have one.
    fn filter(&self) -> Option<pb::TrackFilter> {
        let of = &self.filter;
        let year = |year: Option<u16>| year.map(i32::from);
        let filter = pb::TrackFilter {
            track_ids: self.only.clone(),
            artists: of.artist.clone(),
            blocked_artists: of.block_artist.clone(),
            genres: of.genre.clone(),
            blocked_genres: of.block_genre.clone(),
            min_year: year(of.year.and_then(|years| years.first)),
            max_year: year(of.year.and_then(|years| years.last)),
            explicit: of.explicit,
            market: of.market.clone().unwrap_or_default(),
        };
        (filter != pb::TrackFilter::default()).then_some(filter)
    }
}

impl RankingArg {
    fn wire(self) -> pb::Ranking {
        match self {
            Self::Collaborative => pb::Ranking::Collaborative,
            Self::Content => pb::Ranking::Content,
            Self::Blend => pb::Ranking::Blend,
            Self::Popular => pb::Ranking::Popular,
        }
    }
}

/// Connects, calls and waits.
pub(super) fn call<T>(
    server: &ServerArg,
    method: impl AsyncFnOnce(Channel) -> Result<tonic::Response<T>, Status>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(async {
        let endpoint = Endpoint::from_shared(server.server.clone())
            .with_context(|| {
                format!(
                    "{:?} is no address such as http://host:50051",
                    server.server
                )
            })?
            .connect_timeout(TIMEOUT)
            .timeout(TIMEOUT);
        let channel = endpoint
            .connect()
            .await
            .with_context(|| format!("no server answers at {}", server.server))?;
        match method(channel).await {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => Err(refusal(&status)),
        }
    })
}

fn refusal(status: &Status) -> anyhow::Error {
    let details = status.get_error_details();
    let hint = match details.retry_info().and_then(|info| info.retry_delay) {
        Some(delay) => format!(" (try again in {delay:?})"),
        None => String::new(),
    };
    anyhow::anyhow!("{:?}: {}{hint}", status.code(), status.message())
}

/// Prints a response: as protobuf's JSON if asked for, otherwise what `text` makes of it.
pub(super) fn show<T: Message>(
    ui: &Ui,
    message: &str,
    response: &T,
    text: impl FnOnce(&T) -> String,
) -> anyhow::Result<()> {
    if !ui.is_json() {
        return print(&text(response));
    }
    let pool = DescriptorPool::decode(pb::FILE_DESCRIPTOR_SET)?;
    let descriptor = pool
        .get_message_by_name(&format!("crossfade.v1.{message}"))
        .with_context(|| format!("{message} is described nowhere"))?;
    let dynamic = DynamicMessage::decode(descriptor, response.encode_to_vec().as_slice())?;
    print(&serde_json::to_string_pretty(&dynamic)?)
}
