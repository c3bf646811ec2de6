//! `/certs`: the certificates in use, and how long they are good for. Keys are not shown anywhere.

use std::time::SystemTime;

use carrick_identity::Certificate;
use carrick_policy::secret::Secret;
use serde_json::{Value, json};

use super::config_dump::timestamp;
use crate::env::ProxyEnv;

/// In the shape of Envoy's `admin.v3.Certificates`.
pub(super) fn json(env: &ProxyEnv) -> Value {
    let now = SystemTime::now();
    let certificates: Vec<_> = env
        .secrets
        .all()
        .into_iter()
        .filter_map(|(name, secret)| {
            let list = |certificates: Vec<&Certificate>| -> Vec<Value> {
                certificates.into_iter().map(|certificate| details(&name, certificate, now)).collect()
            };
            match &*secret {
                Secret::Identity(identity) => {
                    Some(json!({ "ca_cert": [], "cert_chain": list(identity.chain.iter().collect()) }))
                }
                Secret::Validation(validation) => {
                    let roots = validation.roots.as_ref()?;
                    Some(json!({ "ca_cert": list(roots.certificates().collect()), "cert_chain": [] }))
                }
            }
        })
        .collect();
    json!({ "certificates": certificates })
}

fn details(name: &str, certificate: &Certificate, now: SystemTime) -> Value {
    let names = certificate.names();
    let uris = names.uris.iter().map(|uri| json!({ "uri": uri }));
    let dns = names.dns_names.iter().map(|dns| json!({ "dns": dns }));
    let ips = names.ips.iter().map(|ip| json!({ "ip_address": ip }));
    let validity = certificate.validity();
    let days = validity.remaining(now).as_secs() / 86_400;
    json!({
        "path": format!("secret {name}"),
        "serial_number": certificate.serial(),
        "subject_alt_names": uris.chain(dns).chain(ips).collect::<Vec<_>>(),
        "days_until_expiration": days.to_string(),
        "valid_from": timestamp(validity.not_before),
        "expiration_time": timestamp(validity.not_after),
    })
}
