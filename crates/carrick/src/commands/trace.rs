//! `carrick trace POD URL`: one request from a pod, and the path that it took.

use std::process::ExitCode;

use anyhow::Result;

use carrick_api::Kind;

use super::{note_client, paths, print, print_document};
use crate::args::TraceArgs;
use crate::style::Style;
use crate::trace::{measure, render};

pub async fn run(args: TraceArgs, style: Style) -> Result<ExitCode> {
    let federation = paths::find(&args.which)?;
    let pod = federation.find(&args.pod).await?;
    let measured = measure::request(&federation, &pod, &args.url).await?;
    note_client(&measured);
    match args.json {
        true => print_document(Kind::Trace, &measured)?,
        false => {
            print(&format!("{}\n{}", measured.answer.trim_end(), render::render(&measured.path, style)))?
        }
    }
    Ok(if measured.status == Some(0) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
