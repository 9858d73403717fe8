//! Temporary credentials, as whoever opened a session token found them: plain data.

use std::fmt::Debug;
use std::sync::Arc;

use crate::arn::AccountId;
use crate::clock::Timestamp;
use crate::directory::Tags;
use crate::policy::PolicySet;
use crate::secret::Secret;

use super::Failure;

/// What opens session tokens: its own seals and signatures, expiry and revocations are its affair.
pub trait Sessions: Debug + Send + Sync {
    /// The session in a token that is genuine, in force at `now` and not revoked.
    ///
    /// # Errors
    /// See [`Failure`].
    fn open(&self, token: &str, now: Timestamp) -> Result<Arc<Session>, Failure>;
}

/// A session: everything that its token holds.
#[derive(Debug)]
pub struct Session {
    /// Whose.
    pub of: SessionOf,
    /// The id of the role or user when the session was made: one that was made again since is another.
    pub id: Box<str>,
    /// `ASIA…`
    pub access_key: Box<str>,
    /// What signs with it.
    pub secret: Secret<Box<str>>,
    /// May the token alone be used as a bearer credential.
    pub bearer: bool,
    /// The session policy that was passed. `None`: none was.
    pub policies: Option<Arc<PolicySet>>,
    /// Managed policies that are session policies too, by ARN.
    pub policy_arns: Vec<Box<str>>,
    /// The session's own tags.
    pub tags: Tags,
    /// The keys of those that the next role in a chain inherits.
    pub transitive_tags: Vec<Box<str>>,
    /// The source identity.
    pub source_identity: Option<Box<str>>,
    /// The ARN of the identity provider that vouched for whoever assumed the role.
    pub federated_provider: Option<Arc<str>>,
    /// What the provider said, by the context keys that ask for it.
    pub claims: Option<Arc<Claims>>,
    /// Whether several factors were used.
    pub mfa_present: Option<bool>,
    /// When they were.
    pub mfa_authenticated_at: Option<Timestamp>,
    /// aws:TokenIssueTime.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Context keys, in lower case, with their values.
pub type Claims = [(Box<str>, Vec<Box<str>>)];

/// Whose session it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionOf {
    /// A role's (AssumeRole and its like).
    Role {
        /// The role, by ARN.
        arn: Box<str>,
        /// What the session is called.
        name: Box<str>,
    },
    /// A user's own (GetSessionToken).
    User {
        /// The user, by ARN.
        arn: Box<str>,
    },
    /// A root user's own (GetSessionToken).
    Root {
        /// The account.
        account: AccountId,
    },
    /// A federated user (GetFederationToken), who may do what the user may and the session policies allow.
    Federated {
        /// The user who vouches for it, by ARN.
        by: Box<str>,
        /// What the federated user is called.
        name: Box<str>,
    },
}
