//! The context keys of a request (iam-semantics, section 7), answered on demand from what is at hand.
//!
//! Nothing is put together in advance: the engine asks by key, and only for the keys that some policy names. Only
//! trusted parts answer principal keys; a route's own keys can never be `aws:` or `sts:` (the loader refuses them).

use std::net::IpAddr;

use crate::arn::AccountId;
use crate::authn::Identity;
use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::policy::context::{self, Context, Value};

/// What is known of the request before anybody is identified.
#[derive(Debug, Clone, Copy)]
pub struct RequestFacts<'a> {
    /// When it was judged.
    pub now: Timestamp,
    /// Where it came from: the peer, or what a trusted hop says.
    pub source: IpAddr,
    /// Whether the client's connection used TLS.
    pub secure: bool,
    /// `User-Agent`, as sent.
    pub user_agent: Option<&'a str>,
    /// `Referer`, as sent.
    pub referer: Option<&'a str>,
    /// The service's region.
    pub region: &'a str,
}

impl Context for RequestFacts<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        if let Some(value) = of_every_request(self.now, key) {
            return Some(value);
        }
        Some(match key {
            "aws:securetransport" => Value::Bool(self.secure),
            "aws:sourceip" => Value::Ip(self.source),
            "aws:useragent" => Value::Text(self.user_agent?),
            "aws:referer" => Value::Text(self.referer?),
            "aws:requestedregion" => Value::Text(self.region),
            _ => return None,
        })
    }
}

/// What every request has, whatever it brings.
pub(crate) fn of_every_request(now: Timestamp, key: &str) -> Option<Value<'static>> {
    Some(match key {
        "aws:currenttime" => Value::Instant(now),
        "aws:epochtime" => Value::Number(now.seconds()),
        // A request comes from a client, never through another service.
        "aws:viaawsservice" => Value::Bool(false),
        _ => return None,
    })
}

/// What follows from who asks, at this time.
pub(crate) fn of_identity<'i>(
    identity: &'i Identity,
    now: Timestamp,
    key: &str,
) -> Option<Value<'i>> {
    if key == "aws:multifactorauthage" {
        let age = identity.mfa_age(now)?;
        return Some(Value::Number(i64::try_from(age.as_secs()).ok()?));
    }
    identity.context_value(key)
}

/// What follows from whose the resource is.
pub(crate) fn of_owner<'a>(
    directory: &'a Directory,
    owner: &'a AccountId,
    key: &str,
) -> Option<Value<'a>> {
    if key == "aws:resourceaccount" {
        return Some(Value::Text(owner.as_str()));
    }
    let organization = directory.organization()?;
    let place = organization.places.get(owner)?;
    Some(match key {
        "aws:resourceorgid" => Value::Text(&organization.id),
        "aws:resourceorgpaths" => Value::List(std::slice::from_ref(&place.path)),
        _ => return None,
    })
}

/// A tag of a resource, the ones that win first, by its key in lower case.
pub(crate) fn of_tags<'a>(tags: &[(&'a str, &'a str)], tag: &str) -> Option<Value<'a>> {
    let (_, value) = tags.iter().find(|(name, _)| equals_lower(name, tag))?;
    Some(Value::Text(value))
}

/// The whole context of one resource's decision.
#[derive(Debug)]
pub struct DecisionContext<'a> {
    /// What every request has.
    pub request: RequestFacts<'a>,
    /// Who; `None` is anonymous.
    pub identity: Option<&'a Identity>,
    /// For organization keys.
    pub directory: &'a Directory,
    /// Who owns the resource.
    pub resource_account: AccountId,
    /// Tags of the resource, the ones that win first.
    pub resource_tags: &'a [(&'a str, &'a str)],
    /// The route's own keys, in lower case.
    pub route: &'a [(&'a str, String)],
}

impl DecisionContext<'_> {
    fn resource(&self, key: &str) -> Option<Value<'_>> {
        match key.strip_prefix("aws:resourcetag/") {
            Some(tag) => of_tags(self.resource_tags, tag),
            None => of_owner(self.directory, &self.resource_account, key),
        }
    }

    fn principal(&self, key: &str) -> Option<Value<'_>> {
        match (self.identity, key) {
            (Some(identity), _) => of_identity(identity, self.request.now, key),
            (None, "aws:principaltype") => Some(Value::Text("Anonymous")),
            (None, "aws:principalisawsservice") => Some(Value::Bool(false)),
            (None, _) => None,
        }
    }
}

impl Context for DecisionContext<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        if let Some(value) = self.request.get(key) {
            return Some(value);
        }
        if key.starts_with("aws:resource") {
            return self.resource(key);
        }
        if let Some(value) = self.principal(key) {
            return Some(value);
        }
        let (_, value) = self.route.iter().find(|(name, _)| *name == key)?;
        Some(Value::Text(value))
    }
}

/// Whether `name`, lower-cased, is `lower`.
fn equals_lower(name: &str, lower: &str) -> bool {
    name.chars().map(context::lower).eq(lower.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_names_compare_without_case() {
        assert!(equals_lower("Team", "team"));
        assert!(equals_lower("ÄB", "äb"));
        assert!(equals_lower("ΣΑΣ", "σασ"));
        assert!(equals_lower("İ", "i"));
        assert!(!equals_lower("teams", "team"));
    }
}
