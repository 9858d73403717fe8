//! Reads providers of SAML 2.0 assertions: `type: saml`.

use std::sync::Arc;

use crate::source::mapping::{Mapping, digits};
use crate::source::{Report, Span};

use super::read::{account, audiences, key_file, trusted_in};
use super::{ClaimMap, KeySource, Keys, Kind, Provider};

impl Provider {
    /// Reads the rest of a provider's file whose `type` is `saml`. Who an assertion is for stands in its own
    /// attributes, with AWS's names; so there is no `map`.
    pub(super) fn read_saml(mut map: Mapping<'_>, name: &str, report: &mut Report) -> Option<Self> {
        let account = map
            .required("account", report)
            .and_then(|node| digits(node, "account", report))
            .and_then(|(text, span)| account(text, span, report));
        let trusted_in = trusted_in(&mut map, account, report);
        let metadata = map
            .required_string("metadata", report)
            .and_then(|(path, span)| metadata(path, span, report));
        let audiences = audiences(&mut map, report);
        let recipients = recipients(&mut map, report);
        let leeway = map.integer("leeway", 0..=300, report);
        let claim_map = ClaimMap::read(None, report);
        map.finish(report);
        let defaults = Self::with_defaults(
            Arc::from(name),
            account?,
            trusted_in,
            name.into(),
            claim_map?,
        );
        Some(Self {
            kind: Kind::Saml,
            keys: Keys::none(metadata?),
            audiences,
            recipients,
            leeway: leeway.map_or(defaults.leeway, std::time::Duration::from_secs),
            ..defaults
        })
    }

    /// The issuer's metadata, of a provider of assertions.
    pub fn metadata(&self) -> Option<&str> {
        let KeySource::Metadata { content, .. } = &self.keys.source else {
            return None;
        };
        content.as_deref()
    }
}

fn metadata(path: &str, span: Span, report: &mut Report) -> Option<KeySource> {
    if path.starts_with('/') {
        report.error(
            "malformed-path",
            span,
            "`metadata` is a file of the bundle: who vouches for people is part of who may do what",
            "write its path beside this file",
        );
        return None;
    }
    let KeySource::File { path, .. } = key_file(path, span, report)? else {
        return None;
    };
    Some(KeySource::Metadata {
        path,
        content: None,
    })
}

fn recipients(map: &mut Mapping<'_>, report: &mut Report) -> Vec<Box<str>> {
    let mut recipients: Vec<Box<str>> = Vec::new();
    for (text, span) in map.strings("recipients", report) {
        if text.is_empty() || text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            report.error(
                "malformed-value",
                span,
                "a recipient is an address, without spaces",
                "write the assertion consumer service's URL as the identity provider has it",
            );
        } else if !recipients.iter().any(|known| **known == *text) {
            recipients.push(text.into());
        }
    }
    if recipients.is_empty() {
        report.error(
            "missing-key",
            map.span(),
            "a SAML provider needs at least one of `recipients`: an assertion for another service must not pass here",
            "add `recipients: [URL]`, the assertion consumer service's URL that the identity provider sends to",
        );
    }
    recipients
}
