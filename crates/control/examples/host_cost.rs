//! How the work grows with the number of hosts, stage by stage: from text to the responses that one
//! sidecar and its DNS get. `bench/hosts/run` runs it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::time::Instant;

use carrick_identity::TrustDomain;
use carrick_model::{AddressTable, MeshSettings, SourceFile};
use carrick_translate::{NodeKind, ProxyNode};
use carrick_xds::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use carrick_xds::server::DeltaSession;
use carrick_xds::{ProxyResources, ResourceType};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let shape = arguments.next().unwrap_or_else(|| "all".into());
    let counts: Vec<u32> = arguments.map(|text| text.parse()).collect::<Result<_, _>>()?;
    let counts = if counts.is_empty() { vec![2_000, 20_000] } else { counts };
    let shapes = SHAPES.iter().filter(|(name, _)| shape == "all" || shape == *name);
    for (name, write) in shapes {
        for count in &counts {
            measure(name, *count, write(*count))?;
        }
    }
    Ok(())
}

type Shape = (&'static str, fn(u32) -> String);

const SHAPES: [Shape; 6] = [
    ("entry-http", |n| entry(n, "HTTP", "DNS")),
    ("entry-tls", |n| entry(n, "TLS", "DNS")),
    ("entry-static", |n| entry(n, "HTTP", "STATIC\n  endpoints: [{address: 192.0.2.1}]")),
    ("entries", entries),
    ("services", services),
    ("routed", routed),
];

fn measure(shape: &str, count: u32, text: String) -> anyhow::Result<()> {
    let mut line = format!("{shape:>12} {count:>7}");
    let mut stage = |name: &str, began: Instant| {
        // Writing to a String cannot fail.
        let _ = write!(line, "  {name} {:.0}", began.elapsed().as_secs_f64() * 1000.0);
    };
    let began = Instant::now();
    let (resources, found) = carrick_model::parse(&[SourceFile::new("mesh.yaml", text)]);
    anyhow::ensure!(found.is_empty(), "{:?}", found.first());
    stage("parse", began);

    let trust_domain = TrustDomain::new("one.example")?;
    let settings = MeshSettings::new("one", trust_domain);
    let began = Instant::now();
    let (snapshot, addresses, found) =
        carrick_model::build(resources.clone(), settings.clone(), AddressTable::default());
    stage("build", began);
    let began = Instant::now();
    carrick_model::build(resources, settings, addresses);
    stage("again", began);
    let began = Instant::now();
    let names = snapshot.name_table().len();
    stage("names", began);
    let began = Instant::now();
    carrick_translate::unsupported(&snapshot);
    stage("unsupported", began);
    let began = Instant::now();
    let resources = carrick_translate::translate(&snapshot, &node());
    stage("translate", began);

    let began = Instant::now();
    let mut session = DeltaSession::new();
    connect(&mut session, &resources)?;
    stage("connect", began);
    let began = Instant::now();
    session.on_resources(&ProxyResources::default());
    for (kind, nonce) in [(ResourceType::Listener, 0), (ResourceType::Cluster, 0)] {
        acknowledge(&mut session, kind.type_url(), &nonce.to_string(), &ProxyResources::default())?;
    }
    stage("gone", began);
    writeln!(std::io::stdout(), "{line}  ({names} names, {} findings)", found.len())?;
    Ok(())
}

fn node() -> ProxyNode {
    ProxyNode {
        kind: NodeKind::Sidecar,
        ip: Ipv4Addr::new(10, 20, 0, 1),
        name: "client-1".into(),
        namespace: "default".into(),
        dns_domain: "default.svc.cluster.local".into(),
        cluster_id: "one".into(),
        network: "one".into(),
        service_account: "client".into(),
        workload_name: "client".into(),
        labels: [("app".to_owned(), "client".to_owned())].into(),
    }
}

/// Asks for everything, as a proxy does at its start.
fn connect(session: &mut DeltaSession, resources: &ProxyResources) -> anyhow::Result<()> {
    let names = |kind: ResourceType| resources.of(kind).map(|resource| resource.name.clone()).collect();
    let wanted = [
        (ResourceType::Cluster, Vec::new()),
        (ResourceType::Endpoint, names(ResourceType::Endpoint)),
        (ResourceType::Listener, Vec::new()),
        (ResourceType::Route, names(ResourceType::Route)),
    ];
    for (kind, names) in wanted {
        let request = DeltaDiscoveryRequest {
            type_url: kind.type_url().into(),
            resource_names_subscribe: names,
            ..Default::default()
        };
        for response in session.on_request(request, resources)?.responses {
            acknowledge(session, &response.type_url, &response.nonce, resources)?;
        }
    }
    Ok(())
}

fn acknowledge(
    session: &mut DeltaSession,
    type_url: &str,
    nonce: &str,
    resources: &ProxyResources,
) -> anyhow::Result<()> {
    let request = DeltaDiscoveryRequest {
        type_url: type_url.into(),
        response_nonce: nonce.into(),
        ..Default::default()
    };
    for response in session.on_request(request, resources)?.responses {
        acknowledge(session, &response.type_url, &response.nonce, resources)?;
    }
    Ok(())
}

/// All hosts in one ServiceEntry.
fn entry(count: u32, protocol: &str, resolution: &str) -> String {
    let hosts: Vec<String> = (0..count).map(|number| format!("h{number}.example.com")).collect();
    format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: many, namespace: default}}\nspec:\n  hosts: [{}]\n  \
         ports: [{{name: one, number: 8443, protocol: {protocol}}}]\n  resolution: {resolution}\n",
        hosts.join(", ")
    )
}

/// A ServiceEntry for each host.
fn entries(count: u32) -> String {
    let one = |number: u32| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: e{number}, namespace: default}}\nspec:\n  hosts: \
             [h{number}.example.com]\n  ports: [{{name: one, number: 8443, protocol: TCP}}]\n  resolution: DNS\n"
        )
    };
    (0..count).map(one).collect::<Vec<_>>().join("---\n")
}

/// A Service with a pod for each host.
fn services(count: u32) -> String {
    let one = |number: u32| {
        let ip = Ipv4Addr::from_bits(0x0a20_0000 + number);
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s{number}, namespace: default}}\nspec:\n  selector: {{app: s{number}}}\n  \
             ports: [{{name: http, port: 80}}]\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}, namespace: default, labels: \
             {{app: s{number}}}}}\nspec: {{containers: [{{name: main, image: none}}]}}\nstatus: {{podIP: {ip}, phase: Running}}\n"
        )
    };
    (0..count).map(one).collect::<Vec<_>>().join("---\n")
}

/// A ServiceEntry, a VirtualService and a DestinationRule for each host.
fn routed(count: u32) -> String {
    let one = |number: u32| {
        let host = format!("h{number}.example.com");
        format!(
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: e{number}, namespace: default}}\nspec:\n  hosts: \
             [{host}]\n  ports: [{{name: one, number: 80, protocol: HTTP}}]\n  resolution: DNS\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v{number}, namespace: default}}\nspec:\n  hosts: \
             [{host}]\n  http: [{{route: [{{destination: {{host: {host}}}}}]}}]\n---\n\
             apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: d{number}, namespace: default}}\nspec:\n  host: \
             {host}\n  trafficPolicy: {{connectionPool: {{tcp: {{maxConnections: 7}}}}}}\n"
        )
    };
    (0..count).map(one).collect::<Vec<_>>().join("---\n")
}
