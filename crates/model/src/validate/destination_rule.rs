//! DestinationRule, on its own (Istio `validation.ValidateDestinationRule`).

use super::checker::{Checker, repeated};
use crate::diagnostic::codes;
use crate::resources::*;

pub(super) fn check(spec: &DestinationRule, check: &mut Checker<'_>) {
    check.host("spec.host", &spec.host, true);
    check.export_to(&spec.export_to);
    policy("spec.trafficPolicy", spec.traffic_policy.as_ref(), check);
    let repeated = repeated(spec.subsets.iter().map(|subset| &subset.name));
    for (number, subset) in spec.subsets.iter().enumerate() {
        let field = format!("spec.subsets[{number}]");
        check.label(&format!("{field}.name"), &subset.name);
        if repeated[number] {
            let reason = format!("the subset `{}` is defined twice", subset.name);
            check.error(codes::REPEATED, &format!("{field}.name"), reason, "rename one of them");
        }
        policy(&format!("{field}.trafficPolicy"), subset.traffic_policy.as_ref(), check);
    }
}

fn policy(field: &str, policy: Option<&TrafficPolicy>, check: &mut Checker<'_>) {
    let Some(policy) = policy else { return };
    blocks(
        field,
        policy.load_balancer.as_ref(),
        policy.outlier_detection.as_ref(),
        policy.tls.as_ref(),
        check,
    );
    let number_of = |one: &PortTrafficPolicy| one.port.map(|port| port.number);
    let repeated = repeated(policy.port_level_settings.iter().map(number_of));
    for (number, settings) in policy.port_level_settings.iter().enumerate() {
        let field = format!("{field}.portLevelSettings[{number}]");
        match settings.port {
            None => check.missing(&format!("{field}.port"), "the port"),
            Some(port) => check.port(&format!("{field}.port.number"), port.number),
        }
        if settings.port.is_some() && repeated[number] {
            let reason = "the port already has settings above, and the first ones win";
            check.warning(codes::REPEATED, &format!("{field}.port.number"), reason, "join the two");
        }
        blocks(
            &field,
            settings.load_balancer.as_ref(),
            settings.outlier_detection.as_ref(),
            settings.tls.as_ref(),
            check,
        );
    }
}

fn blocks(
    field: &str,
    balancer: Option<&LoadBalancerSettings>,
    outliers: Option<&OutlierDetection>,
    tls: Option<&ClientTlsSettings>,
    check: &mut Checker<'_>,
) {
    if let Some(balancer) = balancer {
        load_balancer(&format!("{field}.loadBalancer"), balancer, check);
    }
    if let Some(outliers) = outliers {
        let field = format!("{field}.outlierDetection");
        check.percent(&format!("{field}.maxEjectionPercent"), outliers.max_ejection_percent.into());
        check.percent(&format!("{field}.minHealthPercent"), outliers.min_health_percent.into());
    }
    if let Some(tls) = tls {
        client_tls(&format!("{field}.tls"), tls, check);
    }
}

fn load_balancer(field: &str, balancer: &LoadBalancerSettings, check: &mut Checker<'_>) {
    if balancer.simple.is_some() && balancer.consistent_hash.is_some() {
        let reason = "`simple` and `consistentHash` exclude each other";
        check.error(codes::CONTRADICTION, &format!("{field}.consistentHash"), reason, "keep one of them");
    }
    if let Some(setting) = &balancer.locality_lb_setting {
        locality(&format!("{field}.localityLbSetting"), setting, check);
    }
    let Some(hash) = &balancer.consistent_hash else { return };
    let field = format!("{field}.consistentHash");
    let keys = [
        !hash.http_header_name.is_empty(),
        hash.http_cookie.is_some(),
        hash.use_source_ip,
        !hash.http_query_parameter_name.is_empty(),
    ];
    match keys.iter().filter(|given| **given).count() {
        1 => {}
        0 => check.missing(&format!("{field}.httpHeaderName"), "what to hash"),
        _ => {
            let reason = "only one thing can be hashed";
            check.error(
                codes::CONTRADICTION,
                &field,
                reason,
                "keep one of header, cookie, source IP, parameter",
            );
        }
    }
    if hash.http_cookie.as_ref().is_some_and(|cookie| cookie.name.is_empty()) {
        check.missing(&format!("{field}.httpCookie.name"), "the cookie's name");
    }
    if hash.ring_hash.is_some() && hash.maglev.is_some() {
        let reason = "`ringHash` and `maglev` exclude each other";
        check.error(codes::CONTRADICTION, &format!("{field}.maglev"), reason, "keep one of them");
    }
}

/// One way to prefer endpoints, and shares that are whole (Istio
/// `validation.validateLocalityLbSetting`).
fn locality(field: &str, setting: &LocalityLbSetting, check: &mut Checker<'_>) {
    let ways = [
        ("distribute", !setting.distribute.is_empty()),
        ("failover", !setting.failover.is_empty()),
        ("failoverPriority", !setting.failover_priority.is_empty()),
    ];
    let given: Vec<&str> = ways.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    if let [first, second, ..] = given[..] {
        let reason = format!("`{first}` and `{second}` exclude each other");
        check.error(codes::CONTRADICTION, &format!("{field}.{second}"), reason, "keep one of them");
    }
    for (number, rule) in setting.distribute.iter().enumerate() {
        let field = format!("{field}.distribute[{number}].to");
        let total: u64 = rule.to.values().map(|share| u64::from(*share)).sum();
        if total != 100 {
            let reason = format!("the shares add up to {total}");
            check.error(codes::OUT_OF_RANGE, &field, reason, "let them add up to 100");
        }
        let places: Vec<&str> = rule.to.keys().map(|place| place.trim_end_matches("/*")).collect();
        let within = |one: &str, other: &str| {
            one == "*" || other.strip_prefix(one).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let clash = |(at, one): (usize, &&str)| {
            places.iter().enumerate().any(|(other_at, other)| other_at != at && within(one, other))
        };
        if places.iter().enumerate().any(clash) {
            let reason = "one of the places lies inside of another";
            check.error(codes::CONTRADICTION, &field, reason, "name places that are apart");
        }
    }
    for (number, rule) in setting.failover.iter().enumerate().filter(|(_, rule)| rule.from == rule.to) {
        let reason = format!("`{}` cannot fail over to itself", rule.from);
        check.error(
            codes::CONTRADICTION,
            &format!("{field}.failover[{number}].to"),
            reason,
            "name another region",
        );
    }
}

fn client_tls(field: &str, tls: &ClientTlsSettings, check: &mut Checker<'_>) {
    let files = [
        ("clientCertificate", &tls.client_certificate),
        ("privateKey", &tls.private_key),
        ("caCertificates", &tls.ca_certificates),
    ];
    let named = !tls.credential_name.is_empty();
    let contradicts = |name: &str, why: &str, check: &mut Checker<'_>| {
        check.error(codes::CONTRADICTION, &format!("{field}.{name}"), why.to_owned(), "remove it");
    };
    match tls.mode {
        ClientTlsMode::IstioMutual => {
            for (name, _) in files.iter().filter(|(_, path)| !path.is_empty()) {
                contradicts(name, "ISTIO_MUTUAL uses the workload's own certificate", check);
            }
            if named {
                contradicts("credentialName", "ISTIO_MUTUAL uses the workload's own certificate", check);
            }
        }
        ClientTlsMode::Mutual if named => {
            for (name, _) in files.iter().filter(|(_, path)| !path.is_empty()) {
                contradicts(name, "`credentialName` already names certificate, key and roots", check);
            }
        }
        ClientTlsMode::Mutual => {
            for (name, path) in &files[..2] {
                if path.is_empty() {
                    let reason = format!("mode MUTUAL needs `{name}`");
                    let help = format!("add `{name}`, or use `credentialName` or ISTIO_MUTUAL");
                    check.error(codes::MISSING_FIELD, &format!("{field}.{name}"), reason, &help);
                }
            }
        }
        ClientTlsMode::Simple => {
            for (name, _) in files[..2].iter().filter(|(_, path)| !path.is_empty()) {
                contradicts(name, "mode SIMPLE shows no certificate; use MUTUAL", check);
            }
        }
        ClientTlsMode::Disable => {}
    }
    if !tls.sni.is_empty() {
        // Istio's own names for ports and subsets, such as `outbound_.80_.v1_.host`, hold
        // underscores.
        let host =
            tls.sni.strip_prefix("outbound_.").and_then(|rest| rest.split_once("_._.")).map(|(_, host)| host);
        let plain = host.unwrap_or(&tls.sni);
        if !tls.sni.starts_with("outbound_.") || host.is_some() {
            check.host(&format!("{field}.sni"), plain, false);
        }
    }
}
