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
