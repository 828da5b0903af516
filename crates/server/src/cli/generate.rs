use std::{fs, path::Path};

use anyhow::Context;
use crossfade_ingest::{Play, PlayWriter, Track, TrackWriter};
use crossfade_synth::{AUDIO_FEATURES, World, WorldConfig};

use super::{args::Generate, ui::Ui};
use crate::pipeline::Event;

/// Plays between looks at the progress bar.
const PROGRESS: u64 = 100_000;

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
    let plays = write_plays(&world, &args.out.join("plays.parquet"), ui)?;
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

fn write_plays(world: &World, path: &Path, ui: &Ui) -> anyhow::Result<u64> {
    let track_ids: Vec<String> = (0..world.config().tracks)
        .map(|track| world.track_id(track))
        .collect();
    let total = world.config().plays;
    let mut writer = PlayWriter::create(path)?;
    let mut written = 0;
    for user in world.users() {
        for play in world.user_plays(user.number) {
            writer.write(&Play {
                user_id: &user.user_id,
                track_id: &track_ids[play.track as usize],
                played_at_ms: play.played_at_ms,
                ms_played: play.ms_played,
                skipped: play.skipped,
            })?;
            written += 1;
            if written % PROGRESS == 0 {
                ui.observe(Event::Progress {
                    done: written,
                    total,
                });
            }
        }
    }
    Ok(writer.finish()?)
}
