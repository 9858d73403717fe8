//! One call under way: what it reads, what it found out, and its questions to the engine.

use std::time::Duration;

use crate::arn::{AccountId, Arn};
use crate::bundle::Snapshot;
use crate::clock::Timestamp;
use crate::directory::{Directory, Role};
use crate::gate::context::RequestFacts;
use crate::outcome::Reason;
use crate::policy::PolicySet;
use crate::query_api::context::BaseContext;
use crate::query_api::judge::{self, Question, Seen};
use crate::secret::Secret;
use crate::sts::keys::{IssueError, Issued};
use crate::sts::seal::MAX_TEXT;
use crate::sts::{Session, Who};

use super::Parts;
use super::asked::Asked;
use super::caller::Caller;
use super::context::CallContext;
use super::error::Error;
use super::fields;
use super::form::Form;
use super::xml::Members;

/// One call.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) parts: &'a Parts,
    pub(super) snapshot: &'a Snapshot,
    pub(super) request: RequestFacts<'a>,
    pub(super) form: &'a Form,
    /// For the record.
    pub(super) seen: Seen,
}

/// What a call is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// A role, whose trust policy must agree.
    Role(&'a Role),
    /// A role that does not exist, of this account: one that trusts nobody, so that a refusal does not tell which exist.
    NoRole(&'a str, AccountId),
    /// Anything of the caller's own account.
    Own(&'a str),
}

impl<'a> Call<'a> {
    pub(super) fn now(&self) -> Timestamp {
        self.request.now
    }

    pub(super) fn directory(&self) -> &'a Directory {
        &self.snapshot.directory
    }

    /// Whether the caller may do all of `actions` to the target.
    ///
    /// # Errors
    /// AccessDenied, as IAM words it, for the first that is not allowed.
    pub(super) fn authorize(
        &mut self,
        caller: &Caller,
        actions: &[&str],
        target: Target<'_>,
        asked: &Asked,
    ) -> Result<(), Error> {
        let directory = self.directory();
        let identity = &*caller.identity;
        let own = identity.principal.account().and_then(AccountId::parse);
        let nobody;
        let (resource, account, trust) = match target {
            Target::Role(role) => (&*role.arn, role.account, Some(&role.trust)),
            Target::NoRole(arn, account) => {
                nobody = PolicySet::default();
                (arn, account, Some(&nobody))
            }
            Target::Own(resource) => (resource, own.ok_or_else(Error::internal)?, None),
        };
        let context = CallContext {
            base: BaseContext {
                request: self.request,
                identity,
                directory,
                account,
                resource_tags: match target {
                    Target::Role(role) => Some(&role.tags),
                    Target::NoRole(..) | Target::Own(_) => None,
                },
            },
            asked,
        };
        let question = Question {
            identity,
            resource,
            account,
            trust,
            context: &context,
        };
        judge::authorize(&mut self.seen, directory, &question, actions)
    }

    /// Whether what vouches for a session of this role was issued before a revocation: it must not be good for a session
    /// from after it.
    pub(super) fn is_revoked(&self, role: &Role, name: &str, issued_at: Timestamp) -> bool {
        let partition = self.directory().partition();
        let session = Arn::role_session(partition, role.account, &role.name, name);
        let names = [&*role.arn, session.as_str()];
        self.parts.authenticator.is_revoked(names, issued_at)
    }

    /// Makes the session.
    ///
    /// # Errors
    /// PackedPolicyTooLarge, or a keyring without a key that issues.
    pub(super) fn issue(&self, session: Session) -> Result<Issued, Error> {
        let least = fields::least_token(self.form)?;
        let keys = &self.parts.keys;
        let issued = keys.issue_padded(session, self.now(), least);
        issued.map_err(|error| match error {
            IssueError::TooLarge(too_large) => Error::new(
                "PackedPolicyTooLarge",
                400,
                Reason::MalformedRequest,
                format!(
                    "Packed size of session policies, tags and claims of who vouched consumes {}% of allotted space.",
                    too_large.percent
                ),
            ),
            IssueError::NoKey => Error::internal().with_detail(error.to_string()),
        })
    }

    /// A session of `who` that begins now.
    pub(super) fn session(&self, who: Who, seconds: u32, asked: Asked) -> Session {
        let now = self.now();
        let end = now.plus(Duration::from_secs(u64::from(seconds)));
        let mut session = Session::asked(who, now, end);
        session.source_identity = asked.source_identity;
        session.tags = asked.tags;
        session.policy = asked.policies.document;
        session.policy_arns = asked.policies.arns;
        session
    }
}

/// `<Credentials>`
pub(super) fn credentials(members: &mut Members, issued: &Issued) {
    let secret = issued.session.secret();
    let secret = secret
        .as_ref()
        .map_or("", |secret: &Secret<Box<str>>| secret.expose());
    members.inner("Credentials", |inner| {
        inner
            .text("AccessKeyId", &issued.session.access_key())
            .text("SecretAccessKey", secret)
            .text("SessionToken", issued.token.expose())
            .text("Expiration", &issued.session.expires_at.rfc3339());
    });
}

/// `<PackedPolicySize>`, where something was packed, and how long the token is, of the longest that there is.
pub(super) fn sizes(members: &mut Members, issued: &Issued) {
    if issued.packed > 0 {
        members.text("PackedPolicySize", &issued.packed.to_string());
    }
    let length = issued.token.expose().len();
    let used = length.saturating_mul(100).div_ceil(MAX_TEXT);
    members
        .number("SessionTokenUtilization", used)
        .number("SessionTokenSize", length);
}
