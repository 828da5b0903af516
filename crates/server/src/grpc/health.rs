use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService, health_reporter},
};

use crate::{
    pb::{
        event_service_server::SERVICE_NAME as EVENT_SERVICE,
        experiment_service_server::SERVICE_NAME as EXPERIMENT_SERVICE,
        model_service_server::SERVICE_NAME as MODEL_SERVICE,
        recommendation_service_server::SERVICE_NAME as RECOMMENDATION_SERVICE,
    },
    serving::Serving,
};

/// Tells every service's health at once.
#[derive(Debug, Clone)]
pub(super) struct Health(HealthReporter);

impl Health {
    /// What tells, and the service that is asked.
    pub(super) fn new() -> (Self, HealthServer<HealthService>) {
        let (reporter, _) = health_reporter();
        let service = HealthService::from_health_reporter(reporter.clone());
        (Self(reporter), HealthServer::new(service))
    }

    /// Recommends only while there is a bundle; administration works without one, which is when it is needed most.
    pub(super) async fn follow(&self, serving: &Serving) {
        let recommends = serving.bundle().is_some();
        self.set(recommends, serving.recorder().is_some(), true)
            .await;
    }

    /// Nothing new, please.
    pub(super) async fn drain(&self) {
        self.set(false, false, false).await;
    }

    async fn set(&self, recommends: bool, records: bool, administers: bool) {
        let status = |serves| match serves {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        for (service, serves) in [
            ("", recommends),
            (RECOMMENDATION_SERVICE, recommends),
            (EVENT_SERVICE, records),
            (EXPERIMENT_SERVICE, administers),
            (MODEL_SERVICE, administers),
        ] {
            self.0.set_service_status(service, status(serves)).await;
        }
    }
}
