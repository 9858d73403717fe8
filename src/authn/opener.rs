//! Session tokens opened with the keyring, and remembered: the signature is checked once.
//!
//! What is remembered is the session alone, under the SHA-256 of the whole token and the keyring that opened it; never a
//! refusal. Expiry is judged each time. Bounded in entries and bytes.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::arn::Arn;
use crate::clock::Timestamp;
use crate::outcome::Reason;
use crate::policy::context::folded;
use crate::policy::{self, Kind, Policy, PolicySet};
use crate::state::Ledger;
use crate::sts::seal::{MAX_TEXT, OpenError};
use crate::sts::{self, Keys, Mfa, Who};

use super::session::{Session, SessionOf, Sessions};
use super::{Failure, Method, digest};

const ENTRIES: usize = 10_000;
const BYTES: u64 = 16 * 1024 * 1024;

/// Opens session tokens.
#[derive(Debug)]
pub struct Opener {
    keys: Arc<Keys>,
    ledger: Arc<Ledger>,
    opened: Cache<Remembered, Kept, Weight>,
}

/// A token, as opened by a certain keyring: another one may have retired the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Remembered {
    generation: u64,
    digest: [u8; 32],
}

/// A session, the names that it can be revoked by, and the length of its token.
#[derive(Debug, Clone)]
struct Kept(Arc<Session>, Arc<[Box<str>]>, usize);

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Remembered, Kept> for Weight {
    fn weight(&self, _: &Remembered, Kept(session, _, length): &Kept) -> u64 {
        let least = BYTES.checked_div(ENTRIES as u64).unwrap_or(1);
        // Policies take several times the room of their text, and a token may hold little of that: it is packed.
        let policies = match &session.policies {
            Some(_) => 32 * 1024,
            None => 0,
        };
        let bytes = length.saturating_mul(8).saturating_add(policies);
        u64::try_from(bytes).unwrap_or(u64::MAX).max(least)
    }
}

impl Opener {
    /// Opens with these keys.
    pub fn new(keys: Arc<Keys>) -> Self {
        Self {
            keys,
            ledger: Arc::default(),
            opened: Cache::with_weighter(ENTRIES, BYTES, Weight),
        }
    }

    /// Refuses what this ledger says is revoked.
    #[must_use]
    pub fn with_ledger(mut self, ledger: Arc<Ledger>) -> Self {
        self.ledger = ledger;
        self
    }

    /// Asked of each session each time: what is remembered is older than a revocation.
    fn not_revoked(&self, session: &Session, names: &[Box<str>]) -> Result<(), Failure> {
        if !self.ledger.is_known() {
            return Err(Failure {
                reason: Reason::RevocationsUnknown,
                detail: "Redis was not reached yet: nobody knows which sessions are revoked"
                    .to_owned(),
                provider: None,
                method: Some(Method::Session),
            });
        }
        let names = names.iter().map(|name| &**name);
        if self.ledger.is_revoked_key(&session.access_key)
            || self.ledger.is_revoked(names, session.issued_at)
        {
            return Err(Failure {
                reason: Reason::RevokedCredential,
                detail: "the session is revoked".to_owned(),
                provider: None,
                method: Some(Method::Session),
            });
        }
        Ok(())
    }

    /// How many opened tokens are kept.
    pub fn remembered(&self) -> usize {
        self.opened.len()
    }
}

impl Sessions for Opener {
    fn open(&self, token: &str, now: Timestamp) -> Result<Arc<Session>, Failure> {
        if token.len() > MAX_TEXT {
            return Err(refused(OpenError::Malformed));
        }
        let digest = digest::of_token(token.as_bytes());
        let key = Remembered {
            generation: self.keys.generation(),
            digest,
        };
        if let Some(Kept(session, names, _)) = self.opened.get(&key) {
            if session.expires_at <= now {
                self.opened.remove(&key);
                return Err(refused(OpenError::Expired));
            }
            self.not_revoked(&session, &names)?;
            return Ok(session);
        }
        let opened = self.keys.open(token, now).map_err(refused)?;
        let names = names(&opened.session.who);
        let session = Arc::new(session(opened.session)?);
        let key = Remembered {
            generation: opened.generation,
            digest,
        };
        let kept = Kept(Arc::clone(&session), Arc::clone(&names), token.len());
        self.opened.insert(key, kept);
        self.not_revoked(&session, &names)?;
        Ok(session)
    }
}

/// The ARNs of whose session it is, and of the session itself.
fn names(who: &Who) -> Arc<[Box<str>]> {
    let own = who.arn();
    let arn = Arn::parse(own).ok();
    let account = arn.as_ref().and_then(Arn::account_id);
    let session = arn.as_ref().zip(account).and_then(|(arn, account)| {
        let partition = arn.partition();
        Some(match who {
            Who::Role { name, .. } => {
                let (_, role) = own.rsplit_once('/')?;
                Arn::role_session(partition, account, role, name)
            }
            Who::Federated { name, .. } => Arn::federated_user(partition, account, name),
            Who::User { .. } => return None,
        })
    });
    let session = session.map(|arn| arn.as_str().into());
    [own.into()].into_iter().chain(session).collect()
}

fn refused(error: OpenError) -> Failure {
    Failure {
        reason: error.reason(),
        detail: error.to_string(),
        provider: None,
        method: Some(Method::Session),
    }
}

/// A session as the directory wants it: its policy compiled.
fn session(of: sts::Session) -> Result<Session, Failure> {
    // It was read when the token was made: it fails only if this version is stricter than the one that issued it.
    let broken = || Failure {
        reason: Reason::InvalidClaims,
        detail: "the session's policy or principal cannot be read".to_owned(),
        provider: None,
        method: Some(Method::Session),
    };
    let policies = match of.policy.as_deref() {
        Some(text) => {
            let document = policy::parse(text, Kind::Session, "session");
            let document = document.map_err(|_| broken())?;
            let policy = Policy::compile(&document, "session policy");
            Some(Arc::new(PolicySet::new(vec![Arc::new(policy)])))
        }
        None => None,
    };
    let account = of.account().ok_or_else(broken)?;
    let secret = of.secret().ok_or_else(broken)?;
    let access_key = of.access_key();
    let (id, who) = match of.who {
        Who::Role { role, id, name } => (id, SessionOf::Role { arn: role, name }),
        Who::User { user, id } if user.ends_with(":root") => (id, SessionOf::Root { account }),
        Who::User { user, id } => (id, SessionOf::User { arn: user }),
        Who::Federated { user, id, name } => (id, SessionOf::Federated { by: user, name }),
    };
    let (mfa_present, mfa_authenticated_at) = match of.mfa {
        Mfa::Unknown => (None, None),
        Mfa::No => (Some(false), None),
        Mfa::Yes(at) => (Some(true), at),
    };
    let (federated_provider, claims) = match of.federation {
        Some(federation) => {
            let issuer = federation.issuer;
            let claims = federation.claims.into_iter();
            let claims = claims.map(|(name, values)| (folded(&format!("{issuer}:{name}")), values));
            (
                Some(Arc::from(federation.provider)),
                Some(claims.collect::<Vec<_>>().into()),
            )
        }
        None => (None, None),
    };
    let transitive = of.tags.iter().filter(|tag| tag.transitive);
    Ok(Session {
        of: who,
        id,
        access_key,
        secret,
        bearer: of.bearer,
        policies,
        policy_arns: of.policy_arns,
        transitive_tags: transitive.map(|tag| tag.key.clone()).collect(),
        tags: of
            .tags
            .into_iter()
            .map(|tag| (tag.key, tag.value))
            .collect(),
        source_identity: of.source_identity,
        federated_provider,
        claims,
        mfa_present,
        mfa_authenticated_at,
        issued_at: of.issued_at,
        expires_at: of.expires_at,
    })
}

#[cfg(test)]
mod tests;
