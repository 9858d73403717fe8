//! Who a request comes from, with everything that policies may ask about it.

mod made;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::directory::provider::is_namespace;
use crate::directory::{Group, Role, User};
use crate::policy::context::{self, Value};
use crate::policy::{PolicySet, Principal};

use super::jwt::VerifiedToken;
use super::session::Claims;

/// How far an issuer's clock may be ahead.
const LEEWAY: Duration = Duration::from_secs(30);

/// Who a request comes from.
#[derive(Debug)]
pub struct Identity {
    /// As policies name it.
    pub principal: Principal,
    /// The IAM user, if it is one.
    pub user: Option<Arc<User>>,
    /// The user's groups, its own and claimed ones.
    pub groups: Vec<Arc<Group>>,
    /// The role whose session it is.
    pub role: Option<Arc<Role>>,
    /// The session policies. `None`: none was passed.
    pub session_policies: Option<Arc<PolicySet>>,
    /// What the session is called.
    pub session_name: Option<Box<str>>,
    /// The source identity.
    pub source_identity: Option<Box<str>>,
    /// aws:PrincipalTag: those of the user or role, overridden by the session's.
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// The keys of session tags that the next role in a chain inherits.
    pub transitive_tags: Vec<Box<str>>,
    /// aws:userid.
    pub user_id: Box<str>,
    /// The access key that signed, or a session's: for the record.
    pub access_key: Option<Box<str>>,
    /// aws:username: of IAM users only.
    pub user_name: Option<Box<str>>,
    /// The ARN of the provider that vouches for it.
    pub federated_provider: Option<Arc<str>>,
    /// What the provider said of a session, by the context keys that ask for it.
    pub claims: Option<Arc<Claims>>,
    /// When the credential was issued. A token that does not say counts as issued at time 0.
    pub issued_at: Option<Timestamp>,
    /// When several factors were used.
    pub mfa_authenticated_at: Option<Timestamp>,
    /// Whether several factors were used; `None`: the provider has no mapping for it.
    pub mfa_present: Option<bool>,
    /// aws:PrincipalOrgID.
    pub organization_id: Option<Box<str>>,
    /// aws:PrincipalOrgPaths: one path, or none outside of an organization.
    pub organization_paths: Vec<Box<str>>,
    /// aws:PrincipalServiceNamesList: of a service, its one name.
    pub service_names: Vec<Box<str>>,
    /// Claimed groups that do not exist in the provider's account: ignored, and counted.
    pub ignored_groups: usize,
    /// The token it was made from.
    pub token: Option<Arc<VerifiedToken>>,
    /// When the credential expires.
    pub expires_at: Option<Timestamp>,
    /// Whether it rests on the token and the snapshot alone, and on nothing of the request it came with.
    pub(super) lasting: bool,
}

impl Identity {
    /// Nobody known.
    pub fn anonymous() -> Self {
        Self {
            principal: Principal::Anonymous,
            user: None,
            groups: Vec::new(),
            role: None,
            session_policies: None,
            session_name: None,
            source_identity: None,
            tags: Vec::new(),
            transitive_tags: Vec::new(),
            user_id: "".into(),
            access_key: None,
            user_name: None,
            federated_provider: None,
            claims: None,
            issued_at: None,
            mfa_authenticated_at: None,
            mfa_present: None,
            organization_id: None,
            organization_paths: Vec::new(),
            service_names: Vec::new(),
            ignored_groups: 0,
            token: None,
            expires_at: None,
            lasting: true,
        }
    }

    /// Whether it rests on its credential and the snapshot alone, so that the very same may be met again.
    pub fn is_lasting(&self) -> bool {
        self.lasting
    }

    /// How long ago several factors were used: `aws:MultiFactorAuthAge`, which depends on the time of asking.
    pub fn mfa_age(&self, now: Timestamp) -> Option<Duration> {
        // One that lies ahead is none: it would seem to be now for as long.
        let at = self.mfa_authenticated_at;
        at.filter(|at| *at <= now.plus(LEEWAY))
            .map(|at| now.since(at))
    }

    /// The context keys that say who asks; `key` is in lower case. `None`: the key is absent, or says something else.
    pub fn context_value(&self, key: &str) -> Option<Value<'_>> {
        let Some(name) = key.strip_prefix("aws:") else {
            return match &self.token {
                Some(token) => claim(token, key),
                None => kept(self.claims.as_deref()?, key),
            };
        };
        if let Some(tag) = name.strip_prefix("principaltag/") {
            return find_tag(&self.tags, tag).map(Value::Text);
        }
        match name {
            "principalarn" => self.principal_arn().map(Value::Text),
            "principalaccount" => self.principal.account().map(Value::Text),
            "principaltype" => self.principal_type().map(Value::Text),
            "principalisawsservice" => Some(Value::Bool(matches!(
                self.principal,
                Principal::Service { .. }
            ))),
            "principalservicename" => {
                let is_service = matches!(self.principal, Principal::Service { .. });
                is_service.then(|| Value::Text(self.principal.name()))
            }
            "principalservicenameslist" => {
                (!self.service_names.is_empty()).then_some(Value::List(&self.service_names))
            }
            "principalorgid" => self.organization_id.as_deref().map(Value::Text),
            "principalorgpaths" => (!self.organization_paths.is_empty())
                .then_some(Value::List(&self.organization_paths)),
            "userid" => (!self.user_id.is_empty()).then_some(Value::Text(&self.user_id)),
            "username" => self.user_name.as_deref().map(Value::Text),
            "tokenissuetime" => self.issued_at.map(Value::Instant),
            "sourceidentity" => self.source_identity.as_deref().map(Value::Text),
            "federatedprovider" => self.federated_provider.as_deref().map(Value::Text),
            "multifactorauthpresent" => self.mfa_present.map(Value::Bool),
            _ => None,
        }
    }

    /// What it can be revoked by: its own ARN, and of a session that of the role or user whose it is.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let of = match &self.principal {
            Principal::RoleSession { role_arn: arn, .. }
            | Principal::FederatedUser { user_arn: arn, .. } => Some(&**arn),
            Principal::Root { .. }
            | Principal::User { .. }
            | Principal::Role { .. }
            | Principal::Federated { .. }
            | Principal::Service { .. }
            | Principal::Anonymous => None,
        };
        [self.principal.name()].into_iter().chain(of)
    }

    /// aws:PrincipalArn: of a role session the role's.
    fn principal_arn(&self) -> Option<&str> {
        match &self.principal {
            Principal::Root { arn, .. }
            | Principal::User { arn, .. }
            | Principal::Role { arn, .. }
            | Principal::FederatedUser { arn, .. } => Some(arn),
            Principal::RoleSession { role_arn, .. } => Some(role_arn),
            Principal::Federated { .. } | Principal::Service { .. } | Principal::Anonymous => None,
        }
    }

    /// aws:PrincipalType.
    pub fn principal_type(&self) -> Option<&'static str> {
        match &self.principal {
            Principal::Root { .. } => Some("Account"),
            Principal::User { .. } => Some("User"),
            Principal::Role { .. } | Principal::RoleSession { .. } => Some("AssumedRole"),
            Principal::FederatedUser { .. } => Some("FederatedUser"),
            Principal::Anonymous => Some("Anonymous"),
            Principal::Federated { .. } | Principal::Service { .. } => None,
        }
    }

    /// Roughly how many bytes it takes beside what it shares with the directory, and with its token.
    pub fn weight(&self) -> usize {
        let texts = [
            Some(self.principal.name()),
            self.session_name.as_deref(),
            self.source_identity.as_deref(),
            Some(&*self.user_id),
            self.federated_provider.as_deref(),
        ];
        let tags = self
            .tags
            .iter()
            .map(|(key, value)| key.len().saturating_add(value.len()).saturating_add(32));
        // A policy takes several times the room of its text, which is no longer at hand.
        let policies = match &self.session_policies {
            Some(_) => 32 * 1024,
            None => 0,
        };
        texts
            .into_iter()
            .flatten()
            .map(str::len)
            .chain(tags)
            .sum::<usize>()
            .saturating_add(size_of::<Self>())
            .saturating_add(policies)
    }
}

/// What a session keeps of a token's claims; several values are a list.
fn kept<'c>(claims: &'c Claims, key: &str) -> Option<Value<'c>> {
    let (name, values) = claims.iter().find(|(name, _)| **name == *key)?;
    match values.as_slice() {
        [one] if !name.ends_with(":amr") => Some(Value::Text(one)),
        several => Some(Value::List(several)),
    }
}

/// `ISSUER-HOST/PATH:CLAIM`, in lower case.
pub(super) fn claim<'t>(token: &'t VerifiedToken, key: &str) -> Option<Value<'t>> {
    let issuer = token.provider().host_and_path();
    // Compared without case and without allocation: issuers are ASCII.
    let head = key.get(..issuer.len())?;
    let name = key.get(issuer.len()..)?.strip_prefix(':')?;
    if !head.eq_ignore_ascii_case(issuer) || !is_its_own(issuer, name) {
        return None;
    }
    let claims = token.claims();
    match name {
        // As AWS has it: who the token was issued to, where the issuer says so, or else whom it is for.
        "aud" => claims
            .get("azp")
            .and_then(|azp| azp.text())
            .or_else(|| token.audience())
            .map(Value::Text),
        "oaud" => token.audience().map(Value::Text),
        _ => claims.condition(name),
    }
}

/// Whether a key of this issuer and this name can be nobody else's: neither IAM's, nor that of an issuer at a port of the
/// same host. Issuers may let their users choose the names of claims.
fn is_its_own(issuer: &str, name: &str) -> bool {
    let namespace = issuer.split(':').next().unwrap_or_default();
    let behind_digits = name.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_port = behind_digits.len() < name.len() && behind_digits.starts_with([':', '/']);
    !is_namespace(namespace) && !is_port
}

/// A tag by its key in lower case: tag keys are compared without case.
pub(super) fn find_tag<'t>(tags: &'t [(Box<str>, Box<str>)], folded: &str) -> Option<&'t str> {
    tags.iter()
        .find(|(key, _)| same_key(key, folded))
        .map(|(_, value)| &**value)
}

fn same_key(key: &str, folded: &str) -> bool {
    if key.is_ascii() {
        key.eq_ignore_ascii_case(folded)
    } else {
        *context::folded(key) == *folded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::claims;
    use crate::authn::json::Json;
    use crate::authn::testing::{idp, now};
    use crate::directory::Provider;

    #[test]
    fn a_second_factor_that_lies_ahead_is_none() {
        let at = Timestamp::from_seconds;
        let identity = Identity {
            mfa_authenticated_at: Some(at(1000)),
            ..Identity::anonymous()
        };
        assert_eq!(identity.mfa_age(at(1060)), Some(Duration::from_secs(60)));
        assert_eq!(identity.mfa_age(at(970)), Some(Duration::ZERO));
        assert_eq!(identity.mfa_age(at(969)), None);
    }

    /// What a token of the issuer with one claim answers to a key.
    fn answer(issuer: &str, claim_name: &str, key: &str) -> Option<String> {
        let provider = Provider {
            issuer: issuer.into(),
            ..Provider::clone(&idp(""))
        };
        let claims = vec![(claim_name.into(), Json::Text("x".into()))];
        let claims = claims::Claims::of_certificate(issuer, now(), now(), claims);
        let token = VerifiedToken::of_certificate(Arc::new(provider), claims, [0; 32]);
        claim(&token, key).map(|value| value.with_text(str::to_owned))
    }

    #[test]
    fn a_claim_is_never_anothers_key() {
        let found = Some("x".to_owned());
        for (issuer, claim, key) in [
            ("https://idp.test", "sub", "idp.test:sub"),
            ("https://idp.test:8443", "sub", "idp.test:8443:sub"),
            (
                "https://idp.test",
                "cognito:groups",
                "idp.test:cognito:groups",
            ),
            ("https://idp.test", "2fa", "idp.test:2fa"),
            ("https://idp.test", "2fa:x", "idp.test:2fa:x"),
            ("https://stsx", "externalid", "stsx:externalid"),
        ] {
            assert_eq!(answer(issuer, claim, key), found, "{key}");
        }
        for (issuer, claim, key) in [
            ("https://idp.test", "8443:sub", "idp.test:8443:sub"),
            (
                "https://idp.test",
                "8443/realm:sub",
                "idp.test:8443/realm:sub",
            ),
            ("https://sts", "externalid", "sts:externalid"),
            ("https://STS", "externalid", "sts:externalid"),
            ("https://aws", "principalorgid", "aws:principalorgid"),
            ("https://saml", "sub", "saml:sub"),
            ("https://sidegate", "mappedgroups", "sidegate:mappedgroups"),
            ("https://sts:443", "sub", "sts:443:sub"),
        ] {
            assert_eq!(answer(issuer, claim, key), None, "{key}");
        }
    }
}
