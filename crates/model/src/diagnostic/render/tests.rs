use super::*;
use crate::diagnostic::codes;
use crate::source::Location;

#[test]
fn a_line_that_is_too_long_to_read_is_shown_around_the_place() {
    let text = format!("hosts: [{}bad_name, {}]", "a.example, ".repeat(10_000), "é.example, ".repeat(10_000));
    let column = u32::try_from(text.find("bad_name").unwrap() + 1).unwrap();
    let found = Diagnostic {
        code: codes::BAD_HOST,
        severity: Severity::Error,
        location: Location::new("a.yaml", 1, column),
        resource: None,
        field: "spec.hosts[10000]".into(),
        reason: "no name".into(),
        help: String::new(),
    };
    let shown = render(&vec![found; 1200], &[SourceFile::new("a.yaml", text)]);
    assert!(shown.contains("bad_name"), "{shown}");
    assert!(shown.len() < 3_000_000, "{} bytes", shown.len());
    assert!(shown.ends_with("... and 200 more findings\n"));
}
