//! `docs/proxy-fields.md` against the program: in resources that are taken, every field of every
//! message is set, one at a time, and the proxy must say to it what the document says.

use std::collections::{BTreeMap, BTreeSet};

use carrick_policy::config::typed::type_name;
use carrick_xds::json::{descriptors, from_yaml};
use carrick_xds::pb::envoy::config::bootstrap::v3::Bootstrap as BootstrapPb;
use carrick_xds::pb::envoy::config::bootstrap::v3::bootstrap::StaticResources;
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, ReflectMessage, Value};

use super::*;

const DOCUMENT: &str = include_str!("../../../../docs/proxy-fields.md");

/// What the document says of one message. `None`: its own conversion judges it and all in it.
type Row = Option<Columns>;

struct Columns {
    obeyed: BTreeSet<String>,
    without_effect: BTreeSet<String>,
}

fn document() -> BTreeMap<String, Row> {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    let row = |line: &str| {
        let mut columns = line.split('|').skip(1);
        let mut words = || {
            let words = columns.next().unwrap().split('`').enumerate().filter(|(n, _)| n % 2 == 1);
            words.map(|(_, word)| word.to_owned()).collect::<BTreeSet<_>>()
        };
        let name = words().pop_first().unwrap();
        let columns = Columns { obeyed: words(), without_effect: words() };
        (name, (!line.contains("judged in detail")).then_some(columns))
    };
    rows.map(row).collect()
}

/// What became of a field that was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    NothingChanged,
    Changed,
    Refused,
}

type Rebuild<'a> = &'a dyn Fn(DynamicMessage) -> DynamicMessage;

/// A walk through one resource.
struct Walk<'a> {
    document: &'a BTreeMap<String, Row>,
    /// What the proxy makes of the resource as it is.
    made: String,
    told: &'a mut BTreeMap<(String, String), BTreeSet<Told>>,
}

impl Walk<'_> {
    fn message(&mut self, message: &DynamicMessage, place: &str, rebuild: Rebuild<'_>) {
        let name = message.descriptor().full_name().to_owned();
        if name == "google.protobuf.Any" {
            let any = message.transcode_to::<Any>().unwrap();
            let inner = descriptors().get_message_by_name(type_name(&any)).unwrap();
            let inner = DynamicMessage::decode(inner, any.value.as_slice()).unwrap();
            let packed = |inner: DynamicMessage| {
                let mut any = any.clone();
                any.value = inner.encode_to_vec();
                let mut message = message.clone();
                message.transcode_from(&any).unwrap();
                rebuild(message)
            };
            return self.message(&inner, place, &packed);
        }
        if name.starts_with("google.protobuf.") {
            return;
        }
        let Some(row) = self.document.get(&name) else { panic!("{place}: {name} is not in the document") };
        self.told.entry((name.clone(), String::new())).or_default();
        let Some(columns) = row else { return };
        for field in message.descriptor().fields() {
            let inner = within(place, field.name());
            let set = |value: Value| {
                let mut message = message.clone();
                message.set_field(&field, value);
                rebuild(message)
            };
            if !message.has_field(&field) {
                for sample in samples(&field) {
                    let told = self.judge(&set(sample), &inner);
                    self.told.entry((name.clone(), field.name().to_owned())).or_default().insert(told);
                }
            } else if !columns.without_effect.contains(field.name()) {
                self.value(&field, &message.get_field(&field), &inner, &set);
            }
        }
    }

    fn value(
        &mut self,
        field: &FieldDescriptor,
        value: &Value,
        place: &str,
        set: &dyn Fn(Value) -> DynamicMessage,
    ) {
        match value {
            Value::Message(message) => self.message(message, place, &|inner| set(Value::Message(inner))),
            Value::List(items) if field.kind().as_message().is_some() => {
                for (n, item) in items.iter().enumerate() {
                    let replaced = |inner: DynamicMessage| {
                        let mut items = items.clone();
                        items[n] = Value::Message(inner);
                        set(Value::List(items))
                    };
                    self.message(item.as_message().unwrap(), &format!("{place}[{n}]"), &replaced);
                }
            }
            Value::Map(entries) => {
                for (key, item) in entries {
                    let replaced = |inner: DynamicMessage| {
                        let mut entries = entries.clone();
                        entries.insert(key.clone(), Value::Message(inner));
                        set(Value::Map(entries))
                    };
                    let place = format!("{place}[{:?}]", key.as_str().unwrap());
                    self.message(item.as_message().unwrap(), &place, &replaced);
                }
            }
            _ => {}
        }
    }

    fn judge(&self, resource: &DynamicMessage, place: &str) -> Told {
        match made(resource) {
            Ok(made) if made == self.made => Told::NothingChanged,
            Err(error)
                if error.path() == place
                    && ["is not implemented", "is not supported"]
                        .iter()
                        .any(|r| error.reason().starts_with(r)) =>
            {
                Told::Refused
            }
            _ => Told::Changed,
        }
    }
}

fn within(place: &str, field: &str) -> String {
    if place.is_empty() { field.to_owned() } else { format!("{place}.{field}") }
}

/// Values that say something.
fn samples(field: &FieldDescriptor) -> Vec<Value> {
    let kind = field.kind();
    if field.is_map() {
        let entry = kind.as_message().unwrap().clone();
        let value = plain(&entry.map_entry_value_field().kind()).remove(0);
        return vec![Value::Map([(MapKey::String("x".into()), value)].into())];
    }
    let values = plain(&kind);
    match field.is_list() {
        true => values.into_iter().map(|value| Value::List(vec![value])).collect(),
        false => values,
    }
}

fn plain(kind: &Kind) -> Vec<Value> {
    match kind {
        Kind::Bool => vec![Value::Bool(true)],
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => vec![Value::I32(1)],
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => vec![Value::I64(1)],
        Kind::Uint32 | Kind::Fixed32 => vec![Value::U32(1)],
        Kind::Uint64 | Kind::Fixed64 => vec![Value::U64(1)],
        Kind::Float => vec![Value::F32(1.0)],
        Kind::Double => vec![Value::F64(1.0)],
        Kind::String => vec![Value::String("x".into())],
        Kind::Bytes => vec![Value::Bytes(b"x".to_vec().into())],
        Kind::Enum(kind) => kind
            .values()
            .filter(|value| value.number() != 0)
            .map(|value| Value::EnumNumber(value.number()))
            .collect(),
        Kind::Message(message) => {
            let mut inner = DynamicMessage::new(message.clone());
            // A wrapper or a duration says nothing while it is empty.
            let value = message.get_field_by_name("value").or_else(|| message.get_field_by_name("seconds"));
            if let Some(value) = value.filter(|_| message.full_name().starts_with("google.protobuf.")) {
                inner.set_field(&value, plain(&value.kind()).remove(0));
            }
            vec![Value::Message(inner)]
        }
    }
}

/// What the proxy makes of a resource, in the form for programmers, without what is not meant to be
/// obeyed by it.
fn made(resource: &DynamicMessage) -> Result<String, FieldError> {
    let name = resource.descriptor().full_name().to_owned();
    let body = Any { type_url: format!("type.googleapis.com/{name}"), value: resource.encode_to_vec() };
    let made = match name.rsplit('.').next().unwrap() {
        "Cluster" => {
            judge(ResourceType::Cluster, &body, &SocketSettings::default())?;
            format!("{:?}", ClusterConfig::from_proto(&resource_of(&body)?, &SocketSettings::default())?)
        }
        "Listener" => {
            judge(ResourceType::Listener, &body, &SocketSettings::default())?;
            format!("{:?}", ListenerConfig::from_proto(&resource_of(&body)?)?)
        }
        "ClusterLoadAssignment" => format!("{:?}", Assignment::from_proto(&resource_of(&body)?, false)?),
        "RouteConfiguration" => format!("{:?}", RouteTable::from_proto(&resource_of(&body)?)?),
        "Secret" => format!("{:?}", Secret::from_proto(&resource_of(&body)?)?),
        _ => {
            let bootstrap = Bootstrap::from_proto(resource_of::<BootstrapPb>(&body)?)?;
            let Bootstrap {
                message: _,
                node,
                ads,
                dynamic_listeners,
                dynamic_clusters,
                first_clusters,
                default_sockets,
            } = bootstrap;
            format!(
                "{node:?} {ads:?} {dynamic_listeners} {dynamic_clusters} {first_clusters:?} {default_sockets:?}"
            )
        }
    };
    // Chains are told apart by a digest of all that they say, and some tables have no order.
    let made = regex::Regex::new(r"digest: \[[^]]*\]").unwrap().replace_all(&made, "").into_owned();
    let mut letters: Vec<_> = made.chars().collect();
    letters.sort_unstable();
    Ok(letters.into_iter().collect())
}

fn resource_of<M: Message + Name + Default>(body: &Any) -> Result<M, FieldError> {
    resource(body)
}

fn dynamic<M: Message + Name>(message: &M) -> DynamicMessage {
    let descriptor = descriptors().get_message_by_name(&M::full_name()).unwrap();
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).unwrap()
}

fn fixtures() -> Vec<DynamicMessage> {
    let listener: ListenerPb = from_yaml(include_str!("fields/listener.yaml")).unwrap();
    let bootstrap: BootstrapPb = from_yaml(include_str!("fields/bootstrap.yaml")).unwrap();
    let clusters: StaticResources = from_yaml(include_str!("fields/clusters.yaml")).unwrap();
    let routes = RouteConfiguration { name: "r".into(), ..RouteConfiguration::default() };
    let mut all = vec![dynamic(&listener), dynamic(&bootstrap), dynamic(&routes)];
    all.extend(clusters.clusters.iter().map(dynamic));
    all.extend(secrets().iter().map(dynamic));
    all
}

fn secrets() -> [SecretPb; 2] {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["a.example".into()]).unwrap().self_signed(&key).unwrap();
    let quoted = |pem: String| format!("{pem:?}");
    let (certificate, key) = (quoted(certificate.pem()), quoted(key.serialize_pem()));
    [
        format!(
            "{{name: a, tls_certificate: {{certificate_chain: {{inline_string: {certificate}}}, private_key: {{inline_string: {key}}}}}}}"
        ),
        format!(
            "{{name: a, validation_context: {{trusted_ca: {{inline_string: {certificate}}}, match_subject_alt_names: [{{safe_regex: {{regex: a}}}}],
              match_typed_subject_alt_names: [{{san_type: DNS, matcher: {{exact: a.example}}}}]}}}}"
        ),
    ]
    .map(|yaml| from_yaml(&yaml).unwrap())
}

#[test]
fn the_document_says_what_the_proxy_does_with_every_field() {
    let document = document();
    let mut told = BTreeMap::new();
    for resource in fixtures() {
        let made = made(&resource).unwrap_or_else(|error| panic!("{resource:?}: {error}"));
        Walk { document: &document, made, told: &mut told }.message(&resource, "", &|resource| resource);
    }
    let mut lies = Vec::new();
    for (name, row) in &document {
        if !told.contains_key(&(name.clone(), String::new())) {
            lies.push(format!("{name}: no resource of this test has one"));
        }
        let fields = descriptors().get_message_by_name(name).unwrap();
        let Some(Columns { obeyed, without_effect }) = row else { continue };
        let known = obeyed.iter().chain(without_effect);
        lies.extend(
            known
                .filter(|field| fields.get_field_by_name(field).is_none())
                .map(|f| format!("{name} has no {f}")),
        );
        for field in fields.fields() {
            let Some(told) = told.get(&(name.clone(), field.name().to_owned())) else { continue };
            let right = match (obeyed.contains(field.name()), without_effect.contains(field.name())) {
                (false, false) => told.iter().eq([&Told::Refused]),
                (true, false) => told.iter().any(|told| *told != Told::Refused),
                (false, true) => told.contains(&Told::NothingChanged),
                (true, true) => false,
            };
            if !right {
                lies.push(format!("{name}.{}: the proxy says {told:?}", field.name()));
            }
        }
    }
    assert!(lies.is_empty(), "docs/proxy-fields.md is not true:\n{}", lies.join("\n"));
}
