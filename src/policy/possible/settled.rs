//! Conditions with a key that is open which are decided all the same, by another key that is settled as absent.
//!
//! A condition on an absent key looks at no value, and a text with a variable that has no value matches nothing. Only
//! what is certain is taken as decided.

use super::{IsOpen, changed, each_set, emptied, is_open_condition, is_open_pattern};
use crate::policy::condition::key::is_multivalued;
use crate::policy::condition::{Condition, Outcome, Quantifier, Values};
use crate::policy::context::{Context, Value};
use crate::policy::document::Statement;
use crate::policy::layers::Layers;
use crate::policy::resource::Resources;

/// Hands over the layers without the open conditions that are decided: they are dropped where they hold, and their
/// statement is emptied where they do not.
pub(super) fn settled<R>(
    layers: &Layers<'_>,
    context: &dyn Context,
    is_open: IsOpen<'_>,
    then: impl FnOnce(&Layers<'_>) -> R,
) -> R {
    let is_absent =
        |key: &str| !is_open(key) && matches!(context.get(key), None | Some(Value::List([])));
    // A list has no single value that could stand for a variable.
    let is_null =
        |key: &str| !is_open(key) && matches!(context.get(key), None | Some(Value::List(_)));
    let decided = |condition: &Condition| {
        if !is_open_condition(condition, is_open) {
            None
        } else if is_absent(&condition.key) {
            Some(condition.judge(context) == Outcome::Holds)
        } else {
            without_values(condition, &is_null)
        }
    };
    let change = |statement: &Statement| {
        let outcomes: Vec<Option<bool>> = statement.conditions.iter().map(decided).collect();
        if outcomes.contains(&Some(false)) {
            return Some(emptied(statement));
        }
        let never = |pattern: &_| is_open_pattern(pattern, is_open) && pattern.is_null(&is_null);
        let patterns = statement.resources.iter().flat_map(|found| &found.patterns);
        if !outcomes.contains(&Some(true)) && !patterns.into_iter().any(never) {
            return None;
        }
        let mut statement = statement.clone();
        let conditions = statement.conditions.iter().zip(outcomes);
        statement.conditions = conditions
            .filter(|(_, outcome)| outcome.is_none())
            .map(|(condition, _)| condition.clone())
            .collect();
        statement.resources = statement.resources.map(|resources| Resources {
            negated: resources.negated,
            patterns: (resources.patterns.iter().filter(|pattern| !never(pattern)))
                .cloned()
                .collect(),
        });
        Some(statement)
    };
    each_set(layers, |set| changed(set, change), then)
}

/// What becomes of a condition whose values all have a variable that has no value, whatever its key holds; `None`
/// where that makes a difference.
fn without_values(condition: &Condition, is_null: &dyn Fn(&str) -> bool) -> Option<bool> {
    let (Values::Text(templates) | Values::TextIgnoreCase(templates)) = &condition.values else {
        return None;
    };
    if !templates.iter().all(|template| template.is_null(is_null)) {
        return None;
    }
    let operator = &condition.operator;
    match (operator.quantifier, operator.negated) {
        (None, false) => (!operator.if_exists).then_some(false),
        // Of a list it does not hold.
        (None, true) => (is_multivalued(&condition.key) == Some(false)).then_some(true),
        (Some(Quantifier::ForAny), false) => Some(false),
        (Some(Quantifier::ForAll), true) => Some(true),
        (Some(Quantifier::ForAny), true) | (Some(Quantifier::ForAll), false) => None,
    }
}
