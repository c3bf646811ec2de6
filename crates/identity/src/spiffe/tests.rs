use super::*;
use proptest::prelude::*;

fn fault(uri: &str) -> SpiffeFault {
    SpiffeId::parse(uri).expect_err(uri).reason
}

#[test]
fn an_istio_workload_identity_reads_back_as_namespace_and_service_account() {
    let domain = TrustDomain::new("cluster1.example").unwrap();
    let id = SpiffeId::workload(&domain, "ns2", "server").unwrap();
    assert_eq!(id.uri(), "spiffe://cluster1.example/ns/ns2/sa/server");
    assert_eq!(id.as_workload(), Some(("ns2", "server")));
    assert_eq!(id.trust_domain(), &domain);
    assert_eq!(id.path(), "/ns/ns2/sa/server");
    assert_eq!(id.uri().parse(), Ok(id));
}

#[test]
fn other_identities_are_no_workload_identity() {
    for uri in [
        "spiffe://td",
        "spiffe://td/ns/a",
        "spiffe://td/ns/a/sa/b/c",
        "spiffe://td/sa/b/ns/a",
        "spiffe://td/x",
    ] {
        assert_eq!(SpiffeId::parse(uri).unwrap().as_workload(), None, "{uri}");
    }
}

#[test]
fn each_rule_of_the_grammar_refuses_its_own_violation() {
    use SpiffeFault as F;
    let cases = [
        ("", F::Empty),
        ("spiffe://", F::Empty),
        ("spiffe:///ns/a", F::Empty),
        ("https://td/a", F::Scheme),
        ("SPIFFE://td/a", F::Scheme),
        ("Spiffe://td/a", F::Scheme),
        ("spiffe:/td/a", F::Scheme),
        (" spiffe://td/a", F::Scheme),
        ("spiffe://Td/a", F::TrustDomainCharacter('T')),
        ("spiffe://td:443/a", F::TrustDomainCharacter(':')),
        ("spiffe://user@td/a", F::TrustDomainCharacter('@')),
        ("spiffe://td?x=1", F::TrustDomainCharacter('?')),
        ("spiffe://td#x", F::TrustDomainCharacter('#')),
        ("spiffe://t%64/a", F::TrustDomainCharacter('%')),
        ("spiffe://td\0/a", F::TrustDomainCharacter('\0')),
        ("spiffe://tд/a", F::TrustDomainCharacter('д')),
        ("spiffe://td\\a", F::TrustDomainCharacter('\\')),
        ("spiffe://td/a?x=1", F::PathCharacter('?')),
        ("spiffe://td/a#x", F::PathCharacter('#')),
        ("spiffe://td/%61", F::PathCharacter('%')),
        ("spiffe://td/a\0", F::PathCharacter('\0')),
        ("spiffe://td/a\n", F::PathCharacter('\n')),
        ("spiffe://td/a b", F::PathCharacter(' ')),
        ("spiffe://td/a;b", F::PathCharacter(';')),
        ("spiffe://td/", F::EmptySegment),
        ("spiffe://td/a/", F::EmptySegment),
        ("spiffe://td//a", F::EmptySegment),
        ("spiffe://td/./a", F::DotSegment),
        ("spiffe://td/a/..", F::DotSegment),
        ("spiffe://td/ns/../../sa/b", F::DotSegment),
    ];
    for (uri, expected) in cases {
        assert_eq!(fault(uri), expected, "{uri:?}");
    }
}

#[test]
fn names_that_would_add_a_segment_make_no_workload_identity() {
    let domain = TrustDomain::new("td").unwrap();
    for (namespace, account) in
        [("a/sa/root", "b"), ("a", "b/../c"), ("", "b"), ("a", ""), ("..", "b"), ("a", "b?c")]
    {
        assert!(SpiffeId::workload(&domain, namespace, account).is_err(), "{namespace:?} {account:?}");
    }
}

#[test]
fn lengths_end_where_the_standard_says() {
    let longest_domain = "a".repeat(MAX_TRUST_DOMAIN);
    assert!(TrustDomain::new(&longest_domain).is_ok());
    assert_eq!(TrustDomain::new(longest_domain + "a").unwrap_err().reason, SpiffeFault::TooLong(256, 255));

    let longest = format!("spiffe://td/{}", "a".repeat(MAX_SPIFFE_ID - 12));
    assert!(SpiffeId::parse(&longest).is_ok());
    assert_eq!(fault(&(longest + "a")), SpiffeFault::TooLong(2049, 2048));
}

#[test]
fn an_error_shows_a_hostile_text_escaped_and_cut() {
    let shown =
        SpiffeId::parse(&format!("spiffe://td/\n\x1b[2J{}", "a".repeat(500))).unwrap_err().to_string();
    assert!(!shown.contains('\n') && !shown.contains('\x1b'), "{shown}");
    assert!(shown.len() < 400 && shown.contains("..."), "{shown}");
    assert!(shown.contains("the path holds '\\n'"), "{shown}");
}

#[test]
fn serde_parses_as_strictly_as_the_parser() {
    let id: SpiffeId = serde_json::from_str("\"spiffe://td/ns/a/sa/b\"").unwrap();
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"spiffe://td/ns/a/sa/b\"");
    assert!(serde_json::from_str::<SpiffeId>("\"spiffe://td/../b\"").is_err());
    assert!(serde_json::from_str::<TrustDomain>("\"TD\"").is_err());
}

proptest! {
    #[test]
    fn what_parses_prints_as_it_was_written(uri in "spiffe://[a-z0-9._-]{1,30}(/[a-zA-Z0-9._-]{1,8}){0,5}") {
        match SpiffeId::parse(&uri) {
            Ok(id) => prop_assert_eq!(id.to_string(), uri),
            Err(e) => prop_assert_eq!(e.reason, SpiffeFault::DotSegment),
        }
    }

    #[test]
    fn every_accepted_text_is_its_own_only_spelling(uri in "(?i)spiffe://[a-zA-Z0-9._:@%?#/\\\\-]{0,40}") {
        if let Ok(id) = SpiffeId::parse(&uri) {
            prop_assert_eq!(id.to_string(), uri.clone());
            prop_assert!(!uri.ends_with('/') && !uri.contains(['%', '?', '#', '@', '\\', 'A']) || id.path().contains('A'));
        }
    }

    #[test]
    fn workload_and_its_reverse_agree(ns in "[a-z0-9-]{1,63}", sa in "[a-zA-Z0-9_.-]{1,63}") {
        let domain = TrustDomain::new("td").unwrap();
        if let Ok(id) = SpiffeId::workload(&domain, &ns, &sa) {
            prop_assert_eq!(id.as_workload(), Some((ns.as_str(), sa.as_str())));
        } else {
            prop_assert!(sa == "." || sa == "..");
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = SpiffeId::parse(&text);
        let _ = SpiffeId::parse(&format!("spiffe://{text}"));
        let _ = TrustDomain::new(&text);
    }
}
