//! Which statements of a large set could apply: by principal, action prefix and resource prefix.
//!
//! A bucket of few statements is simply read through. A larger one is split along whichever of the three dimensions
//! divides it best, its parts again along the others. A statement stands under the literal beginning of each of its
//! patterns, so nothing that could match is missed; whether it does match is still asked of the statement itself.

mod trie;

use std::collections::{BTreeMap, BTreeSet};

use super::document::Statement;
use super::principal::Principal;
use super::principal::element::Name;
use super::statement::Ask;
use trie::Trie;

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

type Keys = BTreeSet<Box<[u8]>>;

/// A statement and the keys that it stands under, by dimension.
#[derive(Clone)]
struct Item {
    place: Place,
    keys: [std::rc::Rc<Keys>; 3],
}

/// Arranges statements.
pub(crate) fn build<'s>(statements: impl Iterator<Item = (Place, &'s Statement)>) -> Bucket {
    let statements: Vec<_> = statements.collect();
    if statements.len() <= FEW {
        return Bucket::Few(statements.iter().map(|(place, _)| *place).collect());
    }
    let items = statements
        .into_iter()
        .map(|(place, statement)| {
            let mut keys = [
                principal_keys(statement),
                action_keys(statement),
                resource_keys(statement),
            ];
            while keys.iter().map(BTreeSet::len).product::<usize>() > MOST_PLACES {
                if let Some(largest) = keys.iter_mut().max_by_key(|keys| keys.len()) {
                    *largest = everything();
                }
            }
            Item {
                place,
                keys: keys.map(std::rc::Rc::new),
            }
        })
        .collect::<Vec<_>>();
    split(&items, &DIMENSIONS)
}

fn split(items: &[Item], left: &[Dimension]) -> Bucket {
    let best = if items.len() <= FEW {
        None
    } else {
        left.iter()
            .map(|dimension| (heaviest(items, *dimension), *dimension))
            .min_by_key(|(weight, _)| *weight)
            .filter(|(weight, _)| *weight < items.len())
    };
    let Some((_, dimension)) = best else {
        return Bucket::Few(items.iter().map(|item| item.place).collect());
    };
    let left: Vec<Dimension> = left
        .iter()
        .copied()
        .filter(|other| *other != dimension)
        .collect();
    let parts = group(items, dimension)
        .into_iter()
        .map(|(key, items)| {
            let items: Vec<Item> = items.into_iter().cloned().collect();
            (key, split(&items, &left))
        })
        .collect();
    Bucket::Split(dimension, Trie::build(parts))
}

fn group(items: &[Item], dimension: Dimension) -> BTreeMap<Box<[u8]>, Vec<&Item>> {
    let mut groups: BTreeMap<Box<[u8]>, Vec<&Item>> = BTreeMap::new();
    for item in items {
        let [principal, action, resource] = &item.keys;
        let keys = match dimension {
            Dimension::Principal => principal,
            Dimension::Action => action,
            Dimension::Resource => resource,
        };
        for key in keys.iter() {
            groups.entry(key.clone()).or_default().push(item);
        }
    }
    groups
}

/// How many statements the worst request would find.
fn heaviest(items: &[Item], dimension: Dimension) -> usize {
    let groups = group(items, dimension);
    let any = groups.get(&b""[..]).map_or(0, Vec::len);
    let most = groups
        .iter()
        .filter(|(key, _)| !key.is_empty())
        .map(|(_, items)| items.len())
        .max()
        .unwrap_or(0);
    any.saturating_add(most)
}

fn everything() -> Keys {
    Keys::from([Box::default()])
}

/// Keeps the shortest of keys that begin alike: the longer ones would lead to the same statement twice.
fn outermost(keys: Keys) -> Keys {
    let mut kept = Keys::new();
    let mut last: Option<Box<[u8]>> = None;
    for key in keys {
        if last.as_ref().is_some_and(|last| key.starts_with(last)) {
            continue;
        }
        last = Some(key.clone());
        kept.insert(key);
    }
    if kept.is_empty() { everything() } else { kept }
}

fn bounded(keys: Keys) -> Keys {
    if keys.len() > MOST_KEYS {
        everything()
    } else {
        keys
    }
}

fn principal_keys(statement: &Statement) -> Keys {
    let Some(element) = &statement.principal else {
        return everything();
    };
    if element.negated || element.names.contains(&Name::Everyone) {
        return everything();
    }
    bounded(
        element
            .names
            .iter()
            .map(|name| name.text().as_bytes().into())
            .collect(),
    )
}

fn action_keys(statement: &Statement) -> Keys {
    if statement.actions.negated {
        return everything();
    }
    let prefixes = statement.actions.patterns.iter().map(|pattern| {
        let prefix = pattern.prefix();
        Box::from(prefix.get(..LONGEST).unwrap_or(prefix))
    });
    let keys = outermost(prefixes.collect());
    if keys.len() <= MOST_KEYS {
        return keys;
    }
    let services = keys.iter().map(|key| {
        let end = key.iter().position(|byte| *byte == b':');
        Box::from(key.get(..=end.unwrap_or(0)).unwrap_or_default())
    });
    bounded(outermost(services.collect()))
}

fn resource_keys(statement: &Statement) -> Keys {
    let Some(resources) = &statement.resources else {
        return everything();
    };
    if resources.negated {
        return everything();
    }
    let prefixes = resources.patterns.iter().map(|pattern| {
        let prefix = pattern.prefix();
        Box::from(prefix.get(..LONGEST).unwrap_or(prefix))
    });
    bounded(outermost(prefixes.collect()))
}

impl Bucket {
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
