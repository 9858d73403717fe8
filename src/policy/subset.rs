//! Whether one pattern, list or statement covers another: everything that the inner one matches, the outer one matches.
//!
//! Sound, not complete: `true` is always true, and what is not seen at once, or would cost too much, is `false`. A
//! property test holds it against the engine itself.

mod conditions;

use std::cell::Cell;

use crate::policy::action::{ActionPattern, Actions};
use crate::policy::document::{Effect, Statement};
use crate::policy::pattern::Piece;
use crate::policy::principal::element::Name;
use crate::policy::resource::Resources;
use crate::policy::variable::Template;
use conditions::Asks;
pub(super) use conditions::covers_value;

/// Steps that the comparisons of one document may take; then nothing is claimed any more.
const STEPS: u32 = 2_000_000;

/// Pieces of patterns, names and values that the parts of one statement hold together.
const LONGEST: usize = 500_000;

/// What is left of [`STEPS`].
#[derive(Debug)]
pub(super) struct Effort(Cell<u32>);

impl Default for Effort {
    fn default() -> Self {
        Self(Cell::new(STEPS))
    }
}

impl Effort {
    /// Whether it is all taken, so that nothing was claimed from then on.
    pub(super) fn is_spent(&self) -> bool {
        self.0.get() == 0
    }

    /// Takes all of it.
    pub(super) fn give_up(&self) {
        self.0.set(0);
    }

    /// Whether there is so much left; takes it.
    pub(super) fn take(&self, steps: usize) -> bool {
        let left = u32::try_from(steps)
            .ok()
            .and_then(|steps| self.0.get().checked_sub(steps));
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }
}

/// Whether a pattern covers another, both in pieces: every text that the inner one matches, whatever its variables
/// stand for, the outer one matches. A variable of the outer one must be the same one in the inner one, so that
/// without a value neither matches.
pub(super) fn pattern(outer: &[Piece<'_>], inner: &[Piece<'_>], effort: &Effort) -> bool {
    if !effort.take(1) || end_differently(outer, inner) {
        return false;
    }
    // The places in `outer` that can be reached, ascending. A star takes any piece, or none.
    let mut places = Vec::new();
    let mut next = Vec::new();
    enter(&mut places, outer, 0);
    for piece in inner {
        if places.is_empty() || !effort.take(places.len()) {
            return false;
        }
        next.clear();
        for &at in &places {
            let behind = at.saturating_add(1);
            match (outer.get(at), piece) {
                (Some(Piece::Run), _) => enter(&mut next, outer, at),
                (Some(Piece::Any), Piece::Char(_) | Piece::Any) => enter(&mut next, outer, behind),
                (Some(wanted @ (Piece::Char(_) | Piece::Variable(..))), found)
                    if wanted == found =>
                {
                    enter(&mut next, outer, behind);
                }
                _ => {}
            }
        }
        std::mem::swap(&mut places, &mut next);
    }
    places.last() == Some(&outer.len())
}

/// Whether the last piece of the outer pattern is a letter, and that of the inner one another piece.
fn end_differently(outer: &[Piece<'_>], inner: &[Piece<'_>]) -> bool {
    matches!((outer.last(), inner.last()), (Some(last @ Piece::Char(_)), other) if Some(last) != other)
}

/// Whether no text fits both patterns, whatever their variables stand for.
pub(super) fn disjoint(a: &[Piece<'_>], b: &[Piece<'_>], effort: &Effort) -> bool {
    if !effort.take(
        a.len()
            .saturating_add(1)
            .saturating_mul(b.len().saturating_add(1)),
    ) {
        return false;
    }
    let is_run = |piece: &Piece<'_>| matches!(piece, Piece::Run | Piece::Variable(..));
    // Whether the rests of both from these places on can meet; the row of `a`'s next place, and the one being made.
    let mut next = vec![false; b.len().saturating_add(1)];
    for at in (0..=a.len()).rev() {
        let mut row = vec![false; b.len().saturating_add(1)];
        for other in (0..=b.len()).rev() {
            let behind = other.saturating_add(1);
            let get = |row: &[bool], place: usize| row.get(place).copied().unwrap_or(false);
            let meets = match (a.get(at), b.get(other)) {
                (None, None) => true,
                (Some(run), None) => is_run(run) && get(&next, other),
                (None, Some(run)) => is_run(run) && get(&row, behind),
                (Some(x), Some(y)) if is_run(x) || is_run(y) => {
                    // A run takes what stands against it, or ends.
                    get(&next, other) || get(&row, behind)
                }
                (Some(x), Some(y)) => {
                    (x == y || *x == Piece::Any || *y == Piece::Any) && get(&next, behind)
                }
            };
            if let Some(place) = row.get_mut(other) {
                *place = meets;
            }
        }
        next = row;
    }
    !next.first().copied().unwrap_or(true)
}

/// Adds a place, and those behind stars that take nothing.
fn enter(places: &mut Vec<usize>, outer: &[Piece<'_>], at: usize) {
    let mut at = at;
    loop {
        if places.last().is_none_or(|last| *last < at) {
            places.push(at);
        }
        if outer.get(at) != Some(&Piece::Run) {
            return;
        }
        at = at.saturating_add(1);
    }
}

/// The characters before the first wildcard or variable.
pub(super) fn beginning(pattern: &[Piece<'_>]) -> String {
    let letter = |piece: &Piece<'_>| match piece {
        Piece::Char(letter) => Some(*letter),
        Piece::Any | Piece::Run | Piece::Variable(..) => None,
    };
    pattern.iter().map_while(letter).collect()
}

/// Patterns of a list, in pieces.
pub(super) type Pieces<'p> = Vec<Vec<Piece<'p>>>;

fn all_covered(outer: &Pieces<'_>, inner: &Pieces<'_>, effort: &Effort) -> bool {
    inner
        .iter()
        .all(|inner| outer.iter().any(|outer| pattern(outer, inner, effort)))
}

/// Leaves the one entry.
fn keep<T>(list: &mut Vec<T>, at: usize) {
    if at < list.len() {
        list.swap(0, at);
        list.truncate(1);
    }
}

/// An element that is a list of patterns or, negated, everything else.
#[derive(Clone)]
struct List<'p> {
    negated: bool,
    patterns: Pieces<'p>,
    /// Some pattern fits less than its pieces say.
    is_loose: bool,
}

impl List<'_> {
    fn keep(&mut self, at: usize) {
        keep(&mut self.patterns, at);
    }

    fn size(&self) -> usize {
        let sizes = self.patterns.iter().map(Vec::len);
        sizes.fold(0, usize::saturating_add)
    }

    /// What every text that it matches begins with: of the longest such beginnings of its patterns one.
    fn beginning(&self) -> String {
        if self.negated {
            return String::new();
        }
        let all = self.patterns.iter().map(|pattern| beginning(pattern));
        all.max_by_key(String::len).unwrap_or_default()
    }

    fn covers(&self, inner: &List<'_>, effort: &Effort) -> bool {
        // A list that spares less than its pieces say is wider; one that names less is narrower.
        if (inner.is_loose && inner.negated) || (self.is_loose && !self.negated) {
            return false;
        }
        match (self.negated, inner.negated) {
            (false, false) => all_covered(&self.patterns, &inner.patterns, effort),
            (true, true) => all_covered(&inner.patterns, &self.patterns, effort),
            (false, true) => {
                let everything = |pieces: &Vec<Piece<'_>>| matches!(&**pieces, [Piece::Run]);
                self.patterns.iter().any(everything)
            }
            (true, false) => inner.patterns.iter().all(|inner| {
                let mut outer = self.patterns.iter();
                outer.all(|outer| disjoint(outer, inner, effort))
            }),
        }
    }
}

/// Principal or NotPrincipal, or some of its names.
#[derive(Clone)]
struct Who<'p> {
    negated: bool,
    names: Vec<&'p Name>,
}

/// What one action, one resource and one principal of a statement begin with.
#[derive(Debug)]
pub(super) struct Beginnings<'s> {
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) name: Option<&'s str>,
}

/// A statement in a form that is quick to compare.
#[derive(Clone)]
pub(super) struct Shape<'s> {
    effect: Effect,
    who: Option<Who<'s>>,
    actions: List<'s>,
    /// `None`: every resource.
    resources: Option<List<'s>>,
    conditions: Vec<Asks<'s>>,
}

impl<'s> Shape<'s> {
    /// Of a statement.
    pub(super) fn of(statement: &'s Statement) -> Self {
        let who = statement.principal.as_ref().map(|element| Who {
            negated: element.negated,
            names: element.names.iter().collect(),
        });
        Self {
            effect: statement.effect,
            who,
            conditions: statement.conditions.iter().map(Asks::of).collect(),
            actions: List {
                negated: statement.actions.negated,
                patterns: of_actions(&statement.actions),
                is_loose: false,
            },
            resources: statement.resources.as_ref().map(|resources| List {
                negated: resources.negated,
                patterns: of_resources(resources),
                is_loose: resources.patterns.iter().any(Template::is_both),
            }),
        }
    }

    /// What a request must begin with that only this one's patterns match: of one of its actions, of one of its
    /// resources, and one whom it names. A statement that covers it stands in the index under parts of these.
    pub(super) fn beginnings(&self) -> Beginnings<'s> {
        let who = self.who.as_ref().filter(|who| !who.negated);
        Beginnings {
            action: self.actions.beginning(),
            resource: self
                .resources
                .as_ref()
                .map(List::beginning)
                .unwrap_or_default(),
            name: who
                .and_then(|who| who.names.first())
                .map(|name| name.text()),
        }
    }

    /// How much there is to copy.
    pub(super) fn size(&self) -> usize {
        let resources = self.resources.as_ref().map_or(0, List::size);
        let names = self.who.as_ref().map_or(0, |who| who.names.len());
        let texts = self.conditions.iter().map(Asks::len);
        let rest = texts.fold(resources.saturating_add(names), usize::saturating_add);
        self.actions.size().saturating_add(rest)
    }

    /// The same for each of its actions, resources, principals and condition values by itself: wherever it applies, one
    /// of these does, and it names a requester in no way in which none of these does. `None`: there are too many, or
    /// they are too long together.
    pub(super) fn parts(&self, most: usize) -> Option<Vec<Self>> {
        let mut parts = vec![self.clone()];
        let mut split = |count: usize, change: &dyn Fn(&mut Self, usize)| -> Option<()> {
            let made = parts.len().saturating_mul(count);
            let size = parts.first().map_or(0, Self::size);
            if made > most || made.saturating_mul(size) > LONGEST {
                return None;
            }
            let each = parts.iter().flat_map(|part| {
                (0..count).map(move |at| {
                    let mut part = part.clone();
                    change(&mut part, at);
                    part
                })
            });
            parts = each.collect();
            Some(())
        };
        if !self.actions.negated {
            split(self.actions.patterns.len(), &|part, at| {
                part.actions.keep(at);
            })?;
        }
        if let Some(list) = self.resources.as_ref().filter(|list| !list.negated) {
            split(list.patterns.len(), &|part, at| {
                if let Some(list) = &mut part.resources {
                    list.keep(at);
                }
            })?;
        }
        if let Some(who) = self.who.as_ref().filter(|who| !who.negated) {
            split(who.names.len(), &|part, at| {
                if let Some(who) = &mut part.who {
                    keep(&mut who.names, at);
                }
            })?;
        }
        for (number, asks) in self.conditions.iter().enumerate() {
            if asks.is_any_of() {
                split(asks.len(), &|part, at| {
                    if let Some(asks) = part.conditions.get_mut(number) {
                        asks.keep(at);
                    }
                })?;
            }
        }
        Some(parts)
    }

    /// Whether it applies wherever the inner one does; of an Allow and a Deny, for the Deny alone.
    pub(super) fn covers(&self, inner: &Self, effort: &Effort) -> bool {
        let resources = match (&self.resources, &inner.resources) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(outer), Some(inner)) => outer.covers(inner, effort),
        };
        resources
            && principals(self.who.as_ref(), inner.who.as_ref())
            && self.actions.covers(&inner.actions, effort)
            && conditions::all(
                (self.effect, &self.conditions),
                (inner.effect, &inner.conditions),
                effort,
            )
    }
}

/// The patterns of Action or NotAction.
pub(super) fn of_actions(actions: &Actions) -> Pieces<'_> {
    actions.patterns.iter().map(ActionPattern::pieces).collect()
}

/// The patterns of Resource or NotResource.
pub(super) fn of_resources(resources: &Resources) -> Pieces<'_> {
    resources.patterns.iter().map(Template::pieces).collect()
}

/// Whoever the inner element names, the outer one names, and in as strong a way.
fn principals(outer: Option<&Who<'_>>, inner: Option<&Who<'_>>) -> bool {
    let (Some(outer), Some(inner)) = (outer, inner) else {
        return outer.is_none() && inner.is_none();
    };
    let among = |names: &[&Name], list: &[&Name]| names.iter().all(|name| list.contains(name));
    match (outer.negated, inner.negated) {
        (false, false) => {
            outer.names.contains(&&Name::Everyone) || among(&inner.names, &outer.names)
        }
        (true, true) => among(&outer.names, &inner.names),
        (false, true) | (true, false) => false,
    }
}

#[cfg(test)]
mod tests;
