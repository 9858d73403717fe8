//! Who signed a call: the same verification as the proxy's, with AWS's codes for each way to fail.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request::Parts as Head;

use crate::authn::sigv4::{self, Expected, PathStyle, Raw, SignatureError, SigningKeys, Unproven};
use crate::authn::{Identity, KeyOwner, SessionOf, Sessions};
use crate::bundle::Snapshot;
use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::outcome::Reason;
use crate::secret::Secret;
use crate::sts::access_key;

use super::AccessKeys;
use super::error::Error;

/// What signatures are verified with, and for what they must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verifier<'a> {
    pub(crate) sessions: &'a dyn Sessions,
    pub(crate) access_keys: &'a dyn AccessKeys,
    pub(crate) signing: &'a SigningKeys,
    pub(crate) region: &'a str,
    /// Another region that will do.
    pub(crate) global_region: Option<&'a str>,
    /// The signing name.
    pub(crate) service: &'a str,
}

/// Who calls.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) identity: Arc<Identity>,
    pub(crate) kind: Kind,
}

/// With which credentials: what may be called depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A user's own keys.
    User,
    /// A root user's own keys.
    Root,
    /// A role session's.
    Role,
    /// A user's or root's from GetSessionToken.
    OwnSession,
    /// A federated user's.
    Federated,
}

/// Finds out who signed a call.
///
/// # Errors
/// With AWS's codes: see the body.
pub(crate) fn signed(
    verifier: &Verifier<'_>,
    snapshot: &Snapshot,
    head: &Head,
    body: &[u8; 32],
    now: Timestamp,
) -> Result<Caller, Error> {
    let raw = Raw {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query(),
        headers: &head.headers,
        authority: head.uri.authority().map(http::uri::Authority::as_str),
    };
    let refused_here = |error| refused(error, verifier);
    let unproven = sigv4::find(&raw).map_err(refused_here)?;
    let unproven = unproven.ok_or_else(Error::missing_token)?;
    // A second credential is one that somebody else may believe.
    if unproven.is_presigned() && head.headers.contains_key(AUTHORIZATION) {
        return Err(refused_here(SignatureError::Malformed("two credentials")));
    }
    let (owner, secret) = owner(verifier, &unproven, now)?;
    // Without an endpoint of their own, SDKs sign what is global for the partition's first region; with one, for the region
    // that the client is set to, which must be this one.
    let region = match verifier.global_region {
        Some(global) if unproven.region() == global => global,
        _ => verifier.region,
    };
    let expected = Expected {
        region,
        service: verifier.service,
        style: PathStyle::Normalized,
        unsigned_payload: false,
        now,
    };
    unproven
        .verify(&raw, &expected, &secret, verifier.signing, Some(body))
        .map_err(refused_here)
        .and_then(|proven| match proven.body {
            sigv4::Body::Hash(hash) if hash == *body => Ok(()),
            // Chunks, or another body than was signed.
            sigv4::Body::Hash(_) | sigv4::Body::Anything | sigv4::Body::Chunks(_) => {
                Err(refused_here(SignatureError::Mismatch))
            }
        })?;
    let mut identity = identity(&snapshot.directory, &owner).ok_or_else(|| {
        Error::invalid_client_token(Reason::NoPrincipal)
            .with_detail("the key's user, role or account is not in the bundle")
    })?;
    if !matches!(owner, KeyOwner::Session(_)) {
        let id = unproven.access_key();
        verifier.access_keys.used(id, verifier.service, region, now);
    }
    identity.access_key = Some(unproven.access_key().into());
    Ok(Caller {
        identity: Arc::new(identity),
        kind: kind(&owner),
    })
}

/// Whom the key belongs to, and its secret.
fn owner(
    verifier: &Verifier<'_>,
    unproven: &Unproven,
    now: Timestamp,
) -> Result<(KeyOwner, Secret<Box<str>>), Error> {
    let unknown =
        |detail: &str| Error::invalid_client_token(Reason::BadSignature).with_detail(detail);
    let id = unproven.access_key();
    let Some(token) = unproven.session_token() else {
        if id.starts_with(access_key::PREFIX) {
            return Err(unknown("a session's key without its token"));
        }
        return verifier
            .access_keys
            .find(id)
            .ok_or_else(|| unknown("an unknown or inactive access key"));
    };
    let session = verifier.sessions.open(token, now).map_err(|failure| {
        let error = if failure.reason == Reason::ExpiredCredential {
            Error::new(
                "ExpiredToken",
                403,
                failure.reason,
                "The security token included in the request is expired",
            )
        } else if failure.reason == Reason::RevocationsUnknown {
            Error::revocations_unknown()
        } else {
            Error::invalid_client_token(failure.reason)
        };
        error.with_detail(failure.detail)
    })?;
    if *session.access_key != *id {
        return Err(unknown("the session token is of another access key"));
    }
    if unproven.is_presigned() && session.bearer {
        return Err(unknown(
            "a presigned request with a token that is a bearer credential",
        ));
    }
    let secret = session.secret.clone();
    Ok((KeyOwner::Session(session), secret))
}

fn identity(directory: &Directory, owner: &KeyOwner) -> Option<Identity> {
    match owner {
        KeyOwner::User(arn) => Some(Identity::of_user(directory, directory.user(arn)?)),
        KeyOwner::Root(account) => Identity::of_root(directory, *account),
        KeyOwner::Session(session) => Identity::of_session(directory, session),
    }
}

fn kind(owner: &KeyOwner) -> Kind {
    match owner {
        KeyOwner::User(_) => Kind::User,
        KeyOwner::Root(_) => Kind::Root,
        KeyOwner::Session(session) => match session.of {
            SessionOf::Role { .. } => Kind::Role,
            SessionOf::User { .. } | SessionOf::Root { .. } => Kind::OwnSession,
            SessionOf::Federated { .. } => Kind::Federated,
        },
    }
}

/// A failure of the signature, in AWS's words.
fn refused(error: SignatureError, verifier: &Verifier<'_>) -> Error {
    let mismatch =
        |message: &str| Error::new("SignatureDoesNotMatch", 403, error.reason(), message);
    let answer = match error {
        SignatureError::Malformed(_)
        | SignatureError::Ambiguous(_)
        | SignatureError::UnsignedPayload => Error::new(
            "IncompleteSignature",
            400,
            error.reason(),
            "The request signature does not conform to AWS standards.",
        ),
        SignatureError::Skew | SignatureError::Expired => {
            mismatch("Signature expired, or not yet current: check the clock of the signer.")
        }
        SignatureError::Scope(what) => mismatch(&format!(
            "Credential should be scoped to another {what}: this endpoint takes the region {} and the service {}.",
            verifier.region, verifier.service
        )),
        SignatureError::Uncovered(_) | SignatureError::BodyNeeded | SignatureError::Mismatch => {
            mismatch(
                "The request signature we calculated does not match the signature you provided. Check your AWS \
                 Secret Access Key and signing method.",
            )
        }
    };
    answer.with_detail(error.to_string())
}
