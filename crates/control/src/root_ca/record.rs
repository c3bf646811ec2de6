//! What the root CA has decided, on disk: the journal of tokens, certificates and revocations,
//! shared by the serving process and the operator's commands.
//!
//! A decision is on disk before anybody hears of it, so that no crash makes a used token good again
//! or forgets a certificate that was handed out. It must not know how requests arrive.

use std::path::Path;
use std::time::{Duration, SystemTime};

use carrick_files::{Journal, JournalError};
use carrick_identity::enrolment::{Answer, EnrolmentToken, Entry, IssuedCa, Ledger, TokenId};
use carrick_identity::ttl::TtlPolicy;
use carrick_identity::validity::unix_seconds;
use carrick_identity::{CertificateAuthority, PublicKey, TrustDomain};

use super::error::{RecordError, SignError};

/// The file in the root's folder.
pub(super) const JOURNAL: &str = "journal.jsonl";

/// A request for a cluster CA's certificate, read.
pub(super) struct Wanted<'a> {
    pub token: &'a str,
    /// The trust domain that the requester says it is.
    pub claimed: &'a TrustDomain,
    pub key: &'a PublicKey,
    /// Zero takes the policy's default.
    pub seconds: i64,
}

/// The record of one root CA.
#[derive(Debug)]
pub(super) struct Record {
    journal: Journal,
}

impl Record {
    pub fn in_dir(dir: &Path) -> Self {
        Self { journal: Journal::at(dir.join(JOURNAL)) }
    }

    /// The first line of a new record.
    pub fn beginning(max_lifetime: Duration, now: SystemTime) -> Vec<u8> {
        let entry = Entry::Policy { at: seconds(now), max_lifetime: max_lifetime.as_secs() };
        format!("{}\n", line(&entry)).into_bytes()
    }

    pub fn read(&self) -> Result<Ledger, RecordError> {
        self.replay(&self.journal.lines().map_err(RecordError::Storage)?)
    }

    pub fn set_policy(&self, max_lifetime: Duration, now: SystemTime) -> Result<(), RecordError> {
        let max_lifetime = max_lifetime.as_secs();
        self.change(|ledger| {
            let is_so = ledger.max_lifetime().as_secs() == max_lifetime;
            Ok(((), (!is_so).then(|| Entry::Policy { at: seconds(now), max_lifetime })))
        })
    }

    pub fn make_token(
        &self,
        trust_domain: &TrustDomain,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<EnrolmentToken, RecordError> {
        self.change(|_| {
            let made = Ledger::make_token(trust_domain, lifetime, now).map_err(RecordError::Token)?;
            Ok((made.0, Some(made.1)))
        })
    }

    pub fn revoke_token(&self, token: &TokenId, now: SystemTime) -> Result<(), RecordError> {
        self.add(Entry::TokenRevoked { at: seconds(now), token: token.clone() })
    }

    pub fn revoke_ca(&self, serial: &str, now: SystemTime) -> Result<(), RecordError> {
        self.add(Entry::CertificateRevoked { at: seconds(now), serial: serial.to_ascii_lowercase() })
    }

    /// The certificate for a request: the one that the same request got before, or a new one.
    pub fn sign(
        &self,
        authority: &CertificateAuthority,
        wanted: &Wanted<'_>,
        now: SystemTime,
    ) -> Result<IssuedCa, SignError> {
        self.change(|ledger| {
            let grant = match ledger.answer(wanted.token, wanted.claimed, wanted.key, now)? {
                Answer::Again(issued) => return Ok((issued.clone(), None)),
                Answer::Sign(grant) => grant,
            };
            let max = ledger.max_lifetime();
            let lifetime = TtlPolicy { default: max, max }.grant(wanted.seconds)?;
            let certificate = authority.issue_cluster_ca(wanted.key, &grant.trust_domain, lifetime, now)?;
            let issued = IssuedCa::of(&grant, &certificate, wanted.key, now);
            Ok((issued.clone(), Some(Entry::Certificate(issued))))
        })
    }

    fn add(&self, entry: Entry) -> Result<(), RecordError> {
        self.change(|_| Ok(((), Some(entry))))
    }

    /// An entry that does not follow from what is on record is refused, not written.
    fn change<T, E: From<RecordError>>(
        &self,
        step: impl FnOnce(&Ledger) -> Result<(T, Option<Entry>), E>,
    ) -> Result<T, E> {
        let changed = self.journal.change(|lines| {
            let mut ledger = self.replay(&lines)?;
            let (answer, entry) = step(&ledger)?;
            let line = entry.as_ref().map(line);
            entry.map_or(Ok(()), |entry| ledger.apply(entry)).map_err(RecordError::Refused)?;
            Ok((answer, line))
        });
        changed.map_err(|error| match error {
            JournalError::Storage(error) => RecordError::Storage(error).into(),
            JournalError::Step(error) => error,
        })
    }

    fn replay(&self, lines: &[String]) -> Result<Ledger, RecordError> {
        let mut ledger = Ledger::default();
        for (index, text) in lines.iter().enumerate() {
            let entry = serde_json::from_str(text).map_err(|error| error.to_string());
            let applied =
                entry.and_then(|entry: Entry| ledger.apply(entry).map_err(|error| error.to_string()));
            applied.map_err(|reason| RecordError::Damaged {
                path: self.journal.path().to_owned(),
                line: index + 1,
                reason,
            })?;
        }
        Ok(ledger)
    }
}

fn line(entry: &Entry) -> String {
    // Numbers, text and a map with text keys: there is nothing in it that JSON cannot say.
    serde_json::to_string(entry).unwrap_or_default()
}

fn seconds(now: SystemTime) -> u64 {
    unix_seconds(now).unwrap_or(0)
}

#[cfg(test)]
mod tests;
