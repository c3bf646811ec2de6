//! `carrick explain CODE`: what a finding's code means.

use std::process::ExitCode;

use anyhow::{Context, Result};

use super::print;
use crate::analysis;

pub fn run(code: &str) -> Result<ExitCode> {
    let text = analysis::explain(code).with_context(|| {
        format!("there is no code `{code}`; codes stand in brackets in findings, as in error[CRK402]")
    })?;
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
