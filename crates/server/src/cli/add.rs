use crossfade_bundle::Store;

use super::{
    args::AddTracks,
    train::{pool, set},
    ui::Ui,
};
use crate::{
    pipeline::{AddReport, add_tracks},
    settings::Settings,
};

pub(super) fn run(args: &AddTracks, mut settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    set(&mut settings.threads, args.threads);
    let store = Store::open(&args.bundles)?;
    let report = pool(settings.threads)?.install(|| {
        let observer = |event: crate::pipeline::Event<'_>| ui.observe(event);
        add_tracks((&store, &args.tracks), &settings, &observer)
    })?;
    ui.result(&report, |report: &AddReport| match report.added {
        0 => format!("bundle {} has all of these tracks", report.version),
        added => format!(
            "{added} tracks added to {}, {} of them with predicted factors; {} tracks in all\npublished {}",
            report.base, report.predicted, report.tracks, report.version
        ),
    })
}
