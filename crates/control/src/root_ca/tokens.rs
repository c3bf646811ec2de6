//! The enrolment tokens' table on disk, shared by the serving process and the operator's command through a lock.
//!
//! It must not know what is signed.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use carrick_identity::TrustDomain;
use carrick_identity::enrolment::{EnrolmentError, EnrolmentToken, EnrolmentTokens, Grant};

use super::error::EnrolError;
use crate::files;

const TABLE: &str = "tokens.json";
const LOCK: &str = "tokens.lock";

pub(super) fn issue(
    dir: &Path,
    trust_domain: &TrustDomain,
    lifetime: Duration,
) -> Result<EnrolmentToken, EnrolError> {
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
    let locked = lock(dir)?;
    let mut table = load(dir)?;
    let result = step(&mut table)?;
    store(dir, &table)?;
    drop(locked);
    Ok(result)
}

/// Held until dropped; the kernel also releases it when the process dies.
fn lock(dir: &Path) -> io::Result<File> {
    let path = dir.join(LOCK);
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("cannot lock {}: {error}", path.display()));
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(named)?;
    file.lock().map_err(named)?;
    Ok(file)
}

fn load(dir: &Path) -> Result<EnrolmentTokens, EnrolError> {
    let path = dir.join(TABLE);
    match files::read(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|reason| EnrolError::Damaged { path, reason }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(EnrolmentTokens::default()),
        Err(error) => Err(error.into()),
    }
}

fn store(dir: &Path, table: &EnrolmentTokens) -> io::Result<()> {
    files::replace(&dir.join(TABLE), &serde_json::to_vec_pretty(table)?, 0o600)
}

#[cfg(test)]
mod tests;
