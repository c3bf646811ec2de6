//! A state-of-the-conversation proxy ends up with what it asked for, too.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use carrick_xds::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use carrick_xds::pb::google::rpc::Status;
use carrick_xds::server::SotwSession;
use carrick_xds::{ProxyResources, ResourceType};
use proptest::prelude::*;

use crate::snapshots::{Contents, KINDS, NAMES, POISON, any_contents, resources};

#[derive(Debug, Clone)]
enum Step {
    Push(Contents),
    /// The proxy wants other endpoints or routes.
    Want(ResourceType, Vec<&'static str>),
    Reconnect,
    ServerHears,
    ClientHears,
    OutOfPatience,
}

fn any_step() -> impl Strategy<Value = Step> {
    let named = prop::sample::select(vec![ResourceType::Endpoint, ResourceType::Route]);
    let names = prop::sample::subsequence(NAMES.to_vec(), 0..=NAMES.len());
    prop_oneof![
        3 => any_contents().prop_map(Step::Push),
        3 => (named, names).prop_map(|(kind, names)| Step::Want(kind, names)),
        1 => Just(Step::Reconnect),
        8 => Just(Step::ServerHears),
        8 => Just(Step::ClientHears),
        1 => Just(Step::OutOfPatience),
    ]
}

/// What a proxy remembers of one kind: by name the bytes that it runs.
#[derive(Default)]
struct Kind {
    names: BTreeSet<String>,
    version: String,
    nonce: String,
    running: BTreeMap<String, Vec<u8>>,
}

struct Conversation {
    set: ProxyResources,
    session: SotwSession,
    kinds: BTreeMap<ResourceType, Kind>,
    to_server: VecDeque<DiscoveryRequest>,
    to_client: VecDeque<DiscoveryResponse>,
    written: usize,
}

impl Conversation {
    fn new() -> Self {
        let mut conversation = Self {
            set: ProxyResources::default(),
            session: SotwSession::new(),
            kinds: KINDS.iter().map(|kind| (*kind, Kind::default())).collect(),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            written: 0,
        };
        conversation.reconnect();
        conversation
    }

    fn request(&self, kind: ResourceType, error: Option<Status>) -> DiscoveryRequest {
        let state = &self.kinds[&kind];
        DiscoveryRequest {
            type_url: kind.type_url().into(),
            resource_names: state.names.iter().cloned().collect(),
            version_info: state.version.clone(),
            response_nonce: state.nonce.clone(),
            error_detail: error,
            ..DiscoveryRequest::default()
        }
    }

    fn reconnect(&mut self) {
        self.session = SotwSession::new();
        self.to_client.clear();
        self.kinds.values_mut().for_each(|kind| kind.nonce.clear());
        self.to_server = KINDS.iter().map(|kind| self.request(*kind, None)).collect();
    }

    fn want(&mut self, kind: ResourceType, names: &[&str]) {
        let names: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
        let state = self.kinds.get_mut(&kind).expect("one of KINDS");
        state.running.retain(|name, _| names.contains(name));
        if state.names != names {
            state.names = names;
            self.to_server.push_back(self.request(kind, None));
        }
    }

    fn write(&mut self, responses: Vec<DiscoveryResponse>) {
        self.written += responses.len();
        self.to_client.extend(responses);
    }

    fn push(&mut self, set: ProxyResources) {
        self.set = set;
        let responses = self.session.on_resources(&self.set);
        self.write(responses);
    }

    fn out_of_patience(&mut self) {
        let responses = self.session.stop_waiting(&self.set);
        self.write(responses);
    }

    fn server_hears(&mut self) -> bool {
        let Some(request) = self.to_server.pop_front() else { return false };
        let outcome = self.session.on_request(request, &self.set).expect("a good request");
        self.write(outcome.responses);
        true
    }

    /// Listeners and clusters are refused by name, as Envoy does; a response of another kind is
    /// dropped whole.
    fn client_hears(&mut self) -> bool {
        let Some(response) = self.to_client.pop_front() else { return false };
        let kind = ResourceType::from_type_url(&response.type_url).expect("a known kind");
        let named: Vec<(String, Vec<u8>)> =
            response.resources.into_iter().map(|any| (name_of(kind, &any.value), any.value)).collect();
        let refused: Vec<String> = named
            .iter()
            .filter(|(name, bytes)| is_poison(kind, name, bytes))
            .map(|(name, _)| name.clone())
            .collect();
        let state = self.kinds.get_mut(&kind).expect("one of KINDS");
        let whole_set = kind.allows_wildcard();
        if whole_set {
            state.running.retain(|name, _| named.iter().any(|(sent, _)| sent == name));
        }
        for (name, bytes) in named {
            let wanted = whole_set || (refused.is_empty() && state.names.contains(&name));
            if wanted && !refused.contains(&name) {
                state.running.insert(name, bytes);
            }
        }
        state.nonce = response.nonce;
        let error = if refused.is_empty() {
            state.version = response.version_info;
            None
        } else if whole_set {
            Some(format!("Error adding/updating {kind}(s) {}", refused.join(": poison, ")))
        } else {
            Some("something in there is poison".to_owned())
        };
        let error = error.map(|message| Status { code: 13, message, details: vec![] });
        self.to_server.push_back(self.request(kind, error));
        true
    }

    fn settle(&mut self) {
        for step in 0.. {
            assert!(step < 10_000, "the conversation never ends");
            if self.client_hears() || self.server_hears() {
                continue;
            }
            if !self.session.is_waiting() {
                break;
            }
            self.out_of_patience();
        }
    }

    fn assert_converged(&self) {
        for kind in KINDS {
            for name in NAMES {
                let running = self.kinds[&kind].running.get(name);
                let wanted = kind.allows_wildcard() || self.kinds[&kind].names.contains(name);
                match self.set.get(kind, name).map(|resource| &resource.body.value) {
                    Some(bytes) if wanted && is_poison(kind, name, bytes) => assert_ne!(running, Some(bytes)),
                    Some(bytes) if wanted => assert_eq!(running, Some(bytes), "{kind} {name} should run"),
                    // That endpoints or routes are gone cannot be said: the proxy keeps them while
                    // it wants them.
                    None if wanted && !kind.allows_wildcard() => {}
                    _ => assert_eq!(running, None, "{kind} {name} should not run"),
                }
            }
        }
    }
}

/// The resources of these tests are few: the one with these bytes is found by trying.
fn name_of(kind: ResourceType, bytes: &[u8]) -> String {
    let found = NAMES.into_iter().find(|name| {
        (0..=POISON).any(|content| {
            let one = resources(&Contents::from([((kind, *name), content)]));
            one.get(kind, name).is_some_and(|resource| resource.body.value == bytes)
        })
    });
    found.expect("one of the resources of these tests").to_owned()
}

fn is_poison(kind: ResourceType, name: &str, bytes: &[u8]) -> bool {
    let name = NAMES.into_iter().find(|known| *known == name).expect("one of NAMES");
    let poison = resources(&Contents::from([((kind, name), POISON)]));
    poison.get(kind, name).is_some_and(|resource| resource.body.value == bytes)
}

proptest! {
    #[test]
    fn a_state_of_the_world_proxy_ends_up_with_the_last_set(steps in prop::collection::vec(any_step(), 0..60)) {
        let mut conversation = Conversation::new();
        for step in steps {
            match step {
                Step::Push(contents) => conversation.push(resources(&contents)),
                Step::Want(kind, names) => conversation.want(kind, &names),
                Step::Reconnect => conversation.reconnect(),
                Step::ServerHears => {
                    conversation.server_hears();
                }
                Step::ClientHears => {
                    conversation.client_hears();
                }
                Step::OutOfPatience => conversation.out_of_patience(),
            }
        }
        conversation.settle();
        conversation.assert_converged();

        conversation.written = 0;
        let same = conversation.set.clone();
        conversation.push(same);
        conversation.settle();
        prop_assert_eq!(conversation.written, 0, "nothing has changed");
    }
}
