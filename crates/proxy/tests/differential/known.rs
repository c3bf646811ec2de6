//! Differences that are Carrick's choice. Each is explained under its name in
//! `docs/differences-from-envoy.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

/// A difference's name, and how to recognise the cases that show it.
struct Known {
    name: &'static str,
    shows: fn(&str) -> bool,
}

const KNOWN: [Known; 25] = [
    Known {
        name: "white space in request lines",
        shows: |case| any(case, &["GET  /", "/  HTTP", "HTTP/1.1 \\r", "method \"GET\\t\""]),
    },
    Known {
        name: "two Host headers",
        shows: |case| case.matches("\\r\\nhost: ").count() == 2 && !case.contains("second"),
    },
    Known { name: "empty Host", shows: |case| any(case, &["host \"\"", "host \" \""]) },
    Known { name: "user information in authorities", shows: |case| any(case, &["user@", "user:pw@"]) },
    Known { name: "folded headers", shows: |case| case.contains("x-fold") },
    Known { name: "carriage returns in headers", shows: |case| case.contains("x-cr") },
    Known { name: "chunks longer than they say", shows: |case| case.contains("3\\r\\nabcd\\r\\n0") },
    Known {
        name: "characters that no URI has",
        shows: |case| any(case, &["path \"/<b>\"", "path \"/a`b\""]),
    },
    Known {
        name: "versions other than 1.0 and 1.1",
        shows: |case| {
            lenient(case) && any(case, &["HTTP/1.2", "HTTP/1.9", "HTTP/0.9", "HTTP/2.0", "\"GET /\\r\\n"])
        },
    },
    Known {
        name: "transfer codings in HTTP/1.0",
        shows: |case| lenient(case) && case.contains("HTTP/1.0") && case.contains("transfer-encoding"),
    },
    Known { name: "absolute URIs without a path", shows: |case| case.contains("http://main.example?q") },
    Known {
        name: "request ids of CONNECT",
        shows: |case| case.contains("sidecar: ") && case.contains("\"CONNECT"),
    },
    Known { name: "paths of slashes alone", shows: |case| case.contains("path \"///\"") },
    Known { name: "escaped dots with parameters", shows: |case| any(case, &["%2e%2e;", ".%2e;"]) },
    Known {
        name: "underscores over HTTP/2",
        shows: |case| over2(case) && any(case, &["edge: header x_under", "edge: header transfer_enc"]),
    },
    Known {
        name: "bytes above 127 in paths over HTTP/2",
        shows: |case| over2(case) && case.contains("path \"/é\""),
    },
    Known {
        name: "an asterisk that is no OPTIONS over HTTP/2",
        shows: |case| over2(case) && case.contains("path \"*\""),
    },
    Known {
        name: "HEAD without a length",
        shows: |case| case.contains("over HTTP/2") && case.contains(" HEAD "),
    },
    Known {
        name: "trailers to HTTP/1.1 clients",
        shows: |case| case.starts_with("sidecar: over HTTP/2 trailers"),
    },
    Known { name: "upgrades that nobody asked for", shows: |case| case.contains("switch-unasked") },
    Known {
        name: "names that no host has",
        shows: |case| case.starts_with("TCP sni") && case.contains("called"),
    },
    Known {
        name: "handshakes that begin without a ClientHello",
        shows: |case| case.contains("a handshake that is no hello"),
    },
    Known { name: "SSL 2", shows: |case| case.contains("an SSL 2 hello") },
    Known { name: "a first byte alone", shows: |case| case.starts_with("TCP sni") && case.contains("a NUL") },
    Known { name: "names of missing clusters", shows: |case| case.contains("TCP tcp-missing") },
];

fn over2(case: &str) -> bool {
    case.starts_with("HTTP/2 ")
}

/// Listeners that take HTTP/1.0.
fn lenient(case: &str) -> bool {
    case.starts_with("sidecar: ") || case.starts_with("strict: ")
}

fn any(case: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| case.contains(part))
}

/// What one comparison found.
#[derive(Default)]
pub struct Differences {
    unknown: Vec<String>,
    known: BTreeMap<&'static str, u32>,
}

impl Differences {
    /// Compares what is told of a case by both sides.
    pub fn compare(&mut self, case: &str, sent: &str, envoy: &str, carrick: &str) {
        if envoy == carrick {
            return;
        }
        match KNOWN.iter().find(|known| (known.shows)(case)) {
            Some(known) => *self.known.entry(known.name).or_insert(0) += 1,
            None => {
                let sent: String = sent.chars().take(400).collect();
                let text = format!("=== {case}\n{sent}\n--- Envoy\n{envoy}\n--- Carrick\n{carrick}\n");
                self.unknown.push(text);
            }
        }
    }

    /// Fails if there is a difference that nobody meant.
    pub fn judge(self, what: &str, cases: usize) {
        let known: u32 = self.known.values().sum();
        println!("{cases} {what} with each proxy; {known} show differences that are meant: {:?}", self.known);
        let gone = gone(self.known.keys().copied());
        assert!(
            gone.is_empty(),
            "these differences are gone; strike them here and in the documentation: {gone:?}"
        );
        assert!(
            self.unknown.is_empty(),
            "{} of {cases} differ:\n{}",
            self.unknown.len(),
            self.unknown.join("\n")
        );
    }
}

/// How many suites compare, each once.
const SUITES: usize = 3;

/// Differences that no suite has seen, once all have looked.
fn gone(seen: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    static SEEN: Mutex<(usize, BTreeSet<&'static str>)> = Mutex::new((0, BTreeSet::new()));
    let mut all = SEEN.lock().unwrap();
    all.0 += 1;
    all.1.extend(seen);
    let names = KNOWN.iter().map(|known| known.name);
    if all.0 == SUITES { names.filter(|name| !all.1.contains(name)).collect() } else { Vec::new() }
}

#[test]
fn every_difference_that_is_meant_is_explained() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/differences-from-envoy.md");
    let page = std::fs::read_to_string(page).unwrap();
    for known in &KNOWN {
        assert!(page.contains(&format!("| {} |", known.name)), "{} is not explained", known.name);
    }
}
