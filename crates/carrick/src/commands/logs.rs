//! `carrick logs POD`: what its processes have printed; also of control planes, the root CA and
//! `up` in the background.

use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{paths, print};
use crate::args::LogsArgs;
use crate::fleet::client::Federation;

pub async fn run(args: LogsArgs) -> Result<ExitCode> {
    let federation = paths::find(&args.which)?;
    let logs = match system_log(&federation, &args.pod).await? {
        Some(path) => vec![(args.pod.clone(), path)],
        None => pod_logs(&federation, &args).await?,
    };
    let mut files = Vec::new();
    for (name, path) in logs {
        let file = std::fs::File::open(&path).with_context(|| format!("{name} has no log"))?;
        files.push((name, file, 0));
    }
    let alone = files.len() == 1;
    loop {
        for (name, file, read) in &mut files {
            let mut text = Vec::new();
            file.seek(SeekFrom::Start(*read))?;
            *read += u64::try_from(file.read_to_end(&mut text)?)?;
            let text = String::from_utf8_lossy(&text);
            match alone {
                true => print(&text)?,
                false => print(&text.lines().map(|line| format!("{name}: {line}\n")).collect::<String>())?,
            }
        }
        if !args.follow {
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The log of a process that is in no pod of the operator's, by the name that `ps` has for it, or
/// of `up` in the background.
async fn system_log(federation: &Federation, name: &str) -> Result<Option<PathBuf>> {
    if name == "up" && federation.run.outer_log().exists() {
        return Ok(Some(federation.run.outer_log()));
    }
    let known = federation.ps().await?.system.contains_key(name);
    Ok(known.then(|| federation.run.system_log(&name.replace('/', "."))))
}

async fn pod_logs(federation: &Federation, args: &LogsArgs) -> Result<Vec<(String, PathBuf)>> {
    let pod = federation.find(&args.pod).await?;
    let names: Vec<String> = match &args.container {
        Some(name) => vec![name.clone()],
        None => pod.processes.keys().cloned().collect(),
    };
    let logs = names.into_iter().map(|name| {
        let path = federation.run.log(&pod.cluster, &pod.namespace, &pod.pod, &name);
        let runs = || pod.processes.keys().cloned().collect::<Vec<_>>().join(", ");
        ensure!(path.exists(), "{} has no log of {name}; it runs {}", args.pod, runs());
        Ok((name, path))
    });
    logs.collect()
}
