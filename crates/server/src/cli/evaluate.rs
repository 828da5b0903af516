use anyhow::Context;
use crossfade_eval::Order;

use super::{
    args::{ColumnArgs, Evaluate, HiddenArgs, HoldoutArgs, OrderArg},
    tables,
    train::{pool, set},
    ui::Ui,
};
use crate::{
    pipeline::{
        Event, Findings, GivenSources, Observer, Sources, embed, load, measure_given, validate,
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
            let findings = pool.install(|| hide_and_measure(&sources, (&settings, &observer)))?;
            ui.result(&findings, tables::findings)
        }
        _ => anyhow::bail!("give either --plays and --tracks, or --train and --test"),
    }
}

fn hide_and_measure(
    sources: &Sources,
    (settings, observer): (&Settings, Observer<'_>),
) -> anyhow::Result<Findings> {
    observer(Event::Stage("read plays and tracks"));
    let world = load(sources, settings, observer)?;
    observer(Event::Stage("embed tracks"));
    let content = embed(&world.tracks, &settings.content)?;
    observer(Event::Stage("train and measure"));
    let findings = validate(&world, &content, (settings, observer))?;
    findings.context("nothing could be measured")
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
