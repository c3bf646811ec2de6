//! The admin interface of a proxy at work, asked with curl through its socket file.

use crate::client::{ask, connect};
use crate::fixtures::curl::curl_prints;
use crate::fixtures::echo::http1;
use crate::fixtures::yaml::listener;
use crate::fixtures::{bootstrap, cluster, start};

#[tokio::test]
async fn it_tells_what_the_proxy_runs_and_does() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin").display().to_string();
    let app = http1::echo("app").await;
    let yaml = bootstrap(
        &[listener("", "", "{match: {prefix: /}, route: {cluster: app}}")],
        &[cluster("app", &[app], "")],
    );
    let proxy = start(&format!("admin: {{address: {{pipe: {{path: '{socket}'}}}}}}\n{yaml}")).await;
    proxy.ready().await;
    let get = |path: &'static str| {
        let socket = socket.clone();
        async move { curl_prints(&["--unix-socket", &socket, &format!("http://localhost{path}")], b"").await }
    };
    assert_eq!(get("/ready").await, "LIVE\n");
    ask(&mut connect(&proxy).await, "GET /asked HTTP/1.1\r\nhost: a\r\n\r\n").await;
    crate::fixtures::finished(&proxy, |record| record.path.as_deref() == Some("/asked")).await;

    let dump: serde_json::Value = serde_json::from_str(&get("/config_dump").await).unwrap();
    let kinds: Vec<&str> =
        dump["configs"].as_array().unwrap().iter().filter_map(|c| c["@type"].as_str()).collect();
    assert!(kinds.iter().any(|kind| kind.ends_with("ListenersConfigDump")), "{kinds:?}");
    assert!(get("/clusters").await.contains(&format!("app::{app}::rq_total::1")));
    assert!(get("/listeners").await.starts_with("http::127.0.0.1:"));
    let certs: serde_json::Value = serde_json::from_str(&get("/certs").await).unwrap();
    assert_eq!(certs["certificates"].as_array().unwrap().len(), 0);
    let metrics = get("/stats/prometheus").await;
    assert!(metrics.contains("envoy_cluster_upstream_rq_total{") && metrics.contains("\"app\""), "{metrics}");
    let flows: serde_json::Value = serde_json::from_str(&get("/flows").await).unwrap();
    assert_eq!(flows[0]["path"], "/asked");

    let code = |arguments: &[&str]| {
        let socket = socket.clone();
        let own: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        async move {
            let mut all =
                vec!["--unix-socket", &socket, "--output", "/dev/null", "--write-out", "%{http_code}"];
            all.extend(own.iter().map(String::as_str));
            curl_prints(&all, b"").await
        }
    };
    assert_eq!(code(&["-X", "POST", "http://localhost/quitquitquit"]).await, "405");
    assert_eq!(code(&["http://rebound.example/config_dump"]).await, "403");
}
