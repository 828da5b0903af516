use std::sync::Arc;

use anyhow::Context;
use crossfade_bundle::{Error, Store};
use tokio::net::TcpListener;

use super::{args::Serve, signals::stop_signal, train::set, ui::Ui};
use crate::{
    grpc::{ServeOptions, serve},
    serving::Serving,
    settings::Settings,
};

pub(super) fn run(args: Serve, mut settings: Settings, ui: &Ui) -> anyhow::Result<()> {
    set(&mut settings.serve.listen, args.listen);
    set(&mut settings.serve.max_in_flight, args.max_in_flight);
    settings.validate()?;
    let store = Store::open(&args.bundles)?;
    let serving = open(store)?;
    run_server(serving, settings.serve, |address| {
        ui.note(&format!("serving on {address}"));
    })
}

/// Loads the active bundle. A store that is still empty is served as such: health says so until something is trained.
pub(super) fn open(store: Store) -> anyhow::Result<Arc<Serving>> {
    let serving = Arc::new(Serving::new(store));
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

/// Serves until SIGINT or SIGTERM. `ready` is told the address as soon as connections are taken.
pub(super) fn run_server(
    serving: Arc<Serving>,
    options: ServeOptions,
    ready: impl FnOnce(std::net::SocketAddr),
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(async {
        let shutdown = stop_signal()?;
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("cannot listen on {}", options.listen))?;
        ready(listener.local_addr()?);
        serve(listener, serving, options, shutdown).await
    })
}
