use super::{
    args::Playlist,
    client::{call, name, show, unknown},
    tables::table,
    ui::Ui,
};
use crate::pb;

pub(super) fn run(args: &Playlist, ui: &Ui) -> anyhow::Result<()> {
    let request = pb::GeneratePlaylistRequest {
        user_id: args.audience.user.clone(),
        history: args.audience.plays(),
        seed_track_ids: args.audience.seeds.seed.clone(),
        seed_weight: args.audience.seeds.seed_weight,
        cluster: args.cluster,
        mood: args.mood.map(|mood| pb::Mood {
            valence: mood.valence,
            energy: mood.energy,
        }),
        ranking: args.order.ranking.wire().into(),
        content_weight: args.order.content_weight,
        discovery: args.order.discovery,
        limit: Some(args.audience.wanted.limit),
        max_per_artist: args.max_per_artist,
        smoothness: args.smoothness,
        exclude_track_ids: args.audience.wanted.exclude.clone(),
        include_played: args.audience.include_played,
        filter: args.audience.wanted.filter(),
    };
    let response = call(&args.server, async |client| {
        client.generate_playlist(request).await
    })?;
    show(ui, "GeneratePlaylistResponse", &response, |response| {
        let heading = format!(
            "A playlist of {} tracks for {} by {} ({}), bundle {}\n\
             mean transition {:.3} (by relevance {:.3}), mean relevance {:.3} (at most {:.3})",
            response.tracks.len(),
            args.audience.listener(response.user_known),
            name(response.ranking().as_str_name(), "RANKING_"),
            name(response.basis().as_str_name(), "BASIS_"),
            response.bundle_version,
            response.transition_cost,
            response.transition_cost_by_relevance,
            response.relevance,
            response.relevance_of_best,
        );
        let unknown = unknown(&response.unknown_track_ids, response.unknown_names.as_ref());
        heading + &unknown + "\n\n" + &tracks(&response.tracks)
    })
}

fn tracks(tracks: &[pb::PlaylistTrack]) -> String {
    let header = [
        "",
        "track",
        "title",
        "artist",
        "key",
        "tempo",
        "energy",
        "relevance",
        "transition",
    ];
    let mut rows = table(&header, 4);
    let shown = |value: Option<f64>, digits: usize| {
        value.map_or_else(String::new, |value| format!("{value:.digits$}"))
    };
    for one in tracks {
        let track = one.track.clone().unwrap_or_default();
        rows.add_row([
            track.rank.to_string(),
            track.track_id,
            track.title,
            track.artist,
            one.key.clone(),
            shown(one.tempo, 0),
            shown(one.energy, 2),
            format!("{:.3}", one.relevance),
            shown(one.transition.map(|transition| transition.cost), 3),
        ]);
    }
    rows.to_string()
}
