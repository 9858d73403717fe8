//! Which statements of a large set could apply: by principal, action prefix and resource prefix.
//!
//! A bucket of few statements is simply read through. A larger one is split along whichever of the three dimensions
//! divides it best, its parts again along the others. A statement stands under the literal beginning of each of its
//! patterns, so nothing that could match is missed; whether it does match is still asked of the statement itself.

mod trie;

use smallvec::SmallVec;

use super::document::Statement;
use super::principal::Principal;
use super::principal::element::Name;
use super::statement::Ask;
use super::subset::Beginnings;
pub(crate) use trie::Trie;

/// A bucket of this many statements is not worth splitting.
const FEW: usize = 8;
/// Prefixes are a filter: longer ones would cost depth and tell no more.
const LONGEST: usize = 256;
/// A statement stands under at most this many keys of one dimension, and of all together.
const MOST_KEYS: usize = 64;
const MOST_PLACES: usize = 512;

/// Where a statement stands: policy and statement, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) policy: u32,
    pub(crate) statement: u32,
}

/// The statements of a set, arranged.
#[derive(Debug)]
pub(crate) enum Bucket {
    Few(Box<[Place]>),
    Split(Dimension, Trie<Bucket>),
}

/// What a bucket is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    Principal,
    Action,
    Resource,
}

const DIMENSIONS: [Dimension; 3] = [Dimension::Principal, Dimension::Action, Dimension::Resource];

/// The keys of a statement in one dimension: the beginnings of its own texts. Sorted, each once.
type Keys<'s> = SmallVec<[&'s [u8]; 4]>;

/// A statement and the keys that it stands under, by dimension.
struct Item<'s> {
    place: Place,
    keys: [Keys<'s>; 3],
}

/// Arranges statements.
pub(crate) fn build<'s>(statements: impl Iterator<Item = (Place, &'s Statement)>) -> Bucket {
    let statements: Vec<_> = statements.collect();
    if statements.len() <= FEW {
        return Bucket::Few(statements.iter().map(|(place, _)| *place).collect());
    }
    let items: Vec<Item<'s>> = statements
        .into_iter()
        .map(|(place, statement)| {
            let mut keys = [
                principal_keys(statement),
                action_keys(statement),
                resource_keys(statement),
            ];
            while keys.iter().map(SmallVec::len).product::<usize>() > MOST_PLACES {
                if let Some(largest) = keys.iter_mut().max_by_key(|keys| keys.len()) {
                    *largest = everything();
                }
            }
            Item { place, keys }
        })
        .collect();
    let all: Vec<&Item<'s>> = items.iter().collect();
    split(&all, &DIMENSIONS)
}

fn split(items: &[&Item<'_>], left: &[Dimension]) -> Bucket {
    let best = if items.len() <= FEW {
        None
    } else {
        left.iter()
            .map(|dimension| (*dimension, by_key(items, *dimension)))
            .map(|(dimension, pairs)| (heaviest(&pairs), dimension, pairs))
            .min_by_key(|(weight, _, _)| *weight)
            .filter(|(weight, _, _)| *weight < items.len())
    };
    let Some((_, dimension, pairs)) = best else {
        return Bucket::Few(items.iter().map(|item| item.place).collect());
    };
    let left: Vec<Dimension> = left
        .iter()
        .copied()
        .filter(|other| *other != dimension)
        .collect();
    let parts = same_key(&pairs)
        .map(|group| {
            let key = group.first().map_or(&b""[..], |(key, _)| key);
            let items: Vec<&Item<'_>> = group.iter().map(|(_, item)| *item).collect();
            (key, split(&items, &left))
        })
        .collect();
    Bucket::Split(dimension, Trie::build(parts))
}

type Pair<'i, 's> = (&'s [u8], &'i Item<'s>);

/// Every key with its statement, sorted by key; those of one key stay in their order.
fn by_key<'i, 's>(items: &[&'i Item<'s>], dimension: Dimension) -> Vec<Pair<'i, 's>> {
    let mut pairs: Vec<Pair<'i, 's>> = items
        .iter()
        .flat_map(|item| {
            let [principal, action, resource] = &item.keys;
            let keys = match dimension {
                Dimension::Principal => principal,
                Dimension::Action => action,
                Dimension::Resource => resource,
            };
            keys.iter().map(|key| (*key, *item))
        })
        .collect();
    pairs.sort_by_key(|(key, _)| *key);
    pairs
}

fn same_key<'p, 'i, 's>(pairs: &'p [Pair<'i, 's>]) -> impl Iterator<Item = &'p [Pair<'i, 's>]> {
    pairs.chunk_by(|(one, _), (other, _)| one == other)
}

/// How many statements the worst request would find.
fn heaviest(pairs: &[Pair<'_, '_>]) -> usize {
    let (mut any, mut most) = (0usize, 0usize);
    for group in same_key(pairs) {
        if group.first().is_some_and(|(key, _)| key.is_empty()) {
            any = group.len();
        } else {
            most = most.max(group.len());
        }
    }
    any.saturating_add(most)
}

fn everything<'s>() -> Keys<'s> {
    Keys::from_elem(b"", 1)
}

/// Sorts keys and keeps the shortest of those that begin alike: the longer ones would lead to the same statement twice.
fn outermost<'s>(keys: impl Iterator<Item = &'s [u8]>) -> Keys<'s> {
    let mut keys: Keys<'s> = keys.collect();
    keys.sort_unstable();
    let mut last: Option<&[u8]> = None;
    keys.retain(|key| {
        let covered = last.is_some_and(|last| key.starts_with(last));
        if !covered {
            last = Some(key);
        }
        !covered
    });
    if keys.is_empty() { everything() } else { keys }
}

fn bounded(keys: Keys<'_>) -> Keys<'_> {
    if keys.len() > MOST_KEYS {
        everything()
    } else {
        keys
    }
}

fn principal_keys(statement: &Statement) -> Keys<'_> {
    let Some(element) = &statement.principal else {
        return everything();
    };
    if element.negated || element.names.contains(&Name::Everyone) {
        return everything();
    }
    let mut keys: Keys<'_> = (element.names.iter())
        .map(|name| name.text().as_bytes())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    bounded(keys)
}

fn action_keys(statement: &Statement) -> Keys<'_> {
    if statement.actions.negated {
        return everything();
    }
    let patterns = statement.actions.patterns.iter();
    let keys = outermost(patterns.map(|pattern| cut(pattern.prefix())));
    if keys.len() <= MOST_KEYS {
        return keys;
    }
    let services = keys.iter().map(|key| {
        let end = key.iter().position(|byte| *byte == b':');
        key.get(..=end.unwrap_or(0)).unwrap_or_default()
    });
    bounded(outermost(services))
}

fn resource_keys(statement: &Statement) -> Keys<'_> {
    let Some(resources) = &statement.resources else {
        return everything();
    };
    if resources.negated {
        return everything();
    }
    let patterns = resources.patterns.iter();
    bounded(outermost(patterns.map(|pattern| cut(pattern.prefix()))))
}

fn cut(prefix: &[u8]) -> &[u8] {
    prefix.get(..LONGEST).unwrap_or(prefix)
}

impl Bucket {
    /// Calls `each` with every statement that could apply to all requests that begin so, each perhaps several times.
    pub(super) fn visit_beginnings(&self, of: &Beginnings<'_>, each: &mut dyn FnMut(Place)) {
        let mut visit = |bucket: &Self| {
            bucket.visit_beginnings(of, each);
            true
        };
        match self {
            Self::Few(places) => places.iter().for_each(|place| each(*place)),
            Self::Split(Dimension::Action, trie) => {
                trie.along(of.action.as_bytes(), visit);
            }
            Self::Split(Dimension::Resource, trie) => {
                trie.along(of.resource.as_bytes(), visit);
            }
            Self::Split(Dimension::Principal, trie) => {
                let named = of.name.map(str::as_bytes).filter(|name| !name.is_empty());
                for bucket in [Some(&b""[..]), named]
                    .into_iter()
                    .flatten()
                    .filter_map(|name| trie.at(name))
                {
                    visit(bucket);
                }
            }
        }
    }

    /// Calls `each` with every statement that could apply, until it returns false. False if it did.
    pub(crate) fn visit(&self, ask: &Ask<'_>, each: &mut dyn FnMut(Place) -> bool) -> bool {
        match self {
            Self::Few(places) => places.iter().all(|place| each(*place)),
            Self::Split(Dimension::Action, trie) => {
                trie.along(ask.action.as_bytes(), |bucket| bucket.visit(ask, each))
            }
            Self::Split(Dimension::Resource, trie) => {
                trie.along(ask.resource.as_bytes(), |bucket| bucket.visit(ask, each))
            }
            Self::Split(Dimension::Principal, trie) => {
                trie.at(b"").is_none_or(|bucket| bucket.visit(ask, each))
                    && names(ask.principal).into_iter().flatten().all(|name| {
                        trie.at(name.as_bytes())
                            .is_none_or(|bucket| bucket.visit(ask, each))
                    })
            }
        }
    }
}

/// The texts that name a requester in a policy.
fn names(principal: &Principal) -> [Option<&str>; 3] {
    match principal {
        Principal::Root { account, .. } => [Some(account), None, None],
        Principal::User { account, arn } | Principal::Role { account, arn } => {
            [Some(account), Some(arn), None]
        }
        Principal::RoleSession {
            account,
            arn,
            role_arn: parent,
        }
        | Principal::FederatedUser {
            account,
            arn,
            user_arn: parent,
        } => [Some(account), Some(arn), Some(parent)],
        Principal::Federated { provider: name } | Principal::Service { name } => {
            [Some(name), None, None]
        }
        Principal::Anonymous => [None, None, None],
    }
}
