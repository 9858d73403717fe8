//! Reads providers of client certificates: `type: spiffe` and `type: x509`.

use std::sync::Arc;
use std::time::Duration;

use crate::source::mapping::{Mapping, digits};
use crate::source::{Report, Span};

use super::read::{account, is_nobody_elses, key_file, trusted_in};
use super::spiffe::is_trust_domain;
use super::{ClaimMap, KeySource, Keys, Kind, Provider};

impl Provider {
    /// Reads the rest of a provider's file whose `type` is one of these.
    pub(super) fn read_certificates(
        mut map: Mapping<'_>,
        kind: Kind,
        name: &str,
        report: &mut Report,
    ) -> Option<Self> {
        let account = map
            .required("account", report)
            .and_then(|node| digits(node, "account", report))
            .and_then(|(text, span)| account(text, span, report));
        let trusted_in = trusted_in(&mut map, account, report);
        let issuer: Option<Box<str>> = if kind == Kind::Spiffe {
            map.required_string("trust_domain", report)
                .and_then(|(text, span)| trust_domain(text, span, report))
                .map(|domain| format!("spiffe://{domain}").into())
        } else {
            is_nobody_elses(name, map.span(), report).then(|| name.into())
        };
        let authorities = match map.string("authorities", report) {
            None => None,
            Some((path, span)) if path.starts_with('/') => {
                report.error(
                    "malformed-path",
                    span,
                    "`authorities` is a file of the bundle: who vouches for a provider is part of who may do what",
                    "write its path beside this file",
                );
                return None;
            }
            Some((path, span)) => match key_file(path, span, report)? {
                KeySource::File { path, .. } => Some(path),
                KeySource::Discovery
                | KeySource::Url(_)
                | KeySource::Certificates { .. }
                | KeySource::Metadata { .. } => None,
            },
        };
        let claim_map = ClaimMap::read_certificates(map.take("map"), report);
        map.finish(report);
        Some(Self {
            kind,
            keys: Keys::none(KeySource::Certificates {
                path: authorities,
                content: None,
            }),
            // A certificate says to the second how long it is good.
            leeway: Duration::ZERO,
            ..Self::with_defaults(Arc::from(name), account?, trusted_in, issuer?, claim_map?)
        })
    }
}

fn trust_domain<'t>(text: &'t str, span: Span, report: &mut Report) -> Option<&'t str> {
    if is_trust_domain(text) {
        return is_nobody_elses(text, span, report).then_some(text);
    }
    report.error(
        "malformed-value",
        span,
        format!("`{text}` is no trust domain: 1 to 255 of a-z 0-9 . - _"),
        "write it as it stands in the ids, without spiffe:// and path: prod.example",
    );
    None
}
