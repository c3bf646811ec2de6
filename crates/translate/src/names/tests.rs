use super::*;

#[test]
fn the_empty_subset_keeps_its_separators() {
    assert_eq!(
        outbound_cluster(80, "", "server.ns2.svc.cluster.global"),
        "outbound|80||server.ns2.svc.cluster.global"
    );
    assert_eq!(
        outbound_sni(80, "", "server.ns2.svc.cluster.global"),
        "outbound_.80_._.server.ns2.svc.cluster.global"
    );
    assert_eq!(outbound_sni(80, "v1", "host"), "outbound_.80_.v1_.host");
    assert_eq!(inbound_cluster(8080), "inbound|8080||");
}
