//! What stops a start: exit code 2, every fault at once, with its place.

use crate::support::{self, Site, Upstream};

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
