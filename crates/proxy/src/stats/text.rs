//! How numbers are shown: Prometheus text exposition, and Envoy's `name: value` lines.
//!
//! It must not know which numbers exist.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::groups::Group;
use super::metric::{BUCKETS, Histogram, Value};
use super::{Family, Stats};

impl Stats {
    /// The text exposition format of Prometheus, named and labelled as Envoy does.
    pub fn prometheus(&self) -> String {
        let mut metrics = Metrics::default();
        metrics.add("server", None, &self.server);
        self.clusters.each(|name, group| metrics.add("cluster", Some(("envoy_cluster_name", name)), group));
        self.listeners
            .each(|name, group| metrics.add("listener", Some(("envoy_listener_address", name)), group));
        self.http.each(|name, group| {
            metrics.add("http", Some(("envoy_http_conn_manager_prefix", name)), group);
        });
        self.tcp.each(|name, group| metrics.add("tcp", Some(("envoy_tcp_prefix", name)), group));
        metrics.text()
    }

    /// One `name: value` per line, sorted, as Envoy's `/stats`. Histograms are left out: they have
    /// no single value.
    pub fn lines(&self) -> String {
        let mut lines = Vec::new();
        add_lines(&mut lines, "server", &self.server);
        self.clusters.each(|name, group| add_lines(&mut lines, &format!("cluster.{name}"), group));
        self.listeners.each(|name, group| add_lines(&mut lines, &format!("listener.{name}"), group));
        self.http.each(|name, group| add_lines(&mut lines, &format!("http.{name}"), group));
        self.tcp.each(|name, group| add_lines(&mut lines, &format!("tcp.{name}"), group));
        lines.sort();
        lines.concat()
    }
}

impl<G: Group + Default> Family<G> {
    fn each(&self, mut show: impl FnMut(&str, &G)) {
        for (name, group) in self.all() {
            show(&name, &group);
        }
    }
}

fn add_lines(lines: &mut Vec<String>, prefix: &str, group: &dyn Group) {
    group.each(&mut |name, value| match value {
        Value::Counter(value) => lines.push(format!("{prefix}.{name}: {value}\n")),
        Value::Gauge(value) => lines.push(format!("{prefix}.{name}: {value}\n")),
        Value::Class(class, value) => {
            let name = name.trim_end_matches("xx");
            lines.push(format!("{prefix}.{name}{class}xx: {value}\n"));
        }
        Value::Histogram(_) => {}
    });
}

/// Series grouped by metric, because the exposition format wants all series of a metric together.
#[derive(Default)]
struct Metrics {
    by_name: BTreeMap<String, (&'static str, String)>,
}

impl Metrics {
    fn add(&mut self, family: &str, label: Option<(&str, &str)>, group: &dyn Group) {
        let label = label.map(|(key, value)| format!("{key}=\"{}\"", escape(value))).unwrap_or_default();
        group.each(&mut |name, value| {
            let name = format!("envoy_{family}_{name}");
            let kind = match value {
                Value::Counter(_) | Value::Class(..) => "counter",
                Value::Gauge(_) => "gauge",
                Value::Histogram(_) => "histogram",
            };
            let (_, series) = self.by_name.entry(name.clone()).or_insert_with(|| (kind, String::new()));
            match value {
                Value::Counter(value) => line(series, &name, &[&label], value),
                Value::Gauge(value) => line(series, &name, &[&label], value),
                Value::Class(class, value) => {
                    line(series, &name, &[&format!("envoy_response_code_class=\"{class}\""), &label], value);
                }
                Value::Histogram(histogram) => add_histogram(series, &name, &label, histogram),
            }
        });
    }

    fn text(self) -> String {
        let mut text = String::new();
        for (name, (kind, series)) in self.by_name {
            // Writing to a String cannot fail.
            let _ = write!(text, "# TYPE {name} {kind}\n{series}");
        }
        text
    }
}

fn add_histogram(series: &mut String, name: &str, label: &str, histogram: &Histogram) {
    let counts = histogram.cumulative();
    let bucket = format!("{name}_bucket");
    for (bound, count) in BUCKETS.iter().zip(counts) {
        line(series, &bucket, &[label, &format!("le=\"{bound}\"")], count);
    }
    let total = counts[BUCKETS.len()];
    line(series, &bucket, &[label, "le=\"+Inf\""], total);
    line(series, &format!("{name}_sum"), &[label], histogram.sum_millis());
    line(series, &format!("{name}_count"), &[label], total);
}

fn line(series: &mut String, name: &str, labels: &[&str], value: impl std::fmt::Display) {
    let labels: Vec<&str> = labels.iter().copied().filter(|label| !label.is_empty()).collect();
    let _ = writeln!(series, "{name}{{{}}} {value}", labels.join(","));
}

/// Label values may hold anything once backslash, quote and newline are escaped (Prometheus
/// exposition formats).
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
