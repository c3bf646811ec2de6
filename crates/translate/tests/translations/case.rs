//! One golden case: Istio resources in a file, and lines that say for which proxies they are
//! translated.
//!
//! Directives are comments: `#: node sidecar default/client-0`, `#: outbound ALLOW_ANY`, `#:
//! access-log /dev/stdout`, `#: access-log-json /dev/stdout`, `#: peer cluster2.example`, `#: alias
//! old.example`, `#: region eu/west/a` (the pods' locality), `#: files PATH` (more resources,
//! relative to the repository), `#: show KIND/NAME` (only this of the resources is written down;
//! everything is still judged by Envoy).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use carrick_identity::TrustDomain;
use carrick_model::{
    AccessLog, AddressTable, AnyResource, MeshSettings, MeshSnapshot, OutboundPolicy, SourceFile, build,
    parse,
};
use carrick_translate::{NodeKind, ProxyNode};

pub struct Case {
    pub folder: PathBuf,
    pub files: Vec<SourceFile>,
    pub show: Vec<String>,
    settings: MeshSettings,
    nodes: Vec<(NodeKind, String)>,
}

impl Case {
    pub fn read(folder: &Path) -> Case {
        let text = std::fs::read_to_string(folder.join("input.yaml")).unwrap();
        let mut case = Case {
            folder: folder.to_owned(),
            files: vec![SourceFile::new("input.yaml", text.as_str())],
            show: vec![],
            settings: MeshSettings::new("cluster1", TrustDomain::new("cluster1.example").unwrap()),
            nodes: vec![],
        };
        for directive in text.lines().filter_map(|line| line.strip_prefix("#: ")) {
            let (word, rest) = directive.split_once(' ').unwrap();
            case.direct(word, rest.trim());
        }
        assert!(!case.nodes.is_empty(), "{} names no node", folder.display());
        case
    }

    fn direct(&mut self, word: &str, rest: &str) {
        match word {
            "node" => {
                let (kind, pod) = rest.split_once(' ').unwrap();
                let kind = if kind == "router" { NodeKind::Router } else { NodeKind::Sidecar };
                self.nodes.push((kind, pod.to_owned()));
            }
            "outbound" => {
                assert_eq!(rest, "ALLOW_ANY", "the only policy besides the default");
                self.settings.outbound_policy = OutboundPolicy::AllowAny;
            }
            "access-log" => {
                self.settings.access_log = Some(AccessLog { path: rest.into(), ..AccessLog::default() });
            }
            "access-log-json" => {
                self.settings.access_log = Some(AccessLog {
                    path: rest.into(),
                    encoding: carrick_model::mesh::AccessLogEncoding::Json,
                    ..AccessLog::default()
                });
            }
            "region" => self.settings.region = rest.to_owned(),
            "alias" => self.settings.trust_domain_aliases.push(TrustDomain::new(rest).unwrap()),
            "peer" => self.settings.peer_trust_domains.push(TrustDomain::new(rest).unwrap()),
            "show" => self.show.push(rest.to_owned()),
            "files" => self.add_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(rest)),
            other => panic!("unknown directive `{other}`"),
        }
    }

    fn add_files(&mut self, folder: &Path) {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            self.files.push(SourceFile::new(name, std::fs::read_to_string(&path).unwrap()));
        }
    }

    /// The mesh that these files make, in whatever order they come.
    pub fn snapshot(&self, files: &[SourceFile]) -> MeshSnapshot {
        let (resources, mut diagnostics) = parse(files);
        let (snapshot, _, more) = build(resources, self.settings.clone(), AddressTable::default());
        diagnostics.extend(more);
        diagnostics.retain(carrick_model::Diagnostic::is_error);
        assert!(diagnostics.is_empty(), "{}: {diagnostics:#?}", self.folder.display());
        snapshot
    }

    /// The proxies of the case, each as its pod describes it.
    pub fn nodes(&self, snapshot: &MeshSnapshot) -> Vec<ProxyNode> {
        self.nodes.iter().map(|(kind, pod)| node(snapshot, *kind, pod)).collect()
    }
}

fn node(snapshot: &MeshSnapshot, kind: NodeKind, pod: &str) -> ProxyNode {
    let (namespace, name) = pod.split_once('/').unwrap();
    let workload =
        snapshot.workload_by_pod(namespace, name).unwrap_or_else(|| panic!("no pod {pod} with an address"));
    let std::net::IpAddr::V4(ip) = workload.addresses[0] else { panic!("{pod} is not IPv4") };
    let labels: BTreeMap<String, String> = snapshot
        .resources()
        .find_map(|resource| match resource {
            AnyResource::Pod(pod) if pod.meta.name == name && pod.meta.namespace == namespace => {
                Some(pod.meta.labels.clone())
            }
            _ => None,
        })
        .unwrap();
    ProxyNode {
        kind,
        ip,
        name: name.into(),
        namespace: namespace.into(),
        dns_domain: format!("{namespace}.svc.cluster.local"),
        cluster_id: "cluster1".into(),
        network: String::new(),
        service_account: workload.service_account.clone(),
        workload_name: workload.owner.clone(),
        labels,
    }
}
