use super::*;

fn hops(text: &str) -> Vec<EnvoyHop> {
    text.split(',').map(|hop| hop.parse().unwrap()).collect()
}

#[test]
fn a_hop_is_meant_in_every_cluster_or_in_the_named_one() {
    let envoy = Envoy { program: "/bin/true".into(), hops: hops("egress,cluster2/sidecar") };
    let egress = Role::Gateway(Gateway::Egress);
    assert!(envoy.stands_at("cluster1", egress) && envoy.stands_at("cluster2", egress));
    assert!(envoy.stands_at("cluster2", Role::Sidecar) && !envoy.stands_at("cluster1", Role::Sidecar));
    assert!(!envoy.stands_at("cluster2", Role::Gateway(Gateway::Ingress)));
    assert!(!envoy.stands_at("cluster2", Role::Plain));
}

#[test]
fn a_hop_reads_as_it_was_written() {
    for text in ["sidecar", "cluster2/ingress"] {
        assert_eq!(text.parse::<EnvoyHop>().unwrap().to_string(), text);
    }
    assert!("gateway".parse::<EnvoyHop>().unwrap_err().contains("sidecar, egress or ingress"));
}

#[test]
fn an_envoy_that_is_not_there_is_named_with_what_to_do() {
    let wanted = hops("egress");
    let error = Envoy::find(&wanted, Some(Path::new("/no/such/envoy")), None).unwrap_err().to_string();
    assert!(error.contains("/no/such/envoy"), "{error}");
    let error = Envoy::find(&wanted, None, Some(OsStr::new("/no/such/folder"))).unwrap_err().to_string();
    assert!(error.contains("PATH") && error.contains("CARRICK_ENVOY"), "{error}");
    assert_eq!(Envoy::find(&[], None, None).unwrap(), None, "nobody wants it");
}
