//! One entry of a Condition block: operator, key, values.
//!
//! Several policy values are alternatives; for negated operators none of them may match. A request value that does not
//! parse never grounds an allow: the whole condition then fails in an Allow and holds in a Deny, whatever the operator's
//! sign, suffix or quantifier, and whatever the key's other values are. So it is where a variable among the policy's
//! values stands for what does not parse, unless another one of these values matches: that settles it. A multivalued key
//! (a list, of one value too) under an operator without quantifier never matches. Decided here, where IAM's
//! documentation is silent: a key whose value is an empty list is absent, whatever the operator.

pub(crate) mod arn;
pub(crate) mod binary;
pub(crate) mod date;
pub(crate) mod ip;
pub(crate) mod key;
pub(crate) mod numeric;
pub(crate) mod operator;
pub(crate) mod values;

use super::context::{Context, Value};
use super::document::{Effect, entry};
use crate::source::Span;
pub(crate) use operator::{Operator, Quantifier};
pub(crate) use values::Values;

/// A request value that an operator cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// One operator and key with their values.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    /// The key as written.
    pub(crate) name: Box<str>,
    /// The key in lower case.
    pub(crate) key: Box<str>,
    /// The values as written.
    pub(crate) texts: Box<[Box<str>]>,
    pub(crate) values: Values,
    /// Where the key stands.
    pub(crate) span: Span,
    /// Where each value stands.
    pub(crate) value_spans: Box<[Span]>,
}

/// What became of a condition, before the statement's effect is considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// A request value does not parse: it holds in a Deny and fails in an Allow.
    Unreadable,
}

impl From<bool> for Outcome {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}

impl Outcome {
    /// Whether the statement may go on to apply.
    pub(crate) fn counts(self, effect: Effect) -> bool {
        match self {
            Self::Holds => true,
            Self::Fails => false,
            Self::Unreadable => effect == Effect::Deny,
        }
    }
}

impl Condition {
    /// Judges the condition.
    pub(crate) fn judge(&self, context: &dyn Context) -> Outcome {
        let value = context.get(&self.key);
        if let Values::Null { absent, present } = self.values {
            return (if is_nothing(value) { absent } else { present }).into();
        }
        match self.operator.quantifier {
            None => match value {
                None | Some(Value::List([])) => {
                    (self.operator.if_exists || self.operator.negated).into()
                }
                Some(Value::List(_)) => Outcome::Fails,
                Some(value) => match self.satisfied(value, context) {
                    Ok(holds) => holds.into(),
                    Err(Unreadable) => Outcome::Unreadable,
                },
            },
            Some(quantifier) => match value {
                value if is_nothing(value) => (quantifier == Quantifier::ForAll).into(),
                Some(Value::List(values)) => self.quantified(quantifier, values, context),
                Some(value) => match self.satisfied(value, context) {
                    Ok(holds) => holds.into(),
                    Err(Unreadable) => Outcome::Unreadable,
                },
                None => Outcome::Fails,
            },
        }
    }

    fn quantified(
        &self,
        quantifier: Quantifier,
        values: &[Box<str>],
        context: &dyn Context,
    ) -> Outcome {
        let mut all = true;
        let mut any = false;
        for value in values {
            match self.satisfied(Value::Text(value), context) {
                Ok(true) => any = true,
                Ok(false) => all = false,
                Err(Unreadable) => return Outcome::Unreadable,
            }
        }
        match quantifier {
            Quantifier::ForAll => all.into(),
            Quantifier::ForAny => any.into(),
        }
    }

    /// Whether one request value satisfies the operator against the policy's values.
    fn satisfied(&self, value: Value<'_>, context: &dyn Context) -> Result<bool, Unreadable> {
        Ok(self.values.any_matches(value, context)? != self.operator.negated)
    }

    /// Where a value stands.
    pub(crate) fn value_span(&self, at: usize) -> Span {
        entry(&self.value_spans, at, self.span)
    }

    /// The context keys that it reads, in lower case.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.key).chain(self.values.keys())
    }
}

/// Absent, an empty list, or an empty text as the only value: nothing, for Null and for quantified operators.
fn is_nothing(value: Option<Value<'_>>) -> bool {
    match value {
        None => true,
        Some(Value::Text(text)) => text.is_empty(),
        Some(Value::List(values)) => match values {
            [] => true,
            [only] => only.is_empty(),
            _ => false,
        },
        Some(Value::Instant(_) | Value::Number(_) | Value::Bool(_) | Value::Ip(_)) => false,
    }
}

#[cfg(test)]
mod tests;
