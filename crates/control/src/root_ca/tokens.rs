//! The enrolment tokens' table on disk, shared by the serving process and the operator's command through a lock.
//!
//! It must not know what is signed.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use carrick_identity::TrustDomain;
use carrick_identity::enrolment::{EnrolmentError, EnrolmentToken, EnrolmentTokens, Grant};

use crate::files;

const TABLE: &str = "tokens.json";
const LOCK: &str = "tokens.lock";

/// Why a token does not enrol.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error(transparent)]
    Refused(#[from] EnrolmentError),
    #[error("the enrolment tokens cannot be read or written: {0:#}")]
    Storage(anyhow::Error),
}

pub(super) fn issue(dir: &Path, trust_domain: &TrustDomain, lifetime: Duration) -> Result<EnrolmentToken> {
    let now = SystemTime::now();
    let token = change(dir, |table| table.create(trust_domain, lifetime, now))?;
    Ok(token.1)
}

/// Uses a token up. The use is on disk before this returns, so that no crash makes the token good again.
pub(super) fn consume(
    dir: &Path,
    token: &str,
    claimed: &TrustDomain,
    now: SystemTime,
) -> Result<Grant, EnrolError> {
    change(dir, |table| table.consume(token, claimed, now))
}

fn change<T>(
    dir: &Path,
    step: impl FnOnce(&mut EnrolmentTokens) -> Result<T, EnrolmentError>,
) -> Result<T, EnrolError> {
    let locked = lock(dir).map_err(EnrolError::Storage)?;
    let mut table = load(dir).map_err(EnrolError::Storage)?;
    let result = step(&mut table)?;
    store(dir, &table).map_err(EnrolError::Storage)?;
    drop(locked);
    Ok(result)
}

/// Held until dropped; the kernel also releases it when the process dies.
fn lock(dir: &Path) -> Result<File> {
    let path = dir.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

fn load(dir: &Path) -> Result<EnrolmentTokens> {
    let path = dir.join(TABLE);
    match files::read(&path) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(EnrolmentTokens::default()),
        Err(error) => Err(error.into()),
    }
}

fn store(dir: &Path, table: &EnrolmentTokens) -> Result<()> {
    Ok(files::replace(&dir.join(TABLE), &serde_json::to_vec_pretty(table)?, 0o600)?)
}

#[cfg(test)]
mod tests;
