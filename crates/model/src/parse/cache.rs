//! Files that were parsed before, remembered by content: whoever reads a folder again parses only
//! what has changed.
//!
//! It must not know where files come from, nor why they are read again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{ParsedFile, parse_file};
use crate::diagnostic::Diagnostic;
use crate::resource::AnyResource;
use crate::source::SourceFile;

/// What was parsed, by path, text and substitutions. A path may be there with several texts (the
/// newest one and the last good one) and for several clusters.
#[derive(Debug, Default)]
pub struct ParseCache {
    by_substitutions: BTreeMap<BTreeMap<String, String>, HashMap<String, Vec<Remembered>>>,
}

#[derive(Debug)]
struct Remembered {
    text: Arc<str>,
    parsed: Arc<ParsedFile>,
    /// Whether somebody asked for it since [`ParseCache::forget_unused`].
    used: bool,
}

impl ParseCache {
    /// The same as [`super::parse_with`]; a file whose text is known is not parsed again, and its
    /// resources are the very same (shared) values.
    pub fn parse(
        &mut self,
        files: &[SourceFile],
        substitutions: &BTreeMap<String, String>,
    ) -> (Vec<AnyResource>, Vec<Diagnostic>) {
        let (mut resources, mut diagnostics) = (Vec::new(), Vec::new());
        for file in files {
            let parsed = self.parse_file(file, substitutions);
            resources.extend(parsed.resources.iter().cloned());
            diagnostics.extend(parsed.diagnostics.iter().cloned());
        }
        (resources, diagnostics)
    }

    /// One file alone.
    pub fn parse_file(
        &mut self,
        file: &SourceFile,
        substitutions: &BTreeMap<String, String>,
    ) -> Arc<ParsedFile> {
        let by_path = self.by_substitutions.entry(substitutions.clone()).or_default();
        let known = by_path.entry(file.path.clone()).or_default();
        let same = |one: &&mut Remembered| Arc::ptr_eq(&one.text, &file.text) || one.text == file.text;
        if let Some(remembered) = known.iter_mut().find(same) {
            remembered.used = true;
            return remembered.parsed.clone();
        }
        let parsed = Arc::new(parse_file(file, substitutions));
        known.push(Remembered { text: file.text.clone(), parsed: parsed.clone(), used: true });
        parsed
    }

    /// Forgets what nobody has asked for since this was called last. Call it after each reading of
    /// a folder, or texts that were replaced long ago stay in memory.
    pub fn forget_unused(&mut self) {
        self.by_substitutions.retain(|_, by_path| {
            by_path.retain(|_, known| {
                known.retain_mut(|one| std::mem::take(&mut one.used));
                !known.is_empty()
            });
            !by_path.is_empty()
        });
    }
}

#[cfg(test)]
mod tests;
