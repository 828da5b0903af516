use std::collections::{HashMap, HashSet};

use crossfade_blend::{
    Listener, Mood, Playlist, PlaylistQuery, Ranking, SeedWeight, Smoothness, TrackFilter,
};

use crate::catalogue::{TRACKS, USERS, engine};

fn seeded() -> Listener {
    engine()
        .with_seeds(Listener::default(), &[3, 40, 111], SeedWeight::default())
        .unwrap()
}

fn wanted(limit: usize, smoothness: f64) -> PlaylistQuery {
    PlaylistQuery {
        smoothness: Smoothness::new(smoothness).unwrap(),
        ..PlaylistQuery::new(Ranking::Blend(None), limit)
    }
}

fn worth(playlist: &Playlist, smoothness: f64) -> f64 {
    (1.0 - smoothness) * playlist.relevance - smoothness * playlist.transition_cost
}

#[test]
fn smoothness_trades_relevance_for_transitions() {
    let relevant = engine().playlist(&seeded(), &wanted(15, 0.0)).unwrap();
    // Added up in another order.
    assert!((relevant.relevance - relevant.relevance_of_best).abs() < 1e-14);
    let mut before = relevant.transition_cost;
    for smoothness in [0.3, 0.6, 1.0] {
        let smooth = engine()
            .playlist(&seeded(), &wanted(15, smoothness))
            .unwrap();
        assert!(smooth.transition_cost <= before + 1e-12);
        assert!(smooth.transition_cost < smooth.transition_cost_by_relevance);
        // Nothing is better by this measure than what it was made for.
        assert!(worth(&smooth, smoothness) >= worth(&relevant, smoothness) - 1e-14);
        before = smooth.transition_cost;
    }
}

#[test]
fn a_playlist_has_each_track_once_and_no_more_of_an_artist_than_wanted() {
    let artists = &engine().model().tracks.artist;
    for user in 0..USERS {
        let listener = engine().listener(Some(user), &[]).unwrap();
        let playlist = engine().playlist(&listener, &wanted(12, 0.5)).unwrap();
        assert_eq!(playlist.tracks.len(), 12);
        let distinct: HashSet<u32> = playlist.tracks.iter().map(|one| one.track).collect();
        assert_eq!(distinct.len(), 12);
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for artist in distinct.iter().filter_map(|&track| artists.code(track)) {
            *counts.entry(artist).or_default() += 1;
        }
        assert!(counts.values().all(|&count| count <= 2));
        assert!(playlist.tracks[0].transition.is_none());
        let costs = playlist.tracks[1..]
            .iter()
            .map(|one| one.transition.unwrap().cost());
        assert!((costs.sum::<f64>() / 11.0 - playlist.transition_cost).abs() < 1e-12);
        let again = engine().playlist(&listener, &wanted(12, 0.5)).unwrap();
        assert_eq!(again.tracks, playlist.tracks);
    }
}

#[test]
fn a_mood_is_where_the_tracks_are() {
    let table = &engine().model().tracks;
    let [valence, energy] = ["valence", "energy"].map(|name| &table.feature(name).unwrap().values);
    let mood = Mood {
        valence: 0.9,
        energy: 0.2,
    };
    let distance = |track: u32| {
        let (v, e) = (valence[track as usize], energy[track as usize]);
        ((f64::from(v) - mood.valence).powi(2) + (f64::from(e) - mood.energy).powi(2)).sqrt()
    };
    let query = PlaylistQuery {
        mood: Some(mood),
        ..wanted(10, 0.5)
    };
    let playlist = engine().playlist(&Listener::default(), &query).unwrap();
    let mean = playlist
        .tracks
        .iter()
        .map(|one| distance(one.track))
        .sum::<f64>()
        / 10.0;
    let known = (0..TRACKS)
        .map(distance)
        .filter(|distance| distance.is_finite());
    let all: Vec<f64> = known.collect();
    assert!(
        mean < 0.7 * all.iter().sum::<f64>() / all.len() as f64,
        "{mean}"
    );
    assert!(
        playlist
            .tracks
            .iter()
            .all(|one| distance(one.track).is_finite())
    );
}

#[test]
fn a_cluster_and_a_filter_bound_a_playlist() {
    let filter = TrackFilter {
        explicit: Some(false),
        ..TrackFilter::default()
    };
    let mut query = PlaylistQuery {
        cluster: Some(1),
        ..wanted(6, 0.5)
    };
    query.query.candidates = engine().filter(&filter).0;
    let playlist = engine().playlist(&seeded(), &query).unwrap();
    assert_eq!(playlist.tracks.len(), 6);
    for one in playlist.tracks {
        assert_eq!(engine().cluster(one.track).unwrap().0, 1);
        assert_ne!(
            engine().model().tracks.explicit[one.track as usize],
            Some(true)
        );
    }
}
