use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn a_socket_that_a_killed_process_left_is_replaced_and_its_folder_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run/xds.sock");
    drop(listen_private(&path).unwrap());
    assert!(path.exists(), "a socket file outlives its listener");
    let listener = listen_private(&path).unwrap();
    UnixStream::connect(&path).unwrap();
    drop(listener);
    assert_eq!(fs::metadata(dir.path().join("run")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_socket_in_use_stays_and_the_error_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("xds.sock");
    let _listener = listen_private(&path).unwrap();
    let error = listen_private(&path).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains("xds.sock"), "{error}");
    UnixStream::connect(&path).unwrap();
}

#[test]
fn a_file_that_is_no_socket_is_never_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    fs::write(&path, "mine").unwrap();
    listen_private(&path).unwrap_err();
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}
