use super::*;

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn names(folder: &Folder) -> Vec<String> {
    folder.read().unwrap().iter().map(|file| file.path.to_string()).collect()
}

#[test]
fn files_come_in_the_order_of_the_list_and_of_their_names() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "b/2.yaml", "");
    write(dir.path(), "b/1.yml", "");
    write(dir.path(), "b/deep/0.json", "");
    write(dir.path(), "a.yaml", "");
    let folder = Folder { root: dir.path().into(), includes: vec!["b".into(), "a.yaml".into()] };
    assert_eq!(names(&folder), ["b/1.yml", "b/2.yaml", "b/deep/0.json", "a.yaml"]);
}

#[test]
fn hidden_files_and_other_kinds_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), ".swp.yaml", "");
    write(dir.path(), ".git/x.yaml", "");
    write(dir.path(), "README.md", "");
    write(dir.path(), "one.yaml", "");
    assert_eq!(names(&Folder { root: dir.path().into(), includes: vec!["".into()] }), ["one.yaml"]);
}

#[test]
fn a_named_path_that_is_not_there_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let error = Folder { root: dir.path().into(), includes: vec!["gone/".into()] }.read().unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
}
