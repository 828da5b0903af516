use std::collections::HashSet;

use anyhow::Context;
use crossfade_baselines::{EaseConfig, KnnConfig};
use crossfade_eval::Order;

use super::{
    args::{ColumnArgs, Evaluate, HiddenArgs, HoldoutArgs, OrderArg, SplitArg},
    tables,
    train::{pool, set},
    ui::Ui,
};
use crate::{
    arm::Arm,
    evaluation::{Contender, Request, Source, SplitKind, evaluate},
    pipeline::Sources,
    settings::Settings,
};

pub(super) fn run(args: Evaluate, mut settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    args.training.apply(&mut settings);
    args.holdout.apply(&mut settings);
    args.columns.apply(&mut settings);
    if !args.k.is_empty() {
        settings.validation.cutoffs = args.k.clone();
    }
    settings.validate()?;
    if let Some(out) = &args.out {
        // A directory that cannot be made is better known before the work than after it.
        std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    }
    let out = args.out.clone();
    let request = request(args)?;
    let pool = pool(settings.threads)?;
    let found = pool.install(|| evaluate(&request, &settings, &|event| ui.observe(event)))?;
    let page = out.map(|out| found.write(&out)).transpose()?;
    ui.result(&found, |found| tables::evaluation(found, page.as_deref()))
}

fn request(args: Evaluate) -> anyhow::Result<Request> {
    anyhow::ensure!(
        args.arms.is_empty() || !matches!(args.split, SplitArg::Tracks),
        "--split tracks has its own rankings; leave --arms out"
    );
    let contenders = contenders(&args)?;
    let source = match (args.train, args.test, args.plays, args.tracks) {
        (Some(train), Some(test), _, tracks) => Source::Given {
            train,
            test,
            tracks,
        },
        (_, _, Some(plays), Some(tracks)) => {
            Source::Hide(Sources { plays, tracks }, args.split.into())
        }
        _ => anyhow::bail!("give either --plays and --tracks, or --train and --test"),
    };
    Ok(Request {
        source,
        contenders,
        knn: KnnConfig::default(),
        ease: EaseConfig {
            items: args.ease_items,
            ..EaseConfig::default()
        },
        each_epoch: args.each_epoch,
    })
}

/// The rankings that are named, or all, and a blend for each content weight; each once.
fn contenders(args: &Evaluate) -> anyhow::Result<Vec<Contender>> {
    let mut contenders = args.arms.clone();
    if contenders.is_empty() {
        contenders.extend(Contender::DEFAULT);
        let described = args.tracks.is_some();
        for &weight in args.content_weight.iter().filter(|_| described) {
            contenders.push(Contender::Served(Arm::blend(weight)?));
        }
        let needs_tracks = |contender: &Contender| match contender {
            Contender::ItemKnn | Contender::Ease => false,
            Contender::Served(arm) => arm.needs_tracks(),
        };
        contenders.retain(|contender| described || !needs_tracks(contender));
    }
    let mut seen = HashSet::new();
    contenders.retain(|contender| seen.insert(contender.to_string()));
    Ok(contenders)
}

impl From<SplitArg> for SplitKind {
    fn from(split: SplitArg) -> Self {
        match split {
            SplitArg::Plays => Self::Plays,
            SplitArg::Time => Self::Time,
            SplitArg::Users => Self::Users,
            SplitArg::Tracks => Self::Tracks,
        }
    }
}

impl ColumnArgs {
    /// Flags win over settings.
    pub(super) fn apply(&self, settings: &mut Settings) {
        let columns = &mut settings.plays.columns;
        set(&mut columns.user_id, self.user_column.clone());
        set(&mut columns.track_id, self.track_column.clone());
    }
}

impl HoldoutArgs {
    /// Flags win over settings.
    pub(super) fn apply(&self, settings: &mut Settings) {
        set(&mut settings.validation.users, self.users);
        self.hidden.apply(settings);
    }
}

impl HiddenArgs {
    /// Flags win over settings.
    pub(super) fn apply(&self, settings: &mut Settings) {
        set(&mut settings.validation.fraction, self.fraction);
        set(&mut settings.validation.order, self.order.map(Order::from));
    }
}

impl From<OrderArg> for Order {
    fn from(order: OrderArg) -> Self {
        match order {
            OrderArg::Latest => Self::Latest,
            OrderArg::Random => Self::Random,
        }
    }
}
