//! Who reaches whom.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use carrick_local::{Guard, Pod, PodPlan};

use crate::Story;
use crate::fixtures::*;

pub(crate) const STORIES: &[Story] = &[
    ("pods_of_one_cluster_reach_each_other", pods_of_one_cluster_reach_each_other),
    ("clusters_with_the_same_addresses_never_meet", clusters_with_the_same_addresses_never_meet),
    (
        "gateways_meet_on_the_internet_as_their_guards_allow",
        gateways_meet_on_the_internet_as_their_guards_allow,
    ),
    ("a_packet_for_the_outside_goes_nowhere_and_says_so", a_packet_for_the_outside_goes_nowhere_and_says_so),
    ("ipv6_fails_fast", ipv6_fails_fast),
    ("a_pod_can_be_replaced_under_its_address", a_pod_can_be_replaced_under_its_address),
    ("two_clusters_of_pods_are_made_at_once", two_clusters_of_pods_are_made_at_once),
    ("a_plan_that_makes_no_sense_is_refused", a_plan_that_makes_no_sense_is_refused),
];

fn pods_of_one_cluster_reach_each_other() {
    let network = cluster("cluster1");
    let (client, server) = (simple_pod(&network, 5), simple_pod(&network, 6));
    greeter(&server, 80, "server");

    assert_eq!(call(&client, addr(6, 80)).unwrap(), "server to 10.10.0.5");
    assert_eq!(call(&server, addr(6, 80)).unwrap(), "server to 10.10.0.6", "itself, by its own address");
    let refused = client.connect(addr(6, 81), PATIENCE).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

fn clusters_with_the_same_addresses_never_meet() {
    let (one, two) = (cluster("cluster1"), cluster("cluster2"));
    let (client1, client2) = (simple_pod(&one, 5), simple_pod(&two, 5));
    let (server1, server2) = (simple_pod(&one, 6), simple_pod(&two, 6));
    let only_in_two = simple_pod(&two, 7);
    for (server, name) in [(&server1, "first"), (&server2, "second"), (&only_in_two, "third")] {
        greeter(server, 80, name);
    }

    assert_eq!(call(&client1, addr(6, 80)).unwrap(), "first to 10.10.0.5");
    assert_eq!(call(&client2, addr(6, 80)).unwrap(), "second to 10.10.0.5");
    assert_eq!(call(&client2, addr(7, 80)).unwrap(), "third to 10.10.0.5");
    let error = client1.connect(addr(7, 80), PATIENCE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{error}");
}

fn gateways_meet_on_the_internet_as_their_guards_allow() {
    let (one, two, internet) = (cluster("cluster1"), cluster("cluster2"), internet());
    let gateway = |network, last: u8, public: u8, guard| {
        let mut plan = plan(network, last);
        plan.attachments.push(at("internet", Ipv4Addr::new(203, 0, 113, public), guard));
        pod(&plan, &[network, &internet])
    };
    let public = |last: u8, port| SocketAddr::from(([203, 0, 113, last], port));
    let egress = gateway(&one, 8, 10, Guard::AnswersOnly);
    let ingress = gateway(&two, 9, 20, Guard::TcpPorts(vec![15443]));
    let (inside1, inside2) = (simple_pod(&one, 5), simple_pod(&two, 5));
    greeter(&ingress, 15443, "ingress");
    greeter(&ingress, 15021, "health");
    greeter(&egress, 15443, "egress");

    assert_eq!(call(&egress, public(20, 15443)).unwrap(), "ingress to 203.0.113.10");
    assert_eq!(call(&inside2, addr(9, 15021)).unwrap(), "health to 10.10.0.5", "from inside all is open");
    let silent = |from: &Pod, to| from.connect(to, SHORT).unwrap_err().kind() == ErrorKind::TimedOut;
    assert!(silent(&egress, public(20, 15021)), "a port that the ingress does not offer");
    assert!(silent(&ingress, public(10, 15443)), "an egress gateway lets nobody in");
    // Nobody else is on the internet, and gateways do not route.
    assert!(inside1.connect(public(20, 15443), PATIENCE).is_err());
    assert!(inside1.connect(public(10, 15443), PATIENCE).is_err());
}

fn a_packet_for_the_outside_goes_nowhere_and_says_so() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    for outside in ["1.1.1.1:80", "240.240.0.1:80", "10.20.0.1:443", "203.0.113.20:15443"] {
        let began = Instant::now();
        let error = pod.connect(outside.parse().unwrap(), PATIENCE).unwrap_err();
        let told = matches!(error.kind(), ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable);
        assert!(told, "{outside}: {error}");
        assert!(began.elapsed() < PATIENCE);
    }
}

fn ipv6_fails_fast() {
    let network = cluster("cluster1");
    let pod = simple_pod(&network, 5);
    for place in ["[2606:4700:4700::1111]:80", "[::1]:80"] {
        let error = pod.connect(place.parse().unwrap(), PATIENCE).unwrap_err();
        assert_ne!(error.kind(), ErrorKind::TimedOut, "{place}: {error}");
    }
    // Programs that listen on all of IPv6, as many do, still serve IPv4.
    let listener = pod.listen("[::]:8080".parse().unwrap()).unwrap();
    let other = simple_pod(&network, 6);
    let _caller = other.connect(addr(5, 8080), PATIENCE).unwrap();
    listener.accept().unwrap();
}

fn a_pod_can_be_replaced_under_its_address() {
    let network = cluster("cluster1");
    let client = simple_pod(&network, 5);
    for name in ["first", "second", "third"] {
        let server = simple_pod(&network, 6);
        let listener = server.listen(any(80)).unwrap();
        let greeting = std::thread::spawn(move || {
            use std::io::Write;
            listener.accept().unwrap().0.write_all(name.as_bytes()).unwrap();
        });
        assert_eq!(call(&client, addr(6, 80)).unwrap(), name);
        greeting.join().unwrap();
        drop(server);
    }
}

fn two_clusters_of_pods_are_made_at_once() {
    let began = Instant::now();
    let networks = [cluster("cluster1"), cluster("cluster2"), internet()];
    let plans: Vec<PodPlan> =
        networks[..2].iter().flat_map(|network| (10..15).map(|last| plan(network, last))).collect();
    let pods = Pod::create_all(&plans, &networks).unwrap();
    println!("{} pods in {:?}", pods.len(), began.elapsed());

    let names: Vec<&str> = pods.iter().map(Pod::name).collect();
    let planned: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    assert_eq!(names, planned);
    greeter(&pods[4], 80, "fourteen");
    assert_eq!(call(&pods[0], addr(14, 80)).unwrap(), "fourteen to 10.10.0.10");
}

fn a_plan_that_makes_no_sense_is_refused() {
    let network = cluster("cluster1");
    let networks = [network.clone()];
    let refusal = |change: &dyn Fn(&mut PodPlan)| {
        let mut plan = plan(&network, 5);
        change(&mut plan);
        Pod::create(&plan, &networks).unwrap_err().to_string()
    };
    assert!(
        refusal(&|plan| plan.attachments[0].network = "cluster9".to_owned())
            .contains("no network \"cluster9\"")
    );
    assert!(
        refusal(&|plan| plan.attachments[0].address = Ipv4Addr::new(10, 11, 0, 5))
            .contains("10.11.0.5 is not in")
    );
    assert!(
        refusal(&|plan| plan.attachments[0].address = Ipv4Addr::new(10, 10, 0, 1)).contains("is the gateway")
    );
    assert!(refusal(&|plan| plan.hostname = "x".repeat(65)).contains("1 to 64 bytes"));
    assert!(
        refusal(&|plan| plan.attachments.push(plan.attachments[0].clone())).contains("2 routed networks")
    );
}
