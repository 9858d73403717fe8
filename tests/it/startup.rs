//! What stops a start: exit code 2, every fault at once, with its place.

use crate::support::{self, Sidegate, Site, Upstream};

#[test]
fn a_broken_bundle_stops_the_start_with_every_fault() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    site.write(
        "policies/routes/broken.yaml",
        "service: x\nservice: y\nrouts: []\n",
    );
    site.write(
        "policies/scps/broken.json",
        "{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Alow\"}]}",
    );
    let (code, out, err) = support::run(&["run", "-c", "sidegate.yaml"], &site.path("."));
    assert_eq!(code, 2, "{out}{err}");
    for part in [
        "routes/broken.yaml:2:1",
        "duplicate-key",
        "scps/broken.json:1:",
        "Alow",
        "^",
    ] {
        assert!(err.contains(part), "no {part} in\n{err}");
    }
    assert_eq!(out, "");
}

#[test]
fn a_broken_configuration_stops_the_start() {
    let site = Site::new();
    site.write("sidegate.yaml", "listeners: []\nbundel: { path: x }\n");
    let (code, _, err) = support::run(&["run", "-c", "sidegate.yaml"], &site.path("."));
    assert_eq!(code, 2, "{err}");
    assert!(
        err.contains("sidegate.yaml:2:1") && err.contains("did you mean `bundle`?"),
        "{err}"
    );
}

#[test]
fn a_taken_port_stops_the_start() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let text = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    let taken = upstream.address.to_string();
    site.write(
        "sidegate.yaml",
        &text.replace(
            "address: 127.0.0.1:0, mode",
            &format!("address: {taken}, mode"),
        ),
    );
    let (code, _, err) = support::run(&["run", "-c", "sidegate.yaml"], &site.path("."));
    assert_eq!(code, 2, "{err}");
    assert!(err.contains(&taken), "{err}");
}

#[test]
fn the_caches_are_counted_from_the_start() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    for cache in ["tokens", "identities"] {
        for event in ["hit", "miss", "eviction"] {
            let series =
                format!("sidegate_cache_events_total{{cache=\"{cache}\",event=\"{event}\"}}");
            assert_eq!(sidegate.metric(&series), Some(0.0), "{series}");
        }
    }
}

#[test]
fn unusable_input_ends_with_2() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let dan = "arn:aws:iam::555566667777:user/staff/dan";
    let simulate = |action, resource| {
        let asked = [
            "simulate",
            "--principal",
            dan,
            "--action",
            action,
            "--resource",
            resource,
        ];
        support::run(&asked, root).0
    };
    assert_eq!(simulate("databases:ListDatabases", "notarn"), 2);
    assert_eq!(simulate("databases:*", "*"), 2);
    assert_eq!(simulate("databases:ListDatabases", "*"), 0);
    assert_eq!(support::run(&["routes", "G T", "/x"], root).0, 2);
    assert_eq!(
        support::run(&["check", "-c", "no-such-file.yaml"], root).0,
        2
    );
}

#[test]
fn a_principal_has_an_account() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let file = "policies/accounts/555566667777-app/resources/open.yaml";
    let text = std::fs::read_to_string(site.path(file)).unwrap();
    let named = "Principal: { AWS: \"arn:aws:iam::55:role/x\" }";
    site.write(file, &text.replacen("Principal: \"*\"", named, 1));
    let (code, out, err) = support::run(&["check", "policies"], &site.path("."));
    assert_eq!(code, 1, "{out}{err}");
    assert!(
        out.contains("bad-principal") && out.contains("twelve digits"),
        "{out}"
    );
}
