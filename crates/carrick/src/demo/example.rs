//! The example that `carrick demo` runs: the files of `examples/two-clusters`, carried in the
//! program.

use std::io;
use std::path::Path;

const FILES: [(&str, &str); 5] = [
    ("federation.yaml", include_str!("../../../../examples/two-clusters/federation.yaml")),
    ("cluster1/client.yaml", include_str!("../../../../examples/two-clusters/cluster1/client.yaml")),
    (
        "cluster1/server-from-cluster2.yaml",
        include_str!("../../../../examples/two-clusters/cluster1/server-from-cluster2.yaml"),
    ),
    ("cluster2/server.yaml", include_str!("../../../../examples/two-clusters/cluster2/server.yaml")),
    (
        "cluster2/expose-server.yaml",
        include_str!("../../../../examples/two-clusters/cluster2/expose-server.yaml"),
    ),
];

/// The request of the demo.
pub const CLIENT: &str = "cluster1/client";
pub const URL: &str = "http://server.ns2.svc.cluster.global/helloworld";

/// Writes the example to a folder.
pub fn write(folder: &Path) -> io::Result<()> {
    for (name, text) in FILES {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// Copies another example to a folder.
pub fn copy(from: &Path, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = folder.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to)?,
            false => drop(std::fs::copy(entry.path(), to)?),
        }
    }
    Ok(())
}
