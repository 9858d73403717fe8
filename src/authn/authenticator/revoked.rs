//! What the ledger says of a token and whom it stands for.

use std::sync::Arc;

use crate::authn::dpop::{ProofError, WINDOW};
use crate::authn::{Failure, Identity, Method, VerifiedToken};
use crate::clock::Timestamp;
use crate::outcome::Reason;
use crate::state::Kind;

use super::Authenticator;

impl Authenticator {
    /// A proof that another replica was shown is one too many.
    pub(super) async fn first_anywhere(
        &self,
        proof: u128,
        token: &VerifiedToken,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let (id, until) = (format!("{proof:032x}"), now.plus(WINDOW.saturating_mul(2)));
        let ledger = &self.settings.ledger;
        if ledger.first_elsewhere(Kind::Dpop, &id, until).await {
            return Ok(());
        }
        let error = ProofError::Replayed;
        Err(Failure {
            reason: error.reason(),
            detail: error.to_string(),
            provider: Some(Arc::clone(&token.provider().name)),
            method: Some(Method::Jwt),
        })
    }

    /// Asked each time: a token and a principal that are remembered may be older than a revocation.
    pub(super) fn not_revoked(
        &self,
        identity: Arc<Identity>,
        token: &VerifiedToken,
    ) -> Result<Arc<Identity>, Failure> {
        // One that does not say counts as issued at time 0.
        let issued_at = identity.issued_at.unwrap_or(Timestamp::from_seconds(0));
        if !self.is_revoked(identity.names(), issued_at) {
            return Ok(identity);
        }
        let provider = token.provider();
        Err(Failure {
            reason: Reason::RevokedCredential,
            detail: "the principal's credentials that were issued then are revoked".to_owned(),
            provider: Some(Arc::clone(&provider.name)),
            method: Some(Method::of(provider)),
        })
    }

    /// Whether credentials of one of these principals that were issued then are revoked.
    pub fn is_revoked<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        issued_at: Timestamp,
    ) -> bool {
        self.settings.ledger.is_revoked(names, issued_at)
    }

    /// Whether anybody can say what is revoked: a new session would outlive the revocation of what it was got with.
    pub fn knows_revocations(&self) -> bool {
        self.settings.ledger.is_known()
    }

    /// Another number is other revocations: what was judged under one is to be judged again under the next.
    pub fn revocations(&self) -> u64 {
        self.settings.ledger.generation()
    }
}
