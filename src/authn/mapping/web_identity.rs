//! What a provider's token brings to a session of a role that the STS makes for it.

use std::sync::Arc;

use crate::authn::Failure;
use crate::authn::identity::find_tag;
use crate::authn::json::Json;
use crate::authn::jwt::VerifiedToken;
use crate::clock::Timestamp;
use crate::directory::{Directory, Role};
use crate::outcome::Reason;
use crate::policy::Context;
use crate::policy::context::Value;

use super::session::{self, Session};
use super::trust::{Trust, Trusted};
use super::{claimed_groups, refused};

/// Claims that policies of the session may ask for, as AWS keeps them.
const KEPT: [&str; 4] = ["aud", "oaud", "sub", "amr"];
/// In bytes; all of them must fit into a session token beside everything else.
const MAX_CLAIM: usize = 2048;
const MAX_VALUES: usize = 64;
const AWS_TAGS: &str = "https://aws.amazon.com/tags";

/// What the session gets.
#[derive(Debug)]
pub struct WebIdentity {
    /// Session tags: mapped and claimed ones.
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// The keys of those that a chain hands down.
    pub transitive: Vec<Box<str>>,
    /// The source identity.
    pub source_identity: Option<Box<str>>,
    /// Whether several factors were used; `None`: the provider has no mapping for it.
    pub mfa_present: Option<bool>,
    /// When.
    pub mfa_at: Option<Timestamp>,
    /// The provider's ARN in the role's account.
    pub provider_arn: Box<str>,
    /// `sub`.
    pub subject: Box<str>,
    /// `aud`, or `azp` where that is present.
    pub audience: Box<str>,
    /// What conditions on the session may read, by the names behind the issuer's `HOST/PATH:`.
    pub claims: Vec<(Box<str>, Vec<Box<str>>)>,
}

/// Asks a role's trust policy whether a token's bearer may have a session of it called `name`.
///
/// # Errors
/// When it may not, or the token's tags or source identity are none; [`Reason::InvalidClaims`] when the session cannot hold
/// a claim that its policies may ask for: without it a Deny would not find what it denies.
pub fn web_identity(
    token: &Arc<VerifiedToken>,
    directory: &Directory,
    role: &Role,
    name: &str,
    duration: Option<u32>,
    request: &dyn Context,
) -> Result<WebIdentity, Failure> {
    let provider = token.provider();
    let groups = claimed_groups(token, provider);
    let session = Session::named(token, groups, name.into())
        .map_err(|why| refused(provider, Reason::NoPrincipal, &why))?;
    let request = WithDuration { request, duration };
    let trust = Trust {
        token,
        directory,
        session: &session,
        request: &request,
    };
    if let Trusted::No { why, .. } = trust.judge(role) {
        return Err(refused(provider, Reason::RoleNotTrusted, &why));
    }
    let (mfa_present, mfa_at) = session::mfa(token);
    let mut claims: Vec<(Box<str>, Vec<Box<str>>)> = Vec::new();
    for claim in KEPT {
        let values =
            claimed(token, claim).map_err(|why| refused(provider, Reason::InvalidClaims, &why))?;
        if !values.is_empty() {
            claims.push((claim.into(), values));
        }
    }
    let one = |claim: &str| {
        let found = claims.iter().find(|(name, _)| **name == *claim);
        let first = found.and_then(|(_, values)| values.first());
        first.cloned().unwrap_or_default()
    };
    Ok(WebIdentity {
        transitive: transitive(token, &session.tags),
        tags: session.tags,
        source_identity: session.source_identity,
        mfa_present,
        mfa_at,
        provider_arn: provider.arn(directory.partition(), role.account).into(),
        subject: one("sub"),
        audience: one("aud"),
        claims,
    })
}

/// The values of a claim, or why a session cannot keep them.
fn claimed(token: &VerifiedToken, claim: &str) -> Result<Vec<Box<str>>, String> {
    let key = format!("{}:{claim}", token.provider().host_and_path()).to_lowercase();
    let values: Vec<Box<str>> = match crate::authn::identity::claim(token, &key) {
        Some(Value::Text(text)) => vec![text.into()],
        Some(Value::List(list)) => list.to_vec(),
        Some(other) => vec![other.with_text(|text| text.into())],
        None => Vec::new(),
    };
    if values.len() > MAX_VALUES {
        return Err(format!(
            "the claim `{claim}` has {} values, and a session keeps {MAX_VALUES} at most",
            values.len()
        ));
    }
    if let Some(long) = values.iter().find(|value| value.len() > MAX_CLAIM) {
        return Err(format!(
            "the claim `{claim}` has {} bytes, and a session keeps {MAX_CLAIM} at most",
            long.len()
        ));
    }
    Ok(values)
}

/// AWS's claim names the keys of tags that a chain hands down.
fn transitive(token: &VerifiedToken, tags: &[(Box<str>, Box<str>)]) -> Vec<Box<str>> {
    let keys = token
        .claims()
        .get(AWS_TAGS)
        .and_then(|claim| claim.get("transitive_tag_keys"))
        .map(Json::texts)
        .unwrap_or_default();
    keys.into_iter()
        .filter(|key| find_tag(tags, &key.to_lowercase()).is_some())
        .map(Into::into)
        .collect()
}

/// The request, and how long the session is to last.
struct WithDuration<'a> {
    request: &'a dyn Context,
    duration: Option<u32>,
}

impl Context for WithDuration<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        if key == "sts:durationseconds" {
            return self
                .duration
                .map(|seconds| Value::Number(i64::from(seconds)));
        }
        self.request.get(key)
    }
}
