//! Workload certificates are renewed while connections and requests go on.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::fixtures::{Running, Told, URL};

/// Seconds; renewed at half of it.
const LIFETIME: &str = "8";

/// The serial number of the certificate that a pod's proxy uses now.
fn serial(running: &Running, pod: &str) -> String {
    let certificates = running.exec(pod, &["curl", "-s", "http://127.0.0.1:15000/certs"]).json();
    let all = certificates["certificates"].as_array().unwrap();
    let own = all.iter().find_map(|entry| entry["cert_chain"][0]["serial_number"].as_str());
    own.unwrap_or_else(|| panic!("no certificate: {certificates:#}")).to_owned()
}

#[test]
fn they_are_renewed_while_a_long_connection_and_requests_go_on() {
    renewal_disturbs_nobody(Running::start(&["--workload-ttl", LIFETIME], |_| {}));
}

#[test]
fn envoy_gets_them_renewed_too() {
    renewal_disturbs_nobody(Running::start(&["--workload-ttl", LIFETIME, "--envoy", "sidecar"], |_| {}));
}

fn renewal_disturbs_nobody(running: Running) {
    let ends = ["cluster1/client", "cluster2/server"];
    let mut serials = ends.map(|pod| vec![serial(&running, pod)]);

    // One request whose body never seems to end, and beside it one request after the other.
    let mut long = running.home.carrick(&["exec", ends[0], "--", "curl", "-sS", "-T", "-", URL]);
    let mut long = long.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut body = long.stdin.take().unwrap();
    let stop = running.home.path().join("stop");
    let script = format!(
        "while [ ! -e {} ]; do curl -s -o /dev/null --max-time 10 -w '%{{http_code}} %{{errormsg}}\\n' {URL}; done",
        stop.display()
    );
    let many = running.home.carrick(&["exec", ends[0], "--", "sh", "-c", &script]);
    let many = { many }.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();

    let deadline = Instant::now() + Duration::from_secs(60);
    let mut ticks = 0;
    while serials.iter().any(|seen| seen.len() < 3) {
        assert!(Instant::now() < deadline, "two renewals at each end did not come: {serials:?}");
        body.write_all(b"tick\n").unwrap();
        ticks += 1;
        for (pod, seen) in ends.iter().zip(&mut serials) {
            let now = serial(&running, pod);
            if seen.last() != Some(&now) {
                seen.push(now);
            }
        }
    }
    // At half of their life, not in a hurry: in the time of two lifetimes nobody renews five times.
    assert!(serials.iter().all(|seen| seen.len() < 6), "{serials:?}");

    std::fs::write(&stop, "").unwrap();
    drop(body);
    let long = Told::of(long.wait_with_output().unwrap());
    assert_eq!(long.code, Some(0), "{long:#?}");
    assert_eq!(long.out.matches("tick\n").count(), ticks, "the server got the whole body: {long:#?}");
    let many = Told::of(many.wait_with_output().unwrap());
    let failed: Vec<&str> = many.out.lines().filter(|line| line.trim() != "200").collect();
    assert_eq!(failed, Vec::<&str>::new(), "of {} requests", many.out.lines().count());
    assert!(many.out.lines().count() > 10, "{many:#?}");
}
