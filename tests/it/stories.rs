//! SecureCart's stories, end to end: issuer, upstreams and proxy over real sockets.

use crate::support;

#[test]
fn every_story_comes_out_as_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (code, out, err) = support::run(&["demo", "--smoke"], folder.path());
    assert_eq!(code, 0, "{out}\n{err}");
    assert!(!out.contains('✗'), "{out}");
    for story in [
        "developer",
        "image",
        "payment",
        "pipeline",
        "auditor",
        "break-glass",
        "bill",
        "public-picture",
        "customer",
    ] {
        assert!(
            out.to_lowercase().contains(story),
            "no story of {story}:\n{out}"
        );
    }
}
