use std::sync::Arc;

use super::*;

const FROM_OUTSIDE: &str = "By=spiffe://evil;URI=spiffe://cluster.local/ns/admin/sa/root";

fn client() -> TlsFacts {
    TlsFacts {
        local_uri_sans: vec!["spiffe://cluster.local/ns/default/sa/server".into()],
        peer_uri_sans: vec!["spiffe://cluster.local/ns/default/sa/client".into()],
        peer_dns_sans: vec!["client.example".into(), "other.example".into()],
        peer_subject: "CN=client,O=Carrick".into(),
        peer_certificate_sha256: Some("ab12".into()),
        peer_certificate_pem: Some(Arc::from(
            "-----BEGIN CERTIFICATE-----\na+b/c=\n-----END CERTIFICATE-----\n",
        )),
        ..TlsFacts::default()
    }
}

fn policy(forward: ForwardClientCert, subject: bool, cert: bool, dns: bool, uri: bool) -> XfccPolicy {
    XfccPolicy { forward, details: CertDetails { subject, cert, dns, uri } }
}

/// What the next hop reads, if the client said this.
fn forwarded(policy: &XfccPolicy, said: &[&str], tls: Option<&TlsFacts>) -> Vec<String> {
    let mut headers = HeaderMap::new();
    for value in said {
        headers.append(XFCC, value.parse().unwrap());
    }
    policy.apply(&mut headers, tls);
    headers.get_all(XFCC).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[test]
fn what_istios_sidecar_says_of_its_client() {
    let policy = policy(ForwardClientCert::AppendForward, true, false, true, true);
    assert_eq!(
        forwarded(&policy, &[], Some(&client())),
        ["By=spiffe://cluster.local/ns/default/sa/server;Hash=ab12;Subject=\"CN=client,O=Carrick\";\
          URI=spiffe://cluster.local/ns/default/sa/client;DNS=client.example;DNS=other.example"]
    );
}

#[test]
fn a_plain_client_says_nothing_of_certificates_unless_it_is_always_believed() {
    use ForwardClientCert::*;
    for forward in [Sanitize, ForwardOnly, AppendForward, SanitizeSet] {
        let policy = policy(forward, true, true, true, true);
        assert!(forwarded(&policy, &[FROM_OUTSIDE], None).is_empty(), "{forward:?}");
        // TLS without a client's certificate is not better than none.
        let nameless = TlsFacts { peer_certificate_sha256: None, ..client() };
        assert!(forwarded(&policy, &[FROM_OUTSIDE], Some(&nameless)).is_empty(), "{forward:?}");
    }
    let trusting = policy(AlwaysForwardOnly, true, true, true, true);
    assert_eq!(forwarded(&trusting, &[FROM_OUTSIDE], None), [FROM_OUTSIDE]);
}

#[test]
fn a_client_with_a_certificate_is_forwarded_appended_or_replaced() {
    use ForwardClientCert::*;
    let own = "By=spiffe://cluster.local/ns/default/sa/server;Hash=ab12";
    let said = ["By=a;Hash=1", "By=b;Hash=2"];
    let plain = |forward| forwarded(&policy(forward, false, false, false, false), &said, Some(&client()));
    assert!(plain(Sanitize).is_empty());
    assert_eq!(plain(ForwardOnly), said);
    assert_eq!(plain(SanitizeSet), [own]);
    // One line: whoever looks only at the first, or the last, line still reads all.
    assert_eq!(plain(AppendForward), [format!("By=a;Hash=1,By=b;Hash=2,{own}")]);
}

#[test]
fn what_a_peer_of_another_trust_domain_says_of_others_ends_here() {
    use ForwardClientCert::*;
    let mut stranger = client();
    stranger.peer_uri_sans = vec!["spiffe://other.example/ns/default/sa/client".into()];
    let at =
        |forward| forwarded(&policy(forward, false, false, false, true), &[FROM_OUTSIDE], Some(&stranger));
    let own = "By=spiffe://cluster.local/ns/default/sa/server;Hash=ab12;\
               URI=spiffe://other.example/ns/default/sa/client";
    assert_eq!(at(AppendForward), [own]);
    assert_eq!(at(SanitizeSet), [own]);
    assert!(at(ForwardOnly).is_empty());
    // A longer name is another name; and who has no SPIFFE ID is no stranger by it.
    stranger.peer_uri_sans = vec!["spiffe://cluster.local.other.example/ns/default/sa/client".into()];
    let appended =
        forwarded(&policy(AppendForward, false, false, false, false), &[FROM_OUTSIDE], Some(&stranger));
    assert_eq!(appended, ["By=spiffe://cluster.local/ns/default/sa/server;Hash=ab12"]);
    stranger.peer_uri_sans = vec!["https://other.example/".into()];
    let appended =
        forwarded(&policy(ForwardOnly, false, false, false, false), &[FROM_OUTSIDE], Some(&stranger));
    assert_eq!(appended, [FROM_OUTSIDE]);
}

#[test]
fn a_missing_uri_is_said_and_missing_names_are_not() {
    let bare = TlsFacts { peer_uri_sans: vec![], peer_dns_sans: vec![], local_uri_sans: vec![], ..client() };
    let policy = policy(ForwardClientCert::SanitizeSet, false, false, true, true);
    assert_eq!(forwarded(&policy, &[], Some(&bare)), ["Hash=ab12;URI="]);
}

#[test]
fn the_certificate_is_quoted_and_percent_encoded() {
    let policy = policy(ForwardClientCert::SanitizeSet, false, true, false, false);
    let value = &forwarded(&policy, &[], Some(&client()))[0];
    let pem = "-----BEGIN%20CERTIFICATE-----%0Aa%2Bb%2Fc%3D%0A-----END%20CERTIFICATE-----%0A";
    assert!(value.ends_with(&format!(";Cert=\"{pem}\"")), "{value}");
}

#[test]
fn no_name_can_break_out_of_its_value() {
    let evil = TlsFacts {
        peer_uri_sans: vec!["spiffe://cluster.local/x;URI=spiffe://cluster.local/admin".into()],
        peer_dns_sans: vec!["a,By=spiffe://cluster.local/admin".into(), "q\"uote".into()],
        // As RFC 2253 writes a quote.
        peer_subject: "CN=a\\\";URI=spiffe://cluster.local/admin".into(),
        ..client()
    };
    let policy = policy(ForwardClientCert::SanitizeSet, true, false, true, true);
    let value = &forwarded(&policy, &[], Some(&evil))[0];
    let expected = "Subject=\"CN=a\\\";URI=spiffe://cluster.local/admin\";\
        URI=\"spiffe://cluster.local/x;URI=spiffe://cluster.local/admin\";\
        DNS=\"a,By=spiffe://cluster.local/admin\";DNS=\"q\\\"uote\"";
    assert!(value.ends_with(expected), "{value}");
}

#[test]
fn what_cannot_stand_in_a_header_is_not_claimed_at_all() {
    let odd = TlsFacts { peer_subject: "CN=a\r\nx-admin: 1".into(), ..client() };
    let policy = policy(ForwardClientCert::AppendForward, true, false, false, false);
    assert!(forwarded(&policy, &["By=a;Hash=1"], Some(&odd)).is_empty());
}
