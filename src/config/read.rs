//! The keys of `sidegate.yaml`: one line a key.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::address;
use super::header::{StrippedHeader, TokenHeader};
use super::section::Section;
use super::settings::{
    Admin, ClientCertificates, Container, Listener, ListenerTls, Mode, Protocol, Redis, RedisUrl,
    RoleArn, Settings, Sts, Upstream, UpstreamTimes,
};
use crate::net::Address;
use crate::net::limits::MOST_STREAMS;

use super::value::{Name, Size, Token};
use crate::throttle::Rate;

/// A time limit that is one.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);
/// Requests may wait for it, and a revocation is to be everywhere within a second.
const REDIS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(5);
/// A time that may be none at all.
const WAIT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);

/// A rate that is one.
const RATE: RangeInclusive<Rate> = Rate {
    count: 1,
    per: Duration::from_millis(1),
}..=Rate {
    count: 1_000_000,
    per: Duration::from_secs(86_400),
};

/// Reads the whole configuration; what is wrong stands in the report.
pub(super) fn settings(root: &mut Section<'_, '_, '_>) -> Settings {
    let mut settings = Settings::default();
    listeners(root, &mut settings.listeners);
    upstreams(root, &mut settings.upstreams);
    root.section("bundle", |section| {
        if let Some(path) = section.required::<PathBuf>("path") {
            settings.bundle.path = path;
        }
    });
    root.section("health", |section| {
        section.set("address", &mut settings.health.address);
        section.listens("the health listener", Address::Tcp(settings.health.address));
    });
    root.section("identity", |section| {
        section.set_optional("key_file", &mut settings.identity.key_file);
    });
    root.set_optional("keyring", &mut settings.keyring);
    sts(root, &mut settings);
    admin(root, &mut settings);
    root.set_optional("credentials", &mut settings.credentials);
    root.section("state", |section| {
        section.set_optional("path", &mut settings.state.path);
        if let Ok(found) = section.optional_section("redis", redis) {
            settings.state.redis = found;
        }
    });
    root.section("audit", |section| audit(section, &mut settings));
    root.section("limits", |section| limits(section, &mut settings));
    root.section("rate_limits", |section| {
        let limits = &mut settings.rate_limits;
        section.set_or("address", "none", &RATE, &mut limits.address);
        section.set_or("principal", "none", &RATE, &mut limits.principal);
        section.set_or("route", "none", &RATE, &mut limits.route);
        section.set_or("sts", "none", &RATE, &mut limits.sts);
    });
    root.section("drain", |section| {
        section.set_within("accepting", &WAIT, &mut settings.drain.accepting);
        section.set_within("grace", &WAIT, &mut settings.drain.grace);
    });
    root.set("trusted_proxies", &mut settings.headers.trusted_proxies);
    let mut patterns: Vec<StrippedHeader> = settings
        .headers
        .strip
        .drain(..)
        .map(StrippedHeader)
        .collect();
    root.set("strip_headers", &mut patterns);
    settings.headers.strip = patterns.into_iter().map(|pattern| pattern.0).collect();
    root.set(
        "forward_credential",
        &mut settings.headers.forward_credential,
    );
    root.section("tokens", |section| {
        let (mut header, mut cookie) = (None, None);
        section.set_optional("header", &mut header);
        section.set_optional("cookie", &mut cookie);
        settings.tokens.header = header.map(|TokenHeader(name)| name);
        settings.tokens.cookie = cookie.map(|Token(name)| name);
    });
    root.set("refusal_detail", &mut settings.refusal_detail);
    root.section("log", |section| {
        section.set("level", &mut settings.log.level);
        section.set("format", &mut settings.log.format);
    });
    let mut workers = settings.workers.map(NonZeroUsize::get);
    root.set_or("workers", "auto", &(1..=1024), &mut workers);
    settings.workers = workers.and_then(NonZeroUsize::new);
    address::check(root.reading);
    settings
}

fn listeners(root: &mut Section<'_, '_, '_>, listeners: &mut Vec<Listener>) {
    let faults_before = root.reading.report.faults().len();
    root.items("listeners", "a listener", |section| {
        let name = section.required::<Name>("name");
        let address = section.required::<Address>("address");
        let mut mode = Mode::default();
        section.set("mode", &mut mode);
        let tls = section.optional_section("tls", listener_tls);
        let mut proxy_protocol = Vec::new();
        section.set("proxy_protocol", &mut proxy_protocol);
        if let (Some(Name(name)), Some(address), Ok(tls)) = (name, address, tls) {
            if listeners.iter().any(|other| other.name == name) {
                section.reading.report.error(
                    "duplicate-listener",
                    section.span(),
                    "two listeners have the same name",
                    "give each its own",
                );
            } else {
                section.listens(format!("the listener `{name}`"), address.clone());
            }
            listeners.push(Listener {
                name,
                address,
                mode,
                tls,
                proxy_protocol,
            });
        }
    });
    if listeners.is_empty() && root.reading.report.faults().len() == faults_before {
        let span = root.span();
        root.reading.report.error(
            "missing-key",
            span,
            "a configuration needs at least one listener",
            "add `listeners: [{ name: ingress, address: 0.0.0.0:8080 }]`",
        );
    }
}

fn sts(root: &mut Section<'_, '_, '_>, settings: &mut Settings) {
    let read = root.optional_section("sts", |section| {
        let address = section.required::<Address>("address");
        let mut region = Name("us-east-1".into());
        section.set("region", &mut region);
        let tls = section.optional_section("tls", plain_tls);
        let container = container(section);
        let span = section.span();
        if let Some(address) = &address {
            section.listens("the STS", address.clone());
        }
        let (Some(address), Ok(tls)) = (address, tls) else {
            return None;
        };
        let local = match &address {
            Address::Tcp(socket) => socket.ip().is_loopback(),
            Address::Unix(_) => true,
        };
        if !local && tls.is_none() {
            section.reading.report.error(
                "missing-key",
                span,
                "outside of loopback the STS needs `tls`: it hands out secrets",
                "add `tls: { certificate: …, key: … }`, or listen on 127.0.0.1",
            );
        }
        Some(Sts {
            address,
            region: region.0,
            tls,
            container,
        })
    });
    if let Ok(sts) = read {
        settings.sts = sts;
    }
}

fn redis(section: &mut Section<'_, '_, '_>) -> Option<Redis> {
    let url = section.required::<RedisUrl>("url");
    let mut username: Option<Name> = None;
    section.set_optional("username", &mut username);
    let (mut password_file, mut ca_file) = (None, None);
    section.set_optional("password_file", &mut password_file);
    section.set_optional("ca_file", &mut ca_file);
    let mut name = Name("sidegate".into());
    section.set("name", &mut name);
    let mut timeout = Duration::from_millis(500);
    section.set_within("timeout", &REDIS, &mut timeout);
    Some(Redis {
        url: url?,
        username: username.map(|Name(name)| name),
        password_file,
        ca_file,
        name: name.0,
        timeout,
    })
}

/// Credentials for the application in the pod.
fn container(section: &mut Section<'_, '_, '_>) -> Container {
    let mut found = Container::default();
    section.set("container_roles", &mut found.roles);
    section.set_optional("container_token_file", &mut found.token_file);
    section.set_optional(
        "web_identity_token_file",
        &mut found.web_identity_token_file,
    );
    section.set_optional("remote", &mut found.remote);
    section.set_optional("remote_ca_file", &mut found.remote_ca_file);
    let span = section.span();
    let report = &mut *section.reading.report;
    let whole = found.token_file.is_some() && found.web_identity_token_file.is_some();
    if !found.roles.is_empty() && !whole {
        let message =
            "`container_roles` needs `container_token_file` and `web_identity_token_file`";
        let help = "add both: where to write the token that guards the credentials, and where the pod's own token is";
        report.error("missing-key", span, message, help);
    }
    if found.roles.is_empty() && found.remote.is_some() {
        let message = "`remote` without `container_roles` serves nothing";
        let help = "list the roles that the application may have, or remove `remote`";
        report.error("missing-key", span, message, help);
    }
    let name = |role: &RoleArn| role.0.rsplit('/').next().unwrap_or_default().to_owned();
    let mut names: Vec<String> = found.roles.iter().map(name).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair.first() == pair.last()) {
        let name = twice.first().map_or("", String::as_str);
        let message = format!("two of `container_roles` are called {name}");
        let help = "an application asks for a role by its name: list one of them";
        report.error("wrong-value", span, message, help);
    }
    found
}

fn admin(root: &mut Section<'_, '_, '_>, settings: &mut Settings) {
    let read = root.optional_section("admin", |section| {
        let mut address = SocketAddr::from(([127, 0, 0, 1], 9903));
        section.set("address", &mut address);
        section.listens("the admin listener", Address::Tcp(address));
        let token_file = section.required("token_file");
        if !address.ip().is_loopback() {
            let span = section.span();
            section.reading.report.error(
                "wrong-value",
                span,
                "the admin listener is for loopback alone",
                "listen on 127.0.0.1, and reach it from elsewhere through `kubectl port-forward` or ssh -L",
            );
        }
        Some(Admin {
            address,
            token_file: token_file?,
        })
    });
    if let Ok(admin) = read {
        settings.admin = admin;
    }
}

/// TLS of a listener that asks its clients for no certificate.
fn plain_tls(section: &mut Section<'_, '_, '_>) -> Option<ListenerTls> {
    let certificate = section.required("certificate");
    let key = section.required("key");
    Some(ListenerTls {
        certificate: certificate?,
        key: key?,
        client_certificates: ClientCertificates::Off,
        client_ca: Vec::new(),
        client_crl: Vec::new(),
    })
}

fn listener_tls(section: &mut Section<'_, '_, '_>) -> Option<ListenerTls> {
    let certificate = section.required("certificate");
    let key = section.required("key");
    let mut client_certificates = ClientCertificates::default();
    section.set("client_certificates", &mut client_certificates);
    let (mut client_ca, mut client_crl) = (Vec::new(), Vec::new());
    section.set("client_ca", &mut client_ca);
    section.set("client_crl", &mut client_crl);
    let asked = client_certificates != ClientCertificates::Off;
    if asked == client_ca.is_empty() {
        let (message, help) = if asked {
            (
                "client certificates are asked for, and no authority is trusted to issue them",
                "add `client_ca: [clients-ca.pem]`",
            )
        } else {
            (
                "`client_ca` is of no use while clients are not asked for certificates",
                "add `client_certificates: optional` or `required`, or remove it",
            )
        };
        let span = section.span();
        section
            .reading
            .report
            .error("conflicting-keys", span, message, help);
    } else if !asked && !client_crl.is_empty() {
        let span = section.span();
        section.reading.report.error(
            "conflicting-keys",
            span,
            "`client_crl` is of no use while clients are not asked for certificates",
            "add `client_certificates: optional` or `required`, or remove it",
        );
    }
    Some(ListenerTls {
        certificate: certificate?,
        key: key?,
        client_certificates,
        client_ca,
        client_crl,
    })
}

fn upstreams(root: &mut Section<'_, '_, '_>, upstreams: &mut Vec<Upstream>) {
    root.named("upstreams", "an upstream", |name, span, section| {
        let name = Name::check(name, span, "the upstream's name", section.reading.report);
        let urls = section.required("url");
        let mut protocol = Protocol::default();
        section.set("protocol", &mut protocol);
        let mut ca_file = None;
        section.set_optional("ca_file", &mut ca_file);
        let mut times = UpstreamTimes::default();
        section.set_within("connect_timeout", &TIMEOUT, &mut times.connect);
        section.set_within("response_timeout", &TIMEOUT, &mut times.response);
        section.set_within("idle_timeout", &TIMEOUT, &mut times.idle);
        let mut max_requests = None;
        section.set_or(
            "max_requests",
            "unlimited",
            &(1..=1_000_000),
            &mut max_requests,
        );
        let mut retries = 0;
        section.set_within("retries", &(0..=5), &mut retries);
        if let (Some(Name(name)), Some(urls)) = (name, urls) {
            upstreams.push(Upstream {
                name,
                urls,
                protocol,
                ca_file,
                times,
                max_requests,
                retries,
            });
        }
    });
    upstreams.sort_by(|a, b| a.name.cmp(&b.name));
}

fn audit(section: &mut Section<'_, '_, '_>, settings: &mut Settings) {
    let audit = &mut settings.audit;
    let has_folder = section.set("file", &mut audit.folder);
    section.set("stdout", &mut audit.stdout);
    section.set("on_full", &mut audit.on_full);
    section.set_within("on_full_timeout", &WAIT, &mut audit.on_full_timeout);
    let mut size = Size(audit.rotate_size);
    section.set_within("rotate_size", &Size::range(64 * 1024, 1 << 40), &mut size);
    audit.rotate_size = size.0;
    section.set_within("keep", &(0..=10_000), &mut audit.keep);
    let mut queue = Size(audit.queue_size);
    section.set_within("queue_size", &Size::range(256 * 1024, 1 << 32), &mut queue);
    audit.queue_size = queue.0;
    if audit.stdout && has_folder {
        section.reading.report.error(
            "contradiction",
            section.span(),
            "the audit log goes to a folder or to stdout, not to both",
            "remove `file` or `stdout`",
        );
    }
}

fn limits(section: &mut Section<'_, '_, '_>, settings: &mut Settings) {
    let limits = &mut settings.limits;
    section.set_within("head_timeout", &TIMEOUT, &mut limits.head_timeout);
    let mut head = Size(limits.head_size);
    // The lower bound is what hyper needs for its read buffer.
    section.set_within("head_size", &Size::range(8 * 1024, 1 << 20), &mut head);
    limits.head_size = head.0;
    section.set_within("head_fields", &(10..=1000), &mut limits.head_fields);
    section.set_within("body_idle_timeout", &TIMEOUT, &mut limits.body_idle_timeout);
    let mut body = Size(limits.signed_body);
    section.set_within("signed_body", &Size::range(0, 1 << 32), &mut body);
    limits.signed_body = body.0;
    let mut bodies = Size(limits.signed_bodies);
    section.set_within("signed_bodies", &Size::range(0, 1 << 40), &mut bodies);
    limits.signed_bodies = bodies.0;
    section.set_within("write_timeout", &TIMEOUT, &mut limits.write_timeout);
    section.set_within("idle_timeout", &TIMEOUT, &mut limits.idle_timeout);
    section.set_within("connections", &(1..=1_000_000), &mut limits.connections);
    section.set_within("streams", &(1..=MOST_STREAMS), &mut limits.streams);
    section.set_within("requests", &(1..=1_000_000), &mut limits.requests);
    section.set_within("stream_grace", &WAIT, &mut limits.stream_grace);
    section.set_within(
        "upgrade_idle_timeout",
        &TIMEOUT,
        &mut limits.upgrade_idle_timeout,
    );
}
