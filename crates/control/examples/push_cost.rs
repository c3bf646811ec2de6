//! What a change costs a control plane: services and proxies are made up, everything else is the
//! real way from text to responses. `bench/push/run` runs it.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use carrick_control::translations::Translations;
use carrick_identity::TrustDomain;
use carrick_model::{AddressTable, MeshSettings, MeshSnapshot, SourceFile};
use carrick_translate::{NodeKind, ProxyNode};
use carrick_xds::ResourceType;
use carrick_xds::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use carrick_xds::server::DeltaSession;
use prost::Message;

fn main() -> anyhow::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let services = numbers.next().transpose()?.unwrap_or(1000);
    let proxies = numbers.next().transpose()?.unwrap_or(200);
    let rounds = numbers.next().transpose()?.unwrap_or(5);

    let mut times = Times::default();
    let translations = Translations::default();
    let snapshot = times.build.of(|| mesh(services, 0));
    let mut connected: Vec<_> = (0..proxies).map(Proxy::new).collect();
    for proxy in &mut connected {
        let resources = times.first.of(|| carrick_translate::translate(&snapshot, &proxy.node));
        proxy.connect(&resources)?;
    }
    let (mut sent, mut bytes) = (0, 0);
    for round in 1..=rounds {
        let snapshot = times.build.of(|| mesh(services, round));
        let began = Instant::now();
        for proxy in &mut connected {
            let resources = translations.of(u64::from(round) + 1, &snapshot, &proxy.node);
            for response in proxy.session.on_resources(&resources) {
                sent += response.resources.len();
                bytes += response.encoded_len();
                proxy.acknowledge(&response.type_url, &response.nonce, &resources)?;
            }
        }
        times.push.add(began.elapsed());
    }
    let mut report = String::new();
    writeln!(report, "{services} services, {proxies} proxies, {rounds} changes of one endpoint")?;
    writeln!(report, "read and check all files        {}", times.build)?;
    writeln!(report, "translate for one proxy         {}", times.first)?;
    writeln!(report, "one change, to all proxies      {}", times.push)?;
    writeln!(
        report,
        "resources sent for each change  {} ({} bytes)",
        sent / rounds as usize,
        bytes / rounds as usize
    )?;
    std::io::Write::write_all(&mut std::io::stdout(), report.as_bytes())?;
    Ok(())
}

/// A connected proxy, at the control plane's end.
struct Proxy {
    node: ProxyNode,
    session: DeltaSession,
}

impl Proxy {
    fn new(number: u32) -> Self {
        let node = ProxyNode {
            kind: NodeKind::Sidecar,
            ip: Ipv4Addr::from_bits(0x0a14_0000 + number),
            name: format!("client-{number}"),
            namespace: "default".into(),
            dns_domain: "default.svc.cluster.local".into(),
            cluster_id: "one".into(),
            network: "one".into(),
            service_account: "client".into(),
            workload_name: "client".into(),
            labels: [("app".to_owned(), format!("client-{}", number % 20))].into(),
        };
        Self { node, session: DeltaSession::new() }
    }

    /// Asks for everything, as a proxy does at its start.
    fn connect(&mut self, resources: &carrick_xds::ProxyResources) -> anyhow::Result<()> {
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
            for response in self.session.on_request(request, resources)?.responses {
                self.acknowledge(&response.type_url, &response.nonce, resources)?;
            }
        }
        Ok(())
    }

    fn acknowledge(
        &mut self,
        type_url: &str,
        nonce: &str,
        resources: &carrick_xds::ProxyResources,
    ) -> anyhow::Result<()> {
        let request = DeltaDiscoveryRequest {
            type_url: type_url.into(),
            response_nonce: nonce.into(),
            ..Default::default()
        };
        for response in self.session.on_request(request, resources)?.responses {
            self.acknowledge(&response.type_url, &response.nonce, resources)?;
        }
        Ok(())
    }
}

/// A mesh of that many services, each with two endpoints; `round` moves one of them.
fn mesh(services: u32, round: u32) -> Arc<MeshSnapshot> {
    let mut text = String::new();
    for number in 0..services {
        let moved = if number == services / 2 { round } else { 0 };
        let (one, two) = (
            Ipv4Addr::from_bits(0x0a20_0000 + number + (moved << 16)),
            Ipv4Addr::from_bits(0x0a60_0000 + number),
        );
        let address = Ipv4Addr::from_bits(0x0a80_0000 + number);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s{number}, namespace: default}}\nspec:\n  clusterIP: {address}\n  \
             ports: [{{name: http, port: 80, targetPort: 8080}}]\n---\n\
             apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: s{number}-a, namespace: default, labels: \
             {{kubernetes.io/service-name: s{number}}}}}\naddressType: IPv4\nports: [{{name: http, port: 8080}}]\nendpoints:\n\
             - addresses: [{one}]\n- addresses: [{two}]\n---\n"
        );
    }
    let (resources, found) = carrick_model::parse(&[SourceFile::new("mesh.yaml", text)]);
    assert!(found.is_empty(), "{found:?}");
    let trust_domain = TrustDomain::new("one.example").expect("the name is a valid trust domain");
    let settings = MeshSettings::new("one", trust_domain);
    let (snapshot, _, found) = carrick_model::build(resources, settings, AddressTable::default());
    assert!(found.is_empty(), "{found:?}");
    Arc::new(snapshot)
}

#[derive(Default)]
struct Times {
    build: Durations,
    first: Durations,
    push: Durations,
}

#[derive(Default)]
struct Durations(Vec<Duration>);

impl Durations {
    fn of<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let result = work();
        self.add(began.elapsed());
        result
    }

    fn add(&mut self, duration: Duration) {
        self.0.push(duration);
    }
}

impl std::fmt::Display for Durations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort();
        let millis = |at: usize| sorted.get(at).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
        let last = sorted.len().saturating_sub(1);
        write!(f, "{:8.2} ms median, {:.2} to {:.2}", millis(last / 2), millis(0), millis(last))
    }
}
