//! Who signed a call: the same verification as the proxy's, with AWS's codes for each way to fail.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request::Parts as Head;

use crate::authn::sigv4::{self, Expected, PathStyle, Raw, SignatureError, Unproven};
use crate::authn::{Identity, KeyOwner, SessionOf};
use crate::bundle::Snapshot;
use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::outcome::Reason;
use crate::secret::Secret;
use crate::sts::access_key;

use super::Parts;
use super::error::Error;

/// Who calls.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) identity: Arc<Identity>,
    pub(super) kind: Kind,
}

/// With which credentials: what may be called depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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
pub(super) fn signed(
    parts: &Parts,
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
    let unproven = sigv4::find(&raw).map_err(refused)?;
    let unproven = unproven.ok_or_else(Error::missing_token)?;
    // A second credential is one that somebody else may believe.
    if unproven.is_presigned() && head.headers.contains_key(AUTHORIZATION) {
        return Err(refused(SignatureError::Malformed("two credentials")));
    }
    let (owner, secret) = owner(parts, &unproven, now)?;
    let expected = Expected {
        region: &parts.region,
        service: "sts",
        style: PathStyle::Normalized,
        unsigned_payload: false,
        now,
    };
    unproven
        .verify(&raw, &expected, &secret, &parts.signing, Some(body))
        .map_err(refused)
        .and_then(|proven| match proven.body {
            sigv4::Body::Hash(hash) if hash == *body => Ok(()),
            // Chunks, or another body than was signed.
            sigv4::Body::Hash(_) | sigv4::Body::Anything | sigv4::Body::Chunks(_) => {
                Err(refused(SignatureError::Mismatch))
            }
        })?;
    let mut identity = identity(&snapshot.directory, &owner).ok_or_else(|| {
        Error::invalid_client_token(Reason::NoPrincipal)
            .with_detail("the key's user, role or account is not in the bundle")
    })?;
    identity.access_key = Some(unproven.access_key().into());
    Ok(Caller {
        identity: Arc::new(identity),
        kind: kind(&owner),
    })
}

/// Whom the key belongs to, and its secret.
fn owner(
    parts: &Parts,
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
        return parts
            .access_keys
            .find(id)
            .ok_or_else(|| unknown("an unknown or inactive access key"));
    };
    let session = parts.sessions.open(token, now).map_err(|failure| {
        let error = if failure.reason == Reason::ExpiredCredential {
            Error::new(
                "ExpiredToken",
                403,
                failure.reason,
                "The security token included in the request is expired",
            )
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
fn refused(error: SignatureError) -> Error {
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
            "Credential should be scoped to another {what}: this endpoint's region, and the service sts."
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

/// What sessions may call: those of users AssumeRole and GetCallerIdentity, federated ones GetCallerIdentity alone.
///
/// # Errors
/// AccessDenied.
pub(super) fn may_call(caller: &Caller, action: &str) -> Result<(), Error> {
    let allowed = match caller.kind {
        Kind::User | Kind::Root | Kind::Role => true,
        Kind::OwnSession => matches!(
            action,
            "AssumeRole" | "GetCallerIdentity" | "GetSessionToken" | "GetFederationToken"
        ),
        Kind::Federated => matches!(
            action,
            "GetCallerIdentity" | "GetSessionToken" | "GetFederationToken" | "AssumeRole"
        ),
    };
    if allowed {
        // The two that make sessions of one's own, and AssumeRole, refuse sessions in their own words.
        return Ok(());
    }
    let who = caller.identity.principal.name();
    Err(Error::denied(
        Reason::ImplicitDeny,
        format!("User: {who} is not authorized to perform: sts:{action} with this kind of session"),
    ))
}
