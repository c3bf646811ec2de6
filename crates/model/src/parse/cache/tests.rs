use super::*;

const SERVICE: &str =
    "apiVersion: v1\nkind: Service\nmetadata: { name: NAME }\nspec: { ports: [{ name: http, port: 80 }] }\n";

fn file(path: &str, name: &str) -> SourceFile {
    SourceFile::new(path, SERVICE.replace("NAME", name))
}

fn service(
    resources: &[AnyResource],
    position: usize,
) -> &Arc<crate::resource::Resource<crate::resources::KubernetesService>> {
    let AnyResource::Service(service) = &resources[position] else { panic!("a Service") };
    service
}

#[test]
fn only_what_has_changed_is_parsed_again() {
    let mut cache = ParseCache::default();
    let none = BTreeMap::new();
    let (first, _) = cache.parse(&[file("a.yaml", "a"), file("b.yaml", "b")], &none);
    // Other text values with the same content, as when a folder is read again.
    let (second, found) = cache.parse(&[file("a.yaml", "a"), file("b.yaml", "other")], &none);
    assert_eq!(found, []);
    assert!(Arc::ptr_eq(service(&first, 0), service(&second, 0)));
    assert_eq!(service(&second, 1).meta.name, "other");
}

#[test]
fn one_text_under_two_paths_or_for_two_clusters_is_not_the_same() {
    let mut cache = ParseCache::default();
    let (of_one, of_two) =
        (BTreeMap::from([("x".into(), "one".into())]), BTreeMap::from([("x".into(), "two".into())]));
    let (one, _) = cache.parse(&[file("a.yaml", "x"), file("b.yaml", "x")], &of_one);
    let (two, _) = cache.parse(&[file("a.yaml", "x")], &of_two);
    assert_eq!((service(&one, 0).meta.name.as_str(), service(&two, 0).meta.name.as_str()), ("one", "two"));
    assert_eq!(&*service(&one, 1).meta.source.file, "b.yaml");
}

#[test]
fn findings_are_remembered_like_resources_and_equal_those_of_a_parse_without_memory() {
    let mut cache = ParseCache::default();
    let files = [
        SourceFile::new("a.yaml", "kind: [\n---\napiVersion: v1\nkind: Pot\nmetadata: { name: a }\n"),
        file("b.yaml", "b"),
    ];
    let none = BTreeMap::new();
    let fresh = crate::parse::parse_with(&files, &none);
    assert_eq!(fresh.1.len(), 2);
    assert_eq!(cache.parse(&files, &none), fresh);
    assert_eq!(cache.parse(&files, &none), fresh);
}

#[test]
fn what_nobody_asked_for_in_a_round_is_forgotten() {
    let mut cache = ParseCache::default();
    let none = BTreeMap::new();
    let (old, new) = (file("a.yaml", "old"), file("a.yaml", "new"));
    let first = cache.parse_file(&old, &none);
    cache.forget_unused();
    cache.parse_file(&new, &none);
    assert!(Arc::ptr_eq(&first, &cache.parse_file(&old, &none)), "two texts of one file are both known");
    cache.forget_unused();
    cache.parse_file(&new, &none);
    cache.forget_unused();
    assert!(!Arc::ptr_eq(&first, &cache.parse_file(&old, &none)));
}
