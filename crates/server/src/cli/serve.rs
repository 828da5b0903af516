use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use crossfade_bundle::{Error, Store};
use crossfade_events::{EventLog, ExposureLog, Options};

use super::{args::Serve, signals::stop_signal, train::set, ui::Ui};
use crate::{
    experiments::{Experiments, Kept, sealer},
    grpc::{Listeners, ServeOptions, serve},
    recorder::Recorder,
    serving::Serving,
    settings::Settings,
};

pub(super) fn run(args: Serve, mut settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    set(&mut settings.serve.listen, args.listen);
    set(&mut settings.serve.max_in_flight, args.max_in_flight);
    if args.events.is_some() {
        settings.serve.events = args.events;
    }
    if args.exposures.is_some() {
        settings.serve.exposures = args.exposures;
    }
    if args.tokens.is_some() {
        settings.serve.tokens = args.tokens;
    }
    if args.metrics_listen.is_some() {
        settings.serve.metrics_listen = args.metrics_listen;
    }
    if args.admin_listen.is_some() {
        settings.serve.admin_listen = args.admin_listen;
    }
    settings.validate()?;
    let store = Store::open(&args.bundles)?;
    let serving = open(store, recorder(&settings)?, experiments(&settings)?)?;
    run_server(serving, settings.serve, ui)
}

/// What records plays, if they are to be recorded.
pub(super) fn recorder(settings: &Settings) -> anyhow::Result<Option<Recorder>> {
    let Some(directory) = &settings.serve.events else {
        return Ok(None);
    };
    let log = EventLog::open(directory, Options::default()).context("plays cannot be recorded")?;
    Ok(Some(Recorder::new(log, settings.plays.clone())))
}

/// The experiments that are defined, and what is kept of them.
pub(super) fn experiments(settings: &Settings) -> anyhow::Result<Experiments> {
    let serve = &settings.serve;
    let open = |directory: &PathBuf| -> anyhow::Result<(ExposureLog, PathBuf)> {
        let log = ExposureLog::open(directory, Options::default())
            .context("lists of experiments cannot be written down")?;
        Ok((log, directory.clone()))
    };
    let exposures = serve.exposures.as_ref().map(open).transpose()?;
    let key = serve.attribution_key.as_deref();
    let kept = Kept {
        sealer: sealer(key, serve.exposures.as_deref())?,
        events: serve.events.clone(),
        exposures,
    };
    Ok(Experiments::new(&settings.experiments, kept))
}

/// Loads the active bundle. A store that is still empty is served as such: health says so until something is trained.
pub(super) fn open(
    store: Store,
    recorder: Option<Recorder>,
    experiments: Experiments,
) -> anyhow::Result<Arc<Serving>> {
    let serving = Serving::new(store).with_recorder(recorder);
    let serving = Arc::new(serving.with_experiments(experiments));
    match serving.follow() {
        Ok(Some(bundle)) => tracing::info!(version = bundle.version, "bundle in service"),
        Ok(None) => {}
        Err(error @ Error::NoneActive { .. }) => {
            tracing::warn!(%error, "waiting for a bundle");
        }
        Err(error) => {
            return Err(error).context(
                "the active bundle cannot be served; \"crossfade bundle rollback\" activates the one before",
            );
        }
    }
    Ok(serving)
}

/// Serves until SIGINT or SIGTERM, and tells where as soon as connections are taken.
fn run_server(serving: Arc<Serving>, options: ServeOptions, ui: &Ui) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(async {
        let shutdown = stop_signal()?;
        let listeners = Listeners::bind(&options).await?;
        if let Some(metrics) = &listeners.metrics {
            ui.note(&format!(
                "metrics on http://{}/metrics",
                metrics.local_addr()?
            ));
        }
        if let Some(admin) = &listeners.admin {
            ui.note(&format!("administration on {}", admin.local_addr()?));
        }
        ui.note(&format!("serving on {}", listeners.main.local_addr()?));
        serve(listeners, serving, options, shutdown).await
    })
}
