//! What is wrong with where calls end.

mod arrival;
mod rules;

pub(super) use rules::*;

use super::View;
use super::call::{Call, Site, calls};
use super::path::{End, follow};
use super::rule::{Findings, Rule};

pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (number, cluster) in view.clusters.iter().enumerate() {
        for call in calls(number, cluster) {
            for end in follow(view, &call) {
                judge(view, &call, &end, findings);
            }
        }
    }
}

fn add(rule: &Rule, site: &Site, reason: String, help: impl Into<String>, findings: &mut Findings) {
    findings.add(rule, &site.meta, &site.field, reason, help);
}

fn judge(view: &View<'_>, call: &Call<'_>, end: &End, findings: &mut Findings) {
    let whose = |cluster: usize| match cluster == call.cluster {
        true => "the gateway of this cluster".to_owned(),
        false => format!("{}'s ingress gateway", view.clusters[cluster].name()),
    };
    match end {
        End::Workload { .. } => arrival::check(view, call, end, findings),
        End::OtherLanguage { cluster, port, gateway_is_tls: true } => {
            let reason = format!(
                "{} would be called in plain text, but {} takes TLS only on port {port}",
                call.service.host,
                whose(*cluster)
            );
            let help = "add a DestinationRule for the host with `tls: { mode: ISTIO_MUTUAL, sni: …, subjectAltNames: […] }`";
            add(&ONE_SIDE_PLAIN, &call.site(), reason, help, findings);
        }
        End::OtherLanguage { cluster, port, gateway_is_tls: false } => {
            let reason = format!(
                "{} is called by TLS, but {} speaks plain HTTP on port {port}",
                call.service.host,
                whose(*cluster)
            );
            let help = "make the Gateway's server TLS with `mode: PASSTHROUGH`, or do not encrypt to it";
            add(&ONE_SIDE_PLAIN, &call.site(), reason, help, findings);
        }
        End::NoRoute { cluster, port, names } => no_route(view, call, *cluster, *port, names, findings),
        End::NeedsAlpn { cluster, port } => {
            let reason = format!(
                "{} is AUTO_PASSTHROUGH on port {port}; without Istio's ALPN it refuses the connection",
                whose(*cluster)
            );
            add(&NO_MESH_PROTOCOL, &call.site(), reason, "use `mode: ISTIO_MUTUAL`", findings);
        }
        End::Direct { cluster, site } => {
            let there = view.clusters[*cluster].name();
            let reason = format!(
                "sidecars call {there}'s ingress gateway directly, past the egress gateway of their cluster"
            );
            let help =
                "make the egress gateway the endpoint, and let its VirtualService lead on to the ingress";
            add(&PAST_THE_EGRESS_GATEWAY, site, reason, help, findings);
        }
        End::Closed { cluster, port, open } => {
            let known: Vec<String> = open.iter().map(ToString::to_string).collect();
            let reason = format!(
                "calls of {} come to {} on port {port}, where no Gateway has a server",
                call.service.host,
                whose(*cluster)
            );
            let help = match known.is_empty() {
                true => "add a Gateway with a server on that port".to_owned(),
                false => format!("add a server there, or use {}", known.join(" or ")),
            };
            add(&PORT_CLOSED, &call.host_site(), reason, help, findings);
        }
        End::Nobody { address, site } => {
            let known: Vec<String> = view
                .clusters
                .iter()
                .map(|cluster| format!("{} ({})", cluster.written.runtime.ingress, cluster.name()))
                .collect();
            let reason = format!("{address} is no cluster's ingress gateway");
            add(&NO_SUCH_INGRESS, site, reason, format!("use one of {}", known.join(", ")), findings);
        }
        End::NoServicePort { host, port, known, site } => {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            let reason = format!("{host} has no port {port}, so nothing answers there");
            let help = format!(
                "give the endpoint's `ports` one of {}, or add the port to the Service",
                known.join(", ")
            );
            add(&NO_SERVICE_PORT, site, reason, help, findings);
        }
    }
}

fn no_route(
    view: &View<'_>,
    call: &Call<'_>,
    cluster: usize,
    port: u16,
    names: &[String],
    findings: &mut Findings,
) {
    let sni = call.sni();
    let there = match names {
        [] => "none".to_owned(),
        [one] => format!("`{one}`"),
        [one, others @ ..] => format!("`{one}` and {} more", others.len()),
    };
    let is_default = call.tls.as_ref().is_some_and(|tls| tls.sni.is_empty()) && sni != call.service.host;
    if cluster == call.cluster || is_default {
        let who = view.clusters[cluster].name();
        let reason = format!(
            "the sidecar sends the SNI `{sni}`, for which the gateway in {who} has no route on port {port} (it has {there})"
        );
        let help = match is_default {
            true => format!("write `sni: {}` beside `mode`", call.service.host),
            false => "use an SNI that a VirtualService of the gateway lists in `sniHosts`".to_owned(),
        };
        add(&SNI_REFUSED, &call.site(), reason, help, findings);
        return;
    }
    let who = view.clusters[cluster].name();
    let reason = format!("{who} exposes nothing as `{sni}` on port {port} (it exposes {there})");
    let help = format!(
        "expose it in {who} by a Gateway and a VirtualService with this name in `sniHosts`, or correct the name"
    );
    add(&NOT_EXPOSED, &call.host_site(), reason, help, findings);
}
