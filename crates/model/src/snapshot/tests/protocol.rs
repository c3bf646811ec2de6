use crate::snapshot::Protocol::{self, *};

#[test]
fn a_kubernetes_port_s_app_protocol_beats_its_name_and_its_name_the_guess() {
    let cases: &[(u16, &str, &str, Protocol)] = &[
        (80, "http", "", Http),
        (80, "HTTP-web", "", Http),
        (80, "http2-x", "", Http2),
        (80, "grpc-web", "", GrpcWeb),
        (80, "grpc-web-x", "", GrpcWeb),
        (80, "grpc-x", "", Grpc),
        (80, "httpx", "", Auto),
        (80, "", "", Auto),
        (443, "https-x", "", Https),
        (443, "tls", "", Tls),
        (80, "tcp-x", "http", Http),
        (80, "http", "kubernetes.io/h2c", Http2),
        (80, "http", "acme.example/own", Auto),
        (3306, "", "", Tcp),
        (3306, "http", "", Http),
        (53, "dns", "", Tcp),
    ];
    for (number, name, app_protocol, expected) in cases {
        assert_eq!(
            Protocol::of_kubernetes_port(*number, name, app_protocol),
            *expected,
            "port {number} name {name:?} appProtocol {app_protocol:?}"
        );
    }
}

#[test]
fn https_is_of_the_tcp_class_because_its_http_is_inside_tls() {
    assert!(Https.is_tls() && !Https.is_http());
    assert!(Grpc.is_http() && Grpc.is_http2());
    assert!(!Auto.is_http() && !Udp.is_http());
}
