//! A measured path as text for people.
//!
//! It must not know how a path is found.

use std::fmt::Write as _;

use carrick_api::trace::{Hop, JoinedBy, Path, Tls};

use crate::style::Style;

/// The path, hop by hop, each with the rule that sent it there, who was seen, how it was encrypted
/// and what it cost.
pub fn render(path: &Path, style: Style) -> String {
    let mut text = String::new();
    for (index, hop) in path.hops.iter().enumerate() {
        render_hop(&mut text, index + 1, hop, style);
    }
    if let Some(random) = &path.client_hello_random {
        line(&mut text, "joined by", &format!("ClientHello.random {random}"));
    }
    let by_address: Vec<String> = (1..=path.hops.len())
        .filter(|number| path.hops[number - 1].joined_by == Some(JoinedBy::Addresses))
        .map(|number| number.to_string())
        .collect();
    if !by_address.is_empty() {
        let value = format!(
            "addresses, for hops {}: Envoy does not record ClientHello.random",
            by_address.join(", ")
        );
        line(&mut text, "joined by", &value);
    }
    text
}

fn render_hop(text: &mut String, number: usize, hop: &Hop, style: Style) {
    let envoy = if hop.envoy { " (Envoy)" } else { "" };
    let title = format!("{number}  {} {}/{}{envoy}", hop.role, hop.cluster, hop.pod);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {}", style.bold(&title));
    for rule in &hop.rules {
        line(
            text,
            "rule",
            &format!("{}  {}", rule.resource, style.dim(rule.place.as_deref().unwrap_or("(place unknown)"))),
        );
    }
    if hop.passed_through {
        let sni = hop.sni.as_deref().unwrap_or("(none)");
        line(text, "tls", &format!("passed through by SNI {sni}, not decrypted"));
    } else {
        describe_tls(text, "tls from", hop.downstream.as_ref());
    }
    describe_tls(text, "tls to", hop.upstream.as_ref().filter(|tls| tls.terminated));
    if let Some(host) = &hop.upstream_host {
        line(text, "to", &format!("{host}  {}", style.dim(hop.upstream_cluster.as_deref().unwrap_or(""))));
    }
    line(text, "outcome", &outcome(hop));
    line(text, "time", &times(hop));
}

fn describe_tls(text: &mut String, label: &str, tls: Option<&Tls>) {
    let Some(tls) = tls else { return };
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "?".into());
    line(text, label, &format!("{} {} SNI {}", known(&tls.version), known(&tls.group), known(&tls.sni)));
    line(text, "", &format!("we are   {}", known(&tls.local_identity)));
    line(text, "", &format!("they are {}", known(&tls.peer_identity)));
}

fn outcome(hop: &Hop) -> String {
    let flags = if hop.response_flags.is_empty() { "-" } else { hop.response_flags.as_str() };
    match hop.response_code {
        Some(code) => format!("{code} {flags} {}", hop.details),
        None if flags == "-" && hop.details.is_empty() => "no fault".into(),
        None => format!("{flags} {}", hop.details),
    }
}

fn times(hop: &Hop) -> String {
    let parts = [
        ("handshake", hop.handshake_micros),
        ("connect", hop.connect_micros),
        ("first byte", hop.first_byte_micros),
        ("whole", hop.duration_micros),
    ];
    let shown: Vec<String> = parts
        .iter()
        .filter_map(|(name, micros)| Some(format!("{name} {}", milliseconds((*micros)?))))
        .collect();
    shown.join(", ")
}

/// `1.23 ms`
pub fn milliseconds(micros: u64) -> String {
    format!("{}.{:02} ms", micros / 1000, micros % 1000 / 10)
}

fn line(text: &mut String, label: &str, value: &str) {
    let value = value.trim_end();
    if !value.is_empty() {
        let _ = writeln!(text, "     {label:<9} {value}");
    }
}
