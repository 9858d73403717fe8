//! Who a request comes from: its one credential, verified, and the principal that it stands for.

use std::borrow::Cow;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use http::uri::Authority;

use crate::authn::sigv4::{self, chunked::Decoder};
use crate::authn::{
    Authentication, Failure, Identity, Method, Presented, Signature, Signing, Verified,
};
use crate::bundle::Snapshot;
use crate::clock::Timestamp;
use crate::directory::Provider;
use crate::outcome::Reason;
use crate::route::{Match, UnsignedPayload};

use super::context::RequestFacts;
use super::said::Once;
use super::{Facts, Gate, Head, Refusal};

/// How a client chooses among roles.
pub(super) const ROLE: &str = "x-sidegate-role";

/// What reading a body whole comes to: its SHA-256.
pub type Hashing<'b> = Pin<Box<dyn Future<Output = Result<[u8; 32], Reason>> + 'b>>;

/// A request's body, for signatures that are over it.
pub trait Body: Debug {
    /// Reads it whole, within limits, and keeps it for the upstream. The second time nothing is read.
    fn hash(&self) -> Hashing<'_>;
}

/// Who was found, and what their credential asks of whoever forwards the request.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// `None`: anonymous.
    pub(super) identity: Option<Arc<Identity>>,
    /// The credential stands in the query.
    pub(super) presigned: bool,
    /// What the body must pass through.
    pub(super) chunks: Option<Box<Decoder>>,
}

impl Gate {
    /// Who it is: the one credential, verified, mapped to a principal.
    pub(super) async fn who(
        &self,
        head: &Head<'_>,
        snapshot: &Snapshot,
        matched: &Match<'_>,
        request: &RequestFacts<'_>,
        facts: &mut Facts,
    ) -> Result<Shown, Refusal> {
        let accepted = accepted(snapshot, matched);
        let presented = presented(head, matched, &accepted, request.now);
        let found = self.authenticate(head, presented, facts).await?;
        let role = chosen_role(head.said.role).map_err(|reason| {
            facts.detail = "X-Sidegate-Role stands twice or is no text".into();
            Refusal::from(reason)
        })?;
        let Some(verified) = found else {
            facts.method = Some(Method::Anonymous);
            if role.is_some() {
                facts.detail = "X-Sidegate-Role without a credential that maps roles".into();
                return Err(Reason::RoleNotOffered.into());
            }
            return Ok(Shown::default());
        };
        facts.method = Some(verified.method());
        if let Verified::Token(token) = &verified {
            facts.provider = Some(Arc::clone(&token.provider().name));
        }
        let identity = self
            .authenticator
            .identify(
                &verified,
                &snapshot.digest,
                &snapshot.directory,
                role,
                request,
            )
            .map_err(|failure| failed(failure, facts))?;
        let (presigned, chunks) = match verified {
            Verified::Signature(Signature {
                body, presigned, ..
            }) => {
                let chunks = held_to(head, body, facts).await?;
                // Reading the body took its time.
                facts.judged_at = Some(self.clock.now());
                (presigned, chunks)
            }
            Verified::Token(_) | Verified::Session(_) | Verified::ApiKey(_) => (false, None),
        };
        facts.identity = Some(Arc::clone(&identity));
        Ok(Shown {
            identity: Some(identity),
            presigned,
            chunks,
        })
    }

    /// The credential, verified; its signature may be over the body, which then is read first.
    async fn authenticate(
        &self,
        head: &Head<'_>,
        presented: Presented<'_>,
        facts: &mut Facts,
    ) -> Result<Option<Verified>, Refusal> {
        let mut found = self.authenticator.authenticate(&presented).await;
        if matches!(found, Ok(Authentication::BodyNeeded)) {
            let hash = read(head, facts).await?;
            let with_body = Presented {
                // Reading the body took its time.
                now: None,
                body: Some(&hash),
                ..presented
            };
            found = self.authenticator.authenticate(&with_body).await;
        }
        match found {
            Ok(Authentication::Anonymous) => Ok(None),
            Ok(Authentication::Verified(verified)) => Ok(Some(verified)),
            Ok(Authentication::BodyNeeded) => Err(Reason::Internal.into()),
            Err(failure) => Err(failed(failure, facts)),
        }
    }
}

/// Holds the body to what the signature says of it; what it must pass through on its way, if anything.
async fn held_to(
    head: &Head<'_>,
    body: sigv4::Body,
    facts: &mut Facts,
) -> Result<Option<Box<Decoder>>, Refusal> {
    match body {
        sigv4::Body::Anything => Ok(None),
        sigv4::Body::Chunks(decoder) => Ok(Some(decoder)),
        sigv4::Body::Hash(signed) => {
            if read(head, facts).await? == signed {
                return Ok(None);
            }
            facts.detail = "the body is not the one that was signed".into();
            Err(Reason::SignatureMismatch.into())
        }
    }
}

/// Reads the body of a signed request.
async fn read(head: &Head<'_>, facts: &mut Facts) -> Result<[u8; 32], Refusal> {
    facts.method = Some(Method::SigV4);
    head.body.hash().await.map_err(|reason| {
        facts.detail = "the signed body could not be read whole".into();
        reason.into()
    })
}

fn presented<'a>(
    head: &'a Head<'_>,
    matched: &'a Match<'_>,
    accepted: &'a [Arc<Provider>],
    now: Timestamp,
) -> Presented<'a> {
    let service = matched.service;
    Presented {
        now: Some(now),
        method: head.parts.method.as_str(),
        path: head.parts.uri.path(),
        query: head.parts.uri.query(),
        headers: &head.parts.headers,
        credentials: Some(&head.said.credential),
        authority: head.parts.uri.authority().map(Authority::as_str),
        secure: head.secure,
        certificate: head.certificate,
        again: head.again,
        body: None,
        signing: Some(Signing {
            region: service.region(),
            service: service.signing_name(),
            unsigned_payload: match service.unsigned_payload() {
                UnsignedPayload::Refuse => false,
                UnsignedPayload::Tls => head.secure,
                UnsignedPayload::Allow => true,
            },
            root: false,
        }),
        providers: accepted,
        audiences: service.audiences(),
    }
}

/// The providers whose tokens the service accepts.
fn accepted<'s>(snapshot: &'s Snapshot, matched: &Match<'_>) -> Cow<'s, [Arc<Provider>]> {
    let directory = &snapshot.directory;
    match matched.service.providers() {
        None => Cow::Borrowed(directory.providers()),
        Some(named) => named
            .iter()
            .filter_map(|reference| directory.provider(&reference.name).cloned())
            .collect(),
    }
}

#[cold]
fn failed(failure: Failure, facts: &mut Facts) -> Refusal {
    facts.method = failure.method;
    facts.provider = failure.provider.or_else(|| facts.provider.take());
    facts.detail = failure.detail;
    failure.reason.into()
}

/// The role that the client asks for: one ARN in one `X-Sidegate-Role`.
fn chosen_role(said: Once<'_>) -> Result<Option<&str>, Reason> {
    match said {
        Once::Absent => Ok(None),
        Once::Present(_) | Once::Repeated => said.text().map(Some).ok_or(Reason::RoleNotOffered),
    }
}
