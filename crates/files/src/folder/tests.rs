use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::read;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_set_of_files_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/root");
    create_dir(&path, &[("key", b"1".to_vec(), 0o600)]).unwrap();
    assert_eq!((mode(&path), mode(&path.join("key"))), (0o700, 0o600));
    let error = create_dir(&path, &[("key", b"2".to_vec(), 0o600)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("a/b/root is there already"), "{error}");
    assert_eq!(read(&path.join("key")).unwrap(), "1");
    assert_eq!(names(path.parent().unwrap()), ["root"]);
}

#[test]
fn an_empty_folder_is_taken_and_a_file_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (empty, file) = (dir.path().join("empty"), dir.path().join("file"));
    fs::create_dir(&empty).unwrap();
    create_dir(&empty, &[("a", b"1".to_vec(), 0o600)]).unwrap();
    assert_eq!(read(&empty.join("a")).unwrap(), "1");
    fs::write(&file, "mine").unwrap();
    assert_eq!(create_dir(&file, &[]).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(read(&file).unwrap(), "mine");
}

#[test]
fn what_killed_processes_left_beside_is_removed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root");
    let keep = [".root.other", ".rooted.0123456789abcdef", "root.0123456789abcdef", ".root"];
    for name in keep.iter().chain(&[".root.0123456789abcdef"]) {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    create_dir(&path, &[]).unwrap();
    let mut expected: Vec<String> = keep.iter().map(ToString::to_string).chain(["root".to_owned()]).collect();
    expected.sort();
    assert_eq!(names(dir.path()), expected);
}

#[test]
fn a_retired_set_comes_back_if_no_other_took_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cacerts");
    recover_dir(&path).unwrap();
    replace_dir(&path, &[("a", b"old".to_vec(), 0o600)]).unwrap();
    fs::rename(&path, retired_name(&path)).unwrap();
    recover_dir(&path).unwrap();
    assert_eq!(read(&path.join("a")).unwrap(), "old");
    fs::create_dir(retired_name(&path)).unwrap();
    recover_dir(&path).unwrap();
    assert_eq!(names(dir.path()), ["cacerts"]);
}

#[test]
fn a_set_of_files_is_replaced_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cacerts");
    replace_dir(&path, &[("a", b"1".to_vec(), 0o600), ("b", b"2".to_vec(), 0o644)]).unwrap();
    replace_dir(&path, &[("a", b"3".to_vec(), 0o600)]).unwrap();
    assert_eq!(read(&path.join("a")).unwrap(), "3");
    assert!(!path.join("b").exists(), "the old set is gone as a whole");
    assert_eq!((mode(&path), mode(&path.join("a"))), (0o700, 0o600));
}

#[test]
fn a_crash_between_the_two_renames_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cacerts");
    replace_dir(&path, &[("a", b"old".to_vec(), 0o600)]).unwrap();
    fs::rename(&path, path.with_extension("retired")).unwrap();
    replace_dir(&path, &[("a", b"new".to_vec(), 0o600)]).unwrap();
    assert_eq!(read(&path.join("a")).unwrap(), "new");
}
