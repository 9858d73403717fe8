//! The context keys of a call: those of every request, those of who calls, and those of what is asked for.

use crate::arn::AccountId;
use crate::authn::Identity;
use crate::directory::{Directory, Tags};
use crate::gate::context::RequestFacts;
use crate::policy::context::{Context, Value};

use super::asked::Asked;

/// The whole context of one decision.
#[derive(Debug)]
pub(super) struct CallContext<'a> {
    pub(super) request: RequestFacts<'a>,
    pub(super) identity: &'a Identity,
    pub(super) directory: &'a Directory,
    pub(super) account: AccountId,
    /// The role's.
    pub(super) resource_tags: Option<&'a Tags>,
    pub(super) asked: &'a Asked,
}

impl Asked {
    /// What is asked for, by the context keys that ask about it.
    pub(super) fn context_value(&self, key: &str) -> Option<Value<'_>> {
        if let Some(tag) = key.strip_prefix("aws:requesttag/") {
            let found = self.tags.iter().find(|found| lower(&found.key, tag))?;
            return Some(Value::Text(&found.value));
        }
        match key {
            "aws:tagkeys" => list(&self.tag_keys),
            "sts:transitivetagkeys" => list(&self.transitive),
            "sts:rolesessionname" => self.session_name.as_deref().map(Value::Text),
            "sts:externalid" => self.external_id.as_deref().map(Value::Text),
            "sts:sourceidentity" => self.source_identity.as_deref().map(Value::Text),
            "sts:durationseconds" => {
                let seconds = self.duration?;
                Some(Value::Number(i64::from(seconds)))
            }
            _ => None,
        }
    }
}

impl CallContext<'_> {
    fn resource(&self, key: &str) -> Option<Value<'_>> {
        let tag = key
            .strip_prefix("aws:resourcetag/")
            .or_else(|| key.strip_prefix("iam:resourcetag/"));
        if let Some(tag) = tag {
            let tags = self.resource_tags?;
            let (_, value) = tags.iter().find(|(name, _)| lower(name, tag))?;
            return Some(Value::Text(value));
        }
        let organization = self.directory.organization();
        let place = || organization?.places.get(&self.account);
        match key {
            "aws:resourceaccount" => Some(Value::Text(self.account.as_str())),
            "aws:resourceorgid" => {
                place()?;
                self.directory.organization_id().map(Value::Text)
            }
            "aws:resourceorgpaths" => Some(Value::List(std::slice::from_ref(&place()?.path))),
            _ => None,
        }
    }

    fn identity(&self, key: &str) -> Option<Value<'_>> {
        match key {
            // A code in this very call counts for it, whatever the credentials say.
            "aws:multifactorauthpresent" if self.asked.mfa => Some(Value::Bool(true)),
            "aws:multifactorauthage" if self.asked.mfa => Some(Value::Number(0)),
            "aws:multifactorauthage" => {
                let age = self.identity.mfa_age(self.request.now)?;
                Some(Value::Number(i64::try_from(age.as_secs()).ok()?))
            }
            _ => self.identity.context_value(key),
        }
    }
}

impl Context for CallContext<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        self.request
            .get(key)
            .or_else(|| self.asked.context_value(key))
            .or_else(|| self.resource(key))
            .or_else(|| self.identity(key))
    }
}

fn list(values: &[Box<str>]) -> Option<Value<'_>> {
    (!values.is_empty()).then_some(Value::List(values))
}

fn lower(name: &str, folded: &str) -> bool {
    name.chars().flat_map(char::to_lowercase).eq(folded.chars())
}
