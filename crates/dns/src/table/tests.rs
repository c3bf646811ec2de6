//! What each name resolves to, by the table alone.

use super::*;

fn ip(last: u8) -> IpAddr {
    IpAddr::from([240, 240, 0, last])
}

/// Finds a name given as text, as the wire would bring it.
fn find<'a>(table: &'a NameTable, name: &str) -> Found<'a> {
    let wire = wire(&parse(name).unwrap(), name).unwrap();
    table.find(&wire)
}

fn addresses(table: &NameTable, name: &str) -> Vec<IpAddr> {
    match find(table, name) {
        Found::Host { addresses, .. } => addresses.to_vec(),
        other => panic!("{name}: {other:?}"),
    }
}

fn mesh() -> NameTable {
    let mut table = NameTable::new();
    table.add_zone("global", None).unwrap();
    table.add_zone("cluster.local.", None).unwrap();
    table.add_host("server.ns2.svc.cluster.global", &[ip(1)]).unwrap();
    table.add_host("*.apps.global", &[ip(2)]).unwrap();
    table.add_host("*.eu.apps.global", &[ip(3)]).unwrap();
    table.add_host("pinned.eu.apps.global", &[ip(4)]).unwrap();
    table.add_host("api.example.com", &[ip(5)]).unwrap();
    table
}

#[test]
fn an_exact_name_wins_over_wildcards_and_the_longest_wildcard_over_the_others() {
    let table = mesh();
    assert_eq!(addresses(&table, "x.apps.global"), [ip(2)]);
    assert_eq!(addresses(&table, "a.b.apps.global"), [ip(2)]);
    assert_eq!(addresses(&table, "x.eu.apps.global"), [ip(3)]);
    assert_eq!(addresses(&table, "pinned.eu.apps.global"), [ip(4)]);
}

#[test]
fn a_wildcard_does_not_match_its_own_parent() {
    assert!(matches!(find(&mesh(), "apps.global"), Found::Bare { .. }));
}

#[test]
fn case_and_the_final_dot_make_no_difference() {
    let mut table = mesh();
    table.add_host("SHOUTED.Global.", &[ip(9)]).unwrap();
    assert_eq!(addresses(&table, "shouted.gLoBaL"), [ip(9)]);
    assert_eq!(addresses(&table, "SERVER.ns2.svc.Cluster.GLOBAL"), [ip(1)]);
}

#[test]
fn parents_of_a_known_name_exist_and_other_names_of_the_zone_do_not() {
    let table = mesh();
    for bare in ["global", "cluster.local", "cluster.global", "ns2.svc.cluster.global"] {
        assert!(matches!(find(&table, bare), Found::Bare { .. }), "{bare}");
    }
    for missing in ["other.global", "xserver.ns2.svc.cluster.global", "a.server.ns2.svc.cluster.global"] {
        assert!(matches!(find(&table, missing), Found::Missing { .. }), "{missing}");
    }
}

#[test]
fn a_zone_is_matched_by_whole_labels() {
    let table = mesh();
    for outside in ["notglobal", "local", "xcluster.local", "global.example.com", "example.com", "com"] {
        assert_eq!(find(&table, outside), Found::Outside, "{outside}");
    }
    assert_eq!(table.find(&[0]), Found::Outside, "the root");
}

#[test]
fn what_a_search_list_appends_is_denied_so_that_the_resolver_goes_on() {
    let table = mesh();
    let name = "server.ns2.svc.cluster.global";
    for suffix in ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"] {
        let Found::Missing { apex } = find(&table, &format!("{name}.{suffix}")) else {
            panic!("{name}.{suffix} is not denied")
        };
        assert_eq!(apex.to_ascii(), "cluster.local.");
    }
    assert_eq!(addresses(&table, name), [ip(1)]);
}

#[test]
fn the_innermost_zone_speaks_for_a_name() {
    let mut table = mesh();
    table.add_zone("inner.global", None).unwrap();
    let Found::Missing { apex } = find(&table, "x.inner.global") else { panic!("not denied") };
    assert_eq!(apex.to_ascii(), "inner.global.");
}

#[test]
fn a_host_outside_all_zones_has_addresses_and_no_zone() {
    let table = mesh();
    assert_eq!(find(&table, "api.example.com"), Found::Host { addresses: &[ip(5)], apex: None });
}

#[test]
fn with_a_fixed_address_every_name_below_the_suffix_has_it_unless_it_has_its_own() {
    let fixed = IpAddr::from([1, 1, 1, 1]);
    let mut table = NameTable::new();
    table.add_zone("global", Some(fixed)).unwrap();
    table.add_host("explicit.ns.global", &[ip(7)]).unwrap();
    assert_eq!(addresses(&table, "anything.at.all.global"), [fixed]);
    assert_eq!(addresses(&table, "ns.global"), [fixed]);
    assert_eq!(addresses(&table, "explicit.ns.global"), [ip(7)]);
    assert!(matches!(find(&table, "global"), Found::Bare { .. }));
    assert_eq!(find(&table, "example.com"), Found::Outside);
}

#[test]
fn adding_a_host_again_merges_its_addresses() {
    let mut table = mesh();
    table.add_host("server.ns2.svc.cluster.global", &[ip(1), ip(8)]).unwrap();
    assert_eq!(addresses(&table, "server.ns2.svc.cluster.global"), [ip(1), ip(8)]);
}

#[test]
fn names_that_cannot_be_served_are_refused_by_name_and_change_nothing() {
    let mut table = mesh();
    let long_label = format!("{}.global", "a".repeat(64));
    let long_name = format!("{}global", "abcdefg.".repeat(32));
    for name in ["", ".", "a..b", "a b.global", "nul\0.global", "esc\\097pe.global", &long_label, &long_name]
    {
        let error = table.add_host(name, &[ip(1)]).unwrap_err();
        assert!(matches!(error, NameError::Malformed { .. }), "{name:?}: {error}");
    }
    assert_eq!(
        table.add_host("*", &[ip(1)]).unwrap_err(),
        NameError::MatchesEverything { name: "*".to_owned() }
    );
    for name in ["a.*.global", "*.*.global"] {
        let error = table.add_host(name, &[ip(1)]).unwrap_err();
        assert_eq!(error, NameError::MisplacedWildcard { name: name.to_owned() });
    }
    assert_eq!(
        table.add_zone("*.global", None).unwrap_err(),
        NameError::MisplacedWildcard { name: "*.global".to_owned() }
    );
    assert!(matches!(find(&table, "other.global"), Found::Missing { .. }));
}
