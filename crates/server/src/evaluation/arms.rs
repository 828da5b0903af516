use anyhow::Context;
use crossfade_baselines::{Ease, ItemKnn};
use crossfade_blend::{Engine, Listener, Parameters, Query, Ranking};
use crossfade_eval::TestUser;
use rayon::prelude::*;

use super::{Contender, Request, exam::Exam};
use crate::{
    arm::Arm,
    batch::answers,
    pipeline::{
        Audience, Content, EpochReport, Event, Observer, Plays, Stages, factorise, learn, liked,
        metrics, model, most_popular, needed, rank_new, validate,
    },
    settings::Settings,
};

/// The lists of all contenders, and how the models behind them were learned.
pub(super) struct Ranked {
    pub(super) arms: Vec<RankedArm>,
    pub(super) epochs: Vec<EpochReport>,
    pub(super) parameters: Option<Parameters>,
}

/// The lists of one contender, one for each tested user.
pub(super) struct RankedArm {
    pub(super) name: String,
    /// Of a blend with a given one.
    pub(super) content_weight: Option<f64>,
    pub(super) lists: Vec<Vec<u32>>,
}

/// Trains what the contenders need and has them rank.
///
/// # Errors
///
/// If training or ranking fails.
pub(super) fn rank(
    exam: &Exam,
    request: &Request,
    stages: &mut Stages<'_>,
) -> anyhow::Result<Ranked> {
    let limit = needed(&metrics(&stages.settings.validation.cutoffs));
    if let (Some(tracks), Some(content)) = (&exam.new_tracks, &exam.content) {
        return by_description(exam, (content, tracks), (limit, stages));
    }
    let popular = most_popular(&exam.split.train);
    let mut lists: Vec<(Contender, Vec<Vec<u32>>)> = Vec::new();
    if request.contenders.contains(&Contender::ItemKnn) {
        let found = stages.run("item-kNN", |_, _| {
            let knn = ItemKnn::fit(&liked(&exam.split.train), &request.knn);
            Ok(baseline(exam, &popular, limit, |history, limit| {
                knn.rank(history, limit)
            }))
        })?;
        lists.push((Contender::ItemKnn, found));
    }
    if request.contenders.contains(&Contender::Ease) {
        let found = stages.run("EASE", |_, _| {
            let ease = Ease::fit(&liked(&exam.split.train), &request.ease)?;
            Ok(baseline(exam, &popular, limit, |history, limit| {
                ease.rank(history, limit)
            }))
        })?;
        lists.push((Contender::Ease, found));
    }
    let served: Vec<Arm> = (request.contenders.iter())
        .filter_map(|contender| match contender {
            Contender::Served(arm) => Some(*arm),
            Contender::ItemKnn | Contender::Ease => None,
        })
        .collect();
    let (found, epochs, parameters) = match &exam.content {
        Some(content) => by_engine(exam, content, &served, (limit, stages))?,
        None => by_factors(exam, &popular, &served, (limit, stages))?,
    };
    lists.extend(
        found
            .into_iter()
            .map(|(arm, lists)| (Contender::Served(arm), lists)),
    );
    let arms = request.contenders.iter().filter_map(|contender| {
        let place = lists.iter().position(|(found, _)| found == contender)?;
        Some(RankedArm {
            name: contender.to_string(),
            content_weight: contender.content_weight(),
            lists: lists.swap_remove(place).1,
        })
    });
    Ok(Ranked {
        arms: arms.collect(),
        epochs,
        parameters,
    })
}

/// Lists from histories; users of whom nothing is known get popular tracks.
fn baseline(
    exam: &Exam,
    popular: &[u32],
    limit: usize,
    rank: impl Fn(&[u32], usize) -> Vec<u32> + Sync,
) -> Vec<Vec<u32>> {
    let list = |user: &TestUser| {
        let known = exam.known(user.user);
        let new = |track: &u32| known.binary_search(track).is_err();
        if known.is_empty() {
            return popular.iter().copied().take(limit).collect();
        }
        let strengths = exam.split.given.row(user.user as usize).iter();
        let history: Vec<u32> = strengths
            .filter_map(|(track, strength)| (strength > 0.0).then_some(track))
            .collect();
        // Tracks that were only skipped are no evidence, but are not shown either.
        let skipped = known.len() - history.len();
        let list = rank(&history, limit + skipped).into_iter().filter(new);
        list.take(limit).collect()
    };
    exam.test().par_iter().map(list).collect()
}

type Served = (
    Vec<(Arm, Vec<Vec<u32>>)>,
    Vec<EpochReport>,
    Option<Parameters>,
);

/// All rankings of the service, the blend as it is learned on the hidden tracks of other users.
fn by_engine(
    exam: &Exam,
    content: &Content,
    arms: &[Arm],
    (limit, stages): (usize, &mut Stages<'_>),
) -> anyhow::Result<Served> {
    let learned = match exam.learning.is_empty() {
        // A given split hides nothing that could be learned from: a part of what is trained on is hidden for that.
        true => stages.run("learn the blend", |settings, observer| {
            let findings = validate(&exam.world, content, (settings, observer))?;
            Ok(findings.map(|findings| findings.parameters))
        })?,
        false => None,
    };
    let factorised = stages.run("factorise", |settings, observer| {
        factorise(
            (&liked(&exam.split.train), &exam.world.tracks),
            exam.watched(),
            (settings, observer),
        )
    })?;
    let train = Plays::some(&exam.world, exam.split.train.clone(), stages.settings);
    let mut model = model(
        (&exam.world, content),
        train,
        factorised.factors,
        stages.settings,
    )?;
    model.parameters = learned.unwrap_or(model.parameters);
    let mut engine = Engine::new(model).context("the model cannot be answered from")?;
    if !exam.learning.is_empty() {
        stages.run("learn the blend", |_, _| {
            learn(&mut engine, &exam.learning, |engine, user| {
                listener(exam, engine, user)
            })
        })?;
    }
    let lists = stages.run("rank", |_, observer| {
        let mut lists = Vec::with_capacity(arms.len());
        for &arm in arms {
            lists.push((arm, lists_of(exam, &engine, arm.0, limit)?));
            observer(Event::Progress {
                done: lists.len() as u64,
                total: arms.len() as u64,
            });
        }
        Ok(lists)
    })?;
    let parameters = engine.model().parameters.clone();
    Ok((lists, factorised.reports, Some(parameters)))
}

/// What the engine may know of a user: as learned, or by the given plays alone where the training did without the user.
fn listener(exam: &Exam, engine: &Engine, user: u32) -> anyhow::Result<Listener> {
    let known = (user as usize) < exam.split.given.rows();
    if known && !exam.folded_in {
        return Ok(engine.listener(Some(user), &[])?);
    }
    let given = match known {
        true => exam.given(user),
        false => Vec::new(),
    };
    Ok(engine.listener(None, &given)?)
}

fn lists_of(
    exam: &Exam,
    engine: &Engine,
    ranking: Ranking,
    limit: usize,
) -> anyhow::Result<Vec<Vec<u32>>> {
    let query = Query::new(ranking, limit);
    let of_user = |user: &TestUser| listener(exam, engine, user.user);
    let answers = answers(engine, (exam.test(), of_user), &[query])?;
    let tracks = answers.into_iter().flatten().map(|answer| answer.tracks);
    Ok(tracks
        .map(|tracks| tracks.iter().map(|ranked| ranked.track).collect())
        .collect())
}

/// What is said of tracks that training has never seen.
fn by_description(
    exam: &Exam,
    (content, tracks): (&Content, &[u32]),
    (limit, stages): (usize, &mut Stages<'_>),
) -> anyhow::Result<Ranked> {
    let factorised = stages.run("factorise", |settings, observer| {
        factorise(
            (&liked(&exam.split.train), &exam.world.tracks),
            &[],
            (settings, observer),
        )
    })?;
    let train = Plays::some(&exam.world, exam.split.train.clone(), stages.settings);
    let model = model(
        (&exam.world, content),
        train,
        factorised.factors,
        stages.settings,
    )?;
    let ranked = stages.run("predict factors and rank", |settings, _| {
        rank_new(
            (&exam.world, &model),
            (exam.test(), tracks),
            limit,
            settings,
        )
    })?;
    let arms = ranked.into_iter().map(|(name, lists)| RankedArm {
        name: name.to_owned(),
        content_weight: None,
        lists,
    });
    Ok(Ranked {
        arms: arms.collect(),
        epochs: factorised.reports,
        parameters: None,
    })
}

/// The rankings that need no track table.
fn by_factors(
    exam: &Exam,
    popular: &[u32],
    arms: &[Arm],
    (limit, stages): (usize, &mut Stages<'_>),
) -> anyhow::Result<Served> {
    let factorised = stages.run("factorise", |settings, observer| {
        factorise(
            (&liked(&exam.split.train), &exam.world.tracks),
            exam.watched(),
            (settings, observer),
        )
    })?;
    let factors = factorised.factors;
    let audience = Audience {
        train: &exam.split.train,
        users: exam.test(),
        popular,
    };
    let rank = |arm: Arm, (settings, observer): (&Settings, Observer<'_>)| match arm.0 {
        Ranking::Popular => Ok(Some(audience.popular(limit))),
        Ranking::Collaborative => {
            let sides = (factors.users.as_slice(), factors.items.as_slice());
            let dim = settings.factorisation.dim;
            audience.collaborative(sides, dim, limit).map(Some)
        }
        Ranking::Content | Ranking::Blend(_) => {
            observer(Event::Note(&format!(
                "{arm} needs --tracks and is left out"
            )));
            Ok(None)
        }
    };
    let lists = stages.run("rank", |settings, observer| {
        let ranked = arms
            .iter()
            .map(|&arm| Ok((arm, rank(arm, (settings, observer))?)));
        ranked.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let lists = lists
        .into_iter()
        .filter_map(|(arm, lists)| Some((arm, lists?)));
    Ok((lists.collect(), factorised.reports, None))
}
