use super::*;

fn asked(method: Method, path: &str, host: &str, asker: Asker) -> Option<StatusCode> {
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, host.parse().unwrap());
    refuse(&method, &path.parse().unwrap(), &headers, asker).map(|(status, _)| status)
}

#[test]
fn only_reading_is_possible() {
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let refused = asked(method, "/ready", "127.0.0.1:15000", Asker::Local);
        assert_eq!(refused, Some(StatusCode::METHOD_NOT_ALLOWED));
    }
    assert_eq!(asked(Method::HEAD, "/ready", "127.0.0.1:15000", Asker::Local), None);
}

#[test]
fn a_name_that_was_pointed_here_is_refused() {
    for host in ["evil.example", "evil.example:15000", "127.0.0.1.evil.example", "localhost.evil.example:1"] {
        let refused = asked(Method::GET, "/config_dump", host, Asker::Local);
        assert_eq!(refused, Some(StatusCode::FORBIDDEN), "{host}");
    }
    for host in [
        "127.0.0.1",
        "127.0.0.1:15000",
        "localhost",
        "LOCALHOST:15000",
        "[::1]:15000",
        "[::1]",
        "10.0.0.7:15000",
    ] {
        assert_eq!(asked(Method::GET, "/config_dump", host, Asker::Local), None, "{host}");
    }
}

#[test]
fn a_name_in_an_absolute_uri_counts_as_much_as_the_host() {
    let refused = asked(Method::GET, "http://evil.example/ready", "127.0.0.1", Asker::Local);
    assert_eq!(refused, Some(StatusCode::FORBIDDEN));
    assert_eq!(asked(Method::GET, "http://127.0.0.1:15000/ready", "127.0.0.1", Asker::Local), None);
}

#[test]
fn a_request_needs_exactly_one_host() {
    let mut headers = HeaderMap::new();
    assert!(refuse(&Method::GET, &Uri::from_static("/ready"), &headers, Asker::Local).is_some());
    headers.append(header::HOST, "127.0.0.1".parse().unwrap());
    headers.append(header::HOST, "evil.example".parse().unwrap());
    assert!(refuse(&Method::GET, &Uri::from_static("/ready"), &headers, Asker::Local).is_some());
}

#[test]
fn other_machines_see_no_configuration() {
    let remote = Asker::at("10.0.0.9:4000".parse().unwrap());
    assert_eq!(remote, Asker::Remote);
    assert_eq!(asked(Method::GET, "/ready", "10.0.0.1:15000", remote), None);
    assert_eq!(asked(Method::GET, "/config_dump", "10.0.0.1:15000", remote), Some(StatusCode::FORBIDDEN));
    assert_eq!(Asker::at("[::ffff:127.0.0.1]:4000".parse().unwrap()), Asker::Local);
}
