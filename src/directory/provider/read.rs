//! Reads `identity-providers/NAME.yaml`.

use std::sync::Arc;
use std::time::Duration;

use crate::arn::AccountId;
use crate::source::mapping::{Mapping, digits, string};
use crate::source::{Node, Report, Span, nearest};

use super::{
    Algorithm, Binding, ClaimMap, Introspection, KeySource, Keys, Kind, Provider, Url, is_namespace,
};

const DAY: u64 = 24 * 60 * 60;
/// A leap year: what "a year" means to whoever issues year-long tokens.
const MAX_TOKEN_LIFETIME: u64 = 366 * DAY;
const LEEWAY: u64 = 30;
const MAX_STALE: u64 = DAY;
const REFRESH: u64 = 15 * 60;

impl Provider {
    /// Reads a provider's file; `name` is the file's name without `.yaml`. Every fault goes to `report`; `None` if any
    /// makes the provider unusable.
    pub fn read(node: &Node, name: &str, report: &mut Report) -> Option<Self> {
        let mut map = Mapping::of(node, "an identity provider", report)?;
        let (kind, kind_span) = map.required_string("type", report)?;
        match kind {
            "oidc" => {}
            "spiffe" => return Self::read_certificates(map, Kind::Spiffe, name, report),
            "x509" => return Self::read_certificates(map, Kind::X509, name, report),
            "saml" => return Self::read_saml(map, name, report),
            other => {
                let help = nearest(other, ["oidc", "saml", "spiffe", "x509"]).map_or_else(
                    || "write `type: oidc`".to_owned(),
                    |name| format!("did you mean `{name}`?"),
                );
                report.error(
                    "unknown-value",
                    kind_span,
                    format!("`{other}` is no type of provider"),
                    help,
                );
                return None;
            }
        }
        let allow_http = map.boolean("allow_http", report).unwrap_or(false);
        let account = map
            .required("account", report)
            .and_then(|node| digits(node, "account", report))
            .and_then(|(text, span)| account(text, span, report));
        let trusted_in = trusted_in(&mut map, account, report);
        let issuer = map
            .required_string("issuer", report)
            .and_then(|(text, span)| issuer(text, span, allow_http, report));
        let audiences = audiences(&mut map, report);
        let keys = map
            .required("keys", report)
            .and_then(|node| keys(node, allow_http, report));
        let algorithms = algorithms(&mut map, report);
        let token_type = map.string("token_type", report).and_then(|(text, span)| {
            if text.is_empty() || text.bytes().any(|byte| !byte.is_ascii_graphic()) {
                report.error(
                    "malformed-value",
                    span,
                    "`token_type` is a media type, like at+jwt",
                    "write `token_type: at+jwt`",
                );
                return None;
            }
            Some(text.into())
        });
        let lifetime = map.integer("max_token_lifetime", 1..=MAX_TOKEN_LIFETIME, report);
        let leeway = map.integer("leeway", 0..=300, report);
        let max_stale = map.integer("max_stale", 60..=MAX_TOKEN_LIFETIME, report);
        let max_stale = Duration::from_secs(max_stale.unwrap_or(MAX_STALE));
        let binding = binding(&mut map, report);
        let introspection = map
            .take("introspection")
            .map(|node| Introspection::read(node, keys.as_ref(), &audiences, allow_http, report));
        let claim_map = ClaimMap::read(map.take("map"), report);
        let span = map.span();
        map.finish(report);
        if let Some(keys) = &keys
            && keys.refresh > max_stale
        {
            report.error(
                "conflicting-keys",
                span,
                "`max_stale` is shorter than `refresh`: keys would expire between two fetches",
                "make `max_stale` at least as long as `keys.refresh`",
            );
        }
        let defaults = Self::with_defaults(
            Arc::from(name),
            account?,
            trusted_in,
            issuer?.as_str().into(),
            claim_map?,
        );
        Some(Self {
            audiences,
            keys: keys?,
            algorithms,
            token_type,
            max_token_lifetime: Duration::from_secs(lifetime.unwrap_or(MAX_TOKEN_LIFETIME)),
            leeway: Duration::from_secs(leeway.unwrap_or(LEEWAY)),
            max_stale,
            allow_http,
            binding,
            // Half of it would leave tokens unread that are meant to be: the report says what is wrong.
            introspection: introspection.flatten(),
            ..defaults
        })
    }

    /// One whose other keys are left out.
    pub(super) fn with_defaults(
        name: Arc<str>,
        account: AccountId,
        trusted_in: Vec<AccountId>,
        issuer: Box<str>,
        map: ClaimMap,
    ) -> Self {
        Self {
            name,
            kind: Kind::Oidc,
            account,
            trusted_in,
            issuer,
            audiences: Vec::new(),
            recipients: Vec::new(),
            keys: Keys::none(KeySource::Discovery),
            algorithms: Vec::new(),
            token_type: None,
            max_token_lifetime: Duration::from_secs(MAX_TOKEN_LIFETIME),
            leeway: Duration::from_secs(LEEWAY),
            max_stale: Duration::from_secs(MAX_STALE),
            allow_http: false,
            binding: None,
            introspection: None,
            map,
        }
    }
}

impl Keys {
    /// From somewhere, without anything said about the way.
    pub(super) fn none(source: KeySource) -> Self {
        Self {
            source,
            ca_file: None,
            bearer_file: None,
            refresh: Duration::from_secs(REFRESH),
        }
    }
}

/// `require_binding`: tokens that anybody could use who gets hold of them are refused.
fn binding(map: &mut Mapping<'_>, report: &mut Report) -> Option<Binding> {
    let (text, span) = map.string("require_binding", report)?;
    match text {
        "dpop" => Some(Binding::Dpop),
        "certificate" => Some(Binding::Certificate),
        "any" => Some(Binding::Any),
        _ => {
            report.error(
                "unknown-value",
                span,
                format!("`{text}` binds no token"),
                "write dpop, certificate or any, or leave the key out",
            );
            None
        }
    }
}

pub(super) fn account(text: &str, span: Span, report: &mut Report) -> Option<AccountId> {
    let account = AccountId::parse(text);
    if account.is_none() {
        report.error(
            "malformed-account",
            span,
            format!("`{text}` is no account id"),
            "an account id is twelve digits, in quotes",
        );
    }
    account
}

/// Absent means: in the provider's own account alone.
pub(super) fn trusted_in(
    map: &mut Mapping<'_>,
    own: Option<AccountId>,
    report: &mut Report,
) -> Vec<AccountId> {
    let Some(node) = map.take("trusted_in") else {
        return own.into_iter().collect();
    };
    let Some(items) = node.as_list() else {
        report.error(
            "wrong-type",
            node.span,
            format!("`trusted_in` is a list, and this is {}", node.kind()),
            "write [\"111122223333\"]",
        );
        return Vec::new();
    };
    let mut accounts = Vec::new();
    for item in items {
        if let Some((text, span)) = digits(item, "trusted_in", report)
            && let Some(id) = account(text, span, report)
            && !accounts.contains(&id)
        {
            accounts.push(id);
        }
    }
    accounts
}

fn issuer(text: &str, span: Span, allow_http: bool, report: &mut Report) -> Option<Url> {
    let url = url(text, span, "issuer", allow_http, report)?;
    // OpenID Connect Discovery 1.0, section 3: no query and no fragment.
    if url.has_query() {
        report.error(
            "malformed-url",
            span,
            "an issuer has no query",
            "write it exactly as the tokens' `iss` claim has it",
        );
        return None;
    }
    is_nobody_elses(url.host(), span, report).then_some(url)
}

/// Conditions ask for a provider's claims as `NAME:CLAIM`: they must not read as keys of IAM.
pub(super) fn is_nobody_elses(name: &str, span: Span, report: &mut Report) -> bool {
    let is_reserved = is_namespace(name);
    if is_reserved {
        report.error(
            "reserved-issuer",
            span,
            format!("condition keys that begin with `{name}:` are IAM's own: no claim of a provider may answer them"),
            "give the issuer a name that is none of aws, iam, saml, sidegate and sts, like login.corp.example",
        );
    }
    !is_reserved
}

pub(super) fn url(
    text: &str,
    span: Span,
    key: &str,
    allow_http: bool,
    report: &mut Report,
) -> Option<Url> {
    match Url::parse(text) {
        Err(why) => {
            report.error(
                "malformed-url",
                span,
                format!("`{key}`: {why}"),
                "write https://HOST/PATH",
            );
            None
        }
        Ok(url) if !url.is_https() && !url.is_loopback() && !allow_http => {
            report.error(
                "plain-http",
                span,
                format!("`{key}` is plain http, where anybody on the way can change the keys"),
                "use https, or say `allow_http: true`",
            );
            None
        }
        Ok(url) => Some(url),
    }
}

pub(super) fn audiences(map: &mut Mapping<'_>, report: &mut Report) -> Vec<Box<str>> {
    let mut audiences: Vec<Box<str>> = Vec::new();
    let before = report.faults().len();
    for (text, span) in map.strings("audiences", report) {
        if text.is_empty() {
            report.error(
                "malformed-value",
                span,
                "an audience is not empty",
                "write the `aud` of tokens that are meant for this service, or remove it",
            );
        } else if !audiences.iter().any(|known| **known == *text) {
            audiences.push(text.into());
        }
    }
    // What is there and cannot be read is one fault, not two.
    if audiences.is_empty() && report.faults().len() == before {
        report.error(
            "missing-key",
            map.span(),
            "an identity provider needs at least one of `audiences`: a token for another service must not pass here",
            "add `audiences: [NAME]`, the `aud` of tokens that are meant for this service",
        );
    }
    audiences
}

fn algorithms(map: &mut Mapping<'_>, report: &mut Report) -> Vec<Algorithm> {
    let Some(node) = map.take("algorithms") else {
        return vec![Algorithm::Rs256, Algorithm::Es256];
    };
    let mut algorithms = Vec::new();
    for item in node.as_list().unwrap_or_default() {
        let Some((text, span)) = string(item, "algorithms", report) else {
            continue;
        };
        match Algorithm::named(text) {
            Some(algorithm) if algorithms.contains(&algorithm) => {}
            Some(algorithm) => algorithms.push(algorithm),
            None => {
                let names = Algorithm::ALL.map(Algorithm::name);
                let why = if text.starts_with("HS") || text.eq_ignore_ascii_case("none") {
                    ": whoever can verify with it can also sign with it, or needs no key at all"
                } else {
                    ""
                };
                report.error(
                    "unknown-algorithm",
                    span,
                    format!("`{text}` is no algorithm that is accepted{why}"),
                    format!("there are {}", names.join(", ")),
                );
            }
        }
    }
    if node.as_list().is_none_or(<[_]>::is_empty) {
        report.error(
            "wrong-type",
            node.span,
            "`algorithms` is a list of at least one algorithm",
            "write [RS256, ES256], or leave the key out for these two",
        );
    }
    algorithms
}

fn keys(node: &Node, allow_http: bool, report: &mut Report) -> Option<Keys> {
    let mut map = Mapping::of(node, "`keys`", report)?;
    let discovery = map.boolean("discovery", report);
    let address = map.string("url", report);
    let file = map.string("file", report);
    let ca_file = map.string("ca_file", report);
    let bearer_file = map.string("bearer_file", report);
    let refresh = map.integer("refresh", 30..=DAY, report).unwrap_or(REFRESH);
    let span = map.span();
    map.finish(report);
    let discovery = discovery == Some(true);
    let source = match (discovery, address, file) {
        (true, None, None) => Some(KeySource::Discovery),
        (false, Some((text, span)), None) => {
            url(text, span, "url", allow_http, report).map(KeySource::Url)
        }
        (false, None, Some((path, span))) => key_file(path, span, report),
        _ => {
            report.error(
                "conflicting-keys",
                span,
                "keys come from exactly one of `discovery`, `url` and `file`",
                "write `keys: { discovery: true }`, `keys: { url: https://… }` or `keys: { file: keys.json }`",
            );
            None
        }
    };
    for (key, value) in [("ca_file", ca_file), ("bearer_file", bearer_file)] {
        if let Some((path, span)) = value
            && !path.starts_with('/')
        {
            report.error(
                "malformed-path",
                span,
                format!("`{key}` is a file of the machine, not of the bundle"),
                "write an absolute path",
            );
        }
    }
    let source = source?;
    if let KeySource::File { .. } = source
        && let Some((_, span)) = ca_file.or(bearer_file)
    {
        report.error(
            "conflicting-keys",
            span,
            "`ca_file` and `bearer_file` are for keys that are fetched",
            "remove it",
        );
    }
    Some(Keys {
        source,
        ca_file: ca_file.map(|(path, _)| path.into()),
        bearer_file: bearer_file.map(|(path, _)| path.into()),
        refresh: Duration::from_secs(refresh),
    })
}

pub(super) fn key_file(path: &str, span: Span, report: &mut Report) -> Option<KeySource> {
    let inside = path
        .split('/')
        .skip(usize::from(path.starts_with('/')))
        .all(|part| !matches!(part, "" | "." | ".."));
    if !inside || path.contains('\\') {
        report.error(
            "malformed-path",
            span,
            format!("`{path}` is no plain path of a file"),
            "write a path inside the bundle, or an absolute one, without `.` and `..`",
        );
        return None;
    }
    Some(KeySource::File {
        path: path.into(),
        content: None,
    })
}
