//! A broken edit changes nothing: a file whose newest text brings errors stays in force as it was.
//!
//! It must not know what errors mean, nor where files come from.

use std::collections::BTreeMap;

use carrick_model::{Diagnostic, SourceFile};

use crate::reading::Reading;

/// The newest text of each file that brought no error.
#[derive(Debug, Default)]
pub(super) struct LastGood {
    files: BTreeMap<String, SourceFile>,
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
    pub(super) fn settle(
        &mut self,
        newest: Vec<SourceFile>,
        mut read: impl FnMut(&[SourceFile]) -> Reading,
    ) -> Settled {
        let mut current = newest.clone();
        let mut reading = read(&current);
        let findings = reading.findings().cloned().collect();
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
        Settled { reading, findings, newest }
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

fn erroneous(reading: &Reading) -> Vec<String> {
    let errors = reading.findings().filter(|finding| finding.is_error());
    errors.map(|finding| finding.location.file.to_string()).collect()
}
