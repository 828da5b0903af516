//! Verbs that ask a server, or tell it something.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Which server to ask, and how. `CROSSFADE_TOKEN` may have the token.
#[derive(Debug, Args)]
pub(in crate::cli) struct ServerArg {
    /// Addresses of servers that have the same bundle, separated by commas; they are asked in turn.
    #[arg(
        long,
        env = "CROSSFADE_SERVER",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:50051"
    )]
    pub(in crate::cli) server: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) call: CallArgs,
}

/// How to ask a server.
#[derive(Debug, Args)]
pub(in crate::cli) struct CallArgs {
    /// Seconds that an answer may take.
    #[arg(long, default_value_t = 30.0)]
    pub(in crate::cli) timeout: f64,
    /// File with the token that the server knows the caller by.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) token_file: Option<PathBuf>,
    /// Certificates (PEM) that servers' certificates must be signed by; without, the system's.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) ca: Option<PathBuf>,
    /// Certificate (PEM) to show the server.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(in crate::cli) cert: Option<PathBuf>,
    /// Its key (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(in crate::cli) key: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum RankingArg {
    /// What listeners with similar plays play.
    Collaborative,
    /// What sounds like what the listener plays.
    Content,
    /// Both, faded by the content weight.
    Blend,
    /// What most listeners play.
    Popular,
}

/// For whom to rank.
#[derive(Debug, Args)]
pub(in crate::cli) struct AudienceArgs {
    /// User to recommend to; without one, pass --history.
    #[arg(default_value = "", hide_default_value = true)]
    pub(in crate::cli) user: String,
    /// Tracks that were played, as ID or ID:COUNT, separated by commas; added to what is known of the user.
    #[arg(long, value_delimiter = ',', value_name = "ID[:COUNT]")]
    pub(in crate::cli) history: Vec<HistoryArg>,
    #[command(flatten)]
    pub(in crate::cli) seeds: SeedArgs,
    #[command(flatten)]
    pub(in crate::cli) wanted: WantedArgs,
    /// Return tracks the listener already played, too.
    #[arg(long)]
    pub(in crate::cli) include_played: bool,
}

/// What more like is wanted of.
#[derive(Debug, Args)]
pub(in crate::cli) struct SeedArgs {
    /// Tracks that more like is wanted of, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub(in crate::cli) seed: Vec<String>,
    /// How much they count beside the listener, from 0 to 1; without it, as much.
    #[arg(long, value_name = "SHARE", requires = "seed")]
    pub(in crate::cli) seed_weight: Option<f64>,
}

/// What a list is to be like besides having the best scores.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// How many tracks of one artist at most.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) max_per_artist: Option<i32>,
    /// With --include-played: no track that was played within so many seconds.
    #[arg(long, value_name = "SECONDS", requires = "include_played")]
    pub(in crate::cli) no_repeat_within: Option<i64>,
    /// With --include-played: no track of the last so many plays.
    #[arg(long, value_name = "N", requires = "include_played")]
    pub(in crate::cli) no_repeat_plays: Option<i32>,
    /// Say of each track which plays its score comes from, and what moved it.
    #[arg(long)]
    pub(in crate::cli) explain: bool,
}

/// By which evidence to rank.
#[derive(Debug, Args)]
pub(in crate::cli) struct OrderArgs {
    /// Which evidence orders the tracks.
    #[arg(long, value_enum, default_value = "blend")]
    pub(in crate::cli) ranking: RankingArg,
    /// From 0 (collaborative) to 1 (content); without it, the learned weight.
    #[arg(long, short = 'w')]
    pub(in crate::cli) content_weight: Option<f64>,
    /// From -1 (what everybody plays) to 1 (what hardly anybody plays).
    #[arg(long, value_name = "DIAL", allow_hyphen_values = true)]
    pub(in crate::cli) discovery: Option<f64>,
}

/// How many tracks to return, and of which.
#[derive(Debug, Args)]
pub(in crate::cli) struct WantedArgs {
    /// Tracks to leave out, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub(in crate::cli) exclude: Vec<String>,
    /// Only these tracks, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    pub(in crate::cli) only: Vec<String>,
    #[command(flatten)]
    pub(in crate::cli) filter: FilterArgs,
    /// How many tracks.
    #[arg(long, short = 'n', default_value_t = 10)]
    pub(in crate::cli) limit: i32,
}

/// Which tracks may be returned; all conditions must hold.
#[derive(Debug, Args)]
pub(in crate::cli) struct FilterArgs {
    /// Only tracks of this artist; may be repeated for more of them.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) artist: Vec<String>,
    /// No tracks of this artist; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) block_artist: Vec<String>,
    /// Only tracks of this genre; may be repeated for more of them.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) genre: Vec<String>,
    /// No tracks of this genre; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) block_genre: Vec<String>,
    /// Only tracks of this year or these years, as in 1990, 1990-1999, 1990- or -1999.
    #[arg(long, value_name = "YEARS", allow_hyphen_values = true)]
    pub(in crate::cli) year: Option<YearsArg>,
    /// Only tracks that are marked explicit, or only those that are not.
    #[arg(long, value_name = "true|false")]
    pub(in crate::cli) explicit: Option<bool>,
    /// Only tracks that may be played in this market.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) market: Option<String>,
}

/// Years from the first to the last, of which either may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct YearsArg {
    pub(in crate::cli) first: Option<u16>,
    pub(in crate::cli) last: Option<u16>,
}

impl std::str::FromStr for YearsArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let year = |text: &str| -> Result<Option<u16>, String> {
            let parsed = text.parse().map(Some);
            match text {
                "" => Ok(None),
                _ => parsed.map_err(|_| format!("{text:?} is no year")),
            }
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let years = Self {
            first: year(first)?,
            last: year(last)?,
        };
        match (years.first, years.last) {
            (None, None) => Err("no year is named".to_owned()),
            (Some(first), Some(last)) if first > last => {
                Err(format!("{first} is later than {last}"))
            }
            _ => Ok(years),
        }
    }
}

/// A track and how often it was played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct HistoryArg {
    pub(in crate::cli) track_id: String,
    pub(in crate::cli) play_count: Option<u32>,
}

impl std::str::FromStr for HistoryArg {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // An id may itself have a colon; only a number behind the last one is a count.
        let counted = text.rsplit_once(':').and_then(|(id, count)| {
            let play_count = count.parse().ok()?;
            Some((id, play_count))
        });
        Ok(match counted {
            Some((id, play_count)) => Self {
                track_id: id.to_owned(),
                play_count: Some(play_count),
            },
            None => Self {
                track_id: text.to_owned(),
                play_count: None,
            },
        })
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Recommend {
    #[command(flatten)]
    pub(in crate::cli) audience: AudienceArgs,
    #[command(flatten)]
    pub(in crate::cli) order: OrderArgs,
    /// How far the tracks are to differ from each other, from 0 to 1.
    #[arg(long, value_name = "DIAL")]
    pub(in crate::cli) diversity: Option<f64>,
    #[command(flatten)]
    pub(in crate::cli) list: ListArgs,
    /// Experiment that the list is to be part of.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pub(in crate::cli) experiment: String,
    /// With --experiment: what tells this list from the user's others; without, it is another one each time.
    #[arg(
        long,
        value_name = "ID",
        requires = "experiment",
        default_value = "",
        hide_default_value = true
    )]
    pub(in crate::cli) request_id: String,
    #[command(flatten)]
    pub(in crate::cli) server: ServerArg,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Rank {
    /// Tracks to rank.
    #[arg(required = true, value_name = "TRACK")]
    pub(in crate::cli) tracks: Vec<String>,
    /// User to rank them for.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(in crate::cli) user: String,
    /// Tracks that were played, as ID or ID:COUNT, separated by commas; added to what is known of the user.
    #[arg(long, value_delimiter = ',', value_name = "ID[:COUNT]")]
    pub(in crate::cli) history: Vec<HistoryArg>,
    #[command(flatten)]
    pub(in crate::cli) seeds: SeedArgs,
    #[command(flatten)]
    pub(in crate::cli) order: OrderArgs,
    /// Say of each track which plays its score comes from.
    #[arg(long)]
    pub(in crate::cli) explain: bool,
    #[command(flatten)]
    pub(in crate::cli) server: ServerArg,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Playlist {
    #[command(flatten)]
    pub(in crate::cli) audience: AudienceArgs,
    #[command(flatten)]
    pub(in crate::cli) order: OrderArgs,
    /// Only tracks of this cluster, by number; "bundle show" lists them.
    #[arg(long, value_name = "NUMBER")]
    pub(in crate::cli) cluster: Option<i32>,
    /// Tracks of this mood: from 0 (sad) to 1 (glad), and from 0 (calm) to 1 (excited).
    #[arg(long, value_name = "VALENCE,ENERGY")]
    pub(in crate::cli) mood: Option<MoodArg>,
    /// How many tracks of one artist at most; without it, 2.
    #[arg(long, value_name = "N")]
    pub(in crate::cli) max_per_artist: Option<i32>,
    /// How much smooth transitions count beside relevance, from 0 to 1; without it, as much.
    #[arg(long, value_name = "DIAL")]
    pub(in crate::cli) smoothness: Option<f64>,
    #[command(flatten)]
    pub(in crate::cli) server: ServerArg,
}

/// A point in the plane of mood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cli) struct MoodArg {
    pub(in crate::cli) valence: f64,
    pub(in crate::cli) energy: f64,
}

impl std::str::FromStr for MoodArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text
            .split_once(',')
            .ok_or("two numbers are needed, as in 0.8,0.3")?;
        let number = |text: &str| {
            text.trim()
                .parse()
                .map_err(|_| format!("{text:?} is no number"))
        };
        Ok(Self {
            valence: number(parts.0)?,
            energy: number(parts.1)?,
        })
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Describe {
    /// The track.
    pub(in crate::cli) track: String,
    /// How many similar tracks to name.
    #[arg(long, short = 'n', default_value_t = 10)]
    pub(in crate::cli) neighbors: i32,
    #[command(flatten)]
    pub(in crate::cli) server: ServerArg,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Similar {
    /// Track to start from.
    pub(in crate::cli) track: String,
    /// From 0 (same listeners) to 1 (same sound).
    #[arg(long, short = 'w')]
    pub(in crate::cli) content_weight: Option<f64>,
    #[command(flatten)]
    pub(in crate::cli) wanted: WantedArgs,
    #[command(flatten)]
    pub(in crate::cli) server: ServerArg,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Compare {
    #[command(flatten)]
    pub(in crate::cli) audience: AudienceArgs,
    /// Content weights to compare, separated by commas; without them, collaborative, learned blend and content.
    #[arg(long, short = 'w', value_delimiter = ',')]
    pub(in crate::cli) content_weight: Vec<f64>,
    #[command(flatten)]
    pub(in crate::cli) list: ListArgs,
    #[command(flatten)]
    pub(in crate::cli) server: ServerArg,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Record {
    /// Who listened.
    pub(in crate::cli) user: String,
    /// Tracks that were played just now, as ID or ID:COUNT.
    #[arg(required = true, value_name = "TRACK[:COUNT]")]
    pub(in crate::cli) tracks: Vec<HistoryArg>,
    /// For how many milliseconds each was played.
    #[arg(long, value_name = "MS")]
    pub(in crate::cli) ms_played: Option<u32>,
    /// They were skipped.
    #[arg(long)]
    pub(in crate::cli) skipped: bool,
    /// Id of the event, for a single track; a new one otherwise.
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) event_id: Option<String>,
    /// Token of the list that they were played from.
    #[arg(
        long,
        value_name = "TOKEN",
        default_value = "",
        hide_default_value = true
    )]
    pub(in crate::cli) attribution_token: String,
    #[command(flatten)]
    pub(in crate::cli) server: ServerArg,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ScopeArg {
    /// Ask for rankings.
    Read,
    /// Report plays.
    Write,
    /// Choose bundles, and look at what experiments have come to.
    Admin,
}

impl ScopeArg {
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Token {
    /// Whom it is for.
    pub(in crate::cli) name: String,
    /// What its caller may do, joined by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "read")]
    pub(in crate::cli) scopes: Vec<ScopeArg>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stand_behind_the_last_colon() {
        let parse = |text: &str| text.parse::<HistoryArg>().unwrap();
        assert_eq!(parse("a").play_count, None);
        assert_eq!(parse("spotify:track:x").track_id, "spotify:track:x");
        let counted = parse("spotify:track:x:3");
        assert_eq!(
            (counted.track_id.as_str(), counted.play_count),
            ("spotify:track:x", Some(3))
        );
    }

    #[test]
    fn a_mood_is_two_numbers() {
        let mood = |valence, energy| Ok(MoodArg { valence, energy });
        assert_eq!("0.8,0.25".parse(), mood(0.8, 0.25));
        assert_eq!("1, 0".parse(), mood(1.0, 0.0));
        for wrong in ["", "0.5", "glad,calm", "1,2,3"] {
            assert!(wrong.parse::<MoodArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn years_may_be_open_on_either_side() {
        let years = |first, last| Ok(YearsArg { first, last });
        assert_eq!("1990".parse(), years(Some(1990), Some(1990)));
        assert_eq!("1990-1999".parse(), years(Some(1990), Some(1999)));
        assert_eq!("1990-".parse(), years(Some(1990), None));
        assert_eq!("-1999".parse(), years(None, Some(1999)));
        for wrong in ["", "-", "1999-1990", "nineties", "1990-1999-2000"] {
            assert!(wrong.parse::<YearsArg>().is_err(), "{wrong}");
        }
    }
}
