//! `carrick logs POD`: what its processes have printed.

use std::io::{Read, Seek, SeekFrom};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

use super::{homes, print};
use crate::args::LogsArgs;

pub async fn run(args: LogsArgs) -> Result<ExitCode> {
    let federation = homes::find(&args.which)?;
    let pod = federation.find(&args.pod).await?;
    let names: Vec<String> = match &args.container {
        Some(name) => vec![name.clone()],
        None => pod.processes.keys().cloned().collect(),
    };
    let mut files = Vec::new();
    for name in &names {
        let path = federation.run.log(&pod.cluster, &pod.namespace, &pod.pod, name);
        let file = std::fs::File::open(&path).with_context(|| {
            format!(
                "{} has no log of {name}; it runs {}",
                args.pod,
                pod.processes.keys().cloned().collect::<Vec<_>>().join(", ")
            )
        })?;
        files.push((name, file, 0));
    }
    loop {
        for (name, file, read) in &mut files {
            let mut text = Vec::new();
            file.seek(SeekFrom::Start(*read))?;
            *read += u64::try_from(file.read_to_end(&mut text)?)?;
            let text = String::from_utf8_lossy(&text);
            match names.len() {
                1 => print(&text)?,
                _ => print(&text.lines().map(|line| format!("{name}: {line}\n")).collect::<String>())?,
            }
        }
        if !args.follow {
            return Ok(ExitCode::SUCCESS);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
