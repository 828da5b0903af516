//! The verbs that ask a running server.

use std::{error::Error as _, fs, path::Path, time::Duration};

use anyhow::Context;
use crossfade_client::{Client, Error, Identity, Options, Token};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::{
    args::{
        AudienceArgs, CallArgs, Compare, HistoryArg, ListArgs, Rank, RankingArg, Recommend,
        ServerArg, Similar, WantedArgs,
    },
    comparison, explanation,
    tables::table,
    ui::{Ui, print},
};
use crate::pb;

/// The variable that may have the token.
const TOKEN: &str = "CROSSFADE_TOKEN";

pub(super) fn recommend(args: &Recommend, ui: &Ui) -> anyhow::Result<()> {
    let request = pb::RecommendRequest {
        user_id: args.audience.user.clone(),
        history: args.audience.plays(),
        ranking: args.order.ranking.wire().into(),
        content_weight: args.order.content_weight,
        limit: Some(args.audience.wanted.limit),
        exclude_track_ids: args.audience.wanted.exclude.clone(),
        include_played: args.audience.include_played,
        filter: args.audience.wanted.filter(),
        seed_track_ids: args.audience.seeds.seed.clone(),
        seed_weight: args.audience.seeds.seed_weight,
        discovery: args.order.discovery,
        diversity: args.diversity,
        rules: args.list.rules(),
        explain: args.list.explain,
        experiment: args.experiment.clone(),
        request_id: args.request_id.clone(),
    };
    let response = call(&args.server, async |client| client.recommend(request).await)?;
    show(ui, "RecommendResponse", &response, |response| {
        let heading = format!(
            "{} tracks for {} by {} at content weight {} ({}), bundle {}",
            response.tracks.len(),
            args.audience.listener(response.user_known),
            name(response.ranking().as_str_name(), "RANKING_"),
            response.content_weight,
            name(response.basis().as_str_name(), "BASIS_"),
            response.bundle_version
        );
        let unknown = unknown(&response.unknown_track_ids, response.unknown_names.as_ref());
        heading
            + &attribution(response)
            + &unknown
            + "\n\n"
            + &ranked(&response.tracks)
            + &explanation::text(&response.tracks)
    })
}

/// What a list is part of, on a line of its own.
fn attribution(response: &pb::RecommendResponse) -> String {
    response
        .attribution
        .as_ref()
        .map_or_else(String::new, |list| {
            format!(
                "\narm {} of {}, token {}",
                list.arm, list.experiment, list.token
            )
        })
}

pub(super) fn rank(args: &Rank, ui: &Ui) -> anyhow::Result<()> {
    let request = pb::RankTracksRequest {
        track_ids: args.tracks.clone(),
        user_id: args.user.clone(),
        history: plays(&args.history),
        seed_track_ids: args.seeds.seed.clone(),
        seed_weight: args.seeds.seed_weight,
        ranking: args.order.ranking.wire().into(),
        content_weight: args.order.content_weight,
        discovery: args.order.discovery,
        explain: args.explain,
    };
    let response = call(&args.server, async |client| {
        client.rank_tracks(request).await
    })?;
    show(ui, "RankTracksResponse", &response, |response| {
        let heading = format!(
            "{} tracks for {} by {} at content weight {} ({}), bundle {}",
            response.tracks.len(),
            listener(
                (&args.user, response.user_known),
                args.history.len(),
                args.seeds.seed.len()
            ),
            name(response.ranking().as_str_name(), "RANKING_"),
            response.content_weight,
            name(response.basis().as_str_name(), "BASIS_"),
            response.bundle_version
        );
        let unranked = match response.unranked_track_ids.as_slice() {
            [] => String::new(),
            ids => format!("\nwithout evidence: {}", ids.join(", ")),
        };
        let unknown = unknown(&response.unknown_track_ids, None);
        heading
            + &unranked
            + &unknown
            + "\n\n"
            + &ranked(&response.tracks)
            + &explanation::text(&response.tracks)
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
    let response = call(&args.server, async |client| {
        client.similar_tracks(request).await
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
        ..pb::RankingSpec::default()
    });
    let request = pb::CompareRankingsRequest {
        user_id: args.audience.user.clone(),
        history: args.audience.plays(),
        rankings: rankings.collect(),
        limit: Some(args.audience.wanted.limit),
        exclude_track_ids: args.audience.wanted.exclude.clone(),
        include_played: args.audience.include_played,
        filter: args.audience.wanted.filter(),
        seed_track_ids: args.audience.seeds.seed.clone(),
        seed_weight: args.audience.seeds.seed_weight,
        rules: args.list.rules(),
        explain: args.list.explain,
    };
    let response = call(&args.server, async |client| {
        client.compare_rankings(request).await
    })?;
    show(ui, "CompareRankingsResponse", &response, |response| {
        let user = args.audience.listener(response.user_known);
        format!("Rankings for {user}, bundle {}", response.bundle_version)
            + &unknown(&response.unknown_track_ids, response.unknown_names.as_ref())
            + "\n\n"
            + &comparison::text(response)
    })
}

pub(super) fn label(track: &pb::RankedTrack) -> String {
    match (track.title.as_str(), track.artist.as_str()) {
        ("", "") => track.track_id.clone(),
        (title, "") => title.to_owned(),
        ("", artist) => format!("{} - {artist}", track.track_id),
        (title, artist) => format!("{title} - {artist}"),
    }
}

pub(super) fn ranked(tracks: &[pb::RankedTrack]) -> String {
    let header = [
        "rank",
        "track",
        "title",
        "artist",
        "score",
        "collaborative",
        "content",
        "popularity",
        "discovery",
    ];
    // Only where it was asked for.
    let discovers = tracks
        .iter()
        .any(|track| track.components.is_some_and(|parts| parts.discovery != 0.0));
    let columns = header.len() - usize::from(!discovers);
    let mut rows = table(&header[..columns], 4);
    for track in tracks {
        let parts = track.components.unwrap_or_default();
        let row = [
            track.rank.to_string(),
            track.track_id.clone(),
            track.title.clone(),
            track.artist.clone(),
            format!("{:.4}", track.score),
            format!("{:.4}", parts.collaborative),
            format!("{:.4}", parts.content),
            format!("{:.4}", parts.popularity),
            format!("{:.4}", parts.discovery),
        ];
        rows.add_row(row.into_iter().take(columns));
    }
    rows.to_string()
}

/// Whom something is for, by what was typed and whether the server knows the user.
fn listener((user, known): (&str, bool), history: usize, seeds: usize) -> String {
    let who = match (user, known) {
        ("", _) if history > 0 => "the history given".into(),
        ("", _) => String::new(),
        (user, true) => user.into(),
        (user, false) => format!("unknown user {user}"),
    };
    let like = match seeds {
        0 => String::new(),
        1 => "one seed".into(),
        seeds => format!("{seeds} seeds"),
    };
    match (who.is_empty(), like.is_empty()) {
        (true, true) => "anybody".into(),
        (true, false) => like,
        (false, true) => who,
        (false, false) => format!("{who} and {like}"),
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
pub(super) fn name(value: &str, prefix: &str) -> String {
    let value = value.strip_prefix(prefix).unwrap_or(value);
    value.to_lowercase().replace('_', " ")
}

fn plays(history: &[HistoryArg]) -> Vec<pb::Play> {
    let plays = history.iter().map(|play| pb::Play {
        track_id: play.track_id.clone(),
        play_count: play.play_count,
        played_at: None,
    });
    plays.collect()
}

impl AudienceArgs {
    pub(super) fn plays(&self) -> Vec<pb::Play> {
        plays(&self.history)
    }

    /// Whom an answer is for.
    pub(super) fn listener(&self, known: bool) -> String {
        listener(
            (&self.user, known),
            self.history.len(),
            self.seeds.seed.len(),
        )
    }
}

impl ListArgs {
    /// The rules of a request, if it is to have any.
    fn rules(&self) -> Option<pb::ListRules> {
        let rules = pb::ListRules {
            max_per_artist: self.max_per_artist,
            no_repeat_within: (self.no_repeat_within)
                .map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
            no_repeat_plays: self.no_repeat_plays,
        };
        (rules != pb::ListRules::default()).then_some(rules)
    }
}

impl WantedArgs {
    /// The filter of a request, if it is to have one.
    pub(super) fn filter(&self) -> Option<pb::TrackFilter> {
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
    pub(super) fn wire(self) -> pb::Ranking {
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
    method: impl AsyncFnOnce(Client) -> Result<T, Error>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(async {
        let client = Client::new(&server.server, &server.call.options()?)?;
        method(client)
            .await
            .map_err(|error| refusal(error, &server.server))
    })
}

impl CallArgs {
    /// How to call.
    pub(super) fn options(&self) -> anyhow::Result<Options> {
        let read =
            |file: &Path| fs::read(file).with_context(|| format!("cannot read {}", file.display()));
        let token = match &self.token_file {
            Some(file) => Some(String::from_utf8(read(file)?).context("the token is no text")?),
            None => std::env::var(TOKEN).ok(),
        };
        let identity = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some(Identity {
                certificates: read(cert)?,
                key: read(key)?,
            }),
            _ => None,
        };
        let timeout = Duration::try_from_secs_f64(self.timeout)
            .with_context(|| format!("{} seconds are no timeout", self.timeout))?;
        Ok(Options {
            timeout,
            token: token.as_deref().map(Token::new).transpose()?,
            authorities: self.ca.as_deref().map(read).transpose()?,
            identity,
            ..Options::default()
        })
    }
}

fn refusal(error: Error, servers: &[String]) -> anyhow::Error {
    let unreachable = error
        .status()
        .and_then(|status| status.source())
        .is_some_and(|source| source.is::<tonic::transport::Error>());
    let hint = match error.retry_after() {
        Some(delay) => format!(" (try again in {delay:?})"),
        None => String::new(),
    };
    match unreachable {
        true => {
            let servers = servers.join(", ");
            anyhow::Error::new(error).context(format!("no server answers at {servers}"))
        }
        false => anyhow::anyhow!("{error}{hint}"),
    }
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
