//! Verifies signatures and API keys: finds the secret that a request names, in `credentials.yaml` or in the session
//! token that came along, and holds the request to it.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::outcome::Reason;
use crate::state::Ledger;

use super::credential::CredentialError;
use super::credentials::{ApiKeyError, Credentials, Store};
use super::session::{Session, Sessions};
use super::sigv4::{self, Expected, PathStyle, Raw, SignatureError, SigningKeys, Unproven};
use super::verified::{ApiKey, Authentication, KeyOwner, Method, Signature, Verified};
use super::{Failure, Presented, Signing};

/// The service whose clients sign paths as they send them, and queries without a body.
const S3: &str = "s3";

/// What signatures and keys are verified with.
#[derive(Debug, Default)]
pub(super) struct Keys {
    store: Option<Arc<Store>>,
    sessions: Option<Arc<dyn Sessions>>,
    derived: SigningKeys,
    ledger: Arc<Ledger>,
}

/// A key that a request names, with its secret.
enum Key {
    Listed(Arc<Credentials>),
    Session(Arc<Session>),
}

impl Keys {
    pub(super) fn new(
        store: Option<Arc<Store>>,
        sessions: Option<Arc<dyn Sessions>>,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            store,
            sessions,
            derived: SigningKeys::new(),
            ledger,
        }
    }

    /// Verifies a signature, in the header or in the query.
    pub(super) fn signature(
        &self,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Result<Authentication, Failure> {
        let signing = presented
            .signing
            .ok_or_else(|| not_accepted("a signature"))?;
        let raw = Raw {
            method: presented.method,
            path: presented.path,
            query: presented.query,
            headers: presented.headers,
            authority: presented.authority,
        };
        let found = sigv4::find(&raw).map_err(refused)?;
        let found =
            found.ok_or_else(|| refused(SignatureError::Malformed("not where it should be")))?;
        let (by, key) = self.key(&found, &signing, now)?;
        if presented.again {
            // It was verified when the stream began, and its time is over soon after; the key must still be there.
            return Ok(Authentication::Verified(Verified::Signature(Signature {
                by,
                access_key: found.access_key().into(),
                body: sigv4::Body::Anything,
                presigned: found.is_presigned(),
            })));
        }
        let secret = match &key {
            Key::Session(session) => &session.secret,
            Key::Listed(credentials) => {
                let listed = credentials.access_key(found.access_key());
                &listed.ok_or_else(unknown_key)?.secret
            }
        };
        let expected = Expected {
            region: signing.region,
            service: signing.service,
            style: if signing.service == S3 {
                PathStyle::Verbatim
            } else {
                PathStyle::Normalized
            },
            unsigned_payload: signing.unsigned_payload,
            now,
        };
        match found.verify(&raw, &expected, secret, &self.derived, presented.body) {
            Ok(proven) => {
                if matches!(key, Key::Listed(_)) {
                    let id = found.access_key();
                    self.ledger.touch(id, signing.service, signing.region, now);
                }
                Ok(Authentication::Verified(Verified::Signature(Signature {
                    by,
                    access_key: found.access_key().into(),
                    body: proven.body,
                    presigned: found.is_presigned(),
                })))
            }
            Err(SignatureError::BodyNeeded) if presented.body.is_none() => {
                Ok(Authentication::BodyNeeded)
            }
            Err(error) => Err(refused(error)),
        }
    }

    /// Whose key the request names, and where its secret is.
    fn key(
        &self,
        found: &Unproven,
        signing: &Signing<'_>,
        now: Timestamp,
    ) -> Result<(KeyOwner, Key), Failure> {
        let id = found.access_key();
        let Some(token) = found.session_token() else {
            if !sigv4::is_long_lived(id) {
                return Err(bad(
                    "a key of another kind than AKIA, without a session token",
                ));
            }
            let credentials = self.credentials().ok_or_else(unknown_key)?;
            let key = credentials.access_key(id).ok_or_else(unknown_key)?;
            if !key.active {
                return Err(bad("the access key is inactive"));
            }
            if self.ledger.is_revoked_key(id) {
                return Err(Failure {
                    reason: Reason::RevokedCredential,
                    ..bad("the access key is revoked")
                });
            }
            let owner = key.owner.clone();
            if matches!(owner, KeyOwner::Root(_)) && !signing.root {
                return Err(bad("a root user's access key is for the STS alone"));
            }
            return Ok((owner, Key::Listed(credentials)));
        };
        // A listed key needs no token; one that comes with it all the same would be ignored.
        if sigv4::is_long_lived(id) {
            return Err(bad("a long-lived access key with a session token"));
        }
        let sessions = self.sessions.as_ref();
        let sessions = sessions.ok_or_else(|| not_accepted("a session's signature"))?;
        let session = sessions.open(token, now).map_err(|failure| Failure {
            method: Some(Method::SigV4),
            ..failure
        })?;
        if *session.access_key != *id {
            return Err(bad("the session token is that of another access key"));
        }
        if session.expires_at <= now {
            return Err(Failure {
                reason: Reason::ExpiredCredential,
                ..bad("the session has expired")
            });
        }
        // The token stands in the URL in clear, where more people see it than the request's receiver.
        if found.is_presigned() && session.bearer {
            return Err(not_accepted(
                "a presigned query of a session whose token is a bearer credential",
            ));
        }
        Ok((
            KeyOwner::Session(Arc::clone(&session)),
            Key::Session(session),
        ))
    }

    fn credentials(&self) -> Option<Arc<Credentials>> {
        self.store.as_ref().map(|store| store.current())
    }

    /// Verifies an API key, `ID_SECRET`.
    pub(super) fn api_key(&self, key: &[u8], now: Timestamp) -> Result<ApiKey, Failure> {
        let verified = match &self.store {
            Some(store) => store.current().api_key(key, now),
            None => Err(ApiKeyError::Unknown),
        };
        verified.map_err(|error| {
            let (reason, detail) = match error {
                ApiKeyError::Malformed => (
                    Reason::MalformedCredential,
                    "the API key is not sgk_ID_SECRET",
                ),
                ApiKeyError::Unknown => (Reason::BadSignature, "no such API key"),
                ApiKeyError::Inactive => (Reason::BadSignature, "the API key is inactive"),
                ApiKeyError::Expired => (Reason::ExpiredCredential, "the API key has expired"),
            };
            Failure {
                reason,
                detail: detail.to_owned(),
                provider: None,
                method: Some(Method::ApiKey),
            }
        })
    }
}

fn refused(error: SignatureError) -> Failure {
    Failure {
        reason: error.reason(),
        ..bad(&error.to_string())
    }
}

fn unknown_key() -> Failure {
    bad("no such access key")
}

fn bad(detail: &str) -> Failure {
    Failure {
        reason: Reason::BadSignature,
        detail: detail.to_owned(),
        provider: None,
        method: Some(Method::SigV4),
    }
}

fn not_accepted(what: &'static str) -> Failure {
    Failure {
        method: Some(Method::SigV4),
        ..CredentialError::NotAccepted(what).into()
    }
}

#[cfg(test)]
mod tests;
