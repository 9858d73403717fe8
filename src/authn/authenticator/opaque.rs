//! Opaque tokens, by what their provider says of them.

use std::sync::Arc;

use crate::authn::introspection::Unsure;
use crate::authn::{Failure, Method, VerifiedToken};
use crate::directory::provider::Provider;
use crate::outcome::Reason;

use super::Authenticator;

impl Authenticator {
    /// Verifies an opaque token, which may wait for its provider.
    pub(super) async fn ask(
        &self,
        token: &str,
        digest: [u8; 32],
        provider: &Arc<Provider>,
    ) -> Result<Arc<VerifiedToken>, Failure> {
        let introspector = {
            let followed = self.followed.load();
            let entry = followed.find(provider);
            entry.and_then(|entry| entry.introspector.clone())
        };
        let introspector = introspector.ok_or_else(|| Failure::unavailable(provider))?;
        let asked = introspector.verify(token, digest).await;
        asked.map_err(|unsure| match unsure {
            Unsure::Refused(error) => Failure::of(&error, Some(provider)),
            Unsure::Unavailable(why) => Failure {
                reason: Reason::ProviderUnavailable,
                detail: format!("{} cannot be asked about this token: {why}", provider.name),
                provider: Some(Arc::clone(&provider.name)),
                method: Some(Method::Jwt),
            },
        })
    }
}
