//! The examples in `deploy/` hold what they promise: they parse, they fit together, and what they configure is valid.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it should be"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sidegate::bundle::{self, Files, Options};
use sidegate::config;
use sidegate::source::{Node, Report, Value, yaml};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name)
}

fn read(path: &Path) -> Node {
    let mut report = Report::on(&path.display().to_string());
    let node = yaml::read(&fs::read_to_string(path).unwrap(), &mut report);
    assert!(report.faults().is_empty(), "{:?}", report.faults());
    node.unwrap()
}

fn manifest(name: &str) -> Node {
    read(&folder("kubernetes").join(name))
}

/// Follows keys, and positions in lists.
fn at<'n>(node: &'n Node, path: &str) -> &'n Node {
    path.split('/').fold(node, |node, step| {
        let found = match step.parse::<usize>() {
            Ok(index) => node.as_list().and_then(|list| list.get(index)),
            Err(_) => node.get(step),
        };
        found.unwrap_or_else(|| panic!("{path}: {step}"))
    })
}

fn text<'n>(node: &'n Node, path: &str) -> &'n str {
    at(node, path).as_str().unwrap()
}

fn settings() -> config::Settings {
    let map = manifest("configmap-sidegate.yaml");
    let yaml = at(&map, "data")
        .get("sidegate.yaml")
        .unwrap()
        .as_str()
        .unwrap();
    config::parse(yaml, "sidegate.yaml", Path::new("/etc/sidegate"), [])
        .unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn every_manifest_parses_and_is_listed() {
    let listed: BTreeSet<String> = at(&manifest("kustomization.yaml"), "resources")
        .as_list()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder("kubernetes")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let node = read(&path);
            assert!(node.get("apiVersion").is_some() && node.get("kind").is_some());
            found.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    found.remove("kustomization.yaml");
    assert_eq!(found, listed);
}

#[test]
fn the_bundle_in_the_config_map_is_valid() {
    let map = manifest("configmap-bundle.yaml");
    let yaml = at(&map, "data")
        .get("bundle.yaml")
        .unwrap()
        .as_str()
        .unwrap();
    assert!(yaml.len() < 1 << 20);
    // As kubelet mounts it: a folder that holds this one file.
    let mounted = tempfile::tempdir().unwrap();
    fs::write(mounted.path().join("bundle.yaml"), yaml).unwrap();
    let files = Files::read(mounted.path());
    let upstreams = settings()
        .upstreams
        .iter()
        .map(|up| up.name.to_string())
        .collect();
    let options = Options {
        known_upstreams: Some(upstreams),
        strict: true,
    };
    let snapshot = bundle::load(&files, &options).unwrap_or_else(|faults| {
        let drawn: Vec<_> = faults.iter().map(|fault| files.render(fault)).collect();
        panic!("{}", drawn.join("\n"))
    });
    assert_eq!(snapshot.faults, []);
}

#[test]
fn the_deployment_fits_the_configuration() {
    let settings = settings();
    let deployment = manifest("deployment.yaml");
    let pod = at(&deployment, "spec/template/spec");
    let sidecar = at(pod, "initContainers/0");
    assert_eq!(text(sidecar, "restartPolicy"), "Always");
    assert_eq!(text(sidecar, "args/2"), "/etc/sidegate/sidegate.yaml");
    assert!(
        sidecar.get("lifecycle").is_none(),
        "Sidegate drains by itself"
    );

    let port = |name: &str| {
        let ports = at(sidecar, "ports").as_list().unwrap();
        let port = ports
            .iter()
            .find(|port| text(port, "name") == name)
            .unwrap();
        let Value::Number(number) = &at(port, "containerPort").value else {
            panic!("the port {name} is no number");
        };
        number.parse::<u16>().unwrap()
    };
    assert_eq!(port("health"), settings.health.address.port());
    assert_eq!(
        settings.listeners[0].address.to_string(),
        format!("0.0.0.0:{}", port("https"))
    );
    let service = manifest("service.yaml");
    let Value::Number(target) = &at(&service, "spec/ports/0/targetPort").value else {
        panic!("a sidecar's port names are not found before Kubernetes 1.32");
    };
    assert_eq!(target.parse(), Ok(port("https")));
    for (probe, path) in [
        ("startupProbe", "/livez"),
        ("livenessProbe", "/livez"),
        ("readinessProbe", "/readyz"),
    ] {
        let get = at(at(sidecar, probe), "httpGet");
        assert_eq!(text(get, "path"), path);
        assert_eq!(text(get, "port"), "health");
    }

    let mounts: Vec<&str> = at(sidecar, "volumeMounts")
        .as_list()
        .unwrap()
        .iter()
        .inspect(|mount| assert!(mount.get("subPath").is_none(), "is never updated"))
        .map(|mount| text(mount, "mountPath"))
        .collect();
    let tls = settings.listeners[0].tls.as_ref().unwrap();
    let needed = [
        Some(settings.bundle.path.as_path()),
        settings.state.path.as_deref(),
        tls.certificate.parent(),
        tls.key.parent(),
        Some(Path::new("/etc/sidegate")),
    ];
    for path in needed {
        assert!(
            mounts.iter().any(|mount| Some(Path::new(mount)) == path),
            "{path:?}"
        );
    }
    assert!(settings.audit.stdout, "the root file system is read-only");
    // The application listens where the upstream is, and nowhere else.
    let listens = text(pod, "containers/0/env/0/value");
    assert_eq!(
        settings.upstreams[0].urls.0[0].to_string(),
        format!("http://{listens}")
    );
    assert!(listens.starts_with("127.0.0.1:"));

    assert_eq!(
        at(pod, "securityContext/runAsNonRoot").value,
        Value::Bool(true)
    );
    for container in [sidecar, at(pod, "containers/0")] {
        let security = at(container, "securityContext");
        assert_eq!(
            at(security, "readOnlyRootFilesystem").value,
            Value::Bool(true)
        );
        assert_eq!(
            at(security, "allowPrivilegeEscalation").value,
            Value::Bool(false)
        );
        assert_eq!(text(security, "capabilities/drop/0"), "ALL");
    }
    // The application's pause, then all of Sidegate's drain, inside what Kubernetes gives.
    let Value::Number(grace) = &at(pod, "terminationGracePeriodSeconds").value else {
        panic!("no grace period")
    };
    let drain = settings.drain.accepting + settings.drain.grace;
    assert!(grace.parse::<u64>().unwrap() > drain.as_secs() + 5);
}

#[test]
fn the_image_runs_as_nobody_on_the_default_ports() {
    let dockerfile = fs::read_to_string(folder("docker/Dockerfile")).unwrap();
    let defaults = config::Settings::default();
    let health = defaults.health.address.port();
    assert!(dockerfile.contains("\nUSER 65532:65532\n"));
    assert!(dockerfile.contains(&format!("\nEXPOSE 8080 {health}\n")));
    assert!(dockerfile.contains("no image was built"));
}
