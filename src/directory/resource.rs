//! What is known of resources: which policies and tags the files under `resources/` give to an ARN.
//!
//! Found by service and account first, which are literal, then by region and resource, each of which may be a pattern
//! (`*` any run, `?` one character). In the request's own ARN both are literal characters.

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
        let by_place = || {
            let (service, account) = place(arn);
            self.patterns.get(service)?.get(account)
        };
        let patterns = (!self.patterns.is_empty())
            .then(by_place)
            .flatten()
            .into_iter()
            .flatten()
            .filter(|resource| resource.reaches(arn));
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

impl Resource {
    /// Whether the pattern reaches an ARN.
    pub fn reaches(&self, arn: &str) -> bool {
        let ([partition, service, region, account], resource) = split(&self.pattern);
        let ([its_partition, its_service, its_region, its_account], its_resource) = split(arn);
        partition == its_partition
            && service == its_service
            && account == its_account
            && glob::matches(region, its_region)
            && glob::matches(resource, its_resource)
    }

    /// Whether some ARN is reached by both patterns.
    pub fn overlaps(&self, other: &Self) -> bool {
        let ([partition, service, region, account], resource) = split(&self.pattern);
        let ([its_partition, its_service, its_region, its_account], its_resource) =
            split(&other.pattern);
        partition == its_partition
            && service == its_service
            && account == its_account
            && glob::overlap(region, its_region)
            && glob::overlap(resource, its_resource)
    }

    /// What the sixth part of every ARN that is reached begins with.
    pub fn literal_start(&self) -> &str {
        let (_, resource) = split(&self.pattern);
        resource.split(['*', '?']).next().unwrap_or_default()
    }
}

/// Partition, service, region and account of an ARN, and its resource.
fn split(arn: &str) -> ([&str; 4], &str) {
    let mut rest = Some(arn);
    // Byte by byte: the parts are too short for a quicker search to pay.
    let mut next = || {
        let (part, behind) = match rest.and_then(|rest| rest.bytes().position(|byte| byte == b':'))
        {
            Some(at) => {
                let (part, behind) = rest?.split_at_checked(at)?;
                (part, behind.get(1..))
            }
            None => (rest?, None),
        };
        rest = behind;
        Some(part)
    };
    let mut part = || next().unwrap_or_default();
    part();
    let parts = [part(), part(), part(), part()];
    (parts, rest.unwrap_or_default())
}

/// Service and account of an ARN.
fn place(arn: &str) -> (&str, &str) {
    let ([_, service, _, account], _) = split(arn);
    (service, account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(pattern: &str, tag: &str) -> Arc<Resource> {
        Arc::new(Resource {
            name: tag.into(),
            pattern: pattern.into(),
            account: AccountId::parse("555566667777").unwrap(),
            tags: vec![(tag.into(), tag.into())],
            policy: None,
        })
    }

    #[test]
    fn parts_are_matched_apart() {
        let index = Index::new(vec![
            resource("arn:aws:db:*:555566667777:table/*", "any-region"),
            resource("arn:aws:db:us-?ast-1:555566667777:table/7", "east-and-last"),
            resource("arn:aws:db::555566667777:table/7", "no-region"),
        ]);
        let tags = |arn: &str| -> Vec<String> {
            let facts = index.facts(arn);
            facts
                .tags
                .iter()
                .map(|(key, _)| (*key).to_owned())
                .collect()
        };
        let east = "arn:aws:db:us-east-1:555566667777:table/7";
        assert_eq!(tags(east), ["any-region", "east-and-last"]);
        let none = "arn:aws:db::555566667777:table/7";
        assert_eq!(tags(none), ["no-region", "any-region"]);
        for foreign in [
            "arn:aws:db:us-east-1:111111111111:x:555566667777:table/7",
            "arn:aws-cn:db:us-east-1:555566667777:table/7",
            "arn:aws:db:us-east-1:555566667777:tables",
            "*",
            "",
        ] {
            assert!(tags(foreign).is_empty(), "{foreign}");
        }
        // A star in the request's own ARN is a star, and no region has a name that a pattern could hide in.
        assert_eq!(
            tags("arn:aws:db:us-east-1:555566667777:table/*"),
            ["any-region"]
        );
    }
}
