use std::path::Path;
use std::time::Duration;

use super::groups::Group;
use super::*;

#[test]
fn series_are_named_and_labelled_as_envoy_does() {
    let stats = Stats::default();
    stats.server.live.set(1);
    let cluster = stats.cluster("outbound|80||a.b");
    cluster.upstream_cx_total.increment();
    cluster.upstream_rq_xx[1].add(3);

    let text = stats.prometheus();
    assert!(text.contains("# TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n"), "{text}");
    assert!(
        text.contains("envoy_cluster_upstream_cx_total{envoy_cluster_name=\"outbound|80||a.b\"} 1\n"),
        "{text}"
    );
    let class = "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"outbound|80||a.b\"} 3\n";
    assert!(text.contains(class), "{text}");
    assert!(stats.lines().contains("cluster.outbound|80||a.b.upstream_rq_2xx: 3\n"));
}

#[test]
fn histogram_buckets_are_cumulative() {
    let stats = Stats::default();
    let http = stats.http("in");
    http.downstream_rq_time.record(Duration::from_micros(400));
    http.downstream_rq_time.record(Duration::from_millis(7));
    http.downstream_rq_time.record(Duration::from_secs(7200));

    let text = stats.prometheus();
    for (bound, count) in [("0.5", 1), ("5", 1), ("10", 2), ("3600000", 2), ("+Inf", 3)] {
        let line = format!(
            "envoy_http_downstream_rq_time_bucket{{envoy_http_conn_manager_prefix=\"in\",le=\"{bound}\"}} {count}\n"
        );
        assert!(text.contains(&line), "{line} not in {text}");
    }
}

#[test]
fn names_beyond_the_limit_share_one_series() {
    let stats = Stats::default();
    for n in 0..SERIES_LIMIT + 50 {
        stats.cluster(&format!("c{n}")).upstream_cx_total.increment();
    }
    assert_eq!(stats.clusters.all().len(), SERIES_LIMIT + 1);
    assert_eq!(stats.cluster("never seen").upstream_cx_total.get(), 50);
}

#[test]
fn a_quote_in_a_name_cannot_break_the_exposition() {
    let stats = Stats::default();
    stats.cluster("a\"} 1\nevil{x=\"").upstream_cx_total.increment();
    let text = stats.prometheus();
    assert!(!text.lines().any(|line| line.starts_with("evil")), "{text}");
}

/// Every number that is shown is touched somewhere in the program: the sources are searched for its
/// name, as a field.
#[test]
fn no_number_is_shown_that_nothing_touches() {
    let mut sources = String::new();
    read_all(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut sources);
    let mut dead = Vec::new();
    let mut look = |group: &dyn Group| {
        group.each(&mut |name, _| {
            let is_field = |at: usize| {
                let next = sources[at + name.len() + 1..].chars().next();
                next.is_none_or(|next| !next.is_alphanumeric() && next != '_')
            };
            if !sources.match_indices(&format!(".{name}")).any(|(at, _)| is_field(at)) {
                dead.push(name);
            }
        });
    };
    look(&ClusterStats::default());
    look(&ListenerStats::default());
    look(&HttpStats::default());
    look(&TcpStats::default());
    look(&ServerStats::default());
    assert!(dead.is_empty(), "shown, and never touched: {dead:?}");
}

/// All sources but tests and those of this module, which names every number.
fn read_all(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        if entry.is_dir() && name != "stats" {
            read_all(&entry, text);
        } else if name.ends_with(".rs") && !name.contains("tests") {
            text.push_str(&std::fs::read_to_string(&entry).unwrap());
        }
    }
}
