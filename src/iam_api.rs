//! The reads of AWS's IAM API, as the AWS CLI and SDKs speak to it, beside the STS on one listener.
//!
//! The answers are made of the snapshot: what a bundle says is what IAM tells. An identity sees its own account only,
//! and each call is authorized by the engine for its action (`iam:GetUser`) on what it is about. Writes exist by name:
//! whoever may do one is told which file of the bundle to edit. Names, pagination, codes and XML are AWS's
//! (botocore, `iam/2010-05-08/service-2.json`). What a bundle does not say of a time is 1970-01-01T00:00:00Z, since
//! clients must have one. Knows nothing of HTTP; whoever calls verified the signature.

mod accessed;
mod account;
mod details;
mod document;
mod entity;
mod factors;
mod groups;
mod keys;
mod nothing;
mod operations;
mod page;
mod parameters;
mod policies;
mod providers;
mod report;
mod roles;
mod simulate;
mod users;
mod view;
mod writes;

#[cfg(test)]
mod tests;

use crate::arn::AccountId;
use crate::authn::KeyOwner;
use crate::bundle::Snapshot;
use crate::directory::{Directory, Tags};
use crate::gate::context::RequestFacts;
use crate::outcome::Reason;
use crate::query_api::AccessKeys;
use crate::query_api::caller::{Caller, Kind};
use crate::query_api::context::BaseContext;
use crate::query_api::error::Error;
use crate::query_api::form::Form;
use crate::query_api::judge::{self, Question, Seen};
use crate::query_api::xml::Members;

pub(crate) use operations::{Operation, find};

/// The API's version.
pub(crate) const VERSION: &str = "2010-05-08";
/// The XML namespace.
pub(crate) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
/// IAM is a global service: its clients sign for this region, whatever region they are set to.
pub(crate) const REGION: &str = "us-east-1";

/// One call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) request: RequestFacts<'a>,
    pub(crate) form: &'a Form,
    pub(crate) access_keys: &'a dyn AccessKeys,
    pub(crate) caller: &'a Caller,
    pub(crate) operation: &'static Operation,
    /// For the record.
    pub(crate) seen: &'a mut Seen,
}

/// What an operation's answer is made by.
type Answer = Result<Members, Error>;

impl<'a> Call<'a> {
    fn directory(&self) -> &'a Directory {
        &self.snapshot.directory
    }

    /// The caller's account: the only one that it sees.
    fn account(&self) -> Result<AccountId, Error> {
        let account = self.caller.identity.principal.account();
        let account = account.and_then(AccountId::parse);
        account.ok_or_else(Error::internal)
    }

    /// `arn:…:iam::ACCOUNT:REST`
    fn arn(&self, rest: &str) -> Result<String, Error> {
        let partition = self.directory().partition();
        Ok(format!("arn:{partition}:iam::{}:{rest}", self.account()?))
    }

    /// Whether the caller may do this operation to a resource.
    fn authorize(&mut self, resource: &str, tags: Option<&Tags>) -> Result<(), Error> {
        let mut seen = std::mem::take(self.seen);
        let action = self.operation.text();
        let answer = self.judge(&mut seen, action, resource, tags);
        *self.seen = seen;
        answer
    }

    /// Whether the caller could do something else to a resource; of which nothing is on record.
    fn could(&self, action: &str, resource: &str) -> bool {
        let judged = self.judge(&mut Seen::default(), action, resource, None);
        judged.is_ok()
    }

    fn judge(
        &self,
        seen: &mut Seen,
        action: &str,
        resource: &str,
        tags: Option<&Tags>,
    ) -> Result<(), Error> {
        let directory = self.directory();
        let account = self.account()?;
        let identity = &*self.caller.identity;
        let context = BaseContext {
            request: self.request,
            identity,
            directory,
            account,
            resource_tags: tags,
        };
        let question = Question {
            identity,
            resource,
            account,
            trust: None,
            context: &context,
        };
        judge::authorize(seen, directory, &question, &[action])
    }

    /// As whom the caller owns access keys, if it is a user or a root user.
    fn own(&self) -> Option<KeyOwner> {
        match self.caller.kind {
            Kind::User => {
                let user = self.caller.identity.user.as_ref()?;
                Some(KeyOwner::User((&*user.arn).into()))
            }
            Kind::Root => Some(KeyOwner::Root(self.account().ok()?)),
            Kind::OwnSession => match &self.caller.identity.user {
                Some(user) => Some(KeyOwner::User((&*user.arn).into())),
                None => Some(KeyOwner::Root(self.account().ok()?)),
            },
            Kind::Role | Kind::Federated => None,
        }
    }
}

/// What sessions may call: as in AWS, federated users nothing of IAM, and those of GetSessionToken with MFA only.
fn may_call(caller: &Caller) -> Result<(), Error> {
    let detail = match caller.kind {
        Kind::User | Kind::Root | Kind::Role => return Ok(()),
        Kind::OwnSession if caller.identity.mfa_present == Some(true) => return Ok(()),
        Kind::OwnSession => "a session of GetSessionToken without MFA calls nothing of IAM",
        Kind::Federated => "a federated session calls nothing of IAM",
    };
    Err(Error::invalid_client_token(Reason::ImplicitDeny).with_detail(detail))
}
