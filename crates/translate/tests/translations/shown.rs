//! Resources as readable JSON, and as a static bootstrap for Envoy.

use carrick_translate::{BootstrapPlan, ProxyNode, bootstrap};
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use carrick_xds::pb::envoy::config::listener::v3::Listener;
use carrick_xds::pb::envoy::config::route::v3::RouteConfiguration;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::Secret;
use carrick_xds::{ProxyResources, ResourceType, json};
use prost::{Message, Name};
use serde_json::{Map, Value};

/// All resources of one kind, by name.
pub fn resources_by_name(resources: &ProxyResources, kind: ResourceType) -> Map<String, Value> {
    let show = |resource: &carrick_xds::Resource| {
        let bytes = resource.body.value.as_slice();
        let value = match kind {
            ResourceType::Listener => decoded::<Listener>(bytes),
            ResourceType::Cluster => decoded::<Cluster>(bytes),
            ResourceType::Endpoint => decoded::<ClusterLoadAssignment>(bytes),
            ResourceType::Route => decoded::<RouteConfiguration>(bytes),
            ResourceType::Secret => decoded::<Secret>(bytes),
        };
        (resource.name.clone(), value)
    };
    resources.of(kind).map(show).collect()
}

fn decoded<M: Message + Name + Default>(bytes: &[u8]) -> Value {
    json::to_json(&M::decode(bytes).unwrap()).unwrap()
}

/// What a golden file holds: the kinds in order, long known parts by their name in `abbreviations`,
/// and of the resources only those that `show` asks for (all, if it is empty).
pub fn normal(resources: &ProxyResources, show: &[String], abbreviations: &Map<String, Value>) -> Value {
    let kinds = [
        (ResourceType::Listener, "listener"),
        (ResourceType::Route, "route"),
        (ResourceType::Cluster, "cluster"),
        (ResourceType::Endpoint, "endpoints"),
        (ResourceType::Secret, "secret"),
    ];
    let mut all = Map::new();
    for (kind, word) in kinds {
        for (name, mut value) in resources_by_name(resources, kind) {
            let key = format!("{word}/{name}");
            if show.is_empty() || show.contains(&key) {
                abbreviate(&mut value, abbreviations);
                all.insert(key, value);
            }
        }
    }
    Value::Object(all)
}

fn abbreviate(value: &mut Value, abbreviations: &Map<String, Value>) {
    if let Some((name, _)) = abbreviations.iter().find(|(_, long)| *long == value) {
        *value = Value::String(format!("<{name}>"));
        return;
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| abbreviate(field, abbreviations)),
        Value::Array(items) => items.iter_mut().for_each(|item| abbreviate(item, abbreviations)),
        _ => {}
    }
}

/// A bootstrap that holds all resources statically. `inlined`: route tables and endpoints stand
/// where they are named, so that Envoy looks at them too; otherwise listeners and clusters are as
/// they are sent.
pub fn as_bootstrap(node: &ProxyNode, resources: &ProxyResources, inlined: bool) -> Value {
    let plan = BootstrapPlan::new(node.clone(), "/run/carrick/xds.sock", "/run/carrick/sds.sock");
    let mut file = json::to_json(&bootstrap(&plan)).unwrap();
    let mut listeners = resources_by_name(resources, ResourceType::Listener);
    let mut clusters = resources_by_name(resources, ResourceType::Cluster);
    if inlined {
        let tables = resources_by_name(resources, ResourceType::Route);
        let endpoints = resources_by_name(resources, ResourceType::Endpoint);
        listeners.values_mut().for_each(|listener| inline_routes(listener, &tables));
        clusters.iter_mut().for_each(|(name, cluster)| inline_endpoints(cluster, endpoints.get(name)));
    }
    let fixed = file["static_resources"].as_object_mut().unwrap();
    fixed["clusters"].as_array_mut().unwrap().extend(clusters.into_iter().map(|(_, cluster)| cluster));
    fixed.insert("listeners".into(), listeners.into_iter().map(|(_, listener)| listener).collect());
    file.as_object_mut().unwrap().get_mut("dynamic_resources").unwrap().as_object_mut().unwrap().retain(
        |key, _| {
            // Nothing is fetched; the stream is there only because resources name it.
            key == "ads_config"
        },
    );
    file
}

fn inline_routes(value: &mut Value, tables: &Map<String, Value>) {
    match value {
        Value::Object(fields) => {
            if let Some(rds) = fields.remove("rds") {
                let name = rds["route_config_name"].as_str().unwrap();
                let table = tables.get(name).unwrap_or_else(|| panic!("no route table {name}"));
                fields.insert("route_config".into(), table.clone());
            }
            fields.values_mut().for_each(|field| inline_routes(field, tables));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| inline_routes(item, tables)),
        _ => {}
    }
}

fn inline_endpoints(cluster: &mut Value, endpoints: Option<&Value>) {
    let fields = cluster.as_object_mut().unwrap();
    if fields.remove("eds_cluster_config").is_some() {
        let endpoints = endpoints.unwrap_or_else(|| panic!("no endpoints for {}", fields["name"]));
        fields.insert("type".into(), "STATIC".into());
        fields.insert("load_assignment".into(), endpoints.clone());
    }
}

/// JSON in which whatever fits on a line stands on one line.
pub fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, 0, &mut out);
    out.push('\n');
    out
}

/// `lead`: how much of the line is taken already.
fn write(value: &Value, depth: usize, lead: usize, out: &mut String) {
    const WIDTH: usize = 130;
    let compact = value.to_string();
    let (open, close) = match value {
        Value::Object(fields) if depth == 0 || lead + compact.len() > WIDTH && !fields.is_empty() => {
            ('{', '}')
        }
        Value::Array(items) if lead + compact.len() > WIDTH && !items.is_empty() => ('[', ']'),
        _ => return out.push_str(&compact),
    };
    out.push(open);
    let indent = "  ".repeat(depth + 1);
    let mut is_first = true;
    let mut line = |key: &str, item: &Value, out: &mut String| {
        if !std::mem::replace(&mut is_first, false) {
            out.push(',');
        }
        let start = format!("\n{indent}{key}");
        out.push_str(&start);
        write(item, depth + 1, start.len(), out);
    };
    match value {
        Value::Object(fields) => {
            for (key, item) in fields {
                line(&format!("{}: ", Value::from(key.as_str())), item, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| line("", item, out)),
        _ => {}
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(close);
}
