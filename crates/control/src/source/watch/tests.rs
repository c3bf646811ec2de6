use std::fs;

use super::*;

/// A folder `policies` with one file, in a folder of its own.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let policies = home.path().join("policies");
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join("a.yaml"), "a").unwrap();
    (home, policies)
}

/// Whatever was done is told; and so is a plain edit after it.
async fn is_told(watch: &mut Watch, policies: &Path) {
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, watch.changed()).await.expect("the change is told");
    // What belongs to the same change may be told once more.
    while tokio::time::timeout(2 * LOOK_AGAIN, watch.changed()).await.is_ok() {}
    fs::write(policies.join("a.yaml"), "an edit afterwards").unwrap();
    tokio::time::timeout(patience, watch.changed()).await.expect("the edit after it is told");
}

#[tokio::test]
async fn a_folder_that_is_removed_and_made_again_is_followed() {
    let (_home, policies) = folder();
    let mut watch = Watch::start(std::slice::from_ref(&policies)).unwrap();
    fs::remove_dir_all(&policies).unwrap();
    tokio::time::timeout(Duration::from_secs(20), watch.changed()).await.unwrap();
    fs::create_dir(&policies).unwrap();
    fs::write(policies.join("a.yaml"), "b").unwrap();
    is_told(&mut watch, &policies).await;
}

#[tokio::test]
async fn a_folder_that_takes_the_place_of_another_is_followed() {
    let (home, policies) = folder();
    let other = home.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("a.yaml"), "b").unwrap();
    let mut watch = Watch::start(std::slice::from_ref(&policies)).unwrap();
    fs::rename(&policies, home.path().join("old")).unwrap();
    fs::rename(&other, &policies).unwrap();
    is_told(&mut watch, &policies).await;
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_is_followed() {
    let (home, policies) = folder();
    let other = home.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("a.yaml"), "b").unwrap();
    let link = home.path().join("link");
    std::os::unix::fs::symlink(&policies, &link).unwrap();
    let mut watch = Watch::start(std::slice::from_ref(&link)).unwrap();
    std::os::unix::fs::symlink(&other, home.path().join("new")).unwrap();
    fs::rename(home.path().join("new"), &link).unwrap();
    is_told(&mut watch, &link).await;
}

#[tokio::test]
async fn nothing_is_told_when_nothing_happens() {
    let (_home, policies) = folder();
    let mut watch = Watch::start(std::slice::from_ref(&policies)).unwrap();
    let told = tokio::time::timeout(3 * LOOK_AGAIN, watch.changed()).await;
    assert!(told.is_err(), "an edit that nobody made was told");
}
