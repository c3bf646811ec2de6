//! A broken edit changes nothing: a file whose newest text brings errors stays in force as it was.
//!
//! The last good texts are on disk too: a control plane that starts among broken files must not
//! open what was closed.
//!
//! It must not know what errors mean, nor where files come from.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use carrick_model::diagnostic::codes;
use carrick_model::{Diagnostic, Location, Severity, SourceFile};

use crate::files;
use crate::reading::Reading;
use crate::source::folder::Unreadable;

/// The newest text of each file that brought no error.
#[derive(Debug, Default)]
pub(super) struct LastGood {
    files: BTreeMap<String, SourceFile>,
    /// As it was written to disk last.
    kept: BTreeMap<String, SourceFile>,
}

/// What is in force after an edit.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) reading: Reading,
    /// Findings in the newest texts, also where older ones are in force.
    pub(super) findings: Vec<Diagnostic>,
    /// The newest texts.
    pub(super) newest: Vec<SourceFile>,
}

impl LastGood {
    /// Reads the newest files. Each changed file with an error is taken back to its last good text,
    /// until none is left; the findings in the newest texts are kept for the operator. A file that
    /// never was good takes part as it is: its sound resources apply.
    ///
    /// Of what is `unreadable` the last good texts count.
    ///
    /// # Errors
    /// Something that cannot be read and never was read: there is no telling what it would close.
    pub(super) fn settle(
        &mut self,
        mut newest: Vec<SourceFile>,
        unreadable: Vec<Unreadable>,
        mut read: impl FnMut(&[SourceFile]) -> Reading,
    ) -> io::Result<Settled> {
        let mut not_read = Vec::new();
        for Unreadable { path, reason } in unreadable {
            let below = format!("{path}/");
            let known = self.files.values().filter(|file| file.path == path || file.path.starts_with(&below));
            let known: Vec<SourceFile> = known.cloned().collect();
            if known.is_empty() {
                return Err(reason);
            }
            not_read.push(unreadable_finding(&path, &reason));
            newest.extend(known);
        }
        let mut current = newest.clone();
        let mut reading = read(&current);
        let findings = not_read.into_iter().chain(reading.findings().cloned()).collect();
        let mut errors = erroneous(&reading);
        loop {
            let taken_back = self.take_back(&mut current, &errors);
            if taken_back == 0 {
                break;
            }
            reading = read(&current);
            errors = erroneous(&reading);
        }
        let good = current.iter().filter(|file| !errors.contains(&file.path));
        let fresh: BTreeMap<_, _> = good.map(|file| (file.path.clone(), file.clone())).collect();
        let present: Vec<&str> = newest.iter().map(|file| file.path.as_str()).collect();
        self.files.retain(|path, _| present.contains(&path.as_str()));
        self.files.extend(fresh);
        Ok(Settled { reading, findings, newest })
    }

    /// What was kept before a restart. Texts that cannot be read are as good as none.
    pub(super) fn load(path: &Path) -> Self {
        let text = match files::read(path) {
            Ok(text) => text,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::error!("the last good files cannot be read: {error}");
                }
                return Self::default();
            }
        };
        let texts: BTreeMap<String, String> = serde_json::from_str(&text).unwrap_or_else(|error| {
            tracing::error!("the last good files in {} are damaged: {error}", path.display());
            BTreeMap::new()
        });
        let files: BTreeMap<_, _> =
            texts.into_iter().map(|(path, text)| (path.clone(), SourceFile::new(path, text))).collect();
        Self { kept: files.clone(), files }
    }

    /// Writes them down if they have changed. They may hold secrets, as the operator's files do.
    pub(super) fn keep(&mut self, path: &Path) -> io::Result<()> {
        if self.kept == self.files {
            return Ok(());
        }
        let texts: BTreeMap<&str, &str> =
            self.files.iter().map(|(path, file)| (path.as_str(), &*file.text)).collect();
        files::replace(path, &serde_json::to_vec(&texts)?, 0o600)?;
        self.kept = self.files.clone();
        Ok(())
    }

    /// How many of the erroneous files were replaced by an older text.
    fn take_back(&self, current: &mut [SourceFile], errors: &[String]) -> usize {
        let mut count = 0;
        for file in current.iter_mut().filter(|file| errors.contains(&file.path)) {
            if let Some(good) = self.files.get(&file.path).filter(|good| good.text != file.text) {
                *file = good.clone();
                count += 1;
            }
        }
        count
    }
}

fn unreadable_finding(path: &str, reason: &io::Error) -> Diagnostic {
    Diagnostic {
        code: codes::UNREADABLE,
        severity: Severity::Error,
        location: Location::new(path, 1, 1),
        resource: None,
        field: String::new(),
        reason: format!("it cannot be read: {reason}"),
        help: "make it readable; until then what was read last stays in force".to_owned(),
    }
}

fn erroneous(reading: &Reading) -> Vec<String> {
    let errors = reading.findings().filter(|finding| finding.is_error());
    errors.map(|finding| finding.location.file.to_string()).collect()
}
