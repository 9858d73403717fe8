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

impl CallContext<'_> {
    fn asked(&self, key: &str) -> Option<Value<'_>> {
        let asked = self.asked;
        if let Some(tag) = key.strip_prefix("aws:requesttag/") {
            let found = asked.tags.iter().find(|found| lower(&found.key, tag))?;
            return Some(Value::Text(&found.value));
        }
        match key {
            // A code in this very call counts for it, whatever the credentials say.
            "aws:multifactorauthpresent" if asked.mfa => Some(Value::Bool(true)),
            "aws:multifactorauthage" if asked.mfa => Some(Value::Number(0)),
            "aws:tagkeys" => list(&asked.tag_keys),
            "sts:transitivetagkeys" => list(&asked.transitive),
            "sts:rolesessionname" => asked.session_name.as_deref().map(Value::Text),
            "sts:externalid" => asked.external_id.as_deref().map(Value::Text),
            "sts:sourceidentity" => asked.source_identity.as_deref().map(Value::Text),
            "sts:durationseconds" => {
                let seconds = asked.duration?;
                Some(Value::Number(i64::from(seconds)))
            }
            _ => None,
        }
    }
}

impl Context for CallContext<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        self.asked(key).or_else(|| self.base.get(key))
    }
}

fn list(values: &[Box<str>]) -> Option<Value<'_>> {
    (!values.is_empty()).then_some(Value::List(values))
}
