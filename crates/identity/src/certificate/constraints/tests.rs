use super::*;

/// A nameConstraints extension; each subtree is a tag and its content.
fn constraints(permitted: &[(u8, &[u8])], excluded: &[(u8, &[u8])]) -> NameConstraints {
    let element = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
    let field = |tag: u8, subtrees: &[(u8, &[u8])]| -> Vec<u8> {
        let all: Vec<u8> =
            subtrees.iter().flat_map(|(tag, base)| element(0x30, &element(0x80 | tag, base))).collect();
        if all.is_empty() { vec![] } else { element(tag, &all) }
    };
    let content = [field(0xa0, permitted), field(0xa1, excluded)].concat();
    NameConstraints::from_der(&element(0x30, &content)).unwrap()
}

fn uri(name: &str) -> SubjectAltNames {
    SubjectAltNames { uris: vec![name.to_owned()], ..SubjectAltNames::default() }
}

fn dns(name: &str) -> SubjectAltNames {
    SubjectAltNames { dns_names: vec![name.to_owned()], ..SubjectAltNames::default() }
}

fn mail(name: &str) -> SubjectAltNames {
    SubjectAltNames { emails: vec![name.to_owned()], ..SubjectAltNames::default() }
}

fn ip(name: &str) -> SubjectAltNames {
    SubjectAltNames { ips: vec![name.parse().unwrap()], ..SubjectAltNames::default() }
}

fn allows(constraints: &NameConstraints, names: &SubjectAltNames) -> bool {
    constraints.check(names, false).is_ok()
}

#[test]
fn the_host_of_a_uri_is_compared_whole_or_below_a_dot() {
    let host = constraints(&[(6, b"a.example")], &[]);
    for good in ["spiffe://a.example/ns/x", "https://A.Example", "x://a.example:80?q", "x://a.example#f"] {
        assert!(allows(&host, &uri(good)), "{good}");
    }
    for bad in [
        "spiffe://b.a.example/x",
        "spiffe://a.example.b/x",
        "spiffe://xa.example/x",
        "spiffe://a.example./x",
        "spiffe://a.example@b/x",
        "spiffe://b@a.example/x",
        "spiffe://a.example:b/x",
        "spiffe:///a.example",
        "spiffe:a.example",
        "a.example",
        "spiffe://a.ex%61mple/x",
        "spiffe://[::1]/x",
        "spiffe://10.0.0.1/x",
        "",
    ] {
        assert!(!allows(&host, &uri(bad)), "{bad}");
    }
    let below = constraints(&[(6, b".example")], &[]);
    assert!(allows(&below, &uri("x://a.example")) && allows(&below, &uri("x://b.a.example/")));
    assert!(!allows(&below, &uri("x://example")) && !allows(&below, &uri("x://.example")));
    let not = constraints(&[], &[(6, b"a.example")]);
    assert!(allows(&not, &uri("x://b.example")) && !allows(&not, &uri("x://a.example")));
    assert!(!allows(&not, &uri("urn:a.example")), "what cannot be compared may be what is excluded");
    assert!(!allows(&constraints(&[(6, b"")], &[]), &uri("x://a")));
    assert!(!allows(&constraints(&[], &[(6, b"")]), &uri("x://a")));
    assert!(allows(&host, &dns("b")), "of other kinds it says nothing");
}

#[test]
fn a_dns_name_is_compared_with_all_that_is_below() {
    let zone = constraints(&[(2, b"example.com")], &[]);
    for good in ["example.com", "a.EXAMPLE.com", "*.example.com", "*.a.example.com"] {
        assert!(allows(&zone, &dns(good)), "{good}");
    }
    for bad in ["com", "*.com", "badexample.com", "example.com.evil", "example.org"] {
        assert!(!allows(&zone, &dns(bad)), "{bad}");
    }
    let not = constraints(&[], &[(2, b"a.example.com")]);
    assert!(allows(&not, &dns("b.example.com")));
    for bad in ["a.example.com", "x.a.example.com", "*.a.example.com", "*.example.com"] {
        assert!(!allows(&not, &dns(bad)), "{bad}");
    }
    let none = constraints(&[], &[(2, b"")]);
    assert!(!allows(&none, &dns("a")) && !allows(&none, &dns("*.a")) && allows(&none, &uri("x://a")));
}

#[test]
fn mail_and_addresses_and_subjects_are_constrained_too() {
    let none = constraints(&[(1, b".invalid")], &[]);
    assert!(
        !allows(&none, &mail("a@b")) && !allows(&none, &mail("a")) && !allows(&none, &mail("a@b@x.invalid"))
    );
    let one = constraints(&[(1, b"a@Example.com"), (1, b"b.example")], &[]);
    assert!(allows(&one, &mail("a@example.COM")) && !allows(&one, &mail("A@example.com")));
    assert!(allows(&one, &mail("x@b.example")) && !allows(&one, &mail("x@c.b.example")));

    let net = constraints(&[(7, &[10, 0, 0, 0, 255, 0, 0, 0])], &[]);
    assert!(allows(&net, &ip("10.1.2.3")) && !allows(&net, &ip("11.1.2.3")) && !allows(&net, &ip("::10")));
    let no_v4 = constraints(&[], &[(7, &[0; 8])]);
    assert!(!allows(&no_v4, &ip("10.1.2.3")) && allows(&no_v4, &ip("::1")));

    let directory = constraints(&[(0x24, &[0x30, 0])], &[]);
    assert!(directory.check(&uri("x://a"), true).is_err() && directory.check(&uri("x://a"), false).is_ok());
    let other = SubjectAltNames { others: vec![8], ..SubjectAltNames::default() };
    assert!(!allows(&constraints(&[], &[(8, &[42, 3])]), &other));
}

#[test]
fn what_cannot_be_read_to_the_end_is_refused() {
    for (what, der) in [
        ("nothing", &b""[..]),
        ("no sequence", b"\x02\x01\x00"),
        ("bytes after it", b"\x30\x00\x00"),
        ("an unknown field", b"\x30\x02\xa2\x00"),
        ("fields in the wrong order", b"\x30\x0c\xa1\x04\x30\x02\x86\x00\xa0\x04\x30\x02\x86\x00"),
        ("a minimum", b"\x30\x0a\xa0\x08\x30\x06\x86\x01a\x80\x01\x01"),
        ("no base", b"\x30\x04\xa0\x02\x30\x00"),
        ("a NUL in a host", b"\x30\x08\xa0\x06\x30\x04\x86\x02a\0"),
        ("three bytes of address", b"\x30\x09\xa0\x07\x30\x05\x87\x03\x01\x02\x03"),
        ("a length too long", b"\x30\x20\xa0\x04"),
    ] {
        assert!(NameConstraints::from_der(der).is_err(), "{what}");
    }
}
