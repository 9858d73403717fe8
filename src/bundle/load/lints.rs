//! Findings about policies that are valid and perhaps not meant. What was found about a policy is kept as long as
//! policy, accounts and routes stay the same, so that a reload looks at what changed only.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::Work;
use crate::arn::AccountId;
use crate::policy::lint::Surroundings;
use crate::policy::{Policy, lint};
use crate::route::Table;
use crate::source::{Fault, Report};

/// A file, and the address of a policy in it, which is nobody else's as long as the policy is held beside the key.
type Key = (Arc<str>, usize);

/// What was found before.
#[derive(Debug, Default)]
pub(super) struct Found {
    accounts: BTreeSet<AccountId>,
    offered: Vec<Box<str>>,
    partition: Box<str>,
    organization: Option<Box<str>>,
    policies: HashMap<Key, (Arc<Policy>, Vec<Fault>)>,
}

impl Work<'_> {
    /// Looks at every policy that was read.
    pub(super) fn lints(&mut self, routes: Option<&Table>) {
        let accounts: BTreeSet<AccountId> = self.folders.values().copied().collect();
        let offered = routes.map(offered).unwrap_or_default();
        let organization = self.parts.organization.as_ref();
        let organization: Option<Box<str>> = organization.map(|own| own.id.clone());
        let former = std::mem::take(&mut self.memos.found);
        let is_same = former.accounts == accounts
            && former.offered == offered
            && former.partition == self.partition
            && former.organization == organization;
        let mut former = if is_same {
            former.policies
        } else {
            HashMap::new()
        };
        let mut policies = HashMap::new();
        let surroundings = Surroundings {
            is_own_account: &|account| {
                AccountId::parse(account).is_some_and(|account| accounts.contains(&account))
            },
            offered: Some(&offered),
            organization: organization.as_deref(),
            partition: Some(&self.partition),
        };
        for (file, policy) in std::mem::take(&mut self.seen) {
            let key = (Arc::clone(&file), Arc::as_ptr(&policy).addr());
            if policies.contains_key(&key) {
                continue;
            }
            let found = former.remove(&key).unwrap_or_else(|| {
                let mut report = Report::on(&file);
                lint(policy.document(), &surroundings, &mut report);
                (policy, report.into_faults())
            });
            self.faults.extend(found.1.iter().cloned());
            policies.insert(key, found);
        }
        self.memos.found = Found {
            accounts,
            offered,
            partition: self.partition.clone(),
            organization,
            policies,
        };
    }
}

/// The actions that routes offer, in lower case. A service with a generic fallback offers any, and is left out.
fn offered(routes: &Table) -> Vec<Box<str>> {
    let open: BTreeSet<String> = routes
        .routes()
        .filter(|row| row.route.is_none())
        .map(|row| row.service.name().to_lowercase())
        .collect();
    let actions: BTreeSet<Box<str>> = routes
        .routes()
        .filter_map(|row| row.route)
        .map(|route| route.action().to_lowercase())
        .filter(|action| !open.contains(action.split(':').next().unwrap_or_default()))
        .map(Into::into)
        .collect();
    actions.into_iter().collect()
}
