//! What operators may write, and what this crate cannot say in stock Envoy yet: each such field is
//! a finding, so that nothing is passed over in silence. It must not know what is wrong in itself;
//! the model says that.

use carrick_model::diagnostic::codes;
use carrick_model::resources::{
    CaptureMode, ConnectionPoolSettings, DestinationRule, Gateway, HttpRoute, LoadBalancerSettings,
    MESH_GATEWAY, ServiceEntry, ServiceEntryResolution, Sidecar, TrafficPolicy, VirtualService,
    WorkloadEntry,
};
use carrick_model::snapshot::{MeshSnapshot, Resolution, ServiceKind};
use carrick_model::{AnyResource, Diagnostic, Meta, Severity};

/// A warning for every field whose meaning no proxy will get.
pub fn unsupported(snapshot: &MeshSnapshot) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let own_network = snapshot.settings().network.as_str();
    for resource in snapshot.resources() {
        let mut fields = Fields { meta: resource.meta(), found: &mut found };
        match resource {
            AnyResource::VirtualService(one) => virtual_service(&one.spec, &mut fields),
            AnyResource::DestinationRule(one) => destination_rule(&one.spec, &mut fields),
            AnyResource::ServiceEntry(one) => service_entry(&one.spec, own_network, &mut fields),
            AnyResource::WorkloadEntry(one) => network("spec", &one.spec, own_network, &mut fields),
            AnyResource::Sidecar(one) => sidecar(&one.spec, &mut fields),
            AnyResource::Gateway(one) => gateway(&one.spec, &mut fields),
            _ => {}
        }
    }
    for service in snapshot.services().iter().filter(|service| service.kind == ServiceKind::Kubernetes) {
        if let Resolution::Alias(target) = &service.resolution
            && snapshot.service(target).is_none()
        {
            Fields { meta: &service.meta, found: &mut found }.add("spec.externalName", true);
        }
    }
    found
}

struct Fields<'a> {
    meta: &'a Meta,
    found: &'a mut Vec<Diagnostic>,
}

impl Fields<'_> {
    fn add(&mut self, field: &str, is_set: bool) {
        if !is_set {
            return;
        }
        self.found.push(Diagnostic {
            code: codes::UNSUPPORTED,
            severity: Severity::Warning,
            location: self.meta.locate(field),
            resource: Some(self.meta.resource_name()),
            field: field.to_owned(),
            reason: "Carrick does not support this field yet; the rest of the resource is applied without it"
                .into(),
            help: "remove it, or do not rely on it".into(),
        });
    }
}

fn virtual_service(spec: &VirtualService, fields: &mut Fields<'_>) {
    for (index, http) in spec.http.iter().enumerate() {
        http_route(&format!("spec.http[{index}]"), http, fields);
    }
    let in_mesh = spec.gateways.is_empty() || spec.gateways.iter().any(|gateway| gateway == MESH_GATEWAY);
    for (index, tcp) in spec.tcp.iter().enumerate() {
        for (number, wanted) in tcp.matches.iter().enumerate() {
            let field = format!("spec.tcp[{index}].match[{number}].sourceSubnet");
            fields.add(&field, !wanted.source_subnet.is_empty());
            // Gateways look at no destination: it is their own address.
            let field = format!("spec.tcp[{index}].match[{number}].destinationSubnets");
            fields.add(&field, !in_mesh && !wanted.destination_subnets.is_empty());
        }
    }
}

fn http_route(at: &str, http: &HttpRoute, fields: &mut Fields<'_>) {
    let remote = http.retries.as_ref().is_some_and(|retries| retries.retry_remote_localities.is_some());
    if let Some(fault) = &http.fault {
        let exponential = fault.delay.as_ref().is_some_and(|delay| delay.exponential_delay.is_some());
        let http2 = fault.abort.as_ref().is_some_and(|abort| abort.http2_error.is_some());
        fields.add(&format!("{at}.fault.delay.exponentialDelay"), exponential);
        fields.add(&format!("{at}.fault.abort.http2Error"), http2);
    }
    fields.add(&format!("{at}.retries.retryRemoteLocalities"), remote);
}

fn destination_rule(spec: &DestinationRule, fields: &mut Fields<'_>) {
    if let Some(policy) = &spec.traffic_policy {
        traffic_policy("spec.trafficPolicy", policy, fields);
    }
    for (index, subset) in spec.subsets.iter().enumerate() {
        if let Some(policy) = &subset.traffic_policy {
            traffic_policy(&format!("spec.subsets[{index}].trafficPolicy"), policy, fields);
        }
    }
}

fn traffic_policy(at: &str, policy: &TrafficPolicy, fields: &mut Fields<'_>) {
    fields.add(&format!("{at}.tunnel"), policy.tunnel.is_some());
    fields.add(&format!("{at}.proxyProtocol"), policy.proxy_protocol.is_some());
    blocks(at, policy.load_balancer.as_ref(), policy.connection_pool.as_ref(), fields);
    crl(at, policy.tls.as_ref().map(|tls| tls.ca_crl.as_str()), fields);
    for (index, port) in policy.port_level_settings.iter().enumerate() {
        let at = format!("{at}.portLevelSettings[{index}]");
        blocks(&at, port.load_balancer.as_ref(), port.connection_pool.as_ref(), fields);
        crl(&at, port.tls.as_ref().map(|tls| tls.ca_crl.as_str()), fields);
    }
}

fn blocks(
    at: &str,
    balancer: Option<&LoadBalancerSettings>,
    pool: Option<&ConnectionPoolSettings>,
    fields: &mut Fields<'_>,
) {
    if let Some(balancer) = balancer {
        let at = format!("{at}.loadBalancer");
        fields.add(&format!("{at}.warmupDurationSecs"), balancer.warmup_duration_secs.is_some());
        fields.add(&format!("{at}.warmup"), balancer.warmup.is_some());
    }
    if let Some(tcp) = pool.and_then(|pool| pool.tcp.as_ref()) {
        let at = format!("{at}.connectionPool.tcp");
        fields.add(&format!("{at}.maxConnectionDuration"), tcp.max_connection_duration.is_some());
    }
}

fn crl(at: &str, file: Option<&str>, fields: &mut Fields<'_>) {
    fields.add(&format!("{at}.tls.caCrl"), file.is_some_and(|file| !file.is_empty()));
}

fn service_entry(spec: &ServiceEntry, own_network: &str, fields: &mut Fields<'_>) {
    fields.add("spec.resolution", spec.resolution == ServiceEntryResolution::DynamicDns);
    for (index, endpoint) in spec.endpoints.iter().enumerate() {
        network(&format!("spec.endpoints[{index}]"), endpoint, own_network, fields);
    }
}

/// Endpoints elsewhere are called at their own address, not through the gateways of their network.
fn network(at: &str, entry: &WorkloadEntry, own: &str, fields: &mut Fields<'_>) {
    fields.add(&format!("{at}.network"), !entry.network.is_empty() && entry.network != own);
}

fn sidecar(spec: &Sidecar, fields: &mut Fields<'_>) {
    for (index, listener) in spec.egress.iter().enumerate() {
        let at = format!("spec.egress[{index}]");
        fields.add(&format!("{at}.bind"), !listener.bind.is_empty());
        fields.add(&format!("{at}.captureMode"), listener.capture_mode == CaptureMode::None);
    }
    for (index, listener) in spec.ingress.iter().enumerate() {
        let at = format!("spec.ingress[{index}]");
        fields.add(&format!("{at}.bind"), !listener.bind.is_empty());
        fields.add(&format!("{at}.captureMode"), listener.capture_mode == CaptureMode::None);
        pool(&format!("{at}.connectionPool"), listener.connection_pool.as_ref(), fields);
    }
    pool("spec.inboundConnectionPool", spec.inbound_connection_pool.as_ref(), fields);
    let proxy = spec.outbound_traffic_policy.as_ref().is_some_and(|policy| policy.egress_proxy.is_some());
    fields.add("spec.outboundTrafficPolicy.egressProxy", proxy);
}

/// Limits that no connection to the application has.
fn pool(at: &str, pool: Option<&ConnectionPoolSettings>, fields: &mut Fields<'_>) {
    let Some(tcp) = pool.and_then(|pool| pool.tcp.as_ref()) else { return };
    fields.add(&format!("{at}.tcp.maxConnectionDuration"), tcp.max_connection_duration.is_some());
    fields.add(&format!("{at}.tcp.idleTimeout"), tcp.idle_timeout.is_some());
}

fn gateway(spec: &Gateway, fields: &mut Fields<'_>) {
    for (index, server) in spec.servers.iter().enumerate() {
        let at = format!("spec.servers[{index}]");
        fields.add(&format!("{at}.defaultEndpoint"), !server.default_endpoint.is_empty());
        let target = server.port.as_ref().is_some_and(|port| port.target_port > 0);
        fields.add(&format!("{at}.port.targetPort"), target);
        let Some(tls) = &server.tls else { continue };
        let at = format!("{at}.tls");
        fields.add(&format!("{at}.caCrl"), !tls.ca_crl.is_empty());
        fields.add(&format!("{at}.credentialNames"), tls.credential_names.len() > 1);
        fields.add(&format!("{at}.tlsCertificates"), tls.tls_certificates.len() > 1);
    }
}

#[cfg(test)]
mod tests;
