//! Whether some request can meet several demands on one context key: tried out on every state of the key that could
//! make a difference.
//!
//! Under equality, booleans, numbers, dates, bytes and address ranges finitely many values stand for all; patterns are
//! compared with each other. Sound, not complete: what is called impossible is so. Knows nothing of where demands come
//! from: the conditions of one statement, or those of several layers.

mod values;

use super::condition::arn::ArnPattern;
use super::condition::key::is_multivalued;
use super::condition::operator::{Quantifier, Test};
use super::condition::{Condition, Values};
use super::context::Map;
use super::document::Effect;
use super::pattern::Piece;
use super::subset::{self, Effort};
use super::variable::Template;

/// Values that are tried.
const MOST: usize = 200;

/// What is demanded of a key: that some conditions on it let their statement apply, or that they do not.
#[derive(Debug, Clone)]
pub(super) struct Demand<'c> {
    conditions: Vec<&'c Condition>,
    effect: Effect,
    is_met: bool,
}

impl<'c> Demand<'c> {
    /// That a condition holds, in a statement of this effect.
    pub(super) fn met(condition: &'c Condition, effect: Effect) -> Self {
        Self {
            conditions: vec![condition],
            effect,
            is_met: true,
        }
    }

    /// That the conditions, all of one key, do not hold together.
    pub(super) fn unmet(conditions: Vec<&'c Condition>, effect: Effect) -> Self {
        Self {
            conditions,
            effect,
            is_met: false,
        }
    }

    fn holds(&self, state: &Map) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.all(|condition| condition.judge(state).counts(self.effect)) == self.is_met
    }

    fn all(&self, test: impl Fn(&Condition) -> bool) -> bool {
        self.conditions.iter().all(|condition| test(condition))
    }

    /// The one condition that must hold.
    fn asked(&self) -> Option<&'c Condition> {
        let [condition] = *self.conditions.as_slice() else {
            return None;
        };
        self.is_met.then_some(condition)
    }
}

/// Whether no request meets all of the demands, which are on one key. Where it is too much work to see, they are not
/// called impossible.
pub(super) fn is_impossible(demands: &[Demand<'_>], effort: &Effort) -> bool {
    by_states(demands, effort)
        || by_few_states(demands, effort)
        || demands.iter().any(is_never_unmet)
        || patterns_exclude_each_other(demands, effort)
}

/// Whether so many states may be tried on all of the demands' values.
fn may_try(states: usize, demands: &[&Demand<'_>], effort: &Effort) -> bool {
    let conditions = demands.iter().flat_map(|demand| &demand.conditions);
    let values = conditions
        .map(|condition| condition.texts.len())
        .fold(1, usize::saturating_add);
    effort.take(states.saturating_mul(values))
}

/// Whether it is demanded that conditions do not hold together, each of which always holds.
fn is_never_unmet(demand: &Demand<'_>) -> bool {
    !demand.is_met && demand.all(always_holds)
}

/// Whether it holds in every state of its key: whatever value there is matches, and so does none.
fn always_holds(condition: &Condition) -> bool {
    let operator = &condition.operator;
    let is_any_text = !operator.negated && asks_for_everything(condition);
    match operator.quantifier {
        Some(Quantifier::ForAll) => is_any_text,
        Some(Quantifier::ForAny) => false,
        None => is_any_text && operator.if_exists && is_multivalued(&condition.key) == Some(false),
    }
}

/// Whether every text matches one of its values.
fn asks_for_everything(condition: &Condition) -> bool {
    matches!(&condition.values, Values::Text(templates) if templates.iter().any(Template::is_everything))
}

/// What a variable stands for is not known here.
fn has_variables(condition: &Condition) -> bool {
    condition.values.keys().next().is_some()
}

/// Conditions of one type at a time, tried on every state of the key that makes a difference to them.
fn by_states(demands: &[Demand<'_>], effort: &Effort) -> bool {
    let conditions = || demands.iter().flat_map(|demand| &demand.conditions);
    let mut tests: Vec<Test> = Vec::new();
    for condition in conditions() {
        let test = condition.operator.test;
        if !tests.iter().any(|other| are_alike(*other, test)) {
            tests.push(test);
        }
    }
    tests.into_iter().any(|test| {
        let fits = |condition: &Condition| {
            condition.operator.quantifier.is_none()
                && !has_variables(condition)
                // Escapes stand for letters, and mapped addresses for those of the other family.
                && !(condition.texts.iter()).any(|text| text.contains("${") || text.contains("::ffff:"))
                && (are_alike(condition.operator.test, test) || condition.operator.test == Test::Null)
        };
        let usable: Vec<&Demand<'_>> = demands.iter().filter(|demand| demand.all(fits)).collect();
        let compared: Vec<&Condition> = (usable.iter().flat_map(|demand| &demand.conditions))
            .copied()
            .filter(|condition| condition.operator.test != Test::Null)
            .collect();
        let Some(tried) = values::of(test, &compared, MOST).filter(|_| !usable.is_empty()) else {
            return false;
        };
        if !may_try(tried.len(), &usable, effort) {
            return false;
        }
        let key = conditions().next().map_or("", |condition| &condition.key);
        !states(key, tried)
            .any(|state| usable.iter().all(|demand| demand.holds(&state)))
    })
}

/// Whether two operators compare one type.
fn are_alike(one: Test, other: Test) -> bool {
    one == other
        || matches!(
            (one, other),
            (Test::Numeric(_), Test::Numeric(_)) | (Test::Date(_), Test::Date(_))
        )
}

/// A key's states: absent, a list if it may be one, one of the values, what nobody wrote, and what is no value of any
/// type.
fn states(key: &str, tried: Vec<String>) -> impl Iterator<Item = Map> {
    let mut lists = Vec::new();
    if is_multivalued(key) != Some(false) {
        for values in [&[""][..], &["\u{1}one", "\u{1}other"]] {
            let mut map = Map::new();
            map.set_many(key, values.iter().copied());
            lists.push(map);
        }
    }
    let others = ["", "0.0.0.0", "::", "\u{1}other"].map(str::to_owned);
    let values = tried.into_iter().chain(others).map(move |text| {
        let mut map = Map::new();
        map.set(key, text);
        map
    });
    [Map::new()].into_iter().chain(lists).chain(values)
}

/// A condition that holds in few states alone, each of which is put to all others, whatever their types.
fn by_few_states(demands: &[Demand<'_>], effort: &Effort) -> bool {
    let asked = demands.iter().filter_map(Demand::asked);
    let settled: Vec<&Demand<'_>> = (demands.iter())
        .filter(|demand| demand.all(|one| !has_variables(one)))
        .collect();
    asked.filter_map(states_of).any(|states| {
        may_try(states.len(), &settled, effort)
            && !(states.iter()).any(|state| settled.iter().all(|demand| demand.holds(state)))
    })
}

/// Every state of its key in which a condition holds, or more; `None` where there are too many.
fn states_of(condition: &Condition) -> Option<Vec<Map>> {
    let mut found = Vec::new();
    let with = |text: &str| {
        let mut map = Map::new();
        map.set(&condition.key, text);
        map
    };
    let list = |values: &[&str]| {
        let mut map = Map::new();
        map.set_many(&condition.key, values.iter().copied());
        map
    };
    let operator = &condition.operator;
    match &condition.values {
        // No value is another than any text: it holds where there is none, if at all.
        Values::Text(_) if operator.negated && asks_for_everything(condition) => {
            match operator.quantifier {
                None => found.extend([Map::new(), list(&[])]),
                Some(Quantifier::ForAll) => {
                    found.extend([Map::new(), list(&[]), list(&[""]), with("")]);
                }
                Some(Quantifier::ForAny) => {}
            }
        }
        Values::Null {
            absent: true,
            present: false,
        } => {
            found.extend([Map::new(), with(""), list(&[""])]);
        }
        Values::Text(_)
            if condition.operator.test == Test::StringEquals
                && !condition.operator.negated
                && condition.operator.quantifier.is_none()
                && !has_variables(condition)
                && condition.texts.len() <= MOST
                // `${*}` stands for a letter.
                && !condition.texts.iter().any(|text| text.contains("${")) =>
        {
            found.extend(condition.texts.iter().map(|text| with(text)));
            if condition.operator.if_exists {
                found.push(Map::new());
            }
        }
        Values::Null { .. }
        | Values::Text(_)
        | Values::TextIgnoreCase(_)
        | Values::Numeric(..)
        | Values::Date(..)
        | Values::Bool(_)
        | Values::Binary(_)
        | Values::Ip(_)
        | Values::Arn(_) => return None,
    }
    Some(found)
}

/// A condition as patterns, with the sign that is demanded of it.
struct Asked<'c> {
    condition: &'c Condition,
    /// What it asks for must not be.
    negated: bool,
    /// It is demanded that the condition does not hold: a list meets that too.
    is_turned: bool,
    parts: Vec<subset::Pieces<'c>>,
}

/// Whether one condition asks for texts or ARNs of which another refuses all, or for others than another asks for.
fn patterns_exclude_each_other(demands: &[Demand<'_>], effort: &Effort) -> bool {
    let all: Vec<Asked<'_>> = demands.iter().filter_map(asked).collect();
    all.iter().enumerate().any(|(at, asks)| {
        let operator = &asks.condition.operator;
        demands_presence(asks)
            && all.iter().enumerate().any(|(other, refuses)| {
                let is_of_all = match (operator.quantifier, refuses.condition.operator.quantifier) {
                    (Some(_), None) if refuses.is_turned => false,
                    (_, None) | (Some(_), Some(Quantifier::ForAll)) => true,
                    // To ForAllValues an empty text is no value at all.
                    (None, Some(Quantifier::ForAll)) => {
                        !asks.parts.iter().flatten().any(|asked| may_be_empty(asked))
                    }
                    (_, Some(Quantifier::ForAny)) => false,
                };
                if other == at || !is_of_all {
                    return false;
                }
                let covers_one = |inner: &subset::Pieces<'_>| {
                    refuses
                        .parts
                        .iter()
                        .any(|outer| covers(outer, inner, effort))
                };
                if refuses.negated {
                    asks.parts.iter().all(covers_one)
                } else {
                    // With IfExists the key is there all the same: the first asks for it.
                    (asks.parts.iter())
                        .all(|a| refuses.parts.iter().all(|b| are_disjoint(a, b, effort)))
                }
            })
    })
}

/// Whether it asks for one of its texts, and that the key is there.
fn demands_presence(asks: &Asked<'_>) -> bool {
    let operator = &asks.condition.operator;
    !asks.is_turned
        && !asks.negated
        && !operator.if_exists
        && operator.quantifier != Some(Quantifier::ForAll)
}

/// A demand of one condition, in patterns. That a condition does not hold is its negation, where the key has one value.
fn asked<'c>(demand: &Demand<'c>) -> Option<Asked<'c>> {
    let [condition] = *demand.conditions.as_slice() else {
        return None;
    };
    let operator = &condition.operator;
    if !demand.is_met && operator.quantifier.is_some() {
        return None;
    }
    // In a Deny ARN operators hold for what is no ARN, whatever they ask for; that they do not says that it is one.
    let effect = if demand.is_met {
        demand.effect
    } else {
        Effect::Allow
    };
    Some(Asked {
        condition,
        negated: operator.negated == demand.is_met,
        is_turned: !demand.is_met,
        parts: parts(condition, effect)?,
    })
}

fn may_be_empty(pattern: &[Piece<'_>]) -> bool {
    !(pattern.iter()).any(|piece| matches!(piece, Piece::Char(_) | Piece::Any))
}

/// Each part of one value covers that of the other.
fn covers(outer: &subset::Pieces<'_>, inner: &subset::Pieces<'_>, effort: &Effort) -> bool {
    outer.len() == inner.len()
        && (outer.iter().zip(inner)).all(|(outer, inner)| subset::pattern(outer, inner, effort))
}

fn are_disjoint(a: &subset::Pieces<'_>, b: &subset::Pieces<'_>, effort: &Effort) -> bool {
    a.len() == b.len() && (a.iter().zip(b)).any(|(a, b)| subset::disjoint(a, b, effort))
}

/// A condition's values as patterns, each of one part or, of ARNs, of six; `None` if they are neither, or one is a
/// variable.
fn parts(condition: &Condition, effect: Effect) -> Option<Vec<subset::Pieces<'_>>> {
    if condition.texts.is_empty() {
        return None;
    }
    if let Values::Arn(patterns) = &condition.values {
        let all = patterns.iter().map(ArnPattern::pieces);
        return all
            .collect::<Option<_>>()
            .filter(|_| effect == Effect::Allow);
    }
    let texts = condition.values.pieces()?;
    Some(texts.into_iter().map(|text| vec![text]).collect())
}

#[cfg(test)]
mod tests;
