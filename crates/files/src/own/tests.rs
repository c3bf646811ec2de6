use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn refusal(path: &Path) -> String {
    let refusal = own_dir(path).unwrap_err().to_string();
    assert_eq!(check_own_dir(path).unwrap_err().to_string(), refusal, "looking refuses what making refuses");
    assert!(refusal.starts_with(&format!("{} cannot be used: ", path.display())), "{refusal}");
    assert!(refusal.contains("set XDG_RUNTIME_DIR"), "{refusal}");
    refusal
}

#[test]
fn a_folder_that_is_not_there_is_made_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    check_own_dir(&path).unwrap();
    own_dir(&path).unwrap();
    own_dir(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(dir.path().join("a")).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_link_is_refused_wherever_it_leads() {
    let dir = tempfile::tempdir().unwrap();
    let (own, link, dangling) =
        (dir.path().join("own"), dir.path().join("link"), dir.path().join("dangling"));
    own_dir(&own).unwrap();
    symlink(&own, &link).unwrap();
    symlink("/nowhere/at/all", &dangling).unwrap();
    assert!(refusal(&link).contains("it is a symbolic link, made by user "));
    assert!(refusal(&dangling).contains("it is a symbolic link, made by user "));
    assert!(!Path::new("/nowhere").exists());
}

#[test]
fn a_folder_that_others_may_enter_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for mode in [0o777, 0o750, 0o701] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert!(refusal(dir.path()).contains(&format!("its mode {mode:04o} lets others in")), "{mode:o}");
    }
}

#[test]
fn somebody_elses_folder_and_a_file_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(refusal(&file).contains("it is no folder"));
    let facts = fs::symlink_metadata(dir.path()).unwrap();
    let other = facts.uid() + 1;
    let reason = fault(&facts, other).unwrap();
    assert_eq!(reason, format!("it belongs to user {}, not to user {other}", facts.uid()));
}
