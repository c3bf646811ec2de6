//! `carrick analyze FOLDER`: findings on standard output, a summary on standard error, and an exit
//! code for pipelines.

use std::process::ExitCode;

use anyhow::Result;
use carrick_api::Kind;
use carrick_model::Colour;

use super::{print, print_document, progress};
use crate::analysis;
use crate::args::{AnalyzeArgs, Format};
use crate::style::Style;

pub fn run(args: &AnalyzeArgs, style: Style) -> Result<ExitCode> {
    let found = analysis::read(&args.folder)?;
    match args.format {
        Format::Text => {
            let colour = match style {
                Style::Colour => Colour::Always,
                Style::Plain => Colour::Never,
            };
            print(&analysis::text(&found, colour))?;
            progress(&analysis::summary(&found));
        }
        Format::Json => print_document(Kind::Analysis, &analysis::json(&found))?,
        Format::Sarif => print(&format!("{:#}\n", analysis::sarif(&found)))?,
    }
    let bad = found.errors() > 0 || args.strict && found.warnings() > 0;
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
