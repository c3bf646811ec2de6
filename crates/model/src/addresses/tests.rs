use super::*;

fn range(text: &str) -> Cidr {
    text.parse().unwrap()
}

#[test]
fn a_small_range_is_used_to_its_last_address_and_then_refuses() {
    let hosts: Vec<String> = (0..14).map(|n| format!("h{n}")).collect();
    let mut table = AddressTable::default();
    table.allocate(range("10.0.0.0/28"), &BTreeSet::new(), hosts.iter().map(String::as_str)).unwrap();
    let given: BTreeSet<Ipv4Addr> = table.iter().map(|(_, address)| address).collect();
    assert_eq!(given.len(), 14, "all but the first and the last address of the range");
    let more = hosts.iter().map(String::as_str).chain(["one-more"]);
    let refused = table.allocate(range("10.0.0.0/28"), &BTreeSet::new(), more).unwrap_err();
    assert_eq!(refused.to_string(), "no address is left in 10.0.0.0/28 for one-more");
}

#[test]
fn the_same_host_gets_the_same_address_in_every_fresh_table() {
    let alone = |host: &str| {
        let mut table = AddressTable::default();
        table.allocate(range("240.240.0.0/16"), &BTreeSet::new(), [host]).unwrap();
        table.get(host).unwrap()
    };
    assert_eq!(alone("server.ns2.svc.cluster.global"), alone("server.ns2.svc.cluster.global"));
    assert_ne!(alone("server.ns2.svc.cluster.global"), alone("server.ns3.svc.cluster.global"));
}

#[test]
fn ranges_too_small_for_anything_refuse_instead_of_looping() {
    for tiny in ["10.0.0.0/32", "10.0.0.0/31", "2001:2::/48"] {
        assert!(AddressTable::default().allocate(range(tiny), &BTreeSet::new(), ["a"]).is_err(), "{tiny}");
    }
}

#[test]
fn a_table_survives_being_stored() {
    let mut table = AddressTable::default();
    table.allocate(range("240.240.0.0/16"), &BTreeSet::new(), ["a", "b"]).unwrap();
    let stored = serde_json::to_string(&table).unwrap();
    assert_eq!(serde_json::from_str::<AddressTable>(&stored).unwrap(), table);
}

#[test]
fn a_full_range_takes_back_what_hosts_had_that_are_gone() {
    let mut table = AddressTable::default();
    let hosts = |prefix: &str| (0..14).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
    let (old, new) = (hosts("old"), hosts("new"));
    let all = range("10.0.0.0/28");
    table.allocate(all, &BTreeSet::new(), old.iter().map(String::as_str)).unwrap();
    let first = table.get("old3");
    table
        .allocate(all, &BTreeSet::new(), ["old3"].into_iter().chain(new[1..].iter().map(String::as_str)))
        .unwrap();
    assert_eq!(table.get("old3"), first, "a host that is still there keeps its address");
    assert_eq!(table.get("old4"), None);
}
