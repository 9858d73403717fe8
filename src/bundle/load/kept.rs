//! Users, groups and roles that come out the same as in the load before are taken over, not made anew: of ten thousand
//! users, a reload that changed one policy makes those anew that have it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bundle::read::Read;
use crate::bundle::read::principal::Raw;
use crate::directory::{Group, Role, User};
use crate::policy::{Policy, PolicySet};

/// What was read from a file, and what was made of it.
pub(super) type Made<T> = (Arc<Read<Raw>>, Arc<T>);

/// What was made from which file.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) users: HashMap<Arc<str>, Made<User>>,
    pub(super) groups: HashMap<Arc<str>, Made<Group>>,
    pub(super) roles: HashMap<Arc<str>, Made<Role>>,
}

/// Whether a set holds just these policies.
pub(super) fn holds(set: &PolicySet, policies: &[Arc<Policy>]) -> bool {
    let held = set.policies();
    held.len() == policies.len()
        && held
            .iter()
            .zip(policies)
            .all(|(held, policy)| Arc::ptr_eq(held, policy))
}

/// The same for a boundary.
pub(super) fn bounds(set: Option<&PolicySet>, policy: Option<&Arc<Policy>>) -> bool {
    match (set, policy) {
        (None, None) => true,
        (Some(set), Some(policy)) => holds(set, std::slice::from_ref(policy)),
        _ => false,
    }
}
