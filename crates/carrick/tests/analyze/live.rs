//! What the analysis says will fail fails, on real proxies; and what it has no word against is
//! answered.

use std::path::Path;

use crate::command::{Ran, carrick_in, golden_folder};

/// A federation that runs for one test, in homes of its own.
struct Running {
    homes: tempfile::TempDir,
}

impl Running {
    fn start(folder: &Path) -> Running {
        let running = Running { homes: tempfile::tempdir().unwrap() };
        let up = running.carrick(&["up", folder.to_str().unwrap(), "--detach"]);
        assert_eq!(up.code, 0, "{} does not start: {}", folder.display(), up.stderr);
        running
    }

    fn carrick(&self, arguments: &[&str]) -> Ran {
        carrick_in(self.homes.path(), arguments)
    }

    /// The status that the client gets.
    fn get(&self, url: &str) -> String {
        let curl = [
            "exec",
            "cluster1/client",
            "--",
            "curl",
            "-s",
            "-m",
            "20",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            url,
        ];
        self.carrick(&curl).stdout
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.carrick(&["down", "--purge"]);
    }
}

fn statuses(case: &str, url: &str) -> [String; 2] {
    ["wrong", "mended"].map(|form| Running::start(&golden_folder().join(case).join(form)).get(url))
}

const GLOBAL: &str = "http://server.ns2.svc.cluster.global/";

/// Where Istio's sidecar refuses it: by the SNI of a passthrough route nothing but mutual TLS comes
/// in, and that needs no mark.
#[test]
fn mutual_tls_without_istio_s_alpn_is_taken_from_outside_by_a_permissive_server() {
    assert_eq!(statuses("CRK103-no-mesh-protocol", GLOBAL), ["200", "200"]);
}

#[test]
fn what_a_gateway_encrypts_once_more_does_not_arrive() {
    assert_eq!(statuses("CRK107-encrypted-twice", GLOBAL), ["503", "200"]);
}

#[test]
fn istio_s_own_sni_finds_no_route_at_a_gateway_that_lists_names() {
    assert_eq!(statuses("CRK133-sni-refused", GLOBAL), ["503", "200"]);
}

#[test]
fn a_subset_that_the_client_does_not_see_is_no_subset() {
    assert_eq!(statuses("CRK114-subset-out-of-sight", "http://server.ns2/"), ["503", "200"]);
}
