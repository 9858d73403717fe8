//! Reloads: atomic, noticed within a second, and every decision by exactly one snapshot.

use std::collections::HashMap;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Client, Sidegate, Site, Upstream, eventually, get};

const FLIPS: usize = 200;

/// Under continuous load the bundle flips between one that opens /a and one that opens /b.
#[test]
fn every_decision_agrees_with_the_snapshot_that_its_record_names() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    let mut digests = HashMap::new();
    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..3)
        .map(|number| {
            let (done, ingress) = (Arc::clone(&done), sidegate.ingress);
            std::thread::spawn(move || load(ingress, number, &done))
        })
        .collect();
    for flip in 0..FLIPS {
        let open = if flip % 2 == 0 { "b" } else { "a" };
        let before = digest(&sidegate);
        site.write_bundle(open);
        sidegate.signal("HUP");
        let now = eventually("another snapshot", || {
            Some(digest(&sidegate)).filter(|now| *now != before)
        });
        digests.insert(now, open);
    }
    done.store(true, Ordering::Relaxed);
    let mut statuses = HashMap::new();
    for client in clients {
        statuses.extend(client.join().unwrap());
    }
    assert_eq!(digests.len(), 2);
    let records = eventually("the audit records", || {
        Some(site.audit()).filter(|records| records.len() >= statuses.len())
    });
    assert_eq!(records.len(), statuses.len());
    let mut per_digest: HashMap<&str, usize> = HashMap::new();
    for record in &records {
        let id = record["clientRequestId"].as_str().unwrap();
        let digest = record["snapshot"].as_str().unwrap();
        let open = digests[digest];
        let allowed = record["path"].as_str().unwrap() == format!("/{open}");
        assert_eq!(
            record["additionalEventData"]["decision"] == "allowed",
            allowed,
            "{record}"
        );
        assert_eq!(statuses[id], if allowed { 200 } else { 401 }, "{record}");
        *per_digest.entry(digest).or_default() += 1;
    }
    assert!(
        per_digest.values().all(|count| *count > 100),
        "{per_digest:?}"
    );
    assert_eq!(sidegate.metric("sidegate_reload_failed"), Some(0.0));
}

/// Asks for both paths until `done`; each request has an id of its own.
fn load(ingress: std::net::SocketAddr, number: usize, done: &AtomicBool) -> Vec<(String, u16)> {
    let mut client = Client::connect(ingress);
    let mut statuses = Vec::new();
    while !done.load(Ordering::Relaxed) {
        for path in ["/a", "/b"] {
            let id = format!("{number}-{}", statuses.len());
            let answer = client.request("GET", "app.test", path, &[("X-Request-Id", &id)]);
            statuses.push((id, answer.status));
        }
    }
    statuses
}

fn digest(sidegate: &Sidegate) -> String {
    let text = get(sidegate.health, "/metrics").text();
    let line = text
        .lines()
        .find(|line| line.starts_with("sidegate_snapshot_info{"))
        .unwrap_or_default();
    line.split('"').nth(1).unwrap_or_default().to_owned()
}

/// What kubelet does to a mounted ConfigMap: a new timestamped folder, and `..data` renamed onto the old link.
#[test]
fn a_config_map_swap_counts_within_a_second() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let mount = site.path("mount");
    let publish = |version: usize, open: &str| {
        let folder = mount.join(format!("..2026_{version}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("bundle.yaml"), Site::config_map(open)).unwrap();
        let link = mount.join("..data_tmp");
        symlink(folder.file_name().unwrap(), &link).unwrap();
        std::fs::rename(&link, mount.join("..data")).unwrap();
        if version > 0 {
            std::fs::remove_dir_all(mount.join(format!("..2026_{}", version - 1))).unwrap();
        }
    };
    publish(0, "a");
    symlink("..data/bundle.yaml", mount.join("bundle.yaml")).unwrap();
    let text = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    site.write("sidegate.yaml", &text.replace("./policies", "./mount"));
    let sidegate = Sidegate::start(&site);
    let mut client = Client::connect(sidegate.ingress);
    for version in 1..=10 {
        let (open, shut) = if version % 2 == 1 {
            ("b", "a")
        } else {
            ("a", "b")
        };
        publish(version, open);
        let began = Instant::now();
        eventually("the swap to count", || {
            (client
                .request("GET", "app.test", &format!("/{open}"), &[])
                .status
                == 200)
                .then_some(())
        });
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "took {:?}",
            began.elapsed()
        );
        assert_eq!(
            client
                .request("GET", "app.test", &format!("/{shut}"), &[])
                .status,
            401
        );
    }
}

#[test]
fn a_broken_bundle_changes_nothing_and_is_told() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let sidegate = Sidegate::start(&site);
    let before = digest(&sidegate);
    site.write("policies/routes/app.yaml", "service: app\nrouts: []\n");
    eventually("the failure in the metrics", || {
        (sidegate.metric("sidegate_reload_failed") == Some(1.0)).then_some(())
    });
    assert_eq!(digest(&sidegate), before);
    assert_eq!(get(sidegate.health, "/readyz").status, 200);
    assert!(
        get(sidegate.health, "/readyz?verbose")
            .text()
            .contains("bundle stale")
    );
    eventually("the failure in the log", || {
        let log = sidegate.log();
        (log.contains("the last good one serves on") && log.contains("routes/app.yaml"))
            .then_some(())
    });
    let mut client = Client::connect(sidegate.ingress);
    assert_eq!(client.request("GET", "app.test", "/a", &[]).status, 200);
    site.write_bundle("b");
    eventually("the mended bundle", || {
        (client.request("GET", "app.test", "/b", &[]).status == 200).then_some(())
    });
    eventually("the failure to be over", || {
        (sidegate.metric("sidegate_reload_failed") == Some(0.0)).then_some(())
    });
}

#[test]
fn what_a_reload_takes_away_is_told() {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "a");
    let account = std::fs::read_dir(site.path("policies/accounts")).unwrap();
    let account = account
        .map(|entry| entry.unwrap().file_name())
        .next()
        .unwrap();
    let file = format!(
        "accounts/{}/resources/guard.yaml",
        account.to_str().unwrap()
    );
    let id = account
        .to_str()
        .unwrap()
        .split('-')
        .next()
        .unwrap()
        .to_owned();
    let guard = format!(
        "resource: arn:aws:app::{id}:secret/*\npolicy:\n  Version: \"2012-10-17\"\n  Statement: {{ Effect: Deny, Principal: \"*\", Action: app:Get, Resource: \"*\" }}\n"
    );
    site.write(&format!("policies/{file}"), &guard);
    let sidegate = Sidegate::start(&site);
    let denies = sidegate
        .metric("sidegate_snapshot_deny_statements")
        .unwrap();
    assert!(denies >= 1.0, "{denies}");
    std::fs::remove_file(site.path(&format!("policies/{file}"))).unwrap();
    let line = eventually("the loss in the log", || {
        let log = sidegate.log();
        let mut lines = log.lines();
        lines
            .find(|line| line.contains("which takes something away"))
            .map(str::to_owned)
    });
    assert!(line.contains("WARN") && line.contains(&file), "{line}");
    assert!(line.contains("fewer_denies"), "{line}");
    eventually("the loss in the metrics", || {
        let now = sidegate.metric("sidegate_snapshot_deny_statements");
        (now == Some(denies - 1.0)).then_some(())
    });
    let metrics = get(sidegate.health, "/metrics").text();
    assert!(
        metrics.contains("sidegate_reload_files_total{change=\"removed\"} 1"),
        "{metrics}"
    );
}

#[test]
fn an_edit_behind_a_link_counts_within_a_second() {
    let upstream = Upstream::start();
    for (link, target, path) in [
        ("live", "policies", "./live"),
        ("here", ".", "./here/policies"),
    ] {
        let site = Site::with_bundle(&upstream, "a");
        symlink(target, site.path(link)).unwrap();
        let text = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
        site.write("sidegate.yaml", &text.replace("./policies", path));
        let sidegate = Sidegate::start(&site);
        let mut client = Client::connect(sidegate.ingress);
        // The first may be found by the look that every start ends with.
        for open in ["b", "a", "b"] {
            site.write_bundle(open);
            let began = Instant::now();
            eventually(path, || {
                let answer = client.request("GET", "app.test", &format!("/{open}"), &[]);
                (answer.status == 200).then_some(())
            });
            let took = began.elapsed();
            assert!(took < Duration::from_secs(5), "{path}: {took:?}");
        }
    }
}
