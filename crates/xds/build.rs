//! Generates the Envoy, Istio CA and Carrick enrolment messages from the protos under `proto/`.
//!
//! We generate our own code instead of using a ready-made crate for two reasons: maps must be
//! `BTreeMap`, so that one message always encodes to the same bytes (resource versions are hashes
//! of those bytes), and the descriptor set is kept, so that any message can be read from and shown
//! as JSON.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let includes = ["proto/own", "proto/vendor"];
    let mut files = Vec::new();
    for include in includes {
        collect_protos(Path::new(include), &mut files)?;
        println!("cargo:rerun-if-changed={include}");
    }
    files.sort();

    let mut descriptors = protox::compile(&files, includes)?;
    for file in &mut descriptors.file {
        file.message_type.iter_mut().for_each(welcome_deprecated);
        file.enum_type.iter_mut().for_each(welcome_deprecated_values);
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), prost::Message::encode_to_vec(&without_comments(&descriptors)))?;

    let mut config = tonic_prost_build::Config::new();
    config.btree_map(["."]).include_file("protos.rs");
    config.enable_type_names();
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .build_transport(false)
        .emit_rerun_if_changed(false)
        .compile_fds_with_config(descriptors, config)?;
    Ok(())
}

/// What is kept in every process: comments and their positions are two thirds of the set, and
/// nobody asks for them.
fn without_comments(descriptors: &prost_types::FileDescriptorSet) -> prost_types::FileDescriptorSet {
    let mut slim = descriptors.clone();
    for file in &mut slim.file {
        file.source_code_info = None;
    }
    slim
}

/// Istio still sends fields that Envoy has marked deprecated, and whoever reads its configuration
/// has to name them; a compiler warning at each would say nothing new.
fn welcome_deprecated(message: &mut prost_types::DescriptorProto) {
    for field in &mut message.field {
        field.options.iter_mut().for_each(|options| options.deprecated = None);
    }
    message.enum_type.iter_mut().for_each(welcome_deprecated_values);
    message.nested_type.iter_mut().for_each(welcome_deprecated);
}

fn welcome_deprecated_values(kind: &mut prost_types::EnumDescriptorProto) {
    for value in &mut kind.value {
        value.options.iter_mut().for_each(|options| options.deprecated = None);
    }
}

fn collect_protos(dir: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect_protos(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
