//! Every method that is served, and who may call it.

/// What a caller must be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Nothing: open to everybody who can connect.
    Open,
    /// Ask for rankings.
    Read,
    /// Report plays.
    Write,
    /// Choose bundles, and look at what experiments have come to.
    Admin,
}

/// A method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method {
    pub(super) path: &'static str,
    pub(super) scope: Scope,
    /// Whether it waits for a worker, and is refused when too many do.
    pub(super) queued: bool,
}

/// All methods. What is not here is refused, and a test fails when a method of the API is not.
pub(super) const METHODS: [Method; 19] = [
    queued("/crossfade.v1.RecommendationService/Recommend"),
    queued("/crossfade.v1.RecommendationService/SimilarTracks"),
    queued("/crossfade.v1.RecommendationService/CompareRankings"),
    read("/crossfade.v1.RecommendationService/StreamRecommend"),
    queued("/crossfade.v1.RecommendationService/RankTracks"),
    queued("/crossfade.v1.RecommendationService/GeneratePlaylist"),
    queued("/crossfade.v1.RecommendationService/DescribeTrack"),
    method("/crossfade.v1.EventService/RecordPlays", Scope::Write),
    read("/crossfade.v1.ExperimentService/AssignArm"),
    read("/crossfade.v1.ExperimentService/Interleave"),
    method("/crossfade.v1.ExperimentService/GetReport", Scope::Admin),
    read("/crossfade.v1.ModelService/GetServerInfo"),
    method("/crossfade.v1.ModelService/ListBundles", Scope::Admin),
    method("/crossfade.v1.ModelService/ActivateBundle", Scope::Admin),
    method("/crossfade.v1.ModelService/RollbackBundle", Scope::Admin),
    method("/grpc.health.v1.Health/Check", Scope::Open),
    method("/grpc.health.v1.Health/Watch", Scope::Open),
    read("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
    read("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
];

const fn method(path: &'static str, scope: Scope) -> Method {
    Method {
        path,
        scope,
        queued: false,
    }
}

const fn queued(path: &'static str) -> Method {
    Method {
        path,
        scope: Scope::Read,
        queued: true,
    }
}

const fn read(path: &'static str) -> Method {
    method(path, Scope::Read)
}

/// The place of a method among [`METHODS`].
pub(super) fn find(path: &str) -> Option<usize> {
    METHODS.iter().position(|method| method.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::pb;

    /// The methods that descriptors tell of.
    fn described(sets: &[&[u8]]) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        for set in sets {
            for file in FileDescriptorSet::decode(*set).unwrap().file {
                for service in &file.service {
                    for method in &service.method {
                        let package = file.package();
                        paths.insert(format!("/{package}.{}/{}", service.name(), method.name()));
                    }
                }
            }
        }
        paths
    }

    #[test]
    fn every_method_of_the_api_has_a_policy_and_every_policy_a_method() {
        let described = described(&[
            pb::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ]);
        let known: BTreeSet<String> = METHODS
            .iter()
            .map(|method| method.path.to_owned())
            .collect();
        assert_eq!(described, known);
        assert_eq!(known.len(), METHODS.len(), "none is there twice");
    }

    #[test]
    fn only_health_is_open() {
        for method in METHODS.iter().filter(|method| method.scope == Scope::Open) {
            assert!(method.path.starts_with("/grpc.health.v1.Health/"));
        }
    }
}
