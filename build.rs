//! Compiles `proto/` without a system protoc and leaves a descriptor set for reflection beside the generated code.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const FILES: [&str; 6] = [
    "crossfade/v1/event_service.proto",
    "crossfade/v1/model_service.proto",
    "crossfade/v1/playlist.proto",
    "crossfade/v1/ranking.proto",
    "crossfade/v1/recommendation_service.proto",
    "crossfade/v1/track.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("crossfade.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .extern_path(".google.rpc", "::tonic_types::pb")
        .compile_fds(descriptors)?;
    Ok(())
}
