//! What an identity token says.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::authn::Identity;
use crate::clock::Timestamp;

/// What a token says at most of tags, in bytes: upstreams commonly take 8 KiB of headers.
const TAGS: usize = 3 * 1024;

/// The claims that do not change with time.
#[derive(Debug, Serialize)]
pub(super) struct Claims<'a> {
    iss: &'static str,
    aud: &'a str,
    /// The principal's ARN.
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_type: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'a str>,
    /// The role whose session it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_identity: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<&'a str, &'a str>,
    /// Tags there are, but too many to be said here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tags_omitted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    federated_provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa: Option<bool>,
}

/// Claims with their time.
#[derive(Debug, Serialize)]
pub(super) struct Timed<'c> {
    #[serde(flatten)]
    claims: &'c Claims<'c>,
    iat: i64,
    exp: i64,
}

impl<'a> Claims<'a> {
    pub(super) fn of(identity: &'a Identity, upstream: &'a str) -> Self {
        let size: usize = identity
            .tags
            .iter()
            .map(|(key, value)| key.len().saturating_add(value.len()))
            .sum();
        let tags_omitted = size > TAGS;
        let said = if tags_omitted {
            [].iter()
        } else {
            identity.tags.iter()
        };
        Self {
            iss: "sidegate",
            aud: upstream,
            sub: identity.principal.name(),
            account: identity.principal.account(),
            principal_type: identity.principal_type(),
            user_id: &identity.user_id,
            user_name: identity.user_name.as_deref(),
            role: identity.role.as_ref().map(|role| &*role.arn),
            session_name: identity.session_name.as_deref(),
            source_identity: identity.source_identity.as_deref(),
            groups: identity.groups.iter().map(|group| &*group.arn).collect(),
            tags: said.map(|(key, value)| (&**key, &**value)).collect(),
            tags_omitted,
            federated_provider: identity.federated_provider.as_deref(),
            mfa: identity.mfa_present,
        }
    }

    /// What makes two tokens the same but for their time: the claims, and when the credential ends.
    pub(super) fn content(&self, expires_at: Option<Timestamp>) -> Box<[u8]> {
        let end = expires_at.map_or(0, Timestamp::milliseconds);
        let mut content = end.to_le_bytes().to_vec();
        // Strings, lists and maps of strings: always serializable.
        content.extend(serde_json::to_vec(self).unwrap_or_default());
        content.into()
    }

    pub(super) fn timed(&'a self, now: Timestamp, expires: Timestamp) -> Timed<'a> {
        Timed {
            claims: self,
            iat: now.seconds(),
            exp: expires.seconds(),
        }
    }
}
