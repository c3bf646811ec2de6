//! Which pods a cluster's Deployments ask for, and what runs in each: the part of a kubelet that
//! decides.
//!
//! Pure. It must not know addresses, nor how processes are started.

use std::collections::{BTreeMap, BTreeSet};

use carrick_model::resources::{Container, Deployment, TransportProtocol};
use carrick_model::{AnyResource, Diagnostic, Resource, Severity};

/// One pod to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSpec {
    /// `client-0`: the Deployment's name and the replica's number.
    pub name: String,
    pub namespace: String,
    pub owner: String,
    pub labels: BTreeMap<String, String>,
    pub service_account: String,
    pub role: Role,
    pub containers: Vec<Program>,
    /// TCP ports that the containers declare; a Service may mean one by its name.
    pub ports: Vec<(String, u16)>,
}

/// What stands in front of the pod's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// An application with a sidecar: its traffic is captured.
    Sidecar,
    /// An application outside of the mesh.
    Plain,
    /// A gateway; which of them, its labels say.
    Gateway(Gateway),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gateway {
    Egress,
    Ingress,
    Other,
}

impl Role {
    pub fn has_proxy(self) -> bool {
        self != Self::Plain
    }
}

impl From<Role> for carrick_api::fleet::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Sidecar => Self::Sidecar,
            Role::Plain => Self::NoProxy,
            Role::Gateway(Gateway::Egress) => Self::EgressGateway,
            Role::Gateway(Gateway::Ingress) => Self::IngressGateway,
            Role::Gateway(Gateway::Other) => Self::Gateway,
        }
    }
}

/// One container as a process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    pub name: String,
    pub words: Vec<Word>,
    pub env: Vec<(String, String)>,
    pub working_dir: String,
}

/// A part of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    Text(String),
    /// Carrick's own program, which plays the part of some images.
    OwnProgram,
}

/// The pods that the resources ask for, in name order, and what cannot be run.
pub fn desired(resources: &[AnyResource]) -> (Vec<PodSpec>, Vec<Diagnostic>) {
    let injected = injected_namespaces(resources);
    let mut pods = BTreeMap::new();
    let mut diagnostics = Vec::new();
    for resource in resources {
        if let AnyResource::Deployment(deployment) = resource {
            add_deployment(deployment, &injected, &mut pods, &mut diagnostics);
        }
    }
    (pods.into_values().collect(), diagnostics)
}

/// The pods that a cluster with a container engine would run, whatever their images; what runs in
/// them is left open.
pub fn expected(resources: &[AnyResource]) -> Vec<PodSpec> {
    let injected = injected_namespaces(resources);
    let mut pods = BTreeMap::new();
    for resource in resources {
        if let AnyResource::Deployment(deployment) = resource {
            let names = deployment.spec.template.spec.containers.iter().map(|container| &container.name);
            let unknown = |name: &String| Program { name: name.clone(), ..Program::default() };
            let containers: Vec<Program> = names.map(unknown).collect();
            add_replicas(deployment, role(deployment, &injected), &containers, &mut pods);
        }
    }
    pods.into_values().collect()
}

/// Namespaces whose pods get a sidecar unless they say otherwise (Istio, "Controlling the injection
/// policy").
fn injected_namespaces(resources: &[AnyResource]) -> BTreeSet<&str> {
    let asks = |labels: &BTreeMap<String, String>| {
        labels.get("istio-injection").is_some_and(|value| value == "enabled")
            || labels.contains_key("istio.io/rev")
    };
    resources
        .iter()
        .filter_map(|resource| match resource {
            AnyResource::Namespace(namespace) if asks(&namespace.meta.labels) => {
                Some(namespace.meta.name.as_str())
            }
            _ => None,
        })
        .collect()
}

fn add_deployment(
    deployment: &Resource<Deployment>,
    injected: &BTreeSet<&str>,
    pods: &mut BTreeMap<(String, String), PodSpec>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let meta = &deployment.meta;
    let template = &deployment.spec.template;
    if template.spec.containers.iter().all(is_dns) {
        // A cluster's own name server has nothing to do here: Carrick's answers.
        return;
    }
    let mut containers = Vec::new();
    for (index, container) in template.spec.containers.iter().enumerate().filter(|(_, c)| !is_proxy(c)) {
        match program(container) {
            Some(program) => containers.push(program),
            None => {
                let field = format!("spec.template.spec.containers[{index}].image");
                diagnostics.push(Diagnostic {
                    code: "CRK901",
                    severity: Severity::Warning,
                    location: meta.locate(&field),
                    resource: Some(meta.resource_name()),
                    reason: format!(
                        "the image `{}` cannot be run here: there is no container engine",
                        container.image
                    ),
                    help: "give the container a `command` that this machine has".into(),
                    field,
                });
                return;
            }
        }
    }
    add_replicas(deployment, role(deployment, injected), &containers, pods);
}

fn add_replicas(
    deployment: &Resource<Deployment>,
    role: Role,
    containers: &[Program],
    pods: &mut BTreeMap<(String, String), PodSpec>,
) {
    let meta = &deployment.meta;
    let template = &deployment.spec.template;
    let declared = template.spec.containers.iter().flat_map(|container| &container.ports);
    let ports: Vec<(String, u16)> = declared
        .filter(|port| port.protocol == TransportProtocol::Tcp)
        .map(|port| (port.name.clone(), port.container_port))
        .collect();
    for replica in 0..deployment.spec.replicas.unwrap_or(1) {
        let name = format!("{}-{replica}", meta.name);
        let pod = PodSpec {
            name: name.clone(),
            namespace: meta.namespace.clone(),
            owner: meta.name.clone(),
            labels: template.metadata.labels.clone(),
            service_account: template.spec.account().to_owned(),
            role,
            containers: containers.to_vec(),
            ports: ports.clone(),
        };
        pods.insert((meta.namespace.clone(), name), pod);
    }
}

fn role(deployment: &Resource<Deployment>, injected: &BTreeSet<&str>) -> Role {
    let template = &deployment.spec.template;
    match gateway(&template.metadata.labels, &template.spec.containers) {
        Some(gateway) => Role::Gateway(gateway),
        None if wants_sidecar(deployment, injected) => Role::Sidecar,
        None => Role::Plain,
    }
}

/// The pod's own word (label or annotation `sidecar.istio.io/inject`) wins over its namespace's.
fn wants_sidecar(deployment: &Resource<Deployment>, injected: &BTreeSet<&str>) -> bool {
    let template = &deployment.spec.template.metadata;
    let own = [&template.labels, &template.annotations]
        .into_iter()
        .find_map(|map| map.get("sidecar.istio.io/inject"))
        .map(|value| value == "true");
    own.unwrap_or_else(|| injected.contains(deployment.meta.namespace.as_str()))
}

fn gateway(labels: &BTreeMap<String, String>, containers: &[Container]) -> Option<Gateway> {
    let router = containers.iter().any(|c| is_proxy(c) && c.args.iter().any(|arg| arg == "router"));
    router.then(|| match labels.get("istio").map(String::as_str) {
        Some("egressgateway") => Gateway::Egress,
        Some("ingressgateway") => Gateway::Ingress,
        _ => Gateway::Other,
    })
}

/// The image's name without registry, tag and digest: `istio/app` of `docker.io/istio/app:1.0.0`.
fn image(container: &Container) -> String {
    let path = container.image.split('@').next().unwrap_or_default();
    let parts: Vec<&str> = path.rsplitn(3, '/').collect();
    let base = parts.first().and_then(|base| base.split(':').next()).unwrap_or_default();
    match parts.get(1) {
        Some(owner) => format!("{owner}/{base}"),
        None => base.to_owned(),
    }
}

fn is_proxy(container: &Container) -> bool {
    matches!(image(container).as_str(), "istio/proxyv2" | "istio/proxy" | "auto")
}

fn is_dns(container: &Container) -> bool {
    container.command.is_empty() && image(container).ends_with("coredns")
}

fn program(container: &Container) -> Option<Program> {
    let text = |words: &[String]| words.iter().cloned().map(Word::Text).collect::<Vec<_>>();
    let mut words = match (container.command.as_slice(), image(container).as_str()) {
        ([], "istio/app") => vec![Word::OwnProgram, Word::Text("app".into())],
        ([], _) => return None,
        (command, _) => text(command),
    };
    words.extend(text(&container.args));
    Some(Program {
        name: container.name.clone(),
        words,
        env: container.env.iter().map(|var| (var.name.clone(), var.value.clone())).collect(),
        working_dir: container.working_dir.clone(),
    })
}

#[cfg(test)]
mod tests;
