use std::{fs, path::Path};

use anyhow::Context;
use crossfade_ingest::{Play, Track, TrackWriter};
use crossfade_synth::{AUDIO_FEATURES, World, WorldConfig};

use super::{args::Generate, ui::Ui};
use crate::pipeline::Event;

pub(super) fn run(args: &Generate, ui: &Ui) -> anyhow::Result<()> {
    let world = World::new(WorldConfig {
        users: args.users,
        tracks: args.tracks,
        plays: args.plays,
        cold_share: args.cold_share,
        seed: args.seed,
        ..WorldConfig::default()
    })?;
    fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;
    ui.observe(Event::Stage("write tracks"));
    let tracks = write_tracks(&world, &args.out.join("tracks.parquet"))?;
    ui.observe(Event::Stage("write plays"));
    write_plays(&world, &args.out.join("plays.parquet"), ui)?;
    let plays = args.plays;
    let result = serde_json::json!({
        "users": args.users, "tracks": tracks, "plays": plays, "seed": args.seed, "out": args.out,
    });
    ui.result(&result, |_| {
        format!(
            "{plays} plays of {tracks} tracks by {} users in {}",
            args.users,
            args.out.display()
        )
    })
}

fn write_tracks(world: &World, path: &Path) -> anyhow::Result<u64> {
    let mut writer = TrackWriter::create(path, &AUDIO_FEATURES)?;
    for track in world.tracks() {
        writer.write(&Track {
            track_id: &track.track_id,
            title: Some(&track.title),
            artist: Some(&track.artist),
            album: track.album.as_deref(),
            genre: track.genre,
            tags: &[],
            release_date: Some(track.release_date.days()),
            explicit: Some(track.explicit),
            duration_ms: Some(track.duration_ms),
            features: &track.features.map(|value| value.unwrap_or(f32::NAN)),
        })?;
    }
    Ok(writer.finish()?)
}

fn write_plays(world: &World, path: &Path, ui: &Ui) -> anyhow::Result<()> {
    let total = world.config().plays;
    let track_ids: Vec<String> = (0..world.config().tracks)
        .map(|track| world.track_id(track))
        .collect();
    crossfade_ingest::write_plays(
        path,
        total,
        |rows, write| {
            let mut user = (u32::MAX, String::new());
            for play in world.plays_in(rows) {
                if play.user != user.0 {
                    user = (play.user, world.user_id(play.user));
                }
                write(&Play {
                    user_id: &user.1,
                    track_id: &track_ids[play.track as usize],
                    played_at_ms: play.played_at_ms,
                    ms_played: play.ms_played,
                    skipped: play.skipped,
                })?;
            }
            Ok(())
        },
        &|done| ui.observe(Event::Progress { done, total }),
    )?;
    Ok(())
}
