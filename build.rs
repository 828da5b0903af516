//! Compiles `proto/` without a system protoc and leaves a descriptor set for reflection beside the generated code. The
//! package `crossfade-client` runs it, in its own directory.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const PROTO: &str = "../../proto";
const FILES: [&str; 8] = [
    "crossfade/v1/event_service.proto",
    "crossfade/v1/experiment.proto",
    "crossfade/v1/experiment_service.proto",
    "crossfade/v1/model_service.proto",
    "crossfade/v1/playlist.proto",
    "crossfade/v1/ranking.proto",
    "crossfade/v1/recommendation_service.proto",
    "crossfade/v1/track.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROTO}");
    let descriptors = protox::compile(FILES, [PROTO])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("crossfade.bin"), descriptors.encode_to_vec())?;
    let serves = env::var_os("CARGO_FEATURE_SERVER").is_some();
    tonic_prost_build::configure()
        .build_server(serves)
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds(descriptors)?;
    Ok(())
}
