//! The context keys of a call: those that every call has, and those of what is asked for.

use super::asked::Asked;
use crate::policy::context::{Context, Value};
use crate::query_api::context::{BaseContext, lower};

/// The whole context of one decision.
#[derive(Debug)]
pub(super) struct CallContext<'a> {
    pub(super) base: BaseContext<'a>,
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
    /// A code in this very call counts for it, whatever the credentials say.
    fn factor(&self, key: &str) -> Option<Value<'_>> {
        match key {
            "aws:multifactorauthpresent" if self.asked.mfa => Some(Value::Bool(true)),
            "aws:multifactorauthage" if self.asked.mfa => Some(Value::Number(0)),
            _ => None,
        }
    }
}

impl Context for CallContext<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        self.asked
            .context_value(key)
            .or_else(|| self.factor(key))
            .or_else(|| self.base.get(key))
    }
}

fn list(values: &[Box<str>]) -> Option<Value<'_>> {
    (!values.is_empty()).then_some(Value::List(values))
}
