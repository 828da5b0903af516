use std::{ops::ControlFlow, sync::Arc};

use crossfade_blend::{
    Basis, Case, ContentWeight, Engine, Listener, Model, Parameters, Play, Query, RankedTrack,
    Ranking, SimilarQuery, learn_weights,
};
use crossfade_catalog::{TrackTable, Vocab};
use crossfade_content::{EmbeddingModel, Features, PcaConfig, PcaEmbedder, Schema, taste_vectors};
use crossfade_index::Bitmap;
use crossfade_matrix::{Csr, Dense};

const USERS: u32 = 12;
/// Tracks 0 to 15 are warm; 16 and 17 are cold; of 18 and 19 nothing is known but that two users played them.
const TRACKS: u32 = 20;
const COLD: [u32; 2] = [16, 17];
const UNHEARD: [u32; 2] = [18, 19];

/// Even users like even tracks, odd ones odd tracks, and even tracks sound alike, as odd ones do. Each user has not yet
/// played one of the warm tracks of that kind.
fn engine() -> Engine {
    let likes = |user: u32, track: u32| user % 2 == track % 2 && track / 2 != user / 2 % 8;
    let mut plays: Vec<(u32, u32, f32)> = (0..USERS)
        .flat_map(|user| (0..16).map(move |track| (user, track)))
        .filter(|&(user, track)| likes(user, track))
        .map(|(user, track)| (user, track, 1.0))
        .collect();
    plays.extend([(0, 18, 1.0), (1, 19, 1.0)]);
    let history = Csr::from_triplets(USERS as usize, TRACKS as usize, plays).unwrap();
    let factorisation = crossfade_mf::Config {
        dim: 4,
        ..Default::default()
    };
    let factors =
        crossfade_mf::fit(&history, &factorisation, |_| ControlFlow::Continue(())).unwrap();

    let codes: Vec<u32> = (0..18).map(|track| track % 2).collect();
    let features = Features::new(TRACKS as usize).category("genre", codes, ["even", "odd"]);
    let embedder = PcaEmbedder::fit(&Schema::default(), &PcaConfig::default(), &features).unwrap();
    let encoder = EmbeddingModel::Pca(embedder);
    let embeddings = crossfade_content::Embedder::embed(&encoder, &features);
    let ids = |prefix: &str, count: u32| -> Vocab {
        let ids: Vec<String> = (0..count).map(|n| format!("{prefix}{n}")).collect();
        ids.iter().map(String::as_str).collect()
    };
    Engine::new(Model {
        users: Arc::new(ids("u", USERS)),
        tracks: Arc::new(TrackTable {
            ids: ids("t", TRACKS),
            ..Default::default()
        }),
        user_factors: factors.users,
        track_factors: factors.items,
        tastes: taste_vectors(&embeddings, (&history, None), &Default::default()),
        embeddings,
        history,
        last_played: None,
        encoder,
        clusters: None,
        labels: Default::default(),
        factorisation,
        learned_tracks: TRACKS as usize,
        taste: Default::default(),
        index: Default::default(),
        parameters: Parameters {
            content_weight: 0.5,
            ..Default::default()
        },
    })
    .unwrap()
}

fn query(ranking: Ranking) -> Query {
    Query::new(ranking, TRACKS as usize)
}

fn blend(weight: f64) -> Ranking {
    Ranking::Blend(Some(ContentWeight::new(weight).unwrap()))
}

fn tracks(engine: &Engine, listener: &Listener, query: &Query) -> Vec<u32> {
    let answer = engine.recommend(listener, query).unwrap();
    answer.tracks.iter().map(|ranked| ranked.track).collect()
}

#[test]
fn the_withheld_track_comes_first_by_either_evidence() {
    let engine = engine();
    for user in 0..USERS {
        let withheld = user / 2 % 8 * 2 + user % 2;
        let listener = engine.listener(Some(user), &[]).unwrap();
        let collaborative = tracks(&engine, &listener, &query(Ranking::Collaborative));
        assert_eq!(collaborative[0], withheld, "user {user}");
        let content = tracks(&engine, &listener, &query(Ranking::Content));
        let alike: Vec<u32> = content[..2].to_vec();
        assert!(alike.contains(&withheld), "user {user}: {content:?}");
    }
}

#[test]
fn the_ends_of_the_blend_are_the_two_rankings() {
    let engine = engine();
    let listener = engine.listener(Some(3), &[]).unwrap();
    for (end, ranking) in [(0.0, Ranking::Collaborative), (1.0, Ranking::Content)] {
        let blended = engine.recommend(&listener, &query(blend(end))).unwrap();
        let ranked = engine.recommend(&listener, &query(ranking)).unwrap();
        assert_eq!(blended.tracks, ranked.tracks);
        assert_eq!(blended.basis, ranked.basis);
    }
}

#[test]
fn cold_tracks_need_content_and_unheard_ones_need_listeners() {
    let engine = engine();
    let listener = engine.listener(Some(2), &[]).unwrap();
    let has = |ranking, wanted: [u32; 2]| {
        let found = tracks(&engine, &listener, &query(ranking));
        wanted.map(|track| found.contains(&track))
    };
    assert_eq!(has(Ranking::Collaborative, COLD), [false, false]);
    assert_eq!(has(Ranking::Content, COLD), [true, true]);
    assert_eq!(has(blend(0.5), COLD), [true, true]);
    assert_eq!(has(Ranking::Collaborative, UNHEARD), [true, true]);
    assert_eq!(has(Ranking::Content, UNHEARD), [false, false]);
}

#[test]
fn a_predicted_factor_gives_a_cold_track_its_place_and_changes_nobodys_scores() {
    let plain = engine();
    let mut model = copy(&plain);
    let dim = model.factorisation.dim;
    let mut factors = model.track_factors.as_slice().to_vec();
    // Track 16 is to be like track 6, whose place it then shares; of track 17 nothing was predicted.
    factors.copy_within(6 * dim..7 * dim, 16 * dim);
    model.track_factors = Dense::new(TRACKS as usize, dim, factors);
    let placed = Engine::new(model).unwrap();
    assert!(placed.is_predicted(16) && !placed.is_predicted(6) && !placed.is_predicted(17));
    assert_eq!((placed.cold_tracks(), placed.predicted_tracks()), (2, 1));
    let fresh = [1, 3].map(|track| Play::new(track, 1.0));
    for listener in [(Some(2), &[][..]), (None, &fresh)] {
        let [before, after] = [&plain, &placed].map(|engine| {
            let listener = engine.listener(listener.0, listener.1).unwrap();
            let answer = engine.recommend(&listener, &query(Ranking::Collaborative));
            (listener, answer.unwrap().tracks)
        });
        assert_eq!(before.0, after.0);
        let scores = |tracks: &[RankedTrack]| -> Vec<(u32, f64)> {
            let old = tracks.iter().filter(|ranked| ranked.track != 16);
            old.map(|ranked| (ranked.track, ranked.components.sum()))
                .collect()
        };
        assert_eq!(scores(&before.1), scores(&after.1));
        let new = after.1.iter().find(|ranked| ranked.track == 16).unwrap();
        let like = after.1.iter().find(|ranked| ranked.track == 6);
        assert!(like.is_none_or(|like| like.components == new.components));
        let why = placed
            .explain((&after.0, Ranking::Collaborative), &[*new], 3)
            .unwrap();
        let parts = why[0].contributions.iter().map(|one| one.collaborative);
        let sum = parts.sum::<f64>() + why[0].other_collaborative;
        assert!((sum - new.components.sum()).abs() < 1e-12);
    }
}

#[test]
fn every_basis_is_told() {
    let engine = engine();
    let basis = |plays: &[u32], ranking| {
        let plays: Vec<Play> = plays.iter().map(|&track| Play::new(track, 1.0)).collect();
        let listener = engine.listener(None, &plays).unwrap();
        let answer = engine.recommend(&listener, &query(ranking)).unwrap();
        assert!(!answer.tracks.is_empty());
        answer.basis
    };
    assert_eq!(basis(&[2, 4], blend(0.5)), Basis::Full);
    assert_eq!(basis(&UNHEARD, blend(0.5)), Basis::CollaborativeOnly);
    assert_eq!(basis(&COLD, blend(0.5)), Basis::ContentOnly);
    assert_eq!(basis(&[], blend(0.5)), Basis::Popular);
    assert_eq!(basis(&COLD, Ranking::Collaborative), Basis::Popular);
    assert_eq!(basis(&UNHEARD, Ranking::Content), Basis::Popular);
    assert_eq!(basis(&[], Ranking::Popular), Basis::Full);
}

#[test]
fn listeners_answered_together_get_what_each_gets_alone() {
    let engine = engine();
    let mut listeners: Vec<Listener> = (0..USERS)
        .map(|user| engine.listener(Some(user), &[]).unwrap())
        .collect();
    // Some get popular tracks, in between.
    listeners.insert(3, Listener::default());
    listeners.insert(7, Listener::default());
    let together: Vec<&Listener> = listeners.iter().collect();
    for ranking in [blend(0.0), blend(0.4), Ranking::Content, Ranking::Popular] {
        let query = query(ranking);
        let answers = engine.recommend_all(&together, &query).unwrap();
        assert_eq!(answers.len(), listeners.len());
        for (listener, answer) in listeners.iter().zip(answers) {
            let alone = engine.recommend(listener, &query).unwrap();
            assert_eq!(answer.tracks, alone.tracks);
            assert_eq!(answer.basis, alone.basis);
        }
    }
}

#[test]
fn components_add_up_and_order_the_list() {
    let engine = engine();
    let listener = engine.listener(Some(5), &[]).unwrap();
    for weight in [0.0, 0.3, 1.0] {
        let answer = engine.recommend(&listener, &query(blend(weight))).unwrap();
        let scores: Vec<f64> = answer
            .tracks
            .iter()
            .map(|ranked| ranked.components.sum())
            .collect();
        assert!(
            scores.windows(2).all(|pair| pair[0] >= pair[1]),
            "{scores:?}"
        );
    }
}

#[test]
fn a_stranger_with_the_same_plays_gets_the_same_list() {
    let engine = engine();
    let user = engine.listener(Some(4), &[]).unwrap();
    let plays: Vec<Play> = engine
        .model()
        .history
        .row(4)
        .iter()
        .map(|(track, strength)| Play::new(track, strength))
        .collect();
    let stranger = engine.listener(None, &plays).unwrap();
    for ranking in [Ranking::Collaborative, Ranking::Content] {
        let top = |listener| tracks(&engine, listener, &query(ranking))[0];
        assert_eq!(top(&user), top(&stranger));
    }
}

#[test]
fn exclusions_candidates_and_played_tracks_bound_the_list() {
    let engine = engine();
    let listener = engine.listener(Some(0), &[]).unwrap();
    let candidates: Bitmap = [0, 1, 2, 3, 16].into_iter().collect();
    for ranking in [
        Ranking::Collaborative,
        Ranking::Content,
        blend(0.5),
        Ranking::Popular,
    ] {
        let bounded = Query {
            candidates: Some(Arc::new(engine.index().allow(candidates.clone()))),
            excluded: vec![1],
            ..query(ranking)
        };
        let found = tracks(&engine, &listener, &bounded);
        assert!(!found.is_empty());
        // User 0 played track 2.
        assert!(
            found.iter().all(|track| [0, 3, 16].contains(track)),
            "{found:?}"
        );
        let with_played = Query {
            include_played: true,
            ..bounded
        };
        assert!(tracks(&engine, &listener, &with_played).contains(&2));
    }
}

#[test]
fn similar_tracks_are_of_the_same_kind_and_never_the_track_itself() {
    let engine = engine();
    for weight in [0.0, 0.5, 1.0] {
        let query = SimilarQuery {
            track: 6,
            content_weight: ContentWeight::new(weight).unwrap(),
            limit: 5,
            candidates: None,
            excluded: vec![8],
            cancel: None,
        };
        let answer = engine.similar(&query).unwrap();
        assert_eq!((answer.tracks.len(), answer.basis), (5, Basis::Full));
        for ranked in answer.tracks {
            assert!(
                ranked.track % 2 == 0 && ![6, 8].contains(&ranked.track),
                "{ranked:?}"
            );
        }
    }
    let cold = SimilarQuery {
        track: 16,
        content_weight: ContentWeight::new(0.5).unwrap(),
        limit: 5,
        candidates: None,
        excluded: Vec::new(),
        cancel: None,
    };
    assert_eq!(engine.similar(&cold).unwrap().basis, Basis::ContentOnly);
}

#[test]
fn learning_finds_the_evidence_that_tells() {
    // Whoever is to find cold tracks needs content, whoever is to find unheard ones needs their listeners.
    for (hidden, needed) in [(COLD, f64::MIN_POSITIVE..=1.0), (UNHEARD, 0.0..=0.99)] {
        let mut engine = engine();
        let cases: Vec<Case> = (2..USERS)
            .map(|user| Case {
                listener: engine.listener(Some(user), &[]).unwrap(),
                hidden: hidden.to_vec(),
            })
            .collect();
        let found = |list: &[u32], hidden: &[u32]| {
            let hits = list.iter().filter(|track| hidden.contains(track)).count();
            hits as f64
        };
        let learned = learn_weights(&mut engine, &cases, 3, found).unwrap();
        assert_eq!(engine.model().parameters, learned.parameters);
        let weight = learned.parameters.content_weight;
        assert!(needed.contains(&weight), "{weight}");
        assert!(learned.parameters.collaborative_reach > 0.0);
    }
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let engine = engine();
    let model = Model {
        tastes: Dense::zeros(1, engine.model().embeddings.columns()),
        ..copy(&engine)
    };
    let error = Engine::new(model).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model has 1 users with taste vectors where 12 are needed"
    );
}

/// The engine's model, which both may change.
fn copy(engine: &Engine) -> Model {
    let good = engine.model();
    Model {
        users: Arc::clone(&good.users),
        tracks: Arc::clone(&good.tracks),
        user_factors: good.user_factors.clone(),
        track_factors: good.track_factors.clone(),
        tastes: good.tastes.clone(),
        embeddings: good.embeddings.clone(),
        history: good.history.clone(),
        last_played: None,
        encoder: good.encoder.clone(),
        clusters: None,
        labels: Default::default(),
        factorisation: good.factorisation.clone(),
        learned_tracks: good.learned_tracks,
        taste: good.taste.clone(),
        index: good.index.clone(),
        parameters: good.parameters.clone(),
    }
}
