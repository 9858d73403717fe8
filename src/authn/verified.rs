//! What a verified credential is: proof of somebody, before anybody asks who that is in the directory.

use std::sync::Arc;

use crate::arn::AccountId;
use crate::clock::Timestamp;
use crate::directory::provider::{Kind, Provider};

use super::jwt::VerifiedToken;
use super::session::Session;
use super::sigv4;

/// How a client showed who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// No credential.
    Anonymous,
    /// A provider's token.
    Jwt,
    /// A session token as a bearer.
    Session,
    /// A signature by an access key, long-lived or a session's.
    SigV4,
    /// A client certificate.
    Certificate,
    /// An API key.
    ApiKey,
}

impl Method {
    /// What a provider vouches for.
    pub fn of(provider: &Provider) -> Self {
        match provider.kind {
            // An assertion never comes this way: the STS alone takes it.
            Kind::Oidc | Kind::Saml => Self::Jwt,
            Kind::Spiffe | Kind::X509 => Self::Certificate,
        }
    }

    /// The label in metrics and audit.
    pub fn label(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Jwt => "jwt",
            Self::Session => "session",
            Self::SigV4 => "sigv4",
            Self::Certificate => "certificate",
            Self::ApiKey => "api_key",
        }
    }
}

/// What looking for a request's credential comes to, when nothing is wrong with it.
#[derive(Debug)]
pub enum Authentication {
    /// There is none.
    Anonymous,
    /// It is good.
    Verified(Verified),
    /// All that can be checked is good, but the signature is over the body: ask again with its hash.
    BodyNeeded,
}

/// A credential that was verified.
#[derive(Debug)]
pub enum Verified {
    /// A provider's token, or a certificate whose names are taken for one's claims.
    Token(Arc<VerifiedToken>),
    /// A session token as a bearer.
    Session(Arc<Session>),
    /// A signature.
    Signature(Signature),
    /// An API key.
    ApiKey(ApiKey),
}

/// A signature that was verified; what it says of the body is still to be held to.
#[derive(Debug)]
pub struct Signature {
    /// Whose key made it.
    pub by: KeyOwner,
    /// The key's id.
    pub access_key: Box<str>,
    /// What the body must be.
    pub body: sigv4::Body,
    /// Whether it came in the query.
    pub presigned: bool,
}

/// Whom an access key belongs to.
#[derive(Debug, Clone)]
pub enum KeyOwner {
    /// An IAM user, by ARN.
    User(Arc<str>),
    /// The root user of an account.
    Root(AccountId),
    /// A session.
    Session(Arc<Session>),
}

/// An API key that was verified.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Whose it is, by ARN.
    pub user: Arc<str>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl Verified {
    /// How it was shown.
    pub fn method(&self) -> Method {
        match self {
            Self::Token(token) => Method::of(token.provider()),
            Self::Session(_) => Method::Session,
            Self::Signature(_) => Method::SigV4,
            Self::ApiKey(_) => Method::ApiKey,
        }
    }

    /// The access key that signed.
    pub(super) fn access_key(&self) -> Option<Box<str>> {
        match self {
            Self::Signature(signature) => Some(signature.access_key.clone()),
            Self::Token(_) | Self::Session(_) | Self::ApiKey(_) => None,
        }
    }

    /// The session, if its token came alone.
    pub fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Session(session) => Some(session),
            Self::Token(_) | Self::Signature(_) | Self::ApiKey(_) => None,
        }
    }
}
