//! Service addresses: what a connection to a cluster IP meets.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use carrick_local::{Network, Pod, Protocol, ServicePort};

use crate::Story;
use crate::fixtures::*;

pub(crate) const STORIES: &[Story] = &[
    ("a_service_leads_to_its_backend_and_keeps_the_callers_address", a_service_leads_to_its_backend),
    ("a_service_spreads_over_its_backends", a_service_spreads_over_its_backends),
    ("a_service_without_backends_refuses", a_service_without_backends_refuses),
    ("a_pod_reaches_itself_through_its_service", a_pod_reaches_itself_through_its_service),
    ("datagrams_find_their_service_and_their_way_back", datagrams_find_their_service_and_their_way_back),
    ("services_are_replaced_while_connections_live_on", services_are_replaced_while_connections_live_on),
    ("a_thousand_backends_fit_into_one_step", a_thousand_backends_fit_into_one_step),
];

const VIP: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);

fn vip(port: u16) -> SocketAddr {
    SocketAddr::from((VIP, port))
}

fn service(port: u16, protocol: Protocol, backends: &[SocketAddr]) -> ServicePort {
    ServicePort { address: VIP, port, protocol, backends: backends.iter().copied().map(v4).collect() }
}

fn set(network: &Network, services: &[ServicePort]) {
    network.set_services(services).expect("the rules are applied");
}

fn a_service_leads_to_its_backend() {
    let network = cluster("cluster1");
    let (client, server) = (simple_pod(&network, 5), simple_pod(&network, 6));
    greeter(&server, 8080, "server");
    set(&network, &[service(80, Protocol::Tcp, &[addr(6, 8080)])]);
    assert_eq!(call(&client, vip(80)).unwrap(), "server to 10.10.0.5");
    assert!(client.connect(vip(81), PATIENCE).is_err(), "a port that the service does not have");
}

fn a_service_spreads_over_its_backends() {
    let network = cluster("cluster1");
    let client = simple_pod(&network, 5);
    let servers: Vec<Pod> = (6..9).map(|last| simple_pod(&network, last)).collect();
    for (server, name) in servers.iter().zip(["a", "b", "c"]) {
        greeter(server, 80, name);
    }
    set(&network, &[service(80, Protocol::Tcp, &[addr(6, 80), addr(7, 80), addr(8, 80)])]);
    let mut answers: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..150 {
        *answers.entry(call(&client, vip(80)).unwrap()).or_default() += 1;
    }
    // Of 150 fair throws, a share of fewer than 20 happens less than once in ten million runs.
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert!(answers.values().all(|count| *count >= 20), "{answers:?}");
}

fn a_service_without_backends_refuses() {
    let network = cluster("cluster1");
    let client = simple_pod(&network, 5);
    set(&network, &[service(80, Protocol::Tcp, &[]), service(53, Protocol::Udp, &[])]);
    let error = client.connect(vip(80), PATIENCE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");

    let socket = client.datagrams(any(0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(vip(53)).unwrap();
    socket.send(b"anybody there?").unwrap();
    assert_eq!(socket.recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

fn a_pod_reaches_itself_through_its_service() {
    let network = cluster("cluster1");
    let server = simple_pod(&network, 6);
    greeter(&server, 80, "server");
    set(&network, &[service(80, Protocol::Tcp, &[addr(6, 80)])]);
    assert_eq!(call(&server, vip(80)).unwrap(), "server to 10.10.0.1", "the router stands in for the caller");
}

fn datagrams_find_their_service_and_their_way_back() {
    let network = cluster("cluster1");
    let (client, server) = (simple_pod(&network, 5), simple_pod(&network, 6));
    let listener = server.datagrams(any(5353)).unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 64];
        let (length, from) = listener.recv_from(&mut question).unwrap();
        listener.send_to(&question[..length], from).unwrap();
    });
    set(&network, &[service(53, Protocol::Udp, &[addr(6, 5353)])]);
    let socket = client.datagrams(any(0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(b"hello", vip(53)).unwrap();
    let mut answer = [0; 64];
    let (length, from) = socket.recv_from(&mut answer).unwrap();
    assert_eq!(
        (&answer[..length], from),
        (&b"hello"[..], vip(53)),
        "the answer comes from the service's address"
    );
}

fn services_are_replaced_while_connections_live_on() {
    let network = cluster("cluster1");
    let client = simple_pod(&network, 5);
    let (old, new) = (simple_pod(&network, 6), simple_pod(&network, 7));
    let old_listener = old.listen(any(80)).unwrap();
    greeter(&new, 80, "new");

    set(&network, &[service(80, Protocol::Tcp, &[addr(6, 80)])]);
    let before = client.connect(vip(80), PATIENCE).unwrap();
    let (at_old, _) = old_listener.accept().unwrap();
    set(&network, &[service(80, Protocol::Tcp, &[addr(7, 80)])]);
    assert_eq!(call(&client, vip(80)).unwrap(), "new to 10.10.0.5");

    // The connection from before still leads to the old backend.
    use std::io::Write;
    (&at_old).write_all(b"still here").unwrap();
    drop(at_old);
    assert_eq!(hear(before).unwrap(), "still here");

    set(&network, &[]);
    assert!(client.connect(vip(80), PATIENCE).is_err());
}

fn a_thousand_backends_fit_into_one_step() {
    let network = cluster("cluster1");
    let (client, server) = (simple_pod(&network, 5), simple_pod(&network, 6));
    greeter(&server, 80, "last");
    let mut services: Vec<ServicePort> =
        (0..500).map(|n| service(1000 + n, Protocol::Tcp, &[addr(7, 80), addr(8, 80)])).collect();
    services.push(service(80, Protocol::Tcp, &[addr(6, 80)]));
    set(&network, &services);
    assert_eq!(call(&client, vip(80)).unwrap(), "last to 10.10.0.5");
}
