//! What is known of resources: which policies and tags the files under `resources/` give to an ARN.
//!
//! Found by service and account first, then by the whole ARN or by pattern (`*` any run, `?` one character). In the
//! request's own ARN both are literal characters.

pub mod glob;

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Tags;
use crate::arn::AccountId;
use crate::policy::PolicySet;

/// One file under `resources/`.
#[derive(Debug)]
pub struct Resource {
    /// The file's name without `.yaml`.
    pub name: Box<str>,
    /// The ARN, or a pattern of ARNs. Partition, service and account are literal.
    pub pattern: Box<str>,
    /// Whose the resources are.
    pub account: AccountId,
    /// aws:ResourceTag.
    pub tags: Tags,
    /// The resource policy.
    pub policy: Option<PolicySet>,
}

/// What is known of one resource.
#[derive(Debug, Default)]
pub struct ResourceFacts<'d> {
    /// Its resource policies; all apply together.
    pub policies: SmallVec<[&'d PolicySet; 2]>,
    /// Its tags.
    pub tags: SmallVec<[(&'d str, &'d str); 4]>,
}

type ByAccount = HashMap<Box<str>, Vec<Arc<Resource>>>;

/// All resource files, found by ARN.
#[derive(Debug, Default)]
pub(super) struct Index {
    exact: HashMap<Box<str>, Vec<Arc<Resource>>>,
    /// Service, then account.
    patterns: HashMap<Box<str>, ByAccount>,
}

impl Index {
    pub(super) fn new(resources: Vec<Arc<Resource>>) -> Self {
        let mut index = Self::default();
        for resource in resources {
            if resource.pattern.contains(['*', '?']) {
                let (service, account) = place(&resource.pattern);
                index
                    .patterns
                    .entry(service.into())
                    .or_default()
                    .entry(account.into())
                    .or_default()
                    .push(resource);
            } else {
                index
                    .exact
                    .entry(resource.pattern.clone())
                    .or_default()
                    .push(resource);
            }
        }
        index
    }

    pub(super) fn facts<'d>(&'d self, arn: &str) -> ResourceFacts<'d> {
        let (service, account) = place(arn);
        let patterns = self
            .patterns
            .get(service)
            .and_then(|accounts| accounts.get(account))
            .into_iter()
            .flatten()
            .filter(|resource| glob::matches(&resource.pattern, arn));
        let mut facts = ResourceFacts::default();
        for resource in self.exact.get(arn).into_iter().flatten().chain(patterns) {
            facts.policies.extend(&resource.policy);
            for (key, value) in &resource.tags {
                let known = facts
                    .tags
                    .iter()
                    .any(|(other, _)| other.eq_ignore_ascii_case(key));
                if !known {
                    facts.tags.push((key, value));
                }
            }
        }
        facts
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        let patterns = self.patterns.values().flat_map(HashMap::values);
        self.exact.values().chain(patterns).flatten()
    }
}

/// Service and account of an ARN.
fn place(arn: &str) -> (&str, &str) {
    let mut parts = arn.splitn(6, ':').skip(2);
    let service = parts.next().unwrap_or_default();
    (service, parts.nth(1).unwrap_or_default())
}
