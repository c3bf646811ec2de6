//! Differences that are Carrick's choice. Each is explained under its name in `docs/differences-from-envoy.md`.

/// A difference's name, and how to recognise the cases that show it.
struct Known {
    name: &'static str,
    shows: fn(&str) -> bool,
}

const KNOWN: [Known; 15] = [
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
    Known { name: "request ids of CONNECT", shows: |case| case.starts_with("sidecar: raw \"CONNECT") },
    Known { name: "paths of slashes alone", shows: |case| case.contains("path \"///\"") },
    Known { name: "escaped dots with parameters", shows: |case| any(case, &["%2e%2e;", ".%2e;"]) },
    Known { name: "upgrades that nobody asked for", shows: |case| case.contains("switch-unasked") },
];

/// Listeners that take HTTP/1.0.
fn lenient(case: &str) -> bool {
    case.starts_with("sidecar: ") || case.starts_with("strict: ")
}

fn any(case: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| case.contains(part))
}

/// The name of the difference that a case is known to show.
pub fn difference(case: &str) -> Option<&'static str> {
    KNOWN.iter().find(|known| (known.shows)(case)).map(|known| known.name)
}

/// Differences that were not seen.
pub fn stale(seen: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let seen: Vec<_> = seen.collect();
    KNOWN.iter().map(|known| known.name).filter(|name| !seen.contains(name)).collect()
}
