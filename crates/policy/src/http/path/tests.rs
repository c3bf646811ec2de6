use proptest::prelude::*;

use super::*;

/// What Istio's gateways and sidecars are told to do by default.
const NORMALIZE: PathPolicy =
    PathPolicy { normalize: true, merge_slashes: false, escaped_slashes: EscapedSlashes::Keep };
const STRICT: PathPolicy =
    PathPolicy { normalize: true, merge_slashes: true, escaped_slashes: EscapedSlashes::Forward };

fn path<'a>(policy: &PathPolicy, path: &'a str) -> Cow<'a, str> {
    match policy.apply(path) {
        Normalized::Path(path) => path,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn no_spelling_hides_a_dot_segment() {
    for spelled in [
        "/public/../admin",
        "/public/./../admin",
        "/public/%2e%2e/admin",
        "/public/%2E%2e/admin",
        "/public/.%2e/admin",
        "/public/%2e./admin",
        "/public/%2e/%2e%2e/admin",
        "/public\\..\\admin",
        "/public/..\\admin",
        "/../../admin",
        "/%2e%2e/admin",
        "/./admin",
        "/public/..;/admin",
        "/public/..;x=1/admin",
        "/public/%2e%2e;/admin",
        "/.;/admin",
        "/%61dmin",
        "/%61%64%6d%69%6E",
    ] {
        assert_eq!(path(&NORMALIZE, spelled), "/admin", "{spelled}");
    }
}

#[test]
fn a_dot_segment_at_the_end_leaves_a_slash() {
    for (spelled, plain) in [
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/a/b/..", "/a/"),
        ("/..", "/"),
        ("/.", "/"),
        ("/a/%2e%2E", "/"),
        ("/a/..;", "/"),
    ] {
        assert_eq!(path(&NORMALIZE, spelled), plain, "{spelled}");
    }
}

#[test]
fn what_only_looks_like_dots_stays() {
    for kept in ["/a/...", "/a/..b", "/a/b..", "/.well-known/x", "/a/.b/", "/a/...;/b", "/a;/b;x=..", "/a;.."]
    {
        assert_eq!(path(&NORMALIZE, kept), kept);
    }
}

#[test]
fn the_query_is_nobodys_path() {
    for (given, plain) in [
        ("/a?x=/../y", "/a?x=/../y"),
        ("/a/../b?c/../d//e%2e", "/b?c/../d//e%2e"),
        ("/a//b?c//d", "/a/b?c//d"),
        ("/?..", "/?.."),
        ("/a??b", "/a??b"),
    ] {
        assert_eq!(path(&STRICT, given), plain);
    }
}

#[test]
fn an_escape_is_undone_once_and_not_twice() {
    assert_eq!(path(&NORMALIZE, "/a/%252e%252e/b"), "/a/%252e%252e/b");
    assert_eq!(path(&NORMALIZE, "/a%25"), "/a%25");
}

#[test]
fn an_escape_that_is_spelled_with_escapes_does_not_become_one() {
    // Once undone these would read %2e%2e: the next hop would see dots where we saw none.
    for (spelled, plain) in [
        ("/a/%2%65%2%65/b", "/a/%252e%252e/b"),
        ("/%%32e/b", "/%252e/b"),
        ("/a/%%32%65", "/a/%252e"),
        ("/%%32%66", "/%252f"),
    ] {
        assert_eq!(path(&NORMALIZE, spelled), plain, "{spelled}");
    }
}

#[test]
fn broken_escapes_stay_and_nul_is_refused() {
    for kept in ["/a%", "/a%2", "/%zz", "/%-1/b", "/a%%b"] {
        assert_eq!(path(&NORMALIZE, kept), kept);
    }
    for spelled in ["/a%00b", "/%00", "/a/../%00"] {
        assert_eq!(NORMALIZE.apply(spelled), Normalized::Rejected, "{spelled}");
    }
}

#[test]
fn reserved_characters_keep_their_escapes() {
    for kept in ["/a%2Fb", "/a%2fb", "/a%5Cb", "/a%3Fb", "/a%23b", "/a%3b", "/%20", "/%C3%A9"] {
        assert_eq!(path(&NORMALIZE, kept), kept);
    }
}

#[test]
fn what_a_url_parser_escapes_is_escaped() {
    assert_eq!(path(&NORMALIZE, "/a\"b<c>d|e"), "/a%22b%3Cc%3Ed%7Ce");
}

#[test]
fn slashes_are_merged_only_where_asked() {
    assert_eq!(path(&NORMALIZE, "//a///b//"), "//a///b//");
    assert_eq!(path(&STRICT, "//a///b//"), "/a/b/");
    let merge_only = PathPolicy { normalize: false, ..STRICT };
    assert_eq!(path(&merge_only, "//a/..//b"), "/a/../b");
    // Dots come first, so that slashes which they leave are merged, too.
    assert_eq!(path(&STRICT, "/a//../b"), "/a/b");
}

#[test]
fn escaped_slashes_are_kept_refused_redirected_or_undone() {
    let policy = |escaped_slashes| PathPolicy { escaped_slashes, ..NORMALIZE };
    for spelled in ["/a%2Fb", "/a%2fb", "/a%5Cb", "/a%5cb"] {
        assert_eq!(policy(EscapedSlashes::Reject).apply(spelled), Normalized::Rejected);
        assert_eq!(policy(EscapedSlashes::Redirect).apply(spelled), Normalized::Redirect("/a/b".into()));
        assert_eq!(path(&policy(EscapedSlashes::Forward), spelled), "/a/b");
    }
    // What the slash uncovers is normalised as well.
    assert_eq!(path(&policy(EscapedSlashes::Forward), "/public%2f..%2Fadmin?q=%2f"), "/admin?q=%2f");
    assert_eq!(policy(EscapedSlashes::Reject).apply("/a?b=%2f"), Normalized::Path("/a?b=%2f".into()));
    assert_eq!(path(&policy(EscapedSlashes::Reject), "/a%252fb"), "/a%252fb");
}

#[test]
fn without_a_policy_nothing_changes_and_plain_paths_are_not_copied() {
    for kept in ["/a/../b", "/a//b", "/%2e%2e/", "/a\\b", "*"] {
        assert_eq!(path(&PathPolicy::default(), kept), kept);
    }
    assert!(matches!(STRICT.apply("/api/v1/items.json?x=1"), Normalized::Path(Cow::Borrowed(_))));
}

proptest! {
    #[test]
    fn a_normalised_path_has_nothing_left_to_normalise(given in "/([a.;%/\\\\]|%2[eEfF5]|%5c|%6[1-9]|%%32|%2%65|[!-~]){0,24}") {
        for policy in [NORMALIZE, STRICT] {
            let Normalized::Path(once) = policy.apply(&given) else { continue };
            let only_path = once.split('?').next().unwrap();
            prop_assert!(only_path.starts_with('/'));
            prop_assert!(!only_path.split('/').any(|segment| segment == "." || segment == ".."), "{once}");
            prop_assert_eq!(policy.apply(&once), Normalized::Path(once.clone()), "{}", given);
        }
    }
}
