use super::*;

#[test]
fn a_principal_needs_a_trust_domain_that_some_cluster_has() {
    let known = ["cluster1.example", "cluster2.example"];
    for open in [
        "cluster2.example/ns/a/sa/b",
        "cluster.local/ns/a/sa/b",
        "cluster1.example/*",
        "*/ns/a/sa/b",
        "*",
        "clu*",
    ] {
        assert_eq!(fault(open, &known), None, "{open}");
    }
    assert!(fault("cluster3.example/ns/a/sa/b", &known).unwrap().contains("`cluster3.example`"));
    assert!(fault("spiffe://cluster1.example/ns/a/sa/b", &known).unwrap().contains("`spiffe://`"));
}
