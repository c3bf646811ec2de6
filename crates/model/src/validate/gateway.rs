//! Gateway, on its own (Istio `validation.ValidateGateway`).

use std::net::IpAddr;

use super::checker::{Checker, repeated};
use crate::diagnostic::codes;
use crate::resources::*;
use crate::snapshot::Protocol;

pub(super) fn check(spec: &Gateway, check: &mut Checker<'_>) {
    if spec.servers.is_empty() {
        check.missing("spec.servers", "the list of servers");
    }
    fn port_name(server: &Server) -> &str {
        server.port.as_ref().map(|port| port.name.as_str()).unwrap_or_default()
    }
    let repeated = repeated(spec.servers.iter().map(port_name));
    for (number, server) in spec.servers.iter().enumerate() {
        let field = format!("spec.servers[{number}]");
        let name = port_name(server);
        if !name.is_empty() && repeated[number] {
            let reason = format!("another server already has the port name `{name}`");
            check.error(codes::REPEATED, &format!("{field}.port.name"), reason, "rename one of them");
        }
        check_server(&field, server, check);
    }
}

fn check_server(field: &str, server: &Server, check: &mut Checker<'_>) {
    if server.hosts.is_empty() {
        check.missing(&format!("{field}.hosts"), "the list of hosts");
    }
    for (number, written) in server.hosts.iter().enumerate() {
        let field = format!("{field}.hosts[{number}]");
        let host = match written.split_once('/') {
            Some((namespace, host)) => {
                if !matches!(namespace, "*" | ".") {
                    check.label(&field, namespace);
                }
                host
            }
            None => written,
        };
        check.host(&field, host, true);
    }
    bind(&format!("{field}.bind"), &server.bind, check);
    let Some(port) = &server.port else {
        check.missing(&format!("{field}.port"), "the port");
        return;
    };
    check.port(&format!("{field}.port.number"), port.number);
    if port.name.is_empty() {
        check.missing(&format!("{field}.port.name"), "the port's name");
    }
    let protocol = Protocol::parse(&port.protocol);
    if matches!(protocol, Protocol::Auto | Protocol::Udp) {
        let reason = match port.protocol.as_str() {
            "" => "the port's protocol is missing".to_owned(),
            word => format!("a gateway cannot serve the protocol `{word}`"),
        };
        let help = "use HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS";
        check.error(codes::UNKNOWN_VALUE, &format!("{field}.port.protocol"), reason, help);
    }
    tls(field, server, protocol, check);
}

/// An address to listen on (Istio `validation.validateServerBind`).
fn bind(field: &str, written: &str, check: &mut Checker<'_>) {
    if written.starts_with("unix://") {
        let reason = "Carrick's gateways do not listen on Unix sockets; the Gateway is not applied";
        check.error(codes::UNSUPPORTED, field, reason, "write an IP address, or remove `bind`");
    } else if !written.is_empty() && written.parse::<IpAddr>().is_err() {
        let reason = format!("`{written}` is no IP address to listen on");
        check.error(codes::BAD_ADDRESS, field, reason, "write an IP address, or remove `bind`");
    }
}

fn tls(field: &str, server: &Server, protocol: Protocol, check: &mut Checker<'_>) {
    let field = format!("{field}.tls");
    let Some(tls) = &server.tls else {
        if protocol == Protocol::Https {
            check.missing(&field, "`tls` of an HTTPS server");
        }
        return;
    };
    if !protocol.is_tls() && protocol != Protocol::Auto {
        if protocol.is_http() && tls.https_redirect {
            return;
        }
        let reason = format!("a server of protocol {protocol} has no TLS");
        let help = "set the port's protocol to HTTPS or TLS, or remove `tls`";
        check.error(codes::CONTRADICTION, &field, reason, help);
        return;
    }
    let named = !tls.credential_name.is_empty()
        || !tls.credential_names.is_empty()
        || !tls.tls_certificates.is_empty();
    let files = [("serverCertificate", &tls.server_certificate), ("privateKey", &tls.private_key)];
    match tls.mode {
        ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough => {
            if named || files.iter().any(|(_, path)| !path.is_empty()) {
                let reason = "TLS passes through, so the certificates here are never used";
                check.warning(codes::NO_EFFECT, &field, reason, "remove them, or use mode SIMPLE or MUTUAL");
            }
        }
        ServerTlsMode::IstioMutual => {
            if named || files.iter().any(|(_, path)| !path.is_empty()) {
                let reason = "ISTIO_MUTUAL uses the gateway's own certificate";
                check.error(codes::CONTRADICTION, &field, reason, "remove the certificates");
            }
        }
        ServerTlsMode::Simple | ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual if !named => {
            for (name, path) in files {
                if path.is_empty() {
                    let reason = format!("TLS is opened here, but `{name}` is missing");
                    let help = format!("add `{name}`, or `credentialName`");
                    check.error(codes::MISSING_FIELD, &format!("{field}.{name}"), reason, &help);
                }
            }
            if tls.mode != ServerTlsMode::Simple && tls.ca_certificates.is_empty() {
                let reason = "client certificates are asked for, but `caCertificates` is missing";
                check.error(
                    codes::MISSING_FIELD,
                    &format!("{field}.caCertificates"),
                    reason,
                    "add `caCertificates`",
                );
            }
        }
        ServerTlsMode::Simple | ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual => {}
    }
    let (lowest, highest) = (tls.min_protocol_version as u8, tls.max_protocol_version as u8);
    if tls.max_protocol_version != TlsProtocol::Auto && lowest > highest {
        let reason = "the lowest TLS version is above the highest";
        check.error(codes::CONTRADICTION, &format!("{field}.minProtocolVersion"), reason, "exchange the two");
    }
}
