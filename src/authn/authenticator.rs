//! Verifies what requests present, and keeps what verifying needs: providers' keys, tokens seen before.

mod followed;
mod fresh;
mod opaque;
mod revoked;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::clock::{Clock, Timestamp};
use crate::directory::Directory;
use crate::directory::provider::{Kind, Provider};
use crate::outcome::Reason;
use crate::policy::Context;
use crate::sts::seal::is_session_token;

use super::cache::{Counters, Counts, IdentityCache, Key, SessionCache, TokenCache};
use super::certificate::Certificate;
use super::credential::{self, Credential, CredentialError, Token};
use super::digest;
use super::dpop::Replays;
use super::identity::Identity;
use super::introspection;
use super::jwt::{self, TokenError, VerifiedToken};
use super::mapping::identify;
use super::possession::{self, Shown};
use super::signatures::Keys;
use super::verified::{Authentication, KeyOwner, Method, Signature, Verified};
use super::{Failure, Presented, ProviderStatus, Settings};
use followed::Followed;

/// Verifies credentials. One for the whole process; cheap to share.
#[derive(Debug)]
pub struct Authenticator {
    settings: Settings,
    clock: Clock,
    cache: TokenCache,
    /// What happened in the caches of opaque tokens, of which each provider has its own.
    opaque: Arc<Counters>,
    identities: IdentityCache,
    sessions: SessionCache,
    keys: Keys,
    replays: Replays,
    followed: ArcSwap<Followed>,
    /// The number of the next provider configuration.
    next: AtomicU64,
}

impl Authenticator {
    /// Knows no provider until [`Authenticator::follow`].
    pub fn new(settings: Settings, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            cache: TokenCache::new(settings.cache),
            opaque: Arc::default(),
            identities: IdentityCache::new(settings.cache),
            sessions: SessionCache::new(settings.cache),
            keys: Keys::new(
                settings.credentials.clone(),
                settings.sessions.clone(),
                Arc::clone(&settings.ledger),
            ),
            replays: Replays::new(clock.now()),
            settings,
            clock,
            followed: ArcSwap::default(),
            next: AtomicU64::new(0),
        })
    }

    /// Takes over the providers of a snapshot that is about to be published: starts to fetch keys of new ones, on the
    /// current tokio runtime, keeps those of unchanged ones, and lets go of those that were gone already before.
    /// For one caller at a time.
    pub fn follow(&self, providers: &[Arc<Provider>]) {
        let before = self.followed.load_full();
        let current = providers
            .iter()
            // Certificates are verified without keys of their provider's.
            .filter(|provider| provider.kind == Kind::Oidc)
            .map(|provider| self.entry(provider, &before))
            .collect();
        self.followed.store(Arc::new(Followed {
            current,
            previous: before.current.clone(),
        }));
        self.identities.clear();
        self.sessions.clear();
    }

    /// Who a verified credential stands for in the directory of a snapshot, which is named by its digest.
    ///
    /// # Errors
    /// When it stands for nobody there, or a role was chosen with a credential that maps none; a token's as
    /// [`identify`].
    pub fn identify(
        &self,
        verified: &Verified,
        snapshot: &str,
        directory: &Directory,
        chosen_role: Option<&str>,
        request: &dyn Context,
    ) -> Result<Arc<Identity>, Failure> {
        if let Verified::Token(token) = verified {
            let identity = self.identify_token(token, snapshot, directory, chosen_role, request)?;
            return self.not_revoked(identity, token);
        }
        let refused = |reason, why: &str| {
            Err(Failure {
                reason,
                detail: why.to_owned(),
                provider: None,
                method: Some(verified.method()),
            })
        };
        if chosen_role.is_some() {
            return refused(
                Reason::RoleNotOffered,
                "X-Sidegate-Role beside a credential that maps no roles",
            );
        }
        // A session stands for the same whatever it asks for; of others' principals each is met once.
        let session = verified.session();
        let known = session.and_then(|session| self.sessions.get(session, snapshot));
        if let Some(identity) = known {
            return Ok(identity);
        }
        let Some(identity) = of_directory(verified, directory) else {
            return refused(
                Reason::NoPrincipal,
                "the credential's user, role or account is not in the bundle",
            );
        };
        let lasting = session.is_some();
        let identity = Arc::new(Identity {
            lasting,
            access_key: verified.access_key().or(identity.access_key),
            ..identity
        });
        if let Some(session) = session {
            self.sessions.insert(session, snapshot, &identity);
        }
        Ok(identity)
    }

    /// What [`identify`] makes of a token, or made of it before under the same snapshot and choice, if that rested on
    /// nothing of the request. Refusals are not remembered.
    fn identify_token(
        &self,
        token: &Arc<VerifiedToken>,
        snapshot: &str,
        directory: &Directory,
        chosen_role: Option<&str>,
        request: &dyn Context,
    ) -> Result<Arc<Identity>, Failure> {
        let known = self.identities.get(token, snapshot, chosen_role);
        // Of an opaque token the issuer may say something else today.
        let same = |identity: &Arc<Identity>| {
            let of = identity.token.as_ref();
            token.believed_until().is_none() || of.is_some_and(|of| of.is_of_one(token))
        };
        if let Some(identity) = known.filter(same) {
            return Ok(identity);
        }
        let identity = Arc::new(identify(token, directory, chosen_role, request)?);
        if identity.lasting {
            let kept = Arc::clone(&identity);
            self.identities.insert(token, snapshot, chosen_role, kept);
        }
        Ok(identity)
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// How each provider's keys are.
    pub fn statuses(&self) -> Vec<ProviderStatus> {
        let now = self.clock.now();
        let followed = self.followed.load();
        let statuses = followed.current.iter().map(|entry| {
            let (state, age) = entry.follower.keys().state(now);
            ProviderStatus {
                name: Arc::clone(&entry.provider.name),
                state,
                age,
            }
        });
        statuses.collect()
    }

    /// How many verified tokens are kept, and their weight in bytes.
    pub fn cached(&self) -> (usize, u64) {
        self.cache.size()
    }

    /// What happened in the cache of verified tokens so far.
    pub fn token_cache(&self) -> Counts {
        self.cache.counts()
    }

    /// What happened in the caches of opaque tokens so far.
    pub fn opaque_cache(&self) -> Counts {
        self.opaque.read()
    }

    /// What happened in the cache of principals so far.
    pub fn identity_cache(&self) -> Counts {
        self.identities.counts()
    }

    /// Verifies the credential of a request.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn authenticate(&self, presented: &Presented<'_>) -> Result<Authentication, Failure> {
        let (headers, query) = (presented.headers, presented.query);
        let find = |lines: &_| credential::find(headers, lines, query, &self.settings.places);
        let found = match presented.credentials {
            Some(lines) => find(lines),
            None => find(&credential::Lines::of(headers)),
        };
        let found = found.map_err(Failure::from)?;
        let now = presented.now.unwrap_or_else(|| self.clock.now());
        let certificate = trusted(presented, now)?;
        let (token, shown) = match found {
            None => return by_certificate(certificate, presented, now),
            Some(Credential::Bearer(token)) if is_session_token(token.bytes()) => {
                return self.session(token, now).map(Authentication::Verified);
            }
            Some(Credential::Bearer(token)) => (token, Shown::Bearer),
            Some(Credential::Proven(token, proof)) => (token, Shown::Proven(proof)),
            Some(Credential::Signature | Credential::Presigned) => {
                return self.keys.signature(presented, now);
            }
            Some(Credential::ApiKey(key)) => {
                let key = self.keys.api_key(key, now)?;
                return Ok(Authentication::Verified(Verified::ApiKey(key)));
            }
        };
        let (token, now) = self.token(token, presented, now).await?;
        let used = presented.again && matches!(shown, Shown::Proven(_));
        if !used {
            let proof =
                possession::check(&token, shown, certificate, presented, &self.replays, now)?;
            if let Some(id) = proof {
                Box::pin(self.first_anywhere(id, &token, now)).await?;
            }
        }
        Ok(Authentication::Verified(Verified::Token(token)))
    }

    /// Opens a session token that came alone: good for sessions that may be used so.
    fn session(&self, token: Token<'_>, now: Timestamp) -> Result<Verified, Failure> {
        let refused = |why: &str| Failure {
            reason: Reason::BadSignature,
            detail: why.to_owned(),
            provider: None,
            method: Some(Method::Session),
        };
        let Some(sessions) = &self.settings.sessions else {
            return Err(refused("session tokens need a `keyring`"));
        };
        // Whether it is one word is found by whoever opens it; one that was opened before need not be read again.
        let text = std::str::from_utf8(token.bytes()).map_err(|_| Failure {
            method: Some(Method::Session),
            ..CredentialError::Malformed("it is not one token").into()
        })?;
        let session = sessions.open(text, now)?;
        if !session.bearer {
            return Err(refused(
                "the session's token is no credential alone: its role or user has `bearer: false`",
            ));
        }
        Ok(Verified::Session(session))
    }

    /// Verifies a provider's token; also says what time it is by then, as a key may have been waited for.
    async fn token(
        &self,
        token: Token<'_>,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Result<(Arc<VerifiedToken>, Timestamp), Failure> {
        if token.bytes().len() > jwt::MAX_BYTES {
            return Err(Failure::of(&TokenError::TooLong, None));
        }
        let digest = digest::of_token(token.bytes());
        // Large, and not the rule: kept out of every request's own memory.
        let (verified, now) = match introspection::of(token.bytes(), presented.providers) {
            Some(provider) => {
                let text = token.text().map_err(Failure::from)?;
                let asking = Box::pin(self.ask(text, digest, provider));
                (asking.await?, self.clock.now())
            }
            None => match self.remembered(presented.providers, digest, now) {
                Ok(Some(verified)) => {
                    self.cache.looked(true);
                    (verified, now)
                }
                found => {
                    self.cache.looked(false);
                    found?;
                    let text = token.text().map_err(Failure::from)?;
                    let verifying = Box::pin(self.verify(text, digest, presented.providers, now));
                    (verifying.await?, self.clock.now())
                }
            },
        };
        let Some(accepted) = presented.audiences else {
            return Ok((verified, now));
        };
        let here = verified.on_route(accepted);
        let here =
            here.ok_or_else(|| Failure::of(&TokenError::Audience, Some(verified.provider())))?;
        Ok((here, now))
    }

    /// A token that was verified before, if nothing that it rests on has changed.
    fn remembered(
        &self,
        providers: &[Arc<Provider>],
        digest: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<Arc<VerifiedToken>>, Failure> {
        let followed = self.followed.load();
        for provider in providers {
            let Some(entry) = followed.find(provider) else {
                continue;
            };
            let key = Key {
                provider: entry.number,
                digest,
            };
            let Some(token) = self.cache.get(&key) else {
                continue;
            };
            if token.has_expired(now) {
                self.cache.remove(&key);
                return Err(Failure::of(&TokenError::Expired, Some(provider)));
            }
            return match entry.follower.keys().still_has(token.key(), now) {
                Some(true) => Ok(Some(token)),
                // The key was withdrawn: the whole way again, which says why not.
                Some(false) => {
                    self.cache.remove(&key);
                    Ok(None)
                }
                None => Err(Failure::unavailable(provider)),
            };
        }
        Ok(None)
    }
}

/// The connection's certificate. Beside another credential it is none itself, and must be good all the same.
fn trusted<'a>(
    presented: &Presented<'a>,
    now: Timestamp,
) -> Result<Option<&'a Certificate>, Failure> {
    let Some(certificate) = presented.certificate else {
        return Ok(None);
    };
    let certificate = certificate.map_err(Failure::from)?;
    certificate.in_time(now).map_err(Failure::from)?;
    Ok(Some(certificate))
}

/// Who a request without another credential is. Where no provider takes certificates, they say nothing of that.
fn by_certificate(
    certificate: Option<&Certificate>,
    presented: &Presented<'_>,
    now: Timestamp,
) -> Result<Authentication, Failure> {
    let Some(certificate) = certificate else {
        return Ok(Authentication::Anonymous);
    };
    let token = certificate.vouched(presented.providers, now);
    Ok(match token.map_err(Failure::from)? {
        None => Authentication::Anonymous,
        Some(token) => Authentication::Verified(Verified::Token(token)),
    })
}

/// Who a credential that is no token stands for.
fn of_directory(verified: &Verified, directory: &Directory) -> Option<Identity> {
    match verified {
        Verified::Token(_) => None,
        Verified::Session(session) => {
            let identity = Identity::of_session(directory, session)?;
            // What was withdrawn since the session was made holds for it too.
            let still = match (&identity.role, &identity.user) {
                (Some(role), _) => role.bearer,
                (None, Some(user)) => user.bearer,
                (None, None) => true,
            };
            still.then_some(identity)
        }
        Verified::Signature(Signature { by, .. }) => match by {
            KeyOwner::User(arn) => Some(Identity::of_user(directory, directory.user(arn)?)),
            KeyOwner::Root(account) => Identity::of_root(directory, *account),
            KeyOwner::Session(session) => Identity::of_session(directory, session),
        },
        Verified::ApiKey(key) => {
            let user = directory.user(&key.user)?;
            Some(Identity {
                expires_at: key.expires_at,
                ..Identity::of_user(directory, user)
            })
        }
    }
}
