//! One `routes/NAME.yaml`: a service, its hosts, and the routes that turn its requests into actions and resources.

use std::sync::Arc;

use crate::arn::AccountId;
use crate::route::host::Hosts;
use crate::route::openapi;
use crate::route::rule::{Route, is_service};
use crate::route::value::Constants;
use crate::source::mapping::{self, Mapping, digits};
use crate::source::{Node, Report, Severity, Span};

/// What happens to a request of a service's host that no route matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// 404.
    NotFound,
    /// 403.
    Deny,
    /// It is judged as `http:METHOD` on `arn:PARTITION:http::ACCOUNT:HOST/PATH`.
    Generic,
}

/// Whether a signed request may leave its body out of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsignedPayload {
    /// Never.
    Refuse,
    /// Where TLS keeps the body from being changed on the way, as S3 has it.
    Tls,
    /// Always.
    Allow,
}

/// A name of something outside the file, with its place, for whoever can tell whether that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The name.
    pub name: Arc<str>,
    /// Where it stands.
    pub span: Span,
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    pub(in crate::route) partition: Box<str>,
    pub(in crate::route) hosts: Hosts,
    pub(in crate::route) hosts_span: Span,
    /// As written, with its place; `None`: not written.
    pub(in crate::route) said_fallback: Option<(Fallback, Span)>,
    pub(in crate::route) forward_preflight: bool,
    pub(in crate::route) routes: Vec<Route>,
    file: Arc<str>,
    name: Box<str>,
    account: AccountId,
    account_text: Box<str>,
    account_span: Span,
    region: Box<str>,
    signing_name: Box<str>,
    unsigned_payload: UnsignedPayload,
    upstream: Reference,
    providers: Option<Box<[Reference]>>,
    audiences: Option<Box<[Box<str>]>>,
}

impl Service {
    /// Reads a route file, reporting every fault in it. `openapi` gives the text of a file beside it.
    ///
    /// ```
    /// use sidegate::route::Service;
    /// use sidegate::source::{Report, json};
    ///
    /// let text = r#"{"service": "orders", "account": "555566667777", "region": "us-east-1", "upstream": "app",
    ///     "routes": [{"match": "GET /orders/{id}", "action": "orders:GetOrder",
    ///                 "resource": "arn:{partition}:orders::{account}:order/{id}"}]}"#;
    /// let mut report = Report::on("routes/orders.yaml");
    /// let node = json::read(text, &mut report).unwrap();
    /// let service = Service::read(&node, "aws", &|_| None, &mut report).unwrap();
    /// assert_eq!(service.name(), "orders");
    /// assert!(report.faults().is_empty());
    /// ```
    pub fn read(
        node: &Node,
        partition: &str,
        openapi: &dyn Fn(&str) -> Option<String>,
        report: &mut Report,
    ) -> Option<Self> {
        let mut keys = Mapping::of(node, "a route file", report)?;
        let name = keys.required_string("service", report);
        let account = keys.required("account", report);
        let region = keys.required_string("region", report);
        let signing_name = keys.string("signing_name", report);
        let unsigned_payload = keys.string("unsigned_payload", report);
        let hosts_node = keys.take("hosts");
        let hosts = Hosts::read(hosts_node, report);
        let upstream = keys.required_string("upstream", report);
        let providers = optional_list(&mut keys, "providers", report);
        let audiences = optional_list(&mut keys, "audiences", report);
        let preflight = keys.string("preflight", report);
        let entries = keys.list("routes", report);
        let document = keys.string("openapi", report);
        let fallback = keys.string("fallback", report);
        keys.finish(report);

        let name = name.filter(|(text, span)| word(text, *span, "service", report));
        let account = account.and_then(|node| {
            let (text, span) = digits(node, "account", report)?;
            let id = AccountId::parse(text);
            if id.is_none() {
                let message = format!("`{text}` is no account id");
                report.error("bad-account", span, message, "write 12 digits in quotes");
            }
            id.map(|id| (id, span))
        });
        let region = region.filter(|(text, span)| word(text, *span, "region", report));
        let signing_name =
            signing_name.filter(|(text, span)| word(text, *span, "signing_name", report));
        let unsigned_payload = read_unsigned_payload(unsigned_payload, report);
        let fallback = read_fallback(fallback, &hosts, report);
        let forward_preflight = read_preflight(preflight, report);

        let constants = Constants {
            partition,
            account: account
                .as_ref()
                .map_or("000000000000", |(id, _)| id.as_str()),
            region: region.map_or("region", |(text, _)| text),
            service: name.map_or("service", |(text, _)| text),
        };
        let mut routes: Vec<Route> = entries
            .iter()
            .filter_map(|entry| Route::read(entry, &constants, report))
            .collect();
        let imported = document.map_or(Some(Vec::new()), |(file, span)| {
            openapi::import(file, span, openapi, &constants, report)
        });
        routes.extend(imported?);
        if entries.is_empty() && document.is_none() && fallback.is_none() {
            report.add(
                Severity::Warning,
                "no-routes",
                node.span,
                "the service has no routes, so every request of it gets 404",
                "add `routes:`, `openapi:` or a `fallback:`",
            );
        }
        let (name, (account, account_span), region, upstream) =
            (name?.0, account?, region?.0, upstream?);
        Some(Self {
            partition: partition.into(),
            hosts_span: hosts_node.map_or(node.span, |node| node.span),
            hosts,
            said_fallback: fallback,
            forward_preflight,
            routes,
            file: Arc::clone(report.file()),
            name: name.into(),
            account,
            account_text: account.as_str().into(),
            account_span,
            region: region.into(),
            unsigned_payload: unsigned_payload.unwrap_or(match signing_name {
                Some(("s3", _)) => UnsignedPayload::Tls,
                _ => UnsignedPayload::Refuse,
            }),
            signing_name: signing_name.map_or(name, |(text, _)| text).into(),
            upstream: reference(upstream),
            providers,
            audiences: audiences
                .map(|list| list.iter().map(|entry| (*entry.name).into()).collect()),
        })
    }

    /// The service's name: the prefix of its actions and context keys.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file it was read from.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The account that owns its resources.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Its digits, as text that need not be checked each time.
    pub fn account_text(&self) -> &str {
        &self.account_text
    }

    /// Where the account is named.
    pub fn account_span(&self) -> Span {
        self.account_span
    }

    /// `aws:RequestedRegion`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The service name in a SigV4 credential scope.
    pub fn signing_name(&self) -> &str {
        &self.signing_name
    }

    /// Whether a signed request may leave its body out of the signature.
    pub fn unsigned_payload(&self) -> UnsignedPayload {
        self.unsigned_payload
    }

    /// The hosts that it serves.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The upstream that gets its requests.
    pub fn upstream(&self) -> &Reference {
        &self.upstream
    }

    /// The identity providers whose tokens are accepted; `None`: all.
    pub fn providers(&self) -> Option<&[Reference]> {
        self.providers.as_deref()
    }

    /// The audiences that are accepted; `None`: all of a provider's.
    pub fn audiences(&self) -> Option<&[Box<str>]> {
        self.audiences.as_deref()
    }

    /// What happens where no route matches.
    pub fn fallback(&self) -> Fallback {
        self.said_fallback
            .map_or(Fallback::NotFound, |(fallback, _)| fallback)
    }

    /// Its routes: the written ones, then the imported ones.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

fn reference((name, span): (&str, Span)) -> Reference {
    Reference {
        name: name.into(),
        span,
    }
}

/// A list of names that, where it is written, names at least one.
fn optional_list(
    keys: &mut Mapping<'_>,
    key: &'static str,
    report: &mut Report,
) -> Option<Box<[Reference]>> {
    let node = keys.take(key)?;
    let items = node.as_list().unwrap_or_default();
    if items.is_empty() {
        report.error(
            "bad-list",
            node.span,
            format!(
                "`{key}` is a list of one name at least, and this is {}",
                node.kind()
            ),
            format!("write [a, b], or leave out `{key}` to accept all"),
        );
    }
    let names = items
        .iter()
        .filter_map(|item| mapping::string(item, key, report));
    Some(names.map(reference).collect())
}

fn word(text: &str, span: Span, key: &str, report: &mut Report) -> bool {
    let sound = is_service(text);
    if !sound {
        let message = format!("`{text}` is no {key}");
        report.error("bad-name", span, message, "write letters, digits and -");
    }
    sound
}

fn read_fallback(
    text: Option<(&str, Span)>,
    hosts: &Hosts,
    report: &mut Report,
) -> Option<(Fallback, Span)> {
    let (word, span) = text?;
    let fallback = match word {
        "not_found" => Fallback::NotFound,
        "deny" => Fallback::Deny,
        "generic" => Fallback::Generic,
        other => {
            report.error(
                "bad-fallback",
                span,
                format!("`{other}` is no fallback"),
                "write not_found, deny or generic",
            );
            return None;
        }
    };
    if fallback == Fallback::Generic && !matches!(hosts, Hosts::Listed(_)) {
        report.error(
            "generic-needs-hosts",
            span,
            "`fallback: generic` puts the host into the resource, and this service names none",
            "add hosts: [name]",
        );
    }
    Some((fallback, span))
}

fn read_unsigned_payload(
    text: Option<(&str, Span)>,
    report: &mut Report,
) -> Option<UnsignedPayload> {
    match text? {
        ("refuse", _) => Some(UnsignedPayload::Refuse),
        ("tls", _) => Some(UnsignedPayload::Tls),
        ("allow", _) => Some(UnsignedPayload::Allow),
        (other, span) => {
            report.error(
                "bad-unsigned-payload",
                span,
                format!("`{other}` does not say where bodies may be unsigned"),
                "write refuse, tls or allow",
            );
            None
        }
    }
}

fn read_preflight(text: Option<(&str, Span)>, report: &mut Report) -> bool {
    match text {
        None | Some(("refuse", _)) => false,
        Some(("forward", _)) => true,
        Some((other, span)) => {
            report.error(
                "bad-preflight",
                span,
                format!("`{other}` is nothing to do with a preflight"),
                "write forward or refuse",
            );
            false
        }
    }
}
