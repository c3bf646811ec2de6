//! What a selector can mean, found without looking at everything. It does not know what is
//! labelled.

use std::collections::BTreeMap;

/// The places of labelled things by each label that they have.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct LabelIndex {
    count: usize,
    by_label: BTreeMap<(String, String), Vec<usize>>,
}

impl LabelIndex {
    /// Adds the next thing; places count from 0.
    pub(crate) fn push(&mut self, labels: &BTreeMap<String, String>) {
        for (key, value) in labels {
            self.by_label.entry((key.clone(), value.clone())).or_default().push(self.count);
        }
        self.count += 1;
    }

    /// The places, in order, of all that have every one of these labels, and perhaps of others:
    /// those that have the rarest of them. Without labels, everything.
    pub(crate) fn candidates(
        &self,
        selector: &BTreeMap<String, String>,
    ) -> Box<dyn Iterator<Item = usize> + '_> {
        let having = |(key, value): (&String, &String)| self.by_label.get(&(key.clone(), value.clone()));
        let lists: Option<Vec<&Vec<usize>>> = selector.iter().map(having).collect();
        match lists.map(|lists| lists.into_iter().min_by_key(|list| list.len())) {
            // A label that nothing has.
            None => Box::new(std::iter::empty()),
            Some(None) => Box::new(0..self.count),
            Some(Some(rarest)) => Box::new(rarest.iter().copied()),
        }
    }
}
