//! Whether one request can bring all that several statements ask of it: of each layer one that allows, and nothing that
//! a Deny waits for.
//!
//! Conditions are compared key by key ([`worlds`]): what is called impossible is so, and where looking would take too
//! long nothing is claimed.

use std::cell::Cell;

use super::{Clause, IsOpen, is_open_condition, is_open_pattern};
use crate::policy::condition::Condition;
use crate::policy::document::{Effect, Statement};
use crate::policy::subset::Effort;
use crate::policy::worlds::{self, Demand};

/// Comparisons of one question.
const STEPS: u32 = 4_000;

/// A statement with what it asks of the request, in words and as it is.
#[derive(Debug, Clone)]
pub(super) struct Asking<'l> {
    pub(super) clause: Clause,
    statement: &'l Statement,
}

impl<'l> Asking<'l> {
    pub(super) fn new(clause: Clause, statement: &'l Statement) -> Self {
        Self { clause, statement }
    }

    fn conditions(&self, is_open: IsOpen<'_>) -> Vec<&'l Condition> {
        let conditions = self.statement.conditions.iter();
        conditions
            .filter(|condition| is_open_condition(condition, is_open))
            .collect()
    }

    /// Of a Deny whose conditions are all on one key: these. What several keys decide together is not looked at.
    fn refused(&self, is_open: IsOpen<'_>) -> Option<Vec<&'l Condition>> {
        let resources = self.statement.resources.iter();
        let mut patterns = resources.flat_map(|resources| &resources.patterns);
        if patterns.any(|pattern| is_open_pattern(pattern, is_open)) {
            return None;
        }
        let conditions = self.conditions(is_open);
        let key = &conditions.first()?.key;
        let is_one = conditions.iter().all(|condition| condition.key == *key);
        is_one.then_some(conditions)
    }
}

/// What Denies leave open.
pub(super) struct Together<'l> {
    denies: Vec<Vec<&'l Condition>>,
    left: Cell<u32>,
}

/// One statement's conditions.
type Conditions<'l> = Vec<&'l Condition>;

impl<'l> Together<'l> {
    /// Beside these Denies, which apply should their conditions hold.
    pub(super) fn beside(denies: &[Asking<'l>], is_open: IsOpen<'_>) -> Self {
        let denies = denies.iter().filter_map(|deny| deny.refused(is_open));
        Self {
            denies: denies.collect(),
            left: Cell::new(STEPS),
        }
    }

    /// Whether the Denies refuse whatever a request brings.
    pub(super) fn refuses_all(&self) -> bool {
        let mut keys = self
            .denies
            .iter()
            .flatten()
            .map(|condition| &*condition.key);
        keys.any(|key| self.is_impossible(key, &[]))
    }

    /// Leaves of each choice the statements that can be met with some of every other one. Whether it can be at all.
    pub(super) fn prune(&self, choices: &mut [Vec<Asking<'l>>], is_open: IsOpen<'_>) -> bool {
        loop {
            let before: usize = choices.iter().map(Vec::len).sum();
            for at in 0..choices.len() {
                let all: Vec<Vec<Conditions<'l>>> = (choices.iter())
                    .map(|choice| choice.iter().map(|one| one.conditions(is_open)).collect())
                    .collect();
                let others = || all.iter().enumerate().filter(|(other, _)| *other != at);
                if let Some(choice) = choices.get_mut(at) {
                    choice.retain(|one| {
                        let own = one.conditions(is_open);
                        self.can(&[&own])
                            && others().all(|(_, other)| {
                                other.is_empty()
                                    || other.iter().any(|other| self.can(&[&own, other]))
                            })
                    });
                    if choice.is_empty() {
                        return false;
                    }
                }
            }
            if choices.iter().map(Vec::len).sum::<usize>() == before {
                break;
            }
        }
        let all: Vec<Vec<Conditions<'l>>> = (choices.iter())
            .map(|choice| choice.iter().map(|one| one.conditions(is_open)).collect())
            .collect();
        self.any_of_each(&all, &mut Vec::new())
    }

    /// Whether some statement of each choice can be met with those that are chosen.
    fn any_of_each<'c>(
        &self,
        choices: &'c [Vec<Conditions<'l>>],
        chosen: &mut Vec<&'c Conditions<'l>>,
    ) -> bool {
        let Some((first, rest)) = choices.split_first() else {
            return true;
        };
        first.iter().any(|one| {
            chosen.push(one);
            let found = self.can(chosen) && self.any_of_each(rest, chosen);
            chosen.pop();
            found
        })
    }

    /// Whether a request can meet all of them, and none of the Denies.
    fn can(&self, chosen: &[&Conditions<'l>]) -> bool {
        let conditions: Vec<&Condition> = chosen.iter().copied().flatten().copied().collect();
        let mut looked: Vec<&str> = Vec::new();
        for condition in &conditions {
            if looked.contains(&&*condition.key) {
                continue;
            }
            looked.push(&condition.key);
            if self.is_impossible(&condition.key, &conditions) {
                return false;
            }
        }
        true
    }

    fn is_impossible(&self, key: &str, conditions: &[&Condition]) -> bool {
        let asked = conditions.iter().filter(|condition| *condition.key == *key);
        let asked = asked.map(|condition| Demand::met(condition, Effect::Allow));
        let denied = (self.denies.iter())
            .filter(|deny| deny.first().is_some_and(|condition| *condition.key == *key))
            .map(|deny| Demand::unmet(deny.clone(), Effect::Deny));
        let demands: Vec<Demand<'_>> = asked.chain(denied).collect();
        // What one statement asks for is possible on its own, as far as is looked; one Deny may refuse everything.
        if demands.len() < 2 && !conditions.is_empty() {
            return false;
        }
        let Some(left) = self.left.get().checked_sub(1) else {
            return false;
        };
        self.left.set(left);
        worlds::is_impossible(&demands, &Effort::default())
    }
}
