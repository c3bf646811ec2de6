use std::convert::Infallible;
use std::fs;

use super::*;

fn add(journal: &Journal, line: &str) -> Result<Vec<String>, JournalError<Infallible>> {
    journal.change(|lines| Ok((lines, Some(line.to_owned()))))
}

#[test]
fn lines_are_added_and_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::at(dir.path().join("journal"));
    assert_eq!(journal.lines().unwrap(), Vec::<String>::new());
    assert_eq!(add(&journal, "one").unwrap(), Vec::<String>::new());
    assert_eq!(add(&journal, "two").unwrap(), ["one"]);
    assert_eq!(journal.lines().unwrap(), ["one", "two"]);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(journal.path()).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_line_that_was_cut_off_was_never_added() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::at(dir.path().join("journal"));
    for cut in ["tw", "\0\0\0", "\u{fe}"] {
        fs::write(journal.path(), format!("one\n{cut}")).unwrap();
        assert_eq!(journal.lines().unwrap(), ["one"]);
        assert_eq!(add(&journal, "x").unwrap(), ["one"]);
        assert_eq!(fs::read_to_string(journal.path()).unwrap(), "one\nx\n");
    }
}

#[test]
fn a_step_that_refuses_or_has_nothing_to_add_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::at(dir.path().join("journal"));
    add(&journal, "one").unwrap();
    let refused = journal.change(|_| Err::<((), Option<String>), _>("no"));
    assert!(matches!(refused, Err(JournalError::Step("no"))));
    let counted: Result<usize, JournalError<Infallible>> = journal.change(|lines| Ok((lines.len(), None)));
    assert_eq!(counted.unwrap(), 1);
    assert!(matches!(add(&journal, "a\nb"), Err(JournalError::Storage(_))));
    assert_eq!(fs::read_to_string(journal.path()).unwrap(), "one\n");
}

#[test]
fn writers_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::at(dir.path().join("journal"));
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let step = |lines: Vec<String>| Ok::<_, Infallible>(((), Some(lines.len().to_string())));
                journal.change(step).unwrap();
            });
        }
    });
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(journal.lines().unwrap(), expected);
}

#[test]
fn an_error_names_the_file() {
    let journal = Journal::at("/nowhere/at/all");
    let Err(JournalError::Storage(error)) = add(&journal, "one") else { panic!("there is no such folder") };
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
}
