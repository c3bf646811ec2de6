use super::*;

#[test]
fn a_cluster_s_name_holds_port_subset_and_host_in_both_forms() {
    assert_eq!(named_upstream("outbound|80|v1|a.example"), Some((80, "v1", "a.example")));
    assert_eq!(named_upstream("outbound|80||a.example"), Some((80, "", "a.example")));
    assert_eq!(named_upstream("outbound_.443_._.a.example"), Some((443, "", "a.example")));
    assert_eq!(named_upstream("BlackHoleCluster"), None);
    assert_eq!(named_upstream("inbound|8080||"), None);
}
