//! Tokens that were not seen before, by their provider's keys.

use std::sync::Arc;

use crate::authn::cache::Key;
use crate::authn::jwks::KeySet;
use crate::authn::jwt::{TokenError, Unverified, VerifiedToken};
use crate::authn::keys::{Outcome, ProviderKeys};
use crate::authn::{Failure, Method};
use crate::clock::Timestamp;
use crate::directory::provider::{Kind, Provider};
use crate::outcome::Reason;

use super::Authenticator;

impl Authenticator {
    /// Verifies a token that is not known.
    pub(super) async fn verify(
        &self,
        token: &str,
        digest: [u8; 32],
        providers: &[Arc<Provider>],
        now: Timestamp,
    ) -> Result<Arc<VerifiedToken>, Failure> {
        let unverified = Unverified::parse(token).map_err(|error| Failure::of(&error, None))?;
        let provider = providers
            .iter()
            .find(|provider| {
                provider.kind == Kind::Oidc && *provider.issuer == *unverified.issuer()
            })
            .ok_or_else(|| Failure {
                reason: Reason::UnknownIssuer,
                detail: "the token's issuer is none that is accepted here".to_owned(),
                provider: None,
                method: Some(Method::Jwt),
            })?;
        let (number, keys) = {
            let followed = self.followed.load();
            let entry = followed
                .find(provider)
                .ok_or_else(|| Failure::unavailable(provider))?;
            (entry.number, Arc::clone(entry.follower.keys()))
        };
        let set = self.keys_for(&unverified, provider, &keys, now).await?;
        let verified = match unverified.verify(provider, &set, self.clock.now(), digest) {
            Err(TokenError::Signature) => {
                self.verify_anew(&unverified, provider, &keys, &set, digest)
                    .await?
            }
            answer => answer.map_err(|error| Failure::of(&error, Some(provider)))?,
        };
        let verified = Arc::new(verified);
        let key = Key {
            provider: number,
            digest,
        };
        self.cache.insert(key, Arc::clone(&verified));
        Ok(verified)
    }

    /// The provider's keys, after the one fetch that is allowed if the token's is not among them.
    async fn keys_for(
        &self,
        unverified: &Unverified<'_>,
        provider: &Arc<Provider>,
        keys: &ProviderKeys,
        now: Timestamp,
    ) -> Result<Arc<KeySet>, Failure> {
        let algorithm = unverified
            .algorithm(provider)
            .map_err(|error| Failure::of(&error, Some(provider)))?;
        if let Some(set) = keys.current(now)
            && unverified.has_key(algorithm, &set)
        {
            return Ok(set);
        }
        let outcome = keys.refetch().await;
        let set = keys
            .current(self.clock.now())
            .ok_or_else(|| Failure::unavailable(provider))?;
        // A failed fetch leaves open whether the key exists; one that brought keys without it does not.
        if outcome == Outcome::Failed && !unverified.has_key(algorithm, &set) {
            return Err(Failure::unavailable(provider));
        }
        Ok(set)
    }

    /// The key of the token's name did not sign it. Another may have taken that name at the issuer: one look, within the
    /// fetches that are allowed, and once more if the keys are others than `before`. Where that look fails, nobody knows
    /// whether the token is good.
    async fn verify_anew(
        &self,
        unverified: &Unverified<'_>,
        provider: &Arc<Provider>,
        keys: &ProviderKeys,
        before: &KeySet,
        digest: [u8; 32],
    ) -> Result<VerifiedToken, Failure> {
        // What would be refused all the same is worth no fetch.
        let outcome = if unverified.is_else_fine(provider, self.clock.now()) {
            keys.refetch().await
        } else {
            Outcome::Fetched
        };
        let now = self.clock.now();
        let verified = match keys.current(now) {
            Some(set) if !set.same_as(before) => unverified.verify(provider, &set, now, digest),
            _ => Err(TokenError::Signature),
        };
        match verified {
            Err(TokenError::Signature) if outcome == Outcome::Failed => {
                Err(Failure::unavailable(provider))
            }
            answer => answer.map_err(|error| Failure::of(&error, Some(provider))),
        }
    }
}
