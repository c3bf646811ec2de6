//! Responses that the proxy has not answered, and those that it refused without it being clear what
//! of.

use std::collections::{BTreeMap, VecDeque};

use crate::nack;
use crate::resource::ResourceType;

use super::Event;
use super::change::Change;

/// Unanswered responses remembered after the owner stopped waiting; an answer to an older one
/// counts as stale.
const REMEMBERED: usize = 8;

/// As much of a proxy's own words as is passed on (Envoy itself cuts them at 4096 bytes).
const REASON_BYTES: usize = 4096;

/// One response on its way.
#[derive(Debug)]
pub(super) struct InFlight {
    nonce: String,
    contents: Contents,
    awaited: bool,
}

/// What a response said, by name: the version of a resource, or `None` for one that is gone.
pub(super) type Contents = BTreeMap<String, Option<String>>;

impl InFlight {
    pub fn new(nonce: String, change: &Change) -> Self {
        let changed =
            change.changed.iter().map(|resource| (resource.name.clone(), Some(resource.version.clone())));
        let removed = change.removed.iter().map(|name| (name.clone(), None));
        Self { nonce, contents: changed.chain(removed).collect(), awaited: true }
    }
}

/// All of one kind.
#[derive(Debug, Default)]
pub(super) struct AllInFlight {
    under_way: VecDeque<InFlight>,
    /// The nonce of the last response, answered or not.
    latest: String,
    /// Groups to be offered again, one response each.
    suspects: VecDeque<Contents>,
}

impl AllInFlight {
    pub fn depart(&mut self, response: InFlight) {
        self.latest.clone_from(&response.nonce);
        self.under_way.push_back(response);
        if self.under_way.len() > REMEMBERED {
            self.under_way.pop_front();
        }
    }

    pub fn awaits_answer(&self) -> bool {
        self.under_way.iter().any(|response| response.awaited)
    }

    pub fn stop_waiting(&mut self) {
        self.under_way.iter_mut().for_each(|response| response.awaited = false);
    }

    pub fn is_latest(&self, nonce: &str) -> bool {
        self.latest == nonce
    }

    pub fn is_unanswered(&self, nonce: &str) -> bool {
        self.under_way.iter().any(|response| response.nonce == nonce)
    }

    pub fn has_suspects(&self) -> bool {
        !self.suspects.is_empty()
    }

    pub fn next_suspects(&mut self) -> Option<Contents> {
        self.suspects.pop_front()
    }

    pub fn clear_suspect(&mut self, name: &str) {
        self.suspects.retain_mut(|group| {
            group.remove(name);
            !group.is_empty()
        });
    }

    /// Whether the proxy may still be about to read something about this name.
    pub fn speak_of(&self, name: &str) -> bool {
        self.under_way.iter().any(|response| response.contents.contains_key(name))
    }

    /// The proxy's answer. Answers come in the order of the responses, so an older one that
    /// was not answered never will be.
    pub fn answer(&mut self, kind: ResourceType, nonce: &str, error: Option<&str>, may_split: bool) -> Event {
        let nonce = nonce.to_owned();
        let Some(position) = self.under_way.iter().position(|response| response.nonce == nonce) else {
            return Event::StaleNonce { kind, nonce };
        };
        let Some(response) = self.under_way.drain(..=position).next_back() else {
            return Event::StaleNonce { kind, nonce };
        };
        let Some(error) = error else {
            return Event::Acked { kind, nonce, names: response.contents.into_keys().collect() };
        };
        let mut names = nack::named(error, response.contents.keys());
        if names.is_empty() {
            names = response.contents.keys().cloned().collect();
        }
        if may_split && !nack::rest_was_applied(error) {
            self.split(response.contents);
        }
        Event::Nacked { kind, nonce, names, reason: shorten(error) }
    }

    /// Envoy drops a response whole if one resource of it cannot be decoded, or may stop at the
    /// first that it cannot use, and does not always say which that was. Halving finds it, and
    /// brings the others through.
    fn split(&mut self, mut group: Contents) {
        let half = group.len() / 2;
        if let Some(middle) = group.keys().nth(half).cloned()
            && half > 0
        {
            let second = group.split_off(&middle);
            self.suspects.extend([group, second]);
        }
    }
}

fn shorten(text: &str) -> String {
    text[..text.floor_char_boundary(REASON_BYTES)].to_owned()
}
