use std::{sync::Arc, time::SystemTime};

use crossfade_bundle::{Manifest, Store};
use tonic::{Request, Response, Status};

use super::{convert, convert::limits, status::Refusal};
use crate::{
    paths::PathUse,
    pb::{self, model_service_server::ModelService},
    serving::Serving,
};

/// Administers bundles.
#[derive(Debug)]
pub(super) struct Models {
    pub(super) serving: Arc<Serving>,
    pub(super) started: SystemTime,
    pub(super) max_in_flight: usize,
}

#[tonic::async_trait]
impl ModelService for Models {
    async fn get_server_info(
        &self,
        _request: Request<pb::GetServerInfoRequest>,
    ) -> Result<Response<pb::GetServerInfoResponse>, Status> {
        let bundle = self.serving.bundle();
        Ok(Response::new(pb::GetServerInfoResponse {
            server_version: env!("CARGO_PKG_VERSION").to_owned(),
            bundle: bundle.map(|bundle| describe(&bundle.version, &bundle.manifest, true)),
            start_time: Some(self.started.into()),
            limits: Some(pb::Limits {
                max_limit: limits::LIMIT,
                max_history: limits::HISTORY as i32,
                max_excluded: limits::EXCLUDED as i32,
                max_id_bytes: limits::ID_BYTES as i32,
                max_rankings: limits::RANKINGS as i32,
                max_in_flight: i32::try_from(self.max_in_flight).unwrap_or(i32::MAX),
                max_filter_tracks: limits::FILTER_TRACKS as i32,
                max_filter_names: limits::FILTER_NAMES as i32,
                max_events: limits::EVENTS as i32,
                max_seeds: limits::SEEDS as i32,
                max_ranked_tracks: limits::RANKED as i32,
                max_playlist: limits::PLAYLIST,
            }),
            paths: self.serving.paths().uses().iter().map(path_use).collect(),
        }))
    }

    async fn list_bundles(
        &self,
        request: Request<pb::ListBundlesRequest>,
    ) -> Result<Response<pb::ListBundlesResponse>, Status> {
        let (size, token) = convert::page(request.get_ref())?;
        let serving = Arc::clone(&self.serving);
        let response = blocking(move || list(&serving, size, &token)).await?;
        Ok(Response::new(response))
    }

    async fn activate_bundle(
        &self,
        request: Request<pb::ActivateBundleRequest>,
    ) -> Result<Response<pb::ActivateBundleResponse>, Status> {
        let version = convert::version(request.into_inner())?;
        let bundle = self.activate(move |_| Ok(version)).await?;
        Ok(Response::new(pb::ActivateBundleResponse {
            bundle: Some(bundle),
        }))
    }

    async fn rollback_bundle(
        &self,
        _request: Request<pb::RollbackBundleRequest>,
    ) -> Result<Response<pb::RollbackBundleResponse>, Status> {
        let bundle = self.activate(|store| Ok(store.rollback_target()?)).await?;
        Ok(Response::new(pb::RollbackBundleResponse {
            bundle: Some(bundle),
        }))
    }
}

impl Models {
    async fn activate(
        &self,
        version: impl FnOnce(&Store) -> Result<String, Refusal> + Send + 'static,
    ) -> Result<pb::Bundle, Refusal> {
        let serving = Arc::clone(&self.serving);
        blocking(move || {
            let version = version(serving.store())?;
            let bundle = serving.activate(&version)?;
            Ok(describe(&bundle.version, &bundle.manifest, true))
        })
        .await
    }
}

/// Reads files off the threads that talk to the network.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Refusal::Lost)?
}

fn list(serving: &Serving, size: usize, token: &str) -> Result<pb::ListBundlesResponse, Refusal> {
    let active = serving.bundle().map(|bundle| bundle.version.clone());
    let mut versions = serving.store().versions()?;
    versions.reverse();
    // A page goes on behind the last version of the page before, whether or not that one is still there.
    versions.retain(|version| token.is_empty() || version.as_str() < token);
    let more = versions.len() > size;
    versions.truncate(size);
    let next_page_token = match versions.last() {
        Some(last) if more => last.clone(),
        _ => String::new(),
    };
    let bundles = versions
        .iter()
        .filter_map(|version| match serving.store().summary(version) {
            Ok(summary) => {
                let is_active = active.as_ref() == Some(version);
                Some(describe(version, &summary.manifest, is_active))
            }
            Err(error) => {
                tracing::warn!(%error, version, "a bundle cannot be listed");
                None
            }
        })
        .collect();
    Ok(pb::ListBundlesResponse {
        bundles,
        next_page_token,
    })
}

fn path_use(used: &PathUse) -> pb::PathUse {
    pb::PathUse {
        path: convert::path(used.path).into(),
        lists: used.lists,
        seconds: used.taken.as_secs_f64(),
        compared_seconds: used.compared.as_secs_f64(),
        predicted_seconds: used.predicted.as_secs_f64(),
    }
}

fn describe(version: &str, manifest: &Manifest, active: bool) -> pb::Bundle {
    let created = SystemTime::from(manifest.created_at);
    pb::Bundle {
        version: version.to_owned(),
        create_time: Some(created.into()),
        active,
        users: manifest.counts.users,
        tracks: manifest.counts.tracks,
        pairs: manifest.counts.pairs,
        dim: manifest.counts.dim,
        content_dim: manifest.counts.content_dim,
        default_content_weight: manifest.blend.content_weight,
        size_bytes: manifest.size_bytes(),
    }
}
