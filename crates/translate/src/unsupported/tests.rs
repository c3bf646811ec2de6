use carrick_identity::TrustDomain;
use carrick_model::{AddressTable, MeshSettings, SourceFile, build, parse};

use super::*;

fn findings(yaml: &str) -> Vec<String> {
    let (resources, diagnostics) = parse(&[SourceFile::new("rules.yaml", yaml)]);
    assert_eq!(diagnostics, []);
    let settings = MeshSettings::new("cluster1", TrustDomain::new("cluster1.example").unwrap());
    let (snapshot, _, _) = build(resources, settings, AddressTable::default());
    unsupported(&snapshot)
        .into_iter()
        .map(|finding| format!("{} {}", finding.location, finding.field))
        .collect()
}

#[test]
fn a_fault_that_nobody_will_inject_is_named_with_its_place() {
    let yaml = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: default }
spec:
  hosts: [web.example]
  http:
  - route: [{ destination: { host: web.example } }]
    fault:
      delay: { exponentialDelay: 5s }
";
    assert_eq!(findings(yaml), ["rules.yaml:9:34 spec.http[0].fault.delay.exponentialDelay"]);
}

#[test]
fn a_policy_for_one_port_is_looked_at_as_closely_as_the_rule_s_own() {
    let yaml = "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: web, namespace: default }
spec:
  host: web.example
  trafficPolicy:
    portLevelSettings:
    - port: { number: 80 }
      connectionPool:
        tcp: { maxConnectionDuration: 5s, connectTimeout: 1s }
";
    let findings = findings(yaml);
    assert_eq!(findings.len(), 1);
    assert!(
        findings[0]
            .ends_with("spec.trafficPolicy.portLevelSettings[0].connectionPool.tcp.maxConnectionDuration")
    );
}

#[test]
fn nothing_that_no_proxy_gets_is_passed_over_in_silence() {
    let yaml = "\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: default }
spec: { servers: [{ port: { number: 9000, name: tcp, protocol: TCP, targetPort: 9001 }, hosts: ['*'], defaultEndpoint: '127.0.0.1:80' }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: bytes, namespace: default }
spec:
  hosts: ['*']
  gateways: [edge]
  tcp: [{ match: [{ sourceSubnet: 10.0.0.0/8, destinationSubnets: [10.0.0.0/8] }], route: [{ destination: { host: a.example } }] }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: far, namespace: default }
spec: { hosts: [far.example], resolution: STATIC, ports: [{ number: 80, name: http, protocol: HTTP }], endpoints: [{ address: 10.0.0.1, network: far }] }
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: all, namespace: default }
spec:
  egress: [{ hosts: ['*/*'], bind: 127.0.0.1 }]
  ingress: [{ port: { number: 80, name: http, protocol: HTTP }, captureMode: NONE }]
---
apiVersion: v1
kind: Service
metadata: { name: alias, namespace: default }
spec: { type: ExternalName, externalName: api.example.com }
";
    let fields: Vec<String> =
        findings(yaml).iter().map(|one| one.split_once(' ').unwrap().1.to_owned()).collect();
    assert_eq!(
        fields,
        [
            "spec.servers[0].defaultEndpoint",
            "spec.servers[0].port.targetPort",
            "spec.endpoints[0].network",
            "spec.egress[0].bind",
            "spec.ingress[0].captureMode",
            "spec.tcp[0].match[0].sourceSubnet",
            "spec.tcp[0].match[0].destinationSubnets",
            "spec.externalName",
        ]
    );
}
