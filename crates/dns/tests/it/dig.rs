//! What `dig`, which we did not write, makes of the server. Where it is not installed the tests say
//! so and check nothing.

use std::net::SocketAddr;
use std::process::{Command, Output};

use carrick_dns::Settings;

use crate::support::{mesh, start, start_with};

/// What `dig` prints, its white space made single blanks, or `None` where there is no `dig`.
async fn dig(server: SocketAddr, arguments: &str) -> Option<String> {
    let line = format!("@{} -p {} +tries=1 +time=5 {arguments}", server.ip(), server.port());
    let run = move || Command::new("dig").args(line.split_whitespace()).output();
    match tokio::task::spawn_blocking(run).await.unwrap() {
        Ok(Output { stdout, .. }) => {
            let text = String::from_utf8(stdout).unwrap();
            Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        Err(error) => {
            println!("not checked: cannot run dig ({error}); apt-get install dnsutils");
            None
        }
    }
}

#[tokio::test]
async fn dig_reads_what_the_server_says() {
    let server = start(Some(mesh()), Settings::default()).await;
    let ours = "server.ns2.svc.cluster.global";
    let soa = "global. 5 IN SOA ns.global. hostmaster.global.";
    let cases: [(String, &[&str]); 11] = [
        (format!("{ours} A"), &["status: NOERROR", "qr aa rd", "30 IN A 240.240.0.1", "EDNS: version: 0"]),
        ("SERVER.ns2.svc.CLUSTER.global".to_owned(), &["SERVER.ns2.svc.CLUSTER.global. 30 IN A"]),
        (format!("{ours} AAAA"), &["status: NOERROR", "ANSWER: 0, AUTHORITY: 1", soa]),
        ("nobody.global".to_owned(), &["status: NXDOMAIN", "qr aa", soa]),
        (format!("{ours}.default.svc.cluster.local"), &["status: NXDOMAIN"]),
        (format!("+opcode=NOTIFY {ours}"), &["status: NOTIMP"]),
        (format!("+edns=7 +noednsnegotiation {ours}"), &["status: BADVERS"]),
        ("version.bind CH TXT".to_owned(), &["status: REFUSED"]),
        ("example.com".to_owned(), &["status: REFUSED"]),
        ("+ignore headless.default.svc.cluster.local".to_owned(), &["flags: qr aa tc", "ANSWER: 0"]),
        ("headless.default.svc.cluster.local".to_owned(), &["retrying in TCP mode", "ANSWER: 90"]),
    ];
    for (arguments, expected) in cases {
        let Some(output) = dig(server.address, &arguments).await else { return };
        for part in expected {
            assert!(output.contains(part), "dig {arguments}: no {part:?} in\n{output}");
        }
        assert!(!output.contains("malformed"), "dig {arguments}:\n{output}");
    }
}

#[tokio::test]
async fn a_search_list_with_five_dots_reaches_the_global_name() {
    let server = start(Some(mesh()), Settings::default()).await;
    let list = "+ndots=5 +domain=default.svc.cluster.local";
    let Some(output) =
        dig(server.address, &format!("{list} +search +short server.ns2.svc.cluster.global")).await
    else {
        return;
    };
    assert_eq!(output, "240.240.0.1");
}

#[tokio::test]
async fn dig_sees_a_relayed_answer_as_the_upstream_gave_it() {
    let upstream = start(Some(mesh()), Settings::default()).await;
    let table = Some(carrick_dns::NameTable::new());
    let server = start_with(table, &[upstream.address], Settings::default()).await;
    for transport in ["+notcp", "+tcp"] {
        let asked = format!("{transport} headless.default.svc.cluster.local A");
        let Some(output) = dig(server.address, &asked).await else { return };
        assert!(output.contains("ANSWER: 90") && output.contains("qr aa rd"), "{output}");
    }
}
