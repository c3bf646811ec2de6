//! Cross-origin requests: preflights are answered, other answers are marked.

use crate::fixtures::curl::Reply;
use crate::fixtures::yaml::{filter, http_with};
use crate::fixtures::{bootstrap, cluster};
use crate::server::Server;
use crate::subjects::both;

fn policy(fields: &str) -> String {
    format!(
        "typed_per_filter_config: {{c: {{'@type': type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy, {fields}}}}}"
    )
}

/// The CORS headers of an answer, and who gave it.
fn marks(reply: &Reply) -> Vec<String> {
    let mut marks: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("access-control-") || name == "x-server")
        .map(|(name, value)| format!("{}: {value}", name.trim_start_matches("access-control-")))
        .collect();
    marks.sort();
    marks
}

#[tokio::test]
async fn origins_are_told_apart_by_route_and_virtual_host() {
    let server = Server::start("b").await;
    let of_host = policy(
        "allow_origin_string_match: [{exact: 'https://host'}], expose_headers: x-e, allow_credentials: true",
    );
    let of_route = policy(
        "allow_origin_string_match: [{exact: 'https://a'}, {prefix: 'http://b'}], allow_methods: 'GET,POST', allow_headers: '*', \
         max_age: '60', forward_not_matching_preflights: false",
    );
    let host = format!(
        "{{name: v, domains: ['*'], {of_host}, response_headers_to_add: [{{header: {{key: x-vh, value: 'yes'}}}}], routes: [\
         {{name: own, match: {{prefix: /own}}, route: {{cluster: b}}, {of_route}}}, \
         {{name: direct, match: {{prefix: /direct}}, direct_response: {{status: 200}}}}, \
         {{name: rest, match: {{prefix: /}}, route: {{cluster: b}}}}]}}"
    );
    let filters = filter("c", "cors.v3.Cors", "");
    let yaml = bootstrap(&[http_with(&filters, &host, "")], &[cluster("b", &[server.address], "")]);
    let preflight = [
        "-X",
        "OPTIONS",
        "-H",
        "access-control-request-method: GET",
        "-H",
        "access-control-request-headers: x-q",
    ];
    for subject in &both(&yaml).await {
        let ask = async |path: &str, origin: &str, more: &[&str]| {
            let origin = format!("origin: {origin}");
            let mut arguments = vec!["-H", origin.as_str()];
            arguments.extend(more);
            subject.get(path, &arguments).await
        };
        let name = subject.name;
        // An ordinary request goes on, and the answer is marked for those who may have it.
        let marked =
            ["allow-credentials: true", "allow-origin: https://a", "expose-headers: x-e", "x-server: b"];
        assert_eq!(marks(&ask("/own", "https://a", &[]).await), marked, "{name}");
        assert_eq!(marks(&ask("/own", "https://host", &[]).await), ["x-server: b"], "{name}");
        let marked =
            ["allow-credentials: true", "allow-origin: https://host", "expose-headers: x-e", "x-server: b"];
        assert_eq!(marks(&ask("/", "https://host", &[]).await), marked, "{name}");
        assert_eq!(marks(&ask("/", "https://a", &[]).await), ["x-server: b"], "{name}");

        // A preflight is answered here, from what route and virtual host say together.
        let answered = ask("/own", "http://b:80", &preflight).await;
        let told = [
            "allow-credentials: true",
            "allow-headers: x-q",
            "allow-methods: GET,POST",
            "allow-origin: http://b:80",
            "expose-headers: x-e",
            "max-age: 60",
        ];
        assert_eq!((answered.status, marks(&answered)), (200, told.map(String::from).to_vec()), "{name}");
        assert_eq!((answered.header("x-vh"), answered.body.as_str()), (None, ""), "{name}");
        assert_eq!(subject.logged(5).await, "200 - cors_response own b", "{name}");
        let refused = ask("/own", "https://evil", &preflight).await;
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (200, None), "{name}");
        assert_eq!(refused.header("x-server"), None, "{name}");

        // Where nothing else is said, preflights of others go on, as do those that are none.
        assert_eq!(marks(&ask("/", "https://evil", &preflight).await), ["x-server: b"], "{name}");
        assert_eq!(
            ask("/own", "https://a", &["-X", "OPTIONS"]).await.header("x-server"),
            Some("b"),
            "{name}"
        );
        // What the proxy answers itself is no resource to share.
        assert_eq!(marks(&ask("/direct", "https://host", &preflight).await), Vec::<String>::new(), "{name}");
        // Nobody's page asks.
        assert_eq!(marks(&subject.get("/own", &[]).await), ["x-server: b"], "{name}");
    }
}
