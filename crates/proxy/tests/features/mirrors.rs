//! Mirroring: another cluster gets copies, and nobody waits for it.

use crate::fixtures::yaml::http;
use crate::fixtures::{bootstrap, cluster, eventually, nobody};
use crate::server::{Seen, Server};
use crate::subjects::both;

async fn one(server: &Server) -> Seen {
    eventually(async || server.count() > 0).await;
    let mut seen = server.take();
    assert_eq!(seen.len(), 1);
    seen.remove(0)
}

#[tokio::test]
async fn the_copy_is_the_request_but_for_its_host() {
    let (server, shadow) = (Server::start("b").await, Server::start("shadow").await);
    let routes = "{match: {prefix: /}, route: {cluster: b, prefix_rewrite: /new/, request_mirror_policies: [{cluster: s}]}, \
        request_headers_to_add: [{header: {key: x-added, value: '1'}}]}";
    let clusters = [cluster("b", &[server.address], ""), cluster("s", &[shadow.address], "")];
    for subject in &both(&bootstrap(&[http("", routes)], &clusters)).await {
        let name = subject.name;
        for (arguments, body) in [
            (&[][..], String::new()),
            (&["-d", "hello"], "hello".into()),
            (&["-H", "transfer-encoding: chunked", "-d", "chunks"], "chunks".into()),
            (&["-X", "POST"], String::new()),
        ] {
            let mut all = vec!["-H", "host: a.test:81"];
            all.extend(arguments);
            assert_eq!(subject.get("/p?q", &all).await.body, "b", "{name}");
            let (original, copy) = (one(&server).await, one(&shadow).await);
            assert_eq!(original.authority, "a.test:81", "{name}");
            assert_eq!(copy.authority, "a.test-shadow:81", "{name}");
            assert_eq!((&copy.path, &copy.method), (&original.path, &original.method), "{name}");
            assert_eq!((original.path.as_str(), copy.header("x-added")), ("/new/p?q", Some("1")), "{name}");
            // It says that it is a proxy's own, and whose.
            assert_eq!(copy.header("x-envoy-internal"), Some("true"), "{name}");
            assert!(copy.header("x-forwarded-for").unwrap().parse::<std::net::IpAddr>().is_ok(), "{name}");
            let more = ["host", "x-envoy-internal", "x-forwarded-for"];
            let headers = |seen: &Seen| {
                let mut headers = seen.headers.clone();
                headers.retain(|(name, _)| !more.contains(&name.as_str()));
                headers.sort();
                headers
            };
            assert_eq!(headers(&copy), headers(&original), "{name}");
            assert_eq!((&copy.body, &original.body), (&body, &body), "{name}");
            assert_eq!(copy.header("x-request-id"), original.header("x-request-id"), "{name}");
        }
    }
}

#[tokio::test]
async fn a_large_body_goes_both_ways_whole() {
    let (server, shadow) = (Server::start("b").await, Server::start("shadow").await);
    let routes = "{match: {prefix: /}, route: {cluster: b, request_mirror_policies: [{cluster: s}]}}";
    let clusters = [cluster("b", &[server.address], ""), cluster("s", &[shadow.address], "")];
    let file = tempfile::NamedTempFile::new().unwrap();
    let body: String = (0..40_000).map(|n| format!("{n} ")).collect();
    std::fs::write(file.path(), &body).unwrap();
    let argument = format!("@{}", file.path().display());
    for subject in &both(&bootstrap(&[http("", routes)], &clusters)).await {
        assert_eq!(
            subject.get("/", &["-H", "expect:", "--data-binary", &argument]).await.status,
            200,
            "{}",
            subject.name
        );
        assert!(one(&server).await.body == body, "{}", subject.name);
        assert!(one(&shadow).await.body == body, "{}", subject.name);
    }
}

#[tokio::test]
async fn what_becomes_of_the_copy_is_nobodys_concern() {
    let (server, shadow) = (Server::start("b").await, Server::start("shadow").await);
    let routes = "{match: {prefix: /down}, route: {cluster: b, request_mirror_policies: [{cluster: down}, {cluster: missing}]}}, \
        {match: {prefix: /never}, route: {cluster: b, request_mirror_policies: \
            [{cluster: s, runtime_fraction: {default_value: {numerator: 0}}}]}}, \
        {match: {prefix: /two}, route: {cluster: b, request_mirror_policies: \
            [{cluster: s}, {cluster: s, disable_shadow_host_suffix_append: true}]}}";
    let clusters = [
        cluster("b", &[server.address], ""),
        cluster("s", &[shadow.address], ""),
        cluster("down", &[nobody().await], ""),
    ];
    let mut http = http("", routes);
    // Static configuration would otherwise insist on every cluster.
    http = http.replace("route_config: {name: r,", "route_config: {name: r, validate_clusters: false,");
    for subject in &both(&bootstrap(&[http], &clusters)).await {
        let name = subject.name;
        for path in ["/down", "/never"] {
            assert_eq!(subject.get(path, &["-d", "x"]).await.body, "b", "{name}");
        }
        assert_eq!(
            subject.get("/two", &["-H", "host: a", "-H", "x-status: 500"]).await.status,
            500,
            "{name}"
        );
        eventually(async || shadow.count() >= 2).await;
        let mut hosts: Vec<_> = shadow.take().into_iter().map(|seen| (seen.path, seen.authority)).collect();
        hosts.sort();
        let expected = ["a", "a-shadow"].map(|host| ("/two".to_owned(), host.to_owned()));
        assert_eq!(hosts, expected, "{name}");
    }
}
