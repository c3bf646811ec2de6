//! A call that comes to a workload: will its sidecar take the connection, and is it whom the client
//! expects?

use super::{
    IDENTITY_NOBODY_HAS, NO_CLIENT_CERTIFICATE, NO_MESH_PROTOCOL, NOBODY_ENDS_TLS, ONE_SIDE_PLAIN,
    WRONG_TRUST_DOMAIN, add,
};
use crate::View;
use crate::call::Call;
use crate::path::End;
use crate::rule::Findings;
use carrick_model::resources::ClientTlsMode;
use carrick_model::snapshot::{MtlsMode, TlsCapability};

pub(super) fn check(view: &View<'_>, call: &Call<'_>, end: &End, findings: &mut Findings) {
    let End::Workload { cluster, service, port, endpoint, exposed_by } = end else { return };
    let there = &view.clusters[*cluster];
    let accepts = there.snapshot.endpoint_mtls(endpoint);
    let has_sidecar = endpoint.tls == TlsCapability::Istio;
    let protocol = service.ports[*port].protocol;
    let server = format!("{} in {}", service.host, there.name());
    let Some(mode) = call.mode() else {
        if has_sidecar && accepts.mode == MtlsMode::Strict {
            let reason = format!("{server} takes mutual TLS only (STRICT), and is called in plain text");
            let help = "use ISTIO_MUTUAL, or remove the `tls` block: mutual TLS is then automatic";
            add(&ONE_SIDE_PLAIN, &call.site(), reason, help, findings);
        }
        return;
    };
    if !has_sidecar || accepts.mode == MtlsMode::Disable {
        if protocol.is_http() {
            let why =
                if has_sidecar { "its sidecar's mutual TLS is DISABLE" } else { "its pods have no sidecar" };
            let reason = format!("TLS comes to {server}, and nobody ends it there: {why}");
            let help = "give the pods a sidecar that accepts mutual TLS, or do not encrypt";
            add(&NOBODY_ENDS_TLS, exposed_by.as_ref().unwrap_or(&call.site()), reason, help, findings);
        }
        return;
    }
    let is_split_by_alpn = accepts.mode == MtlsMode::Permissive && !accepts.legacy;
    if is_split_by_alpn && mode != ClientTlsMode::IstioMutual {
        let outcome = match protocol.is_http() {
            true => "refuses the connection",
            false => "hands the TLS on to the application unopened",
        };
        let reason = format!("{server} is PERMISSIVE; without Istio's ALPN an Istio sidecar {outcome}");
        let help =
            "use `mode: ISTIO_MUTUAL` (certificates and ALPN are then the mesh's), or make the server STRICT";
        add(&NO_MESH_PROTOCOL, &call.site(), reason, help, findings);
    } else if mode == ClientTlsMode::Simple {
        let reason = format!("{server} asks for a client certificate, and mode SIMPLE shows none");
        add(&NO_CLIENT_CERTIFICATE, &call.site(), reason, "use `mode: ISTIO_MUTUAL`", findings);
    }
    identity(view, call, end, findings);
}

fn identity(view: &View<'_>, call: &Call<'_>, end: &End, findings: &mut Findings) {
    let End::Workload { cluster, service, endpoint, .. } = end else { return };
    let there = &view.clusters[*cluster];
    let settings = there.snapshot.settings();
    let Some(workload) = there.workload_of(endpoint) else { return };
    let domains: Vec<&str> = std::iter::once(&settings.trust_domain)
        .chain(&settings.trust_domain_aliases)
        .map(|domain| domain.as_str())
        .collect();
    let own = |name: &String| domains.iter().any(|domain| workload.spiffe_id(domain) == *name);
    let names = call.names();
    if names.is_empty() || names.iter().any(own) {
        return;
    }
    let actual = workload.spiffe_id(settings.trust_domain.as_str());
    let domain_of = |name: &str| {
        name.strip_prefix("spiffe://").map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
    };
    let of_right_domain =
        names.iter().any(|name| domain_of(name).is_some_and(|domain| domains.contains(&domain.as_str())));
    let help = format!("pin `{actual}`");
    let site = call.names_site();
    match domain_of(&names[0]) {
        Some(domain) if !of_right_domain => {
            let reason = format!(
                "{} answers, whose trust domain is {}, not {domain}; every call fails",
                there.name(),
                settings.trust_domain
            );
            add(&WRONG_TRUST_DOMAIN, &site, reason, help, findings);
        }
        _ => {
            let reason =
                format!("no pod of {} in {} has this identity; every call fails", service.host, there.name());
            add(&IDENTITY_NOBODY_HAS, &site, reason, help, findings);
        }
    }
}
