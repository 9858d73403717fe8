mod requests;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::source::{Node, Value};

const REFERENCE: &str = include_str!("../../deploy/sidegate.reference.yaml");
const SMALL: &str =
    "listeners: [{ name: ingress, address: 127.0.0.1:0 }]\nbundle: { path: policies }\n";

fn variables(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn read(text: &str, environment: &[(&str, &str)]) -> Result<Settings, Faults> {
    parse(
        text,
        "sidegate.yaml",
        Path::new("/etc/sidegate"),
        variables(environment),
    )
}

/// The faults as `place id`.
fn faults(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let found = read(text, environment).unwrap_err();
    found
        .faults()
        .iter()
        .map(|fault| {
            let Position { line, column } = fault.span.start;
            format!("{}:{line}:{column} {}", fault.file, fault.id)
        })
        .collect()
}

#[test]
fn a_small_configuration_has_the_documented_defaults() {
    let settings = read(SMALL, &[]).unwrap();
    assert_eq!(settings.bundle.path, Path::new("/etc/sidegate/policies"));
    assert_eq!(settings.listeners[0].address.to_string(), "127.0.0.1:0");
    assert_eq!(settings.listeners[0].tls, None);
    assert_eq!(settings.limits, Limits::default());
    assert_eq!(settings.limits.head_timeout, Duration::from_secs(10));
    assert_eq!(
        settings.drain.accepting + settings.drain.grace,
        Duration::from_secs(25)
    );
}

#[test]
fn every_key_is_read() {
    let text = "
listeners:
  - { name: ingress, address: \"[::1]:8443\", mode: proxy, tls: { certificate: c.pem, key: /k.pem, client_certificates: required, client_ca: [a.pem, b.pem], client_crl: [/r.crl] } }
  - { name: local, address: unix:/run/sidegate.sock }
upstreams:
  b-2: { url: https://app.example, protocol: http2, ca_file: ca.pem, connect_timeout: 2s, response_timeout: 1m, idle_timeout: 10s }
  a: { url: \"http://[::1]:3000/\" }
  c: { url: \"unix:/run/app.sock\" }
bundle: { path: /policies }
health: { address: 127.0.0.1:9901 }
state: { path: state }
audit: { file: log, on_full: drop, on_full_timeout: 500ms, rotate_size: 1GiB, keep: 3, queue_size: 1MiB }
limits: { head_timeout: 5s, head_size: 32KiB, head_fields: 50, body_idle_timeout: 20s, write_timeout: 40s, idle_timeout: 90s, connections: 5, streams: 7 }
drain: { accepting: 0s, grace: 1s }
trusted_proxies: [10.0.0.0/8, \"::1\"]
strip_headers: [X-Who, X-Foo-*]
forward_credential: true
refusal_detail: id
tokens: { header: X-Token, cookie: Session }
log: { level: debug, format: json }
workers: 3
";
    let settings = read(text, &[]).unwrap();
    assert_eq!(settings.listeners.len(), 2);
    let tls = settings.listeners[0].tls.as_ref().unwrap();
    assert_eq!(tls.certificate, Path::new("/etc/sidegate/c.pem"));
    assert_eq!(tls.key, Path::new("/k.pem"));
    assert_eq!(tls.client_certificates, ClientCertificates::Required);
    assert_eq!(
        tls.client_ca,
        [
            Path::new("/etc/sidegate/a.pem"),
            Path::new("/etc/sidegate/b.pem")
        ]
    );
    assert_eq!(tls.client_crl, [Path::new("/r.crl")]);
    assert_eq!(
        settings.listeners[1].address.to_string(),
        "unix:/run/sidegate.sock"
    );
    let urls: Vec<_> = settings
        .upstreams
        .iter()
        .map(|up| up.urls.0[0].to_string())
        .collect();
    assert_eq!(
        urls,
        [
            "http://[::1]:3000",
            "https://app.example:443",
            "unix:/run/app.sock"
        ]
    );
    assert_eq!(settings.upstreams[1].protocol, Protocol::Http2);
    assert_eq!(settings.upstreams[1].times.response, Duration::from_mins(1));
    assert_eq!(settings.tokens.header.as_deref(), Some("x-token"));
    assert_eq!(settings.tokens.cookie.as_deref(), Some("Session"));
    assert_eq!(
        settings.headers.strip,
        ["x-who", "x-foo-*"].map(Box::<str>::from)
    );
    assert_eq!(settings.workers.map(std::num::NonZero::get), Some(3));
    assert_eq!(settings.audit.keep, 3);
    assert_eq!(settings.log.level, Level::Debug);
    let defaults = Settings::default();
    assert_ne!(settings.audit, defaults.audit);
    assert_ne!(settings.drain, defaults.drain);
    assert_ne!(settings.headers, defaults.headers);
    assert_ne!(settings.refusal_detail, defaults.refusal_detail);
}

#[test]
fn every_fault_is_reported_at_once_with_its_place() {
    let text = "
listeners:
  - { name: in gress, address: nowhere }
  - { name: a, address: 127.0.0.1:1, mode: proxi }
  - { name: a, address: 127.0.0.1:1 }
upstreams:
  app: { url: http://h/path, conect_timeout: 1s }
bundel: { path: x }
limits: { head_timeout: 10, head_size: 64KB, streams: 0 }
audit: { file: a, stdout: true }
trusted_proxies: [10.0.0.0/33, x]
";
    assert_eq!(
        faults(text, &[]),
        [
            "sidegate.yaml:1:1 missing-key",
            "sidegate.yaml:3:13 wrong-value",
            "sidegate.yaml:3:32 wrong-value",
            "sidegate.yaml:4:44 wrong-value",
            "sidegate.yaml:5:5 duplicate-listener",
            "sidegate.yaml:7:15 wrong-value",
            "sidegate.yaml:7:30 unknown-key",
            "sidegate.yaml:8:1 unknown-key",
            "sidegate.yaml:9:25 wrong-value",
            "sidegate.yaml:9:40 wrong-value",
            "sidegate.yaml:9:55 out-of-range",
            "sidegate.yaml:10:8 contradiction",
            "sidegate.yaml:11:19 wrong-value",
            "sidegate.yaml:11:32 wrong-value",
        ]
    );
    let drawn = read(text, &[]).unwrap_err().to_string();
    assert!(drawn.contains("did you mean `connect_timeout`?"), "{drawn}");
    assert!(drawn.contains("did you mean `bundle`?"), "{drawn}");
    assert!(drawn.contains("did you mean `proxy`?"), "{drawn}");
    assert!(drawn.contains("= help: like `10s`"), "{drawn}");
    assert!(drawn.contains("9 | limits: { head_timeout: 10,"), "{drawn}");
}

#[test]
fn client_certificates_and_their_authorities_need_each_other() {
    let tls = |more: &str| {
        let text = format!(
            "listeners: [{{ name: a, address: 127.0.0.1:0, tls: {{ certificate: c, key: k{more} }} }}]\nbundle: {{ path: p }}\n"
        );
        read(&text, &[]).map(|settings| settings.listeners[0].tls.clone().unwrap())
    };
    for fine in [
        "",
        ", client_certificates: off",
        ", client_certificates: optional, client_ca: [a]",
        ", client_certificates: required, client_ca: [a], client_crl: [b]",
    ] {
        assert!(tls(fine).is_ok(), "{fine}");
    }
    for fault in [
        ", client_certificates: optional",
        ", client_certificates: required, client_crl: [b]",
        ", client_certificates: true, client_ca: [a]",
        ", client_ca: [a]",
        ", client_crl: [b]",
        ", client_certificates: off, client_ca: [a]",
    ] {
        assert!(tls(fault).is_err(), "{fault}");
    }
}

#[test]
fn a_configuration_needs_a_listener_and_a_bundle() {
    assert_eq!(
        faults("{}", &[]),
        [
            "sidegate.yaml:1:1 missing-key",
            "sidegate.yaml:1:1 missing-key"
        ]
    );
    assert_eq!(
        faults(&format!("{SMALL}health: {{ address: unix:/x }}\n"), &[]),
        ["sidegate.yaml:3:20 wrong-value"]
    );
    assert!(read("", &[]).is_err());
    assert!(read("- a\n", &[]).is_err());
}

#[test]
fn a_variable_overrides_a_value() {
    let text = format!("{SMALL}upstreams: {{ my-app: {{ url: http://a }} }}\n");
    let settings = read(
        &text,
        &[
            ("SIDEGATE_LISTENERS__INGRESS__ADDRESS", "127.0.0.1:9"),
            ("SIDEGATE_UPSTREAMS__MY_APP__URL", "http://b:81"),
            ("SIDEGATE_BUNDLE__PATH", "here"),
            ("SIDEGATE_LIMITS__STREAMS", "12"),
            ("SIDEGATE_FORWARD_CREDENTIAL", "true"),
            ("SIDEGATE_CONFIG", "of the command line"),
            ("PATH", "/bin"),
        ],
    )
    .unwrap();
    assert_eq!(settings.listeners[0].address.to_string(), "127.0.0.1:9");
    assert_eq!(settings.upstreams[0].urls.0[0].to_string(), "http://b:81");
    assert_eq!(settings.bundle.path, Path::new("here"));
    assert_eq!(settings.limits.streams, 12);
    assert!(settings.headers.forward_credential);
}

#[test]
fn a_variable_that_fits_nothing_is_a_fault() {
    let environment = [
        ("SIDEGATE_LIMITS__HEAD_TIMEUOT", "5s"),
        ("SIDEGATE_LIMITS__STREAMS", "many"),
        ("SIDEGATE_LISTENERS__INGRES__ADDRESS", "127.0.0.1:9"),
        ("SIDEGATE_TRUSTED_PROXIES", "10.0.0.0/8"),
        ("SIDEGATE_LIMITS", "x"),
    ];
    assert_eq!(
        faults(SMALL, &environment),
        [
            "SIDEGATE_LIMITS:1:1 unknown-variable",
            "SIDEGATE_LIMITS__HEAD_TIMEUOT:1:1 unknown-variable",
            "SIDEGATE_LIMITS__STREAMS:1:1 wrong-value",
            "SIDEGATE_LISTENERS__INGRES__ADDRESS:1:1 unknown-variable",
            "SIDEGATE_TRUSTED_PROXIES:1:1 not-overridable",
        ]
    );
    let drawn = read(SMALL, &environment).unwrap_err().to_string();
    assert!(
        drawn.contains("did you mean SIDEGATE_LIMITS__HEAD_TIMEOUT?"),
        "{drawn}"
    );
    assert!(drawn.contains("did you mean INGRESS?"), "{drawn}");
    assert!(
        drawn.contains("--> SIDEGATE_LIMITS__STREAMS:1:1\n   |\n 1 | many\n   | ^^^^\n"),
        "{drawn}"
    );
}

#[test]
fn names_that_a_variable_cannot_tell_apart_are_said_so() {
    let text =
        format!("{SMALL}upstreams: {{ a-b: {{ url: http://a }}, a_b: {{ url: http://a }} }}\n");
    read(&text, &[]).unwrap();
    let environment = [("SIDEGATE_UPSTREAMS__A_B__URL", "http://c")];
    assert_eq!(
        faults(&text, &environment),
        ["SIDEGATE_UPSTREAMS__A_B__URL:1:1 ambiguous-variable"]
    );
}

#[test]
fn a_kubernetes_service_of_our_name_does_no_harm() {
    let links = [
        ("SIDEGATE_SERVICE_HOST", "10.96.0.12"),
        ("SIDEGATE_SERVICE_PORT", "8080"),
        ("SIDEGATE_SERVICE_PORT_HTTP_ADMIN", "8080"),
        ("SIDEGATE_PORT", "tcp://10.96.0.12:8080"),
        ("SIDEGATE_PORT_8080_TCP", "tcp://10.96.0.12:8080"),
        ("SIDEGATE_PORT_8080_TCP_PROTO", "tcp"),
        ("SIDEGATE_PORT_8080_TCP_PORT", "8080"),
        ("SIDEGATE_PORT_8080_TCP_ADDR", "10.96.0.12"),
        ("SIDEGATE_ADMIN_SERVICE_HOST", "fd00::1"),
        ("SIDEGATE_ADMIN_PORT_53_UDP", "udp://[fd00::1]:53"),
    ];
    read(SMALL, &links).unwrap();
    for (name, value) in [
        ("SIDEGATE_SERVICE_HOST", "example.com"),
        ("SIDEGATE_PORT", "8080"),
        ("SIDEGATE_SERVICE_PORT", "tcp"),
        ("SIDEGATE_HEALTH_PORT", "9900"),
    ] {
        assert_eq!(
            faults(SMALL, &[(name, value)]),
            [format!("{name}:1:1 unknown-variable")]
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("sidegate.yaml");
    assert_eq!(
        load(&path, []).unwrap_err().faults()[0].id,
        "unreadable-file"
    );
    std::fs::write(&path, [0xff]).unwrap();
    assert_eq!(
        load(&path, []).unwrap_err().faults()[0].message,
        "is not UTF-8"
    );
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert!(load(&path, []).unwrap_err().to_string().contains("1 MiB"));
    std::fs::write(&path, SMALL).unwrap();
    assert_eq!(
        load(&path, []).unwrap().bundle.path,
        home.path().join("policies")
    );
    let json = home.path().join("sidegate.json");
    std::fs::write(
        &json,
        "{\"listeners\":[{\"name\":\"a\",\"address\":\"[::]:1\"}],\"bundle\":{\"path\":\"p\"}}",
    )
    .unwrap();
    load(&json, []).unwrap();
}

/// The keys of the reference file, with their values as one would write them.
fn leaves(node: &Node, path: &str, found: &mut BTreeMap<String, String>) {
    let step = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                let key = if path == "upstreams" {
                    "NAME"
                } else {
                    &*entry.key
                };
                leaves(&entry.value, &step(key), found);
            }
        }
        Value::List(items) if path == "listeners" => {
            for item in items {
                leaves(item, &step("NAME"), found);
            }
        }
        Value::List(items) => {
            let texts: Vec<_> = items.iter().map(|item| item.as_str().unwrap()).collect();
            found.insert(path.to_owned(), format!("[{}]", texts.join(", ")));
        }
        Value::Null => {
            found.insert(path.to_owned(), String::new());
        }
        Value::Bool(value) => {
            found.insert(path.to_owned(), value.to_string());
        }
        Value::Number(text) | Value::String(text) => {
            found.insert(path.to_owned(), text.to_string());
        }
    }
}

#[test]
fn the_reference_file_names_every_key_with_its_default() {
    let mut report = Report::on("reference");
    let node = yaml::read(REFERENCE, &mut report).unwrap();
    let mut written = BTreeMap::new();
    leaves(&node, "", &mut written);
    let known: BTreeMap<_, _> = keys()
        .into_iter()
        .map(|key| (key.path, key.default))
        .collect();
    let names = |map: Vec<&String>| map.into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(written.keys().collect()),
        names(known.keys().collect())
    );
    for (path, default) in &known {
        match default {
            Some(default) => assert_eq!(&written[path], default, "{path}"),
            None => assert_ne!(written[path], "", "{path} is required: an example is due"),
        }
    }
    let settings = parse(REFERENCE, "reference", Path::new(""), []).unwrap();
    let default = Settings {
        listeners: settings.listeners.clone(),
        upstreams: settings.upstreams.clone(),
        bundle: settings.bundle.clone(),
        sts: settings.sts.clone(),
        admin: settings.admin.clone(),
        state: settings.state.clone(),
        ..Settings::default()
    };
    assert_eq!(settings, default);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z:{}\\[\\], \\n\"'#&*-]{0,200}", value in any::<String>()) {
        let _ = read(&text, &[("SIDEGATE_LIMITS__HEAD_SIZE", &value)]);
        let _ = read(&format!("limits: {{ head_size: {value:?} }}"), &[]);
    }

    #[test]
    fn sizes_and_times_read_back_as_written(size in 8_192_u64..=1_048_576, time in 1_u64..=86_400_000) {
        let text = format!("{SMALL}limits: {{ head_size: {size}B, head_timeout: {time}ms }}\n");
        let settings = read(&text, &[]).unwrap();
        prop_assert_eq!(settings.limits.head_size, size);
        prop_assert_eq!(settings.limits.head_timeout, Duration::from_millis(time));
    }
}
