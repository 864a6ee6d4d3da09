//! Writes the Rust client from a set of file descriptors: `stasis-generate-rust DESCRIPTORS
//! FOLDER`.
use prost::Message;
use prost_types::FileDescriptorSet;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(descriptors), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: stasis-generate-rust DESCRIPTORS FOLDER".into());
    };
    let mut set = FileDescriptorSet::decode(std::fs::read(descriptors)?.as_slice())?;
    // Those of google.rpc and grpc come from tonic-types and tonic-health.
    set.file.retain(|file| ["stasis.v1", "google.protobuf"].contains(&file.package()));
    tonic_prost_build::configure()
        .build_server(false)
        .out_dir(folder)
        .compile_fds(set)?;
    Ok(())
}
