use anyhow::Context;
use crossfade_eval::Order;

use super::{
    args::{ColumnArgs, Evaluate, HiddenArgs, HoldoutArgs, OrderArg, SplitArg},
    tables,
    train::{pool, set},
    ui::Ui,
};
use crate::{
    pipeline::{
        Content, Event, GivenSources, Observer, Sources, World, embed, load, measure_cold,
        measure_given, validate,
    },
    settings::Settings,
};

pub(super) fn run(args: Evaluate, mut settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    args.training.apply(&mut settings);
    args.holdout.apply(&mut settings);
    args.columns.apply(&mut settings);
    settings.validate()?;
    let observer = |event: Event<'_>| ui.observe(event);
    let pool = pool(settings.threads)?;
    match (args.train, args.test, args.plays, args.tracks) {
        (Some(train), Some(test), _, tracks) => {
            let sources = GivenSources {
                train,
                test,
                tracks,
                each_epoch: args.each_epoch,
            };
            let findings = pool.install(|| measure_given(&sources, (&settings, &observer)))?;
            ui.result(&findings, tables::given_findings)
        }
        (_, _, Some(plays), Some(tracks)) => {
            let sources = Sources { plays, tracks };
            let context = (&settings, &observer as Observer<'_>);
            let (world, content) = pool.install(|| prepare(&sources, context))?;
            observer(Event::Stage("train and measure"));
            match args.split {
                SplitArg::Plays => {
                    let findings = pool.install(|| validate(&world, &content, context))?;
                    let findings = findings.context("nothing could be measured")?;
                    ui.result(&findings, tables::findings)
                }
                SplitArg::Tracks => {
                    let findings = pool.install(|| measure_cold(&world, &content, context))?;
                    ui.result(&findings, tables::cold_findings)
                }
            }
        }
        _ => anyhow::bail!("give either --plays and --tracks, or --train and --test"),
    }
}

fn prepare(
    sources: &Sources,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<(World, Content)> {
    observer(Event::Stage("read plays and tracks"));
    let world = load(sources, settings, observer)?;
    observer(Event::Stage("embed tracks"));
    let content = embed(&world.tracks, &settings.content)?;
    Ok((world, content))
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
