//! Made-up models of any size, shaped like one that was learned.
//!
//! What is modelled, by the factors of length 128 learned from the plays of 209,000 tracks: norms (7 % zero; median 0.25, one
//! in a hundred above 2.3, the largest 5 to 7); tracks that lie about their artist (12 tracks on average, cosine about .6)
//! and artists about their scene (about .3), some of either more crowded than others; norms that are alike within an
//! artist; one direction that all share; no other direction that stands out, as the eigenvalues of learned factors
//! hardly fall; listeners between two scenes, near popular artists of both. At 209,000 tracks and length 128 the hundredth
//! best score is above the longest possible one of 81 % of the tracks, of the learned factors 85 %: searching is a little
//! harder here. Embeddings lie about artists and scenes in the same way, in a space of their own; none repeats.
//!
//! What is not: how factors change as a catalogue grows. Norms stay, artists and scenes grow in number.

use std::sync::Arc;

use crossfade_blend::{Model, Parameters};
use crossfade_catalog::{CategoryColumn, TextColumn, TrackTable, Vocab};
use crossfade_content::{EmbeddingModel, Features, ProvidedEmbedder};
use crossfade_matrix::{Csr, Dense};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

const FACTORS: usize = 64;
const EMBEDDING: usize = 32;
const TRACKS_PER_ARTIST: usize = 12;
const TRACKS_PER_SCENE: usize = 1_000;
const TRACKS_PER_USER: usize = 10;
const PLAYS_PER_USER: usize = 20;
/// Rows that one thread makes from one stream of random numbers.
const CHUNK: usize = 4_096;

/// Shares of a direction: what all have in common, the scene, the artist, and what is its own.
const TRACK: [f32; 4] = [0.03, 0.32, 0.38, 0.27];
const LISTENER: [f32; 4] = [0.03, 0.57, 0.40, 0.0];

/// Where artists and scenes lie in one space.
struct Space {
    dim: usize,
    common: Vec<f32>,
    scenes: Vec<f32>,
    artists: Vec<f32>,
}

struct Artists {
    scene: Vec<u32>,
    /// Standard normal.
    fame: Vec<f32>,
    by_scene: Vec<Vec<u32>>,
}

/// A model of so many tracks.
pub(crate) fn model(tracks: usize) -> Model {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let artists = Artists::new(tracks, &mut random);
    let [factors, content] = [FACTORS, EMBEDDING].map(|dim| Space::new(dim, &artists, &mut random));
    let artist: Vec<u32> = (0..tracks)
        .map(|_| crowded(artists.fame.len(), &mut random))
        .collect();
    let norms: Vec<f32> = artist
        .iter()
        .map(|&artist| norm(artists.fame[artist as usize], &mut random))
        .collect();
    let track_factors = rows(tracks, FACTORS, 2, |track, random, out| {
        let artist = artist[track] as usize;
        factors.near((artists.scene[artist], artist as u32), TRACK, random, out);
        scale(out, norms[track]);
    });
    let embeddings = rows(tracks, EMBEDDING, 3, |track, random, out| {
        let artist = artist[track] as usize;
        content.near((artists.scene[artist], artist as u32), TRACK, random, out);
    });
    let users = tracks / TRACKS_PER_USER;
    let likes: Vec<[u32; 6]> = (0..users).map(|_| artists.likes(&mut random)).collect();
    let listeners = |space: &Space, seed| {
        rows(users, space.dim, seed, |user, random, out| {
            space.listener(&artists, &likes[user], random, out);
        })
    };
    let encoder = Features::new(1).vectors("embedding", EMBEDDING, content.common.clone());
    let encoder = ProvidedEmbedder::fit("embedding", &encoder).expect("one vector is known");
    Model {
        users: Arc::new(names("usr", users)),
        tracks: Arc::new(table(&artist, &artists)),
        user_factors: listeners(&factors, 4),
        track_factors,
        tastes: listeners(&content, 5),
        embeddings,
        history: history(users, &norms, &mut random),
        last_played: None,
        encoder: EmbeddingModel::Provided(encoder),
        clusters: None,
        labels: Default::default(),
        factorisation: crossfade_mf::Config {
            dim: FACTORS,
            ..Default::default()
        },
        learned_tracks: tracks,
        taste: Default::default(),
        index: Default::default(),
        parameters: Parameters {
            popularity_weight: 0.1,
            // The hundredth best score in root mean squares, as found on learned factors, and for unit vectors.
            collaborative_reach: 12.0,
            content_reach: 4.0,
            ..Parameters::default()
        },
    }
}

impl Artists {
    fn new(tracks: usize, random: &mut ChaCha8Rng) -> Self {
        let artists = (tracks / TRACKS_PER_ARTIST).max(1);
        let scenes = (tracks / TRACKS_PER_SCENE).max(1);
        let scene: Vec<u32> = (0..artists).map(|_| crowded(scenes, random)).collect();
        let mut by_scene = vec![Vec::new(); scenes];
        for (artist, &scene) in scene.iter().enumerate() {
            by_scene[scene as usize].push(artist as u32);
        }
        Self {
            fame: (0..artists).map(|_| normal(random)).collect(),
            scene,
            by_scene,
        }
    }

    /// Three artists of each of two scenes.
    fn likes(&self, random: &mut ChaCha8Rng) -> [u32; 6] {
        let mut likes = [0; 6];
        for half in likes.chunks_exact_mut(3) {
            let scene = self.scene[random.random_range(0..self.scene.len())];
            let there = &self.by_scene[scene as usize];
            half.fill_with(|| {
                // The most famous of four.
                let one = || there[random.random_range(0..there.len())];
                let four: Vec<u32> = std::iter::repeat_with(one).take(4).collect();
                let fame = |artist: &u32| self.fame[*artist as usize];
                let best = four.into_iter().max_by(|a, b| fame(a).total_cmp(&fame(b)));
                best.expect("there are four")
            });
        }
        likes
    }
}

impl Space {
    fn new(dim: usize, artists: &Artists, random: &mut ChaCha8Rng) -> Self {
        let mut units = |count: usize| {
            let mut values = vec![0.0; count * dim];
            values
                .chunks_exact_mut(dim)
                .for_each(|out| unit(random, out));
            values
        };
        Self {
            dim,
            common: units(1),
            scenes: units(artists.by_scene.len()),
            artists: units(artists.scene.len()),
        }
    }

    /// A direction near an artist of a scene.
    fn near(
        &self,
        (scene, artist): (u32, u32),
        [common, of_scene, of_artist, own]: [f32; 4],
        random: &mut ChaCha8Rng,
        out: &mut [f32],
    ) {
        unit(random, out);
        scale(out, own.sqrt());
        add(out, &self.common, common.sqrt());
        add(out, at(&self.scenes, scene, self.dim), of_scene.sqrt());
        add(out, at(&self.artists, artist, self.dim), of_artist.sqrt());
        normalise(out);
    }

    /// A direction between two scenes, near three artists of each.
    fn listener(
        &self,
        artists: &Artists,
        likes: &[u32; 6],
        random: &mut ChaCha8Rng,
        out: &mut [f32],
    ) {
        let mut total = vec![0.0; self.dim];
        for (half, weight) in likes.chunks_exact(3).zip([0.85, 0.5]) {
            for &artist in half {
                let scene = artists.scene[artist as usize];
                self.near((scene, artist), LISTENER, random, out);
                add(&mut total, out, weight * random.random::<f32>());
            }
        }
        out.copy_from_slice(&total);
        normalise(out);
    }
}

/// As many plays of each user, more often of tracks with long factors.
fn history(users: usize, norms: &[f32], random: &mut ChaCha8Rng) -> Csr {
    let mut offsets = vec![0_u64];
    let mut indices = Vec::with_capacity(users * PLAYS_PER_USER);
    for _ in 0..users {
        let mut one = || {
            let two: [u32; 2] = std::array::from_fn(|_| random.random_range(0..norms.len() as u32));
            let [a, b] = two.map(|track| norms[track as usize]);
            if a > b { two[0] } else { two[1] }
        };
        let mut played: Vec<u32> = (0..PLAYS_PER_USER).map(|_| one()).collect();
        played.sort_unstable();
        played.dedup();
        indices.extend(played);
        offsets.push(indices.len() as u64);
    }
    let strengths = vec![1.0; indices.len()];
    Csr::new(norms.len(), offsets, indices, strengths).expect("rows ascend")
}

fn table(artist: &[u32], artists: &Artists) -> TrackTable {
    let mut table = TrackTable {
        ids: names("trk", artist.len()),
        year: artist
            .iter()
            .map(|&a| Some(1960 + (a % 60) as i16))
            .collect(),
        duration_ms: artist.iter().map(|&a| Some(200_000 + a)).collect(),
        ..TrackTable::default()
    };
    let (mut titles, mut performers, mut genres) = (
        TextColumn::default(),
        CategoryColumn::default(),
        CategoryColumn::default(),
    );
    for (track, &artist) in artist.iter().enumerate() {
        titles.push(Some(&format!("The title of number {track}")));
        performers.push(Some(&format!("Artist {artist}")));
        genres.push(Some(&format!(
            "Genre {}",
            artists.scene[artist as usize] % 50
        )));
    }
    (table.title, table.artist, table.genre) = (titles, performers, genres);
    table
}

fn names(kind: &str, count: usize) -> Vocab {
    let mut names = Vocab::with_capacity(count, 0);
    for number in 0..count {
        names.intern(&format!("{kind}_{number:08}"));
    }
    names
}

/// Fills rows many at a time, each chunk of rows from its own random numbers.
fn rows(
    count: usize,
    dim: usize,
    seed: u64,
    fill: impl Fn(usize, &mut ChaCha8Rng, &mut [f32]) + Sync,
) -> Dense {
    let mut values = vec![0.0; count * dim];
    let chunks = values.par_chunks_mut(CHUNK * dim).enumerate();
    chunks.for_each(|(chunk, values)| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(chunk as u64);
        for (at, row) in values.chunks_exact_mut(dim).enumerate() {
            fill(chunk * CHUNK + at, &mut random, row);
        }
    });
    Dense::new(count, dim, values)
}

/// The norm of a factor: on either side of the median log-normal, bent where it is long.
fn norm(fame: f32, random: &mut ChaCha8Rng) -> f32 {
    if random.random::<f32>() < 0.07 {
        return 0.0;
    }
    let z = (0.7_f32.sqrt() * fame + 0.3_f32.sqrt() * normal(random)).min(5.4);
    let log = if z > 0.0 {
        1.217 * z - 0.111 * z * z
    } else {
        0.62 * z
    };
    0.246 * log.exp()
}

/// One of `count`, the first ones more often.
fn crowded(count: usize, random: &mut ChaCha8Rng) -> u32 {
    let place = random.random::<f32>().powf(1.5) * count as f32;
    (place as u32).min(count as u32 - 1)
}

/// Nearly standard normal: coins thrown.
fn normal(random: &mut ChaCha8Rng) -> f32 {
    (random.next_u64().count_ones() as f32 - 32.0) / 4.0
}

fn unit(random: &mut ChaCha8Rng, out: &mut [f32]) {
    out.fill_with(|| normal(random));
    normalise(out);
}

fn normalise(values: &mut [f32]) {
    let norm = values.iter().map(|x| x * x).sum::<f32>().sqrt();
    scale(values, 1.0 / norm.max(f32::MIN_POSITIVE));
}

fn scale(values: &mut [f32], by: f32) {
    values.iter_mut().for_each(|x| *x *= by);
}

fn add(values: &mut [f32], others: &[f32], by: f32) {
    for (value, other) in values.iter_mut().zip(others) {
        *value += other * by;
    }
}

fn at(values: &[f32], row: u32, dim: usize) -> &[f32] {
    &values[row as usize * dim..][..dim]
}
