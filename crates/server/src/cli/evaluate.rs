use anyhow::Context;
use crossfade_eval::Order;

use super::{
    args::{Evaluate, OrderArg},
    tables,
    train::{pool, set},
    ui::Ui,
};
use crate::{
    pipeline::{Event, embed, load, validate},
    settings::Settings,
};

pub(super) fn run(args: Evaluate, mut settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    args.training.apply(&mut settings);
    set(&mut settings.validation.users, args.users);
    set(&mut settings.validation.fraction, args.fraction);
    set(
        &mut settings.validation.order,
        args.order.map(|order| match order {
            OrderArg::Latest => Order::Latest,
            OrderArg::Random => Order::Random,
        }),
    );
    settings.validate()?;
    let observer = |event: Event<'_>| ui.observe(event);
    let findings = pool(settings.threads)?.install(|| -> anyhow::Result<_> {
        observer(Event::Stage("read plays and tracks"));
        let world = load(&args.sources.into(), &settings, &observer)?;
        observer(Event::Stage("embed tracks"));
        let content = embed(&world.tracks, &settings.content)?;
        observer(Event::Stage("train and measure"));
        validate(&world, &content, (&settings, &observer))
    })?;
    let findings = findings.context("nothing could be measured")?;
    ui.result(&findings, tables::findings)
}
