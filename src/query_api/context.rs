//! The context keys that every call has: those of the request, of who calls, and of the resource.

use crate::arn::AccountId;
use crate::authn::Identity;
use crate::directory::{Directory, Tags};
use crate::gate::context::{RequestFacts, of_identity, of_owner};
use crate::policy::context::{Context, Value};

/// The context of a decision, but for what the call itself asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BaseContext<'a> {
    pub(crate) request: RequestFacts<'a>,
    pub(crate) identity: &'a Identity,
    pub(crate) directory: &'a Directory,
    /// Whose the resource is.
    pub(crate) account: AccountId,
    /// The resource's.
    pub(crate) resource_tags: Option<&'a Tags>,
}

impl BaseContext<'_> {
    /// Of the resource.
    fn resource(&self, key: &str) -> Option<Value<'_>> {
        let tag = key
            .strip_prefix("aws:resourcetag/")
            .or_else(|| key.strip_prefix("iam:resourcetag/"));
        if let Some(tag) = tag {
            let tags = self.resource_tags?;
            let (_, value) = tags.iter().find(|(name, _)| lower(name, tag))?;
            return Some(Value::Text(value));
        }
        of_owner(self.directory, &self.account, key)
    }
}

impl Context for BaseContext<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        self.request
            .get(key)
            .or_else(|| self.resource(key))
            .or_else(|| of_identity(self.identity, self.request.now, key))
    }
}

/// Whether `name`, lower-cased, is `folded`.
pub(crate) fn lower(name: &str, folded: &str) -> bool {
    name.chars().flat_map(char::to_lowercase).eq(folded.chars())
}
