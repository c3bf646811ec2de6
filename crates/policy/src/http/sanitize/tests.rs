use http::Request;

use super::*;

fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let request = Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap().into_parts().0
}

fn refusal(method: &str, uri: &str, headers: &[(&str, &str)]) -> Option<(u16, String)> {
    let refused = check(&parts(method, uri, headers)).err()?;
    assert!(refused.close, "what follows a refused head must not be read as a request");
    Some((refused.status.as_u16(), refused.details.into_owned()))
}

#[test]
fn framing_that_two_parsers_read_differently_is_refused() {
    let both = [("host", "a"), ("content-length", "4"), ("transfer-encoding", "chunked")];
    let refused = refusal("POST", "/", &both).unwrap();
    assert_eq!(refused, (400, "http1.content_length_and_chunked_not_allowed".into()));
    for odd in [
        "chunked, chunked",
        "gzip, chunked",
        "chunked, identity",
        "identity",
        "xchunked",
        "chunked;q=1",
        "chu nked",
        "\"chunked\"",
        "",
    ] {
        let refused = refusal("POST", "/", &[("host", "a"), ("transfer-encoding", odd)]);
        assert_eq!(refused.unwrap(), (501, "http1.invalid_transfer_encoding".into()), "{odd}");
    }
    let twice = [("host", "a"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")];
    assert_eq!(refusal("POST", "/", &twice).unwrap().0, 501);
    for fine in ["chunked", "Chunked", "CHUNKED"] {
        assert_eq!(refusal("POST", "/", &[("host", "a"), ("transfer-encoding", fine)]), None);
    }
}

#[test]
fn two_hosts_are_no_host() {
    assert_eq!(refusal("GET", "/", &[("host", "a"), ("host", "b")]).unwrap().0, 400);
    assert_eq!(refusal("GET", "/", &[("host", "a"), ("host", "a")]).unwrap().0, 400);
}

#[test]
fn the_proxy_is_no_tunnel() {
    assert_eq!(refusal("CONNECT", "victim.example:443", &[("host", "a")]).unwrap().0, 404);
}

#[test]
fn an_asterisk_is_a_path_for_options_only() {
    assert_eq!(refusal("OPTIONS", "*", &[("host", "a")]), None);
    assert_eq!(refusal("GET", "*", &[("host", "a")]).unwrap(), (400, "http1.invalid_url".into()));
}

#[test]
fn an_authority_has_no_user_no_path_and_no_spaces() {
    for fine in ["a", "a.example:80", "[::1]:8080", "10.0.0.1", "A_b-c.example", "a%20b"] {
        assert!(is_authority(fine), "{fine}");
    }
    for bad in
        ["", "user@a", "a b", "a/b", "a\\b", "a?b", "a#b", "a\tb", "é", "a\"b", "a<b", "{a}", "a|b", "^a"]
    {
        assert!(!is_authority(bad), "{bad}");
    }
}

fn cleaned(headers: &[(&str, &str)]) -> Result<Vec<String>, LocalReply> {
    let mut parts = parts("GET", "/", headers);
    remove_hop_by_hop(&mut parts.headers)?;
    let line = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    Ok(parts.headers.iter().map(line).collect())
}

#[test]
fn what_is_for_this_hop_goes_no_further() {
    let left = cleaned(&[
        ("connection", "keep-alive, X-Mine"),
        ("connection", "upgrade"),
        ("x-mine", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "websocket"),
        ("transfer-encoding", "chunked"),
        ("x-other", "2"),
    ]);
    assert_eq!(left.unwrap(), ["x-other: 2"]);
}

#[test]
fn a_client_cannot_have_other_hops_headers_removed() {
    for name in [
        "host",
        "Host",
        ":path",
        ":authority",
        "x-forwarded-for",
        "X-Forwarded-Proto",
        "x-forwarded-client-cert",
    ] {
        for connection in [name.to_owned(), format!("close, {name}"), format!("close,{name} ,")] {
            let refused =
                cleaned(&[("connection", &connection), ("x-forwarded-for", "1.2.3.4")]).unwrap_err();
            assert_eq!((refused.status.as_u16(), refused.close), (400, true), "{connection}");
        }
    }
}

#[test]
fn te_says_trailers_or_nothing() {
    for (te, left) in [
        ("trailers", vec!["te: trailers"]),
        ("gzip, trailers", vec!["te: trailers"]),
        ("trailers;q=0.5", vec![]),
        ("gzip", vec![]),
        ("chunked", vec![]),
    ] {
        assert_eq!(cleaned(&[("te", te)]).unwrap(), left, "{te}");
    }
}

#[test]
fn underscores_are_let_through_dropped_or_refused() {
    let headers = || parts("GET", "/", &[("x_user", "1"), ("x-user", "2")]).headers;
    let mut allowed = headers();
    Underscores::Allow.apply(&mut allowed).unwrap();
    assert_eq!(allowed.len(), 2);
    let mut dropped = headers();
    Underscores::Drop.apply(&mut dropped).unwrap();
    assert_eq!(dropped.keys().collect::<Vec<_>>(), ["x-user"]);
    let refused = Underscores::Reject.apply(&mut headers()).unwrap_err();
    assert_eq!((refused.status.as_u16(), refused.close), (400, true));
    Underscores::Reject.apply(&mut dropped).unwrap();
}

fn asks(version: Version, headers: &[(&str, &str)]) -> Option<String> {
    let request = Request::builder().version(version).uri("/");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    upgrade_wanted(&request.body(()).unwrap().into_parts().0)
}

#[test]
fn an_upgrade_is_wanted_when_both_headers_say_so() {
    let websocket = ("upgrade", "WebSocket");
    for connection in ["upgrade", "Upgrade", "keep-alive, Upgrade", "close,upgrade ,x"] {
        let wanted = asks(Version::HTTP_11, &[("connection", connection), websocket]);
        assert_eq!(wanted.as_deref(), Some("websocket"), "{connection}");
    }
    let apart = [("connection", "keep-alive"), ("connection", "upgrade"), websocket];
    assert_eq!(asks(Version::HTTP_11, &apart).as_deref(), Some("websocket"));
    assert_eq!(asks(Version::HTTP_11, &[websocket]), None);
    assert_eq!(asks(Version::HTTP_11, &[("connection", "upgrade")]), None);
    assert_eq!(asks(Version::HTTP_11, &[("connection", "upgrades"), websocket]), None);
    assert_eq!(asks(Version::HTTP_11, &[("connection", "upgrade"), ("upgrade", " ")]), None);
}

#[test]
fn only_http_1_1_upgrades_and_never_to_h2c() {
    let websocket = [("connection", "upgrade"), ("upgrade", "websocket")];
    assert_eq!(asks(Version::HTTP_10, &websocket), None);
    assert_eq!(asks(Version::HTTP_2, &websocket), None);
    // h2c would carry requests past everything that is decided here.
    for kind in ["h2c", "H2C"] {
        let smuggled = [("connection", "Upgrade, HTTP2-Settings"), ("upgrade", kind)];
        assert_eq!(asks(Version::HTTP_11, &smuggled), None, "{kind}");
    }
}
