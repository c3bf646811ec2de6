//! Whatever is typed, the parser answers: with resources, with diagnostics at real places, never
//! with a panic.

// A failing unwrap here is a failing test.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use carrick_identity::TrustDomain;
use carrick_model::{
    AddressTable, Diagnostic, MeshSettings, SourceFile, build, parse, parse_federation, render,
};
use proptest::prelude::*;

const WHOLE: &str = include_str!("golden/dangling-references.yaml");
const BROAD: &str = include_str!("golden/contradictions.yaml");

fn through_everything(text: &str) -> Vec<Diagnostic> {
    let files = [SourceFile::new("a.yaml", Arc::<str>::from(text))];
    let (resources, mut diagnostics) = parse(&files);
    let settings = MeshSettings::new("cluster1", TrustDomain::new("cluster1.local").unwrap());
    let (mesh, _, more) = build(resources, settings, AddressTable::default());
    mesh.name_table();
    diagnostics.extend(more);
    diagnostics.extend(parse_federation(&files[0]).1);
    // YAML also breaks lines at a carriage return.
    let lines = u32::try_from(text.split(['\n', '\r']).count()).unwrap();
    for diagnostic in &diagnostics {
        assert!((1..=lines).contains(&diagnostic.location.line), "{} of {lines} lines", diagnostic.location);
        assert!(diagnostic.location.column >= 1);
        assert!(!diagnostic.reason.is_empty());
    }
    render(&diagnostics, &files);
    diagnostics
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        through_everything(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn arbitrary_yaml_like_text_never_panics(text in "[-a-z:{}\\[\\]&*!|>'\"#%@, \\n\\t0-9é]{0,200}") {
        through_everything(&text);
    }

    #[test]
    fn a_real_file_cut_off_anywhere_never_panics(at in 0..WHOLE.len()) {
        through_everything(&WHOLE[..at]);
    }

    #[test]
    fn a_real_file_with_a_hole_or_a_stray_character_never_panics(
        at in 0..BROAD.len(), hole in 0usize..30, stray in any::<char>()
    ) {
        let end = (at + hole).min(BROAD.len());
        through_everything(&format!("{}{stray}{}", &BROAD[..at], &BROAD[end..]));
    }

    #[test]
    fn a_broken_document_does_not_touch_its_neighbours(noise in "[a-z:{\\[\"' \\n]{0,60}") {
        let account = |name: &str| format!("apiVersion: v1\nkind: ServiceAccount\nmetadata: {{ name: {name} }}\n");
        let text = format!("{}---\n{noise}\n---\n{}", account("first"), account("last"));
        let (resources, _) = parse(&[SourceFile::new("a.yaml", text)]);
        let names: Vec<_> = resources.iter().map(|resource| resource.meta().name.clone()).collect();
        prop_assert_eq!(names, ["first", "last"]);
    }
}

#[test]
fn bombs_and_abysses_are_refused_in_bounded_time() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let earlier = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{earlier}]\n"));
    }
    let abyss = format!("a: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    let stairs: String = (0..10_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 200))).collect();
    let deep: String = (0..300).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    for text in [bomb, abyss, stairs, deep] {
        let diagnostics = through_everything(&text);
        assert!(diagnostics.iter().any(Diagnostic::is_error), "{}", &text[..40]);
    }
}

#[test]
fn a_hundred_thousand_hosts_are_read_and_a_megabyte_of_regex_is_refused() {
    let hosts: String = (0..100_000).map(|n| format!("  - h{n}.example\n")).collect();
    let entry = format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{ name: many }}\nspec:\n  \
         resolution: STATIC\n  ports: [{{ number: 80, name: http, protocol: HTTP }}]\n  hosts:\n{hosts}"
    );
    let (resources, diagnostics) = parse(&[SourceFile::new("many.yaml", entry)]);
    assert_eq!((resources.len(), diagnostics), (1, vec![]));

    let regex = "a?".repeat(500_000);
    let route = format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{ name: v }}\nspec:\n  hosts: [a.b]\n  \
         http: [{{ match: [{{ uri: {{ regex: \"{regex}\" }} }}], route: [{{ destination: {{ host: a.b }} }}] }}]\n"
    );
    let diagnostics = through_everything(&route);
    assert!(diagnostics.iter().any(|d| d.reason == "the expression has 1000000 bytes; 1024 are allowed"));
}
