use std::num::NonZeroUsize;

use crossfade_blend::{
    Camelot, Engine, Mood, Playlist, PlaylistQuery, PlaylistTrack, Smoothness, Transition,
};

use super::{
    audience::{Audience, Resolved},
    checks::Checks,
    limits,
    requests::Order,
    responses::track,
    rules::Rules,
};
use crate::{grpc::status::Refusal, pb};

/// A checked GeneratePlaylistRequest, its ids not yet looked up: whom it is for, and what is wanted.
#[derive(Debug)]
pub(in crate::grpc) struct Generate {
    pub(in crate::grpc) audience: Audience,
    pub(in crate::grpc) wish: Wish,
}

/// What a playlist is made by, apart from whom it is for.
#[derive(Debug, Clone, Copy)]
pub(in crate::grpc) struct Wish {
    pub(in crate::grpc) order: Order,
    cluster: Option<u32>,
    mood: Option<Mood>,
    limit: usize,
    max_per_artist: NonZeroUsize,
    smoothness: Smoothness,
}

impl Generate {
    pub(in crate::grpc) fn check(request: pb::GeneratePlaylistRequest) -> Result<Self, Refusal> {
        /// Tracks of an artist when a request says nothing.
        const PER_ARTIST: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);
        let mut checks = Checks::default();
        let audience = Audience {
            seed_weight: checks.seeds(&request.seed_track_ids, request.seed_weight),
            filter: checks.filter(request.filter),
            user_id: request.user_id,
            history: request.history,
            seeds: request.seed_track_ids,
            excluded: request.exclude_track_ids,
            include_played: request.include_played,
            rules: Rules::default(),
        };
        audience.check(&mut checks);
        let spec = pb::RankingSpec {
            ranking: request.ranking,
            content_weight: request.content_weight,
            discovery: request.discovery,
            diversity: None,
        };
        let order = checks.order("", &spec);
        let cluster = request.cluster.map(|cluster| {
            u32::try_from(cluster).unwrap_or_else(|_| {
                checks.refuse("cluster", format!("must not be negative, is {cluster}"));
                0
            })
        });
        let mood = request.mood.map(|mood| checks.mood(&mood));
        let limit = checks.whole(
            "limit",
            request.limit,
            (limits::DEFAULT_LIMIT, limits::PLAYLIST),
        );
        let cap = checks.max_per_artist("max_per_artist", request.max_per_artist);
        let smoothness = (Smoothness::new as fn(f64) -> _, "from 0 to 1");
        let smoothness = checks.number(|| "smoothness".into(), request.smoothness, smoothness);
        let wish = Wish {
            order,
            cluster,
            mood,
            limit,
            max_per_artist: cap.unwrap_or(PER_ARTIST),
            smoothness,
        };
        checks.finish(Self { audience, wish })
    }
}

impl Checks {
    fn mood(&mut self, mood: &pb::Mood) -> Mood {
        for (field, value) in [("valence", mood.valence), ("energy", mood.energy)] {
            if !(0.0..=1.0).contains(&value) {
                self.refuse(
                    format!("mood.{field}"),
                    format!("must be from 0 to 1, is {value}"),
                );
            }
        }
        Mood {
            valence: mood.valence,
            energy: mood.energy,
        }
    }
}

impl Wish {
    /// What to ask of a bundle; its cluster must exist.
    pub(in crate::grpc) fn query(
        &self,
        engine: &Engine,
        audience: &Resolved,
    ) -> Result<PlaylistQuery, Refusal> {
        let clusters = engine.clusters().len();
        if let Some(cluster) = self.cluster.filter(|&cluster| cluster as usize >= clusters) {
            return Err(Refusal::UnknownCluster { cluster, clusters });
        }
        Ok(PlaylistQuery {
            query: audience.query(self.order, self.limit),
            cluster: self.cluster,
            mood: self.mood,
            max_per_artist: self.max_per_artist,
            smoothness: self.smoothness,
        })
    }
}

/// A playlist's tracks as they go over the wire.
pub(in crate::grpc) fn playlist(playlist: &Playlist, engine: &Engine) -> Vec<pb::PlaylistTrack> {
    let tracks = (1..).zip(&playlist.tracks);
    tracks
        .map(|(rank, one)| playlist_track(rank, one, engine))
        .collect()
}

fn playlist_track(rank: i32, one: &PlaylistTrack, engine: &Engine) -> pb::PlaylistTrack {
    let table = &engine.model().tracks;
    let feature = |name| {
        let value = table.feature(name)?.values.get(one.track as usize).copied();
        value.filter(|value| value.is_finite())
    };
    let key = feature("key").zip(feature("mode"));
    let key = key.and_then(|(key, mode)| Camelot::of(key, mode));
    pb::PlaylistTrack {
        track: Some(track((one.track, rank), &one.components, engine)),
        relevance: one.relevance,
        transition: one.transition.as_ref().map(transition),
        tempo: feature("tempo").map(f64::from),
        key: key.map_or_else(String::new, |key| key.to_string()),
        energy: feature("energy").map(f64::from),
    }
}

fn transition(transition: &Transition) -> pb::Transition {
    pb::Transition {
        cost: transition.cost(),
        tempo: transition.tempo,
        key: transition.key,
        energy: transition.energy,
    }
}
