//! Whether conditions hold wherever others do: value by value under one operator, and, where operators differ, by what
//! [`worlds`] proves impossible.

use std::cmp::Ordering;

use super::{Effort, keep, pattern};
use crate::policy::condition::arn::ArnPattern;
use crate::policy::condition::numeric::Decimal;
use crate::policy::condition::operator::{Relation, Test};
use crate::policy::condition::values::{Values, same_without_case};
use crate::policy::condition::{Condition, Quantifier};
use crate::policy::document::Effect;
use crate::policy::worlds::{self, Demand};

/// Steps that one question to [`worlds`] takes at least.
const QUESTION: usize = 100;

/// Bytes of patterns that are taken apart for a step of effort.
const CHEAP: usize = 8;

/// A condition with its values, or some of them.
#[derive(Clone)]
pub(super) struct Asks<'p> {
    pub(super) condition: &'p Condition,
    /// Which of them.
    values: Vec<usize>,
}

impl<'p> Asks<'p> {
    pub(super) fn of(condition: &'p Condition) -> Self {
        let values = (0..condition.texts.len()).collect();
        Self { condition, values }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Leaves the one value.
    pub(super) fn keep(&mut self, at: usize) {
        keep(&mut self.values, at);
    }

    /// Whether it holds where and only where it does for one of its values alone.
    pub(super) fn is_any_of(&self) -> bool {
        let operator = &self.condition.operator;
        !operator.negated
            && operator.test != Test::Null
            && operator.quantifier != Some(Quantifier::ForAll)
            && !self.condition.values.may_spoil()
            && !self.values.is_empty()
    }

    fn texts(&self) -> Vec<&'p str> {
        let text = |at: &usize| self.condition.texts.get(*at).map(|text| &**text);
        self.values.iter().filter_map(text).collect()
    }
}

/// Conditions of a statement of some effect.
pub(super) type Side<'a, 'p> = (Effect, &'a [Asks<'p>]);

/// Each condition of the outer statement holds where those of the inner one do.
pub(super) fn all(outer: Side<'_, '_>, inner: Side<'_, '_>, effort: &Effort) -> bool {
    let (effect, conditions) = outer;
    conditions.iter().all(|asks| {
        let same: Vec<&Asks<'_>> = (inner.1.iter())
            .filter(|other| other.condition.key == asks.condition.key)
            .collect();
        same.iter().any(|other| implies(other, asks, effort))
            || excludes(inner.0, &same, (effect, asks), effort)
    })
}

/// Whether it is impossible that the inner conditions on a key hold and the outer one does not.
fn excludes(
    effect: Effect,
    inner: &[&Asks<'_>],
    (outer_effect, outer): (Effect, &Asks<'_>),
    effort: &Effort,
) -> bool {
    let is_text = |asks: &Asks<'_>| {
        matches!(
            asks.condition.operator.test,
            Test::StringEquals
                | Test::StringEqualsIgnoreCase
                | Test::StringLike
                | Test::Arn
                | Test::Binary
        )
    };
    let is_alike = |other: &&Asks<'_>| {
        let (a, b) = (&other.condition.operator, &outer.condition.operator);
        is_text(other) && is_text(outer) && a.negated == b.negated
    };
    // Texts under operators of one sign were compared one by one.
    if inner.is_empty() || inner.iter().all(is_alike) || !effort.take(QUESTION) {
        return false;
    }
    let met = (inner.iter()).map(|asks| Demand::met(asks.condition, effect));
    let unmet = Demand::unmet(vec![outer.condition], outer_effect);
    let demands: Vec<Demand<'_>> = met.chain([unmet]).collect();
    worlds::is_impossible(&demands, effort)
}

/// Whether the outer condition holds where the inner one does, by their operators and values alone.
fn implies(inner: &Asks<'_>, outer: &Asks<'_>, effort: &Effort) -> bool {
    let (a, b) = (inner.condition, outer.condition);
    if a.operator.negated != b.operator.negated
        || a.operator.quantifier != b.operator.quantifier
        || (a.operator.if_exists && !b.operator.if_exists)
    {
        return false;
    }
    if a.operator.test == b.operator.test {
        let (inner_texts, outer_texts) = (inner.texts(), outer.texts());
        if a.values.may_spoil() || b.values.may_spoil() {
            return inner_texts == outer_texts;
        }
        let among = |texts: &[&str], list: &[&str]| texts.iter().all(|text| list.contains(text));
        let is_among = if a.operator.negated {
            among(&outer_texts, &inner_texts)
        } else {
            among(&inner_texts, &outer_texts)
        };
        // Of Null and equal texts there is no more to say.
        if is_among || matches!(a.operator.test, Test::Null | Test::StringEquals) {
            return is_among;
        }
    } else if a.values.may_spoil() || b.values.may_spoil() {
        return false;
    }
    let (wide, narrow) = if a.operator.negated {
        (inner, outer)
    } else {
        (outer, inner)
    };
    narrow.values.iter().all(|value| {
        wide.values.iter().any(|other| {
            effort.take(1)
                && covers_value((wide.condition, *other), (narrow.condition, *value), effort)
        })
    })
}

/// Whether whatever matches the inner value, one of a condition's, matches the outer one, whatever the signs of both
/// operators. No value covers another where one may turn out not to parse.
pub(in crate::policy) fn covers_value(
    (outer, at): (&Condition, usize),
    (inner, other): (&Condition, usize),
    effort: &Effort,
) -> bool {
    let texts = (outer.texts.get(at), inner.texts.get(other));
    let (Some(outer_text), Some(inner_text)) = texts else {
        return false;
    };
    // Patterns are taken apart anew for each comparison, which is most of its work.
    let may_compare = || {
        let length = outer_text.len().saturating_add(inner_text.len());
        outer_text.contains(['*', '?']) && effort.take(length / CHEAP)
    };
    match (&outer.values, &inner.values) {
        (Values::Text(a), Values::Text(b)) => {
            let pair = a.get(at).zip(b.get(other));
            // A star is a letter under one operator and a wildcard under another.
            let is_same =
                outer.operator.test == inner.operator.test || !outer_text.contains(['*', '?']);
            (is_same && outer_text == inner_text)
                || (may_compare()
                    && pair.is_some_and(|(a, b)| pattern(&a.pieces(), &b.pieces(), effort)))
        }
        (Values::TextIgnoreCase(a), Values::TextIgnoreCase(b)) => {
            let is_open = |text: &str| text.contains("${");
            a.len() == outer.texts.len()
                && b.len() == inner.texts.len()
                && !is_open(outer_text)
                && !is_open(inner_text)
                && same_without_case(outer_text, inner_text)
        }
        (Values::Ip(a), Values::Ip(b)) => {
            (a.get(at).zip(b.get(other))).is_some_and(|(outer, inner)| outer.covers(inner))
        }
        (Values::Numeric(a, _), Values::Numeric(b, _)) => {
            let order = Decimal::read(outer_text)
                .zip(Decimal::read(inner_text))
                .map(|(outer, inner)| outer.compare(&inner));
            a == b && order.is_some_and(|order| is_wider(*a, order))
        }
        (Values::Date(a, outer), Values::Date(b, inner)) => {
            let order = outer.get(at).zip(inner.get(other)).map(|(a, b)| a.cmp(b));
            a == b && order.is_some_and(|order| is_wider(*a, order))
        }
        (Values::Arn(a), Values::Arn(b)) => {
            if !may_compare() {
                return false;
            }
            let outer = a.get(at).and_then(ArnPattern::pieces);
            let inner = b.get(other).and_then(ArnPattern::pieces);
            outer.zip(inner).is_some_and(|(outer, inner)| {
                let mut parts = outer.iter().zip(&inner);
                parts.all(|(outer, inner)| pattern(outer, inner, effort))
            })
        }
        _ => false,
    }
}

/// Whether what stands so to one value stands so to one that is ordered like that to it.
fn is_wider(relation: Relation, order: Ordering) -> bool {
    match relation {
        Relation::Equal => order.is_eq(),
        Relation::Less | Relation::LessOrEqual => order.is_ge(),
        Relation::Greater | Relation::GreaterOrEqual => order.is_le(),
    }
}
