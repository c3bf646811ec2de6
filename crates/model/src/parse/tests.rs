use std::collections::BTreeMap;

use super::documents::split;
use super::suggest::nearest;
use crate::resource::AnyResource;
use crate::resources::{IntOrString, StringMatch};
use crate::source::SourceFile;
use crate::{Diagnostic, Resource};

fn parse(text: &str) -> (Vec<AnyResource>, Vec<Diagnostic>) {
    super::parse(&[SourceFile::new("a.yaml", text)])
}

fn one(text: &str) -> AnyResource {
    let (mut resources, diagnostics) = parse(text);
    assert_eq!(diagnostics, []);
    assert_eq!(resources.len(), 1);
    resources.remove(0)
}

fn virtual_service(text: &str) -> std::sync::Arc<Resource<crate::resources::VirtualService>> {
    match one(text) {
        AnyResource::VirtualService(resource) => resource,
        other => panic!("{other:?}"),
    }
}

#[test]
fn documents_know_the_line_on_which_they_begin() {
    let text = "# comment\n---\na: 1\n--- # note\nb: 2\n...\n---\n\n---\n--- {c: 3}\n";
    let seen: Vec<_> = split(text).into_iter().map(|document| (document.first_line, document.text)).collect();
    assert_eq!(seen, [(3, "a: 1\n"), (5, "b: 2\n"), (10, "--- {c: 3}\n")]);
}

#[test]
fn windows_line_ends_and_byte_order_marks_do_not_move_positions() {
    let text = "\u{feff}apiVersion: v1\r\nkind: Service\r\nmetadata:\r\n  name: a\r\nspec:\r\n  ports:\r\n  - port: x\r\n";
    let (_, diagnostics) = parse(text);
    assert_eq!(diagnostics[0].location.to_string(), "a.yaml:7:11");
}

#[test]
fn columns_count_characters_not_bytes() {
    let (_, diagnostics) =
        parse("apiVersion: v1\nkind: Service\nmetadata: { name: a, labels: { ä: ö, b: 1 } }\n");
    assert_eq!(diagnostics[0].location.to_string(), "a.yaml:3:41");
    assert_eq!(diagnostics[0].field, "metadata.labels.b");
}

#[test]
fn json_is_yaml() {
    let text =
        r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"ports":[{"port":80}]}}"#;
    assert_eq!(one(text).meta().name, "a");
}

#[test]
fn null_is_the_zero_value_as_in_kubernetes() {
    let text = "apiVersion: networking.istio.io/v1\nkind: VirtualService\n\
                metadata: { name: a, labels: , annotations: null, creationTimestamp: null }\n\
                spec: { hosts: , http: [{ timeout: null, match: [{ headers: { x-user: } }] }] }\n";
    let resource = virtual_service(text);
    assert!(resource.spec.hosts.is_empty());
    assert_eq!(resource.spec.http[0].matches[0].headers["x-user"], StringMatch::Present);
}

#[test]
fn snake_case_is_accepted_as_protobuf_does() {
    let text = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\n\
                spec: { export_to: ['*'], http: [{ direct_response: { status: 200 } }] }\n";
    let resource = virtual_service(text);
    assert_eq!(resource.spec.export_to, ["*"]);
    assert_eq!(resource.spec.http[0].direct_response.as_ref().unwrap().status, 200);
}

#[test]
fn a_list_holds_resources_with_their_own_positions() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ServiceAccount\n  metadata: { name: a }\n\
                - apiVersion: v1\n  kind: Service\n  metadata: { name: b }\n  spec: { ports: [{ port: x }] }\n";
    let (resources, diagnostics) = parse(text);
    assert_eq!(resources[0].meta().source.to_string(), "a.yaml:4:3");
    assert_eq!(diagnostics[0].location.to_string(), "a.yaml:10:27");
}

#[test]
fn anchors_and_merges_are_expanded_within_bounds() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: { name: a, labels: &l { app: web } }\n\
                spec: { selector: *l, ports: [{ port: 80, targetPort: web }] }\n";
    let AnyResource::Service(service) = one(text) else { panic!("a Service") };
    assert_eq!(service.spec.selector["app"], "web");
    assert_eq!(service.spec.ports[0].target_port, Some(IntOrString::String("web".to_owned())));
}

#[test]
fn a_key_given_twice_is_a_fault_of_the_text() {
    let (resources, diagnostics) = parse("apiVersion: v1\nkind: Service\nkind: Pod\nmetadata: { name: a }\n");
    assert!(resources.is_empty());
    assert_eq!(diagnostics[0].location.to_string(), "a.yaml:3:1");
    assert!(diagnostics[0].reason.contains("duplicate"), "{}", diagnostics[0].reason);
}

#[test]
fn substitution_touches_scalars_only_and_keeps_positions() {
    let text = "# __PORT__ __HOST__\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\n\
                metadata: { name: a, labels: { __HOST__: x } }\n\
                spec: { hosts: [a.__HOST__.example], ports: [{ number: __PORT__, name: http }] }\n";
    let to = [("__PORT__", "8080"), ("__HOST__", "b: c")].map(|(from, to)| (from.to_owned(), to.to_owned()));
    let (resources, diagnostics) = super::parse_with(&[SourceFile::new("a.yaml", text)], &BTreeMap::from(to));
    assert_eq!(diagnostics, []);
    let AnyResource::ServiceEntry(entry) = &resources[0] else { panic!("a ServiceEntry") };
    assert_eq!(entry.spec.hosts, ["a.b: c.example"], "a colon in the value makes no map");
    assert_eq!(entry.spec.ports[0].number, 8080);
    assert!(entry.meta.labels.contains_key("__HOST__"));
    assert_eq!(entry.meta.locate("spec.ports[0].number").to_string(), "a.yaml:5:56");
}

#[test]
fn a_field_s_place_is_its_own_or_the_nearest_written_around_it() {
    let text = "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  annotations: { x.y/z: v }\nspec:\n  ports:\n  - port: 80\n";
    let resource = one(text);
    let at = |field: &str| resource.meta().locate(field).to_string();
    assert_eq!(at("spec.ports[0].port"), "a.yaml:8:11");
    assert_eq!(at("spec.ports[0].targetPort"), "a.yaml:8:5");
    assert_eq!(at("spec.ports"), "a.yaml:7:3");
    assert_eq!(at("metadata.annotations[\"x.y/z\"]"), "a.yaml:5:25");
    assert_eq!(at("nothing.like.it"), "a.yaml:1:1");
    assert_eq!(at("[..\"]["), "a.yaml:1:1");
}

#[test]
fn suggestions_are_near_or_absent() {
    let fields = ["hosts", "http", "gateways", "exportTo"];
    assert_eq!(nearest("htttp", &fields), Some("http"));
    assert_eq!(nearest("export_to", &fields), Some("exportTo"));
    assert_eq!(nearest("tohsts", &fields), Some("hosts"));
    assert_eq!(nearest("weather", &fields), None);
}
