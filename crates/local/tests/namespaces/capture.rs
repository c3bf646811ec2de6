//! Transparent capture, with nobody's word but the kernel's.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use carrick_local::{Capture, Network, Pod, Privileges};
use socket2::{Domain, Socket, Type};

use crate::Story;
use crate::fixtures::*;

pub(crate) const STORIES: &[Story] = &[
    ("outbound_connections_arrive_at_the_proxy", outbound_connections_arrive_at_the_proxy),
    ("an_excluded_server_is_reached_directly", an_excluded_server_is_reached_directly),
    ("inbound_connections_arrive_at_the_proxy", inbound_connections_arrive_at_the_proxy),
    ("the_proxys_own_connections_are_not_captured", the_proxys_own_connections_are_not_captured),
    ("the_proxy_reaches_its_application_and_itself", the_proxy_reaches_its_application_and_itself),
    ("with_a_dead_proxy_everything_is_refused_at_once", with_a_dead_proxy_everything_is_refused_at_once),
    ("an_application_cannot_escape_capture", an_application_cannot_escape_capture),
    (
        "a_proxy_may_manage_its_own_network_and_nothing_more",
        a_proxy_may_manage_its_own_network_and_nothing_more,
    ),
];

fn meshed(network: &Network, last: u8) -> Pod {
    let mut plan = plan(network, last);
    plan.capture = Some(Capture::default());
    pod(&plan, &[network])
}

/// Accepts one connection and returns where its caller meant to go.
fn meant_for(listener: &TcpListener) -> SocketAddr {
    let (stream, _) = listener.accept().unwrap();
    rustix::net::sockopt::ip_original_dst(&stream).unwrap().into()
}

/// A connection from a socket with the proxy's mark, or from a chosen source address.
fn connect_as_proxy(pod: &Pod, to: SocketAddr, source: Option<Ipv4Addr>) -> std::io::Result<TcpStream> {
    pod.inside(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        match source {
            Some(source) => socket.bind(&SocketAddr::from((source, 0)).into())?,
            None => socket.set_mark(1337)?,
        }
        socket.connect_timeout(&to.into(), PATIENCE)?;
        Ok(socket.into())
    })
}

fn outbound_connections_arrive_at_the_proxy() {
    let network = cluster("cluster1");
    let pod = meshed(&network, 5);
    let proxy = pod.listen(any(15001)).unwrap();
    for place in ["10.10.0.6:80", "240.240.0.1:443", "1.1.1.1:9999"] {
        let place: SocketAddr = place.parse().unwrap();
        let _caller = pod.connect(place, PATIENCE).unwrap();
        assert_eq!(meant_for(&proxy), place);
    }
}

fn an_excluded_server_is_reached_directly() {
    let network = cluster("cluster1");
    let server = simple_pod(&network, 6);
    greeter(&server, 53, "resolver");
    greeter(&server, 54, "another port");
    let mut plan = plan(&network, 5);
    plan.capture = Some(Capture { outbound_excluded: vec![v4(addr(6, 53))], ..Capture::default() });
    let pod = pod(&plan, &[&network]);
    assert_eq!(call(&pod, addr(6, 53)).unwrap(), "resolver to 10.10.0.5");
    // Nobody listens at the proxy's port.
    assert_eq!(call(&pod, addr(6, 54)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

fn inbound_connections_arrive_at_the_proxy() {
    let network = cluster("cluster1");
    let (pod, caller) = (meshed(&network, 5), simple_pod(&network, 6));
    let proxy = pod.listen(any(15006)).unwrap();
    // Also the proxy's own ports: nobody talks to 15001 or 15006 directly.
    for port in [80, 443, 15001, 15006, 15000] {
        let _stream = caller.connect(addr(5, port), PATIENCE).unwrap();
        assert_eq!(meant_for(&proxy), addr(5, port));
    }
    for (port, name) in [(15020, "agent"), (15021, "health"), (15090, "metrics")] {
        greeter(&pod, port, name);
        assert_eq!(call(&caller, addr(5, port)).unwrap(), format!("{name} to 10.10.0.6"));
    }
}

fn the_proxys_own_connections_are_not_captured() {
    let network = cluster("cluster1");
    let (pod, server) = (meshed(&network, 5), simple_pod(&network, 6));
    greeter(&server, 80, "server");
    let stream = connect_as_proxy(&pod, addr(6, 80), None).unwrap();
    assert_eq!(hear(stream).unwrap(), "server to 10.10.0.5");
}

fn the_proxy_reaches_its_application_and_itself() {
    let network = cluster("cluster1");
    let pod = meshed(&network, 5);
    greeter(&pod, 80, "application");
    // Towards its application the proxy speaks from 127.0.0.6, to the pod's address or to loopback.
    let source = Some(Ipv4Addr::new(127, 0, 0, 6));
    for target in [addr(5, 80), SocketAddr::new(localhost(), 80)] {
        let stream = connect_as_proxy(&pod, target, source).unwrap();
        assert_eq!(hear(stream).unwrap(), "application to 127.0.0.6");
    }
    // Programs of the pod talk with each other freely.
    assert_eq!(call(&pod, SocketAddr::new(localhost(), 80)).unwrap(), "application to 127.0.0.1");
    assert_eq!(call(&pod, addr(5, 80)).unwrap(), "application to 10.10.0.5");
    // The proxy's call to its own pod goes through its inbound side.
    let inbound = pod.listen(any(15006)).unwrap();
    let _stream = connect_as_proxy(&pod, addr(5, 80), None).unwrap();
    assert_eq!(meant_for(&inbound), addr(5, 80));
}

fn with_a_dead_proxy_everything_is_refused_at_once() {
    let network = cluster("cluster1");
    let (pod, other) = (meshed(&network, 5), simple_pod(&network, 6));
    greeter(&other, 80, "server");
    greeter(&pod, 80, "application");
    let refused = |pod: &Pod, to: &str| {
        let error = pod.connect(to.parse().unwrap(), PATIENCE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{to}: {error}");
    };
    for place in ["240.240.0.1:80", "1.1.1.1:80", "10.10.0.6:80"] {
        refused(&pod, place);
    }
    refused(&other, "10.10.0.5:80");
}

fn an_application_cannot_escape_capture() {
    let network = cluster("cluster1");
    let pod = meshed(&network, 5);
    let told = |what: &str| output(&pod, &program(&["/proc/self/exe", "app", what]));
    assert_eq!(told("set-mark"), ("set-mark: PermissionDenied".to_owned(), Some(0)));
    assert_eq!(told("change-rules"), ("change-rules: PermissionDenied".to_owned(), Some(0)));
    assert_eq!(told("switch-off-interface"), ("switch-off-interface: PermissionDenied".to_owned(), Some(0)));
    assert_eq!(told("enter-supervisor"), ("enter-supervisor: NotFound".to_owned(), Some(0)));
    assert_eq!(told("listen-on-80"), ("listen-on-80: done".to_owned(), Some(0)));
    let capabilities =
        shell(&pod, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status | cut -f2 | sort -u | tr '\\n' ' '");
    assert_eq!(capabilities, "0000000000000000 1");
}

fn a_proxy_may_manage_its_own_network_and_nothing_more() {
    let network = cluster("cluster1");
    let pod = meshed(&network, 5);
    let told = |what: &str| {
        let mut plan = program(&["/proc/self/exe", "app", what]);
        plan.privileges = Privileges::Proxy;
        output(&pod, &plan).0
    };
    assert_eq!(told("set-mark"), "set-mark: done");
    assert_eq!(told("mount"), "mount: PermissionDenied");
    assert_eq!(told("enter-supervisor"), "enter-supervisor: NotFound");
    // The very requests that an application was refused: so it was the privilege that lacked, not
    // the request's form.
    assert_eq!(told("change-rules"), "change-rules: done");
    assert_eq!(told("switch-off-interface"), "switch-off-interface: done");
}
