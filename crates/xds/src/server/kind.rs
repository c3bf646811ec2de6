//! One kind of resource on one stream: what the proxy wants, what it was told, and what it should
//! still hear.
//!
//! It must not know other kinds (see [`stream`](super::stream)) nor how responses are written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::resource::{ProxyResources, Resource, ResourceType};

use super::Event;
use super::change::{Change, Difference, Gate, LastSent, Style};
use super::in_flight::{AllInFlight, InFlight};
use super::subscription::{Subscription, is_wildcard};

#[derive(Debug)]
pub(super) struct Kind {
    kind: ResourceType,
    style: Style,
    opened: bool,
    subscription: Subscription,
    last_sent: BTreeMap<String, LastSent>,
    /// Names to look at when something can be sent.
    due: BTreeSet<String>,
    /// Names that must be sent even if they have not changed. May hold names that are not
    /// subscribed yet.
    resend: BTreeSet<String>,
    in_flight: AllInFlight,
    /// `last_sent` may hold names that are not subscribed any more.
    lingering: bool,
    /// A response is owed even if there is nothing to say.
    greet: bool,
}

impl Kind {
    pub fn new(kind: ResourceType, style: Style) -> Self {
        Self {
            kind,
            style,
            opened: false,
            subscription: Subscription::default(),
            last_sent: BTreeMap::new(),
            due: BTreeSet::new(),
            resend: BTreeSet::new(),
            in_flight: AllInFlight::default(),
            lingering: false,
            greet: false,
        }
    }

    /// Whether the proxy has ever asked for this kind on this stream.
    pub fn opened(&self) -> bool {
        self.opened
    }

    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// The proxy's answer to a response; `error` is what it says is wrong.
    pub fn answer(&mut self, nonce: &str, error: Option<&str>) -> Event {
        // A part of a whole set would say that the rest is gone.
        let may_split = self.style != Style::WholeSet;
        let event = self.in_flight.answer(self.kind, nonce, error, may_split);
        if std::mem::take(&mut self.lingering) {
            self.forget_unwanted();
            self.lingering = self.awaits_answer();
        }
        event
    }

    pub fn is_latest(&self, nonce: &str) -> bool {
        self.in_flight.is_latest(nonce)
    }

    pub fn is_unanswered(&self, nonce: &str) -> bool {
        self.in_flight.is_unanswered(nonce)
    }

    pub fn stop_waiting(&mut self) {
        self.in_flight.stop_waiting();
    }

    pub fn awaits_answer(&self) -> bool {
        self.in_flight.awaits_answer()
    }

    /// Nothing to say, and nothing unanswered.
    pub fn is_quiet(&self) -> bool {
        self.due.is_empty() && !self.awaits_answer()
    }

    pub fn holds_back(&self) -> bool {
        !self.due.is_empty() || self.in_flight.has_suspects()
    }

    /// The first request of this kind, with the versions that the proxy says it has.
    pub fn open(&mut self, claims: BTreeMap<String, String>) {
        self.opened = true;
        self.last_sent =
            claims.into_iter().map(|(name, version)| (name, LastSent::Claimed(version))).collect();
    }

    /// Whether the proxy came without any resource of this kind.
    pub fn claims_nothing(&self) -> bool {
        self.last_sent.is_empty()
    }

    /// Envoy starts up only once its first wildcard subscription was answered, even if with
    /// nothing.
    pub fn greet(&mut self) {
        self.greet = true;
    }

    /// A name that is asked for is sent even if the proxy was sent it before: it may have dropped
    /// it (`discovery.proto`, `resource_names_subscribe`). Only what it claims to have in its first
    /// request is believed.
    pub fn subscribe(&mut self, name: &str, first_request: bool, resources: &ProxyResources) {
        if is_wildcard(self.kind, name) {
            let asked_again = std::mem::replace(&mut self.subscription.wildcard, true);
            for resource in resources.of(self.kind) {
                let name = &resource.name;
                if !first_request && (asked_again || !self.subscription.names.contains(name)) {
                    self.resend.insert(name.clone());
                }
            }
            self.compare(resources);
            return;
        }
        self.subscription.names.insert(name.to_owned());
        self.due.insert(name.to_owned());
        if !(first_request && self.last_sent.contains_key(name)) {
            self.resend.insert(name.to_owned());
        }
    }

    /// A name that a wildcard covers too is answered, since the proxy cannot know whether it should
    /// keep the resource (Envoy's `DeltaSubscriptionState` calls these ambiguous).
    pub fn unsubscribe(&mut self, name: &str) {
        if is_wildcard(self.kind, name) {
            self.subscription.wildcard = false;
            self.greet = false;
            self.lingering = true;
            self.forget_unwanted();
        } else if self.subscription.names.remove(name) {
            if self.subscription.wildcard {
                self.due.insert(name.to_owned());
                self.resend.insert(name.to_owned());
            } else {
                self.due.remove(name);
                self.resend.remove(name);
                if self.in_flight.speak_of(name) {
                    self.lingering = true;
                } else {
                    self.last_sent.remove(name);
                }
            }
        }
    }

    /// Drops what was claimed or sent, and is not wanted any more. What is still on its way to the
    /// proxy is remembered: if the proxy changes its mind before it reads that, it may come to hold
    /// something that has to be taken back.
    pub fn forget_unwanted(&mut self) {
        self.last_sent.retain(|name, _| self.subscription.covers(name) || self.in_flight.speak_of(name));
    }

    /// Whatever depends on this name waits for it, changed or not, as soon as it is subscribed.
    pub fn expect(&mut self, name: String) {
        if self.subscription.covers(&name) {
            self.due.insert(name.clone());
        }
        self.resend.insert(name);
    }

    /// The set has changed from `before`: finds what the proxy should hear now. Looks only at what
    /// differs, since everything else was looked at before; but a dropped response has left doubts
    /// that only a comparison settles.
    pub fn follow(&mut self, before: &ProxyResources, resources: &ProxyResources) {
        let different = before.differences(self.kind, resources);
        if different.is_empty() {
            return;
        }
        self.resend.retain(|name| self.subscription.covers(name) || resources.get(self.kind, name).is_some());
        let doubtful = self.last_sent.iter().filter(|(_, last_sent)| matches!(last_sent, LastSent::Dropped));
        let names = different.into_iter().map(str::to_owned).chain(doubtful.map(|(name, _)| name.clone()));
        let differing: Vec<String> =
            names.filter(|name| !matches!(self.difference(name, resources), Difference::Nothing)).collect();
        self.due.extend(differing);
    }

    /// Finds what differs from what the proxy was told.
    pub fn compare(&mut self, resources: &ProxyResources) {
        self.resend.retain(|name| self.subscription.covers(name) || resources.get(self.kind, name).is_some());
        let everything = resources.of(self.kind).map(|resource| &resource.name);
        let everything = everything.filter(|_| self.subscription.wildcard);
        let names = self.subscription.names.iter().chain(self.last_sent.keys()).chain(everything);
        let differing: Vec<String> = names
            .filter(|name| !matches!(self.difference(name, resources), Difference::Nothing))
            .cloned()
            .collect();
        self.due.extend(differing);
    }

    /// Drops names from the list that turned out to be no news.
    pub fn tidy(&mut self, resources: &ProxyResources) {
        let mut due = std::mem::take(&mut self.due);
        due.retain(|name| !matches!(self.difference(name, resources), Difference::Nothing));
        self.due = due;
    }

    fn difference(&self, name: &str, resources: &ProxyResources) -> Difference {
        if !self.subscription.covers(name) {
            return Difference::Nothing;
        }
        let last_sent = self.last_sent.get(name);
        let again = self.resend.contains(name);
        match resources.shared(self.kind, name) {
            Some(resource) if !again && last_sent.and_then(LastSent::version) == Some(&resource.version) => {
                Difference::Nothing
            }
            Some(resource) => Difference::Changed(resource.clone()),
            None => match last_sent {
                Some(LastSent::Claimed(_) | LastSent::Sent(_) | LastSent::Dropped) => Difference::Gone,
                Some(LastSent::Absent) if !again => Difference::Nothing,
                None if !again && !self.subscription.names.contains(name) => Difference::Nothing,
                Some(LastSent::Absent) | None => Difference::Missing,
            },
        }
    }

    /// The next response of this kind, if there is something to say and it may be said now. It
    /// counts as sent under `nonce`.
    pub fn take(
        &mut self,
        resources: &ProxyResources,
        gate: Gate,
        nonce: impl FnOnce() -> String,
    ) -> Option<Change> {
        if self.awaits_answer() {
            return None;
        }
        let mut change = self.take_due(resources, gate);
        if change.is_empty() && gate.changes {
            change = self.next_suspects(resources);
        }
        if self.style == Style::ChangesOnly {
            change.removed.clear();
        }
        if change.is_empty() && !(self.greet && self.due.is_empty()) {
            return None;
        }
        self.greet = false;
        self.in_flight.depart(InFlight::new(nonce(), &change));
        Some(change)
    }

    fn take_due(&mut self, resources: &ProxyResources, gate: Gate) -> Change {
        let mut change = Change::default();
        for name in std::mem::take(&mut self.due) {
            match self.difference(&name, resources) {
                Difference::Nothing => {}
                Difference::Changed(resource) if gate.changes => change.changed.push(resource),
                Difference::Gone if gate.removals => change.removed.push(name),
                Difference::Missing => change.removed.push(name),
                Difference::Changed(_) | Difference::Gone => {
                    self.due.insert(name);
                }
            }
        }
        for resource in &change.changed {
            self.resend.remove(&resource.name);
            self.in_flight.clear_suspect(&resource.name);
            self.last_sent.insert(resource.name.clone(), LastSent::Sent(resource.clone()));
        }
        for name in &change.removed {
            self.resend.remove(name);
            self.in_flight.clear_suspect(name);
            if self.subscription.names.contains(name) {
                self.last_sent.insert(name.clone(), LastSent::Absent);
            } else {
                self.last_sent.remove(name);
            }
        }
        change
    }

    /// The next smaller group of a response that was dropped whole, as far as it is still what the
    /// proxy should hear.
    fn next_suspects(&mut self, resources: &ProxyResources) -> Change {
        let mut change = Change::default();
        while let Some(group) = self.in_flight.next_suspects() {
            for (name, version) in group {
                // Whatever was said about the name since then supersedes this.
                let said = self.last_sent.get(&name).and_then(LastSent::version);
                if said != version.as_deref() || !self.subscription.covers(&name) {
                    continue;
                }
                match resources.shared(self.kind, &name) {
                    Some(resource) if Some(&resource.version) == version.as_ref() => {
                        change.changed.push(resource.clone());
                    }
                    None if version.is_none() => change.removed.push(name),
                    _ => {
                        self.last_sent.insert(name, LastSent::Dropped);
                    }
                }
            }
            if !change.is_empty() {
                break;
            }
        }
        change
    }

    /// Everything that was sent and not removed since, in name order.
    pub fn sent(&self) -> impl Iterator<Item = &Arc<Resource>> {
        let last_sent = self.last_sent.iter().filter(|(name, _)| self.subscription.covers(name));
        last_sent.filter_map(|(_, last_sent)| match last_sent {
            LastSent::Sent(resource) => Some(resource),
            LastSent::Claimed(_) | LastSent::Dropped | LastSent::Absent => None,
        })
    }

    /// A digest of all that the proxy should now have of this kind.
    pub fn version(&self) -> String {
        let last_sent = self.last_sent.iter().filter(|(name, _)| self.subscription.covers(name));
        crate::resource::digest(
            last_sent.filter_map(|(name, last_sent)| Some((name.as_str(), last_sent.version()?))),
        )
    }
}
