//! Which services somebody is granted, by which policies: the operations around "service last accessed".
//!
//! When they were used last is not on record here, so LastAuthenticated is absent, which in AWS means "not in the
//! tracking period". Nothing is kept between the two calls: the job's id holds the time, and a digest of what it is about, so
//! that every replica knows it. Anybody can compute such an id: a job is told to whom could have generated it, alone.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};

use crate::arn::AccountId;
use crate::clock::Timestamp;
use crate::policy::{Policy, PolicySet};
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::document::Text;
use super::entity::{Entity, Kind};
use super::page::{self, Page};
use super::parameters::{self, ARN, JOB_ID, SERVICE_NAMESPACE};
use super::{Answer, Call, view};

/// What makes a job.
const GENERATE: &str = "iam:GenerateServiceLastAccessedDetails";
/// How much a job is to tell. No actions are tracked here, which AWS's answers say by leaving them out.
const GRANULARITIES: [&str; 2] = ["SERVICE_LEVEL", "ACTION_LEVEL"];

/// Services that every bundle has.
const OWN: [&str; 2] = ["iam", "sts"];

impl<'a> Call<'a> {
    /// What a job may be about, with its ARN and the policies that grant it something.
    fn granted(&self) -> Result<Vec<(&'a str, Vec<&'a Policy>)>, Error> {
        let entities = self.entities()?.map(|entity| {
            let mut policies: Vec<&Policy> = Vec::new();
            let groups = match entity {
                Entity::User(user) => &user.groups[..],
                Entity::Group(_) | Entity::Role(_) => &[],
            };
            let sets = groups.iter().map(|group| &group.policies);
            for set in sets.chain([entity.policies()]) {
                policies.extend(set.policies().iter().map(|policy| &**policy));
            }
            (entity.arn(), policies)
        });
        let policies = self.policies()?.into_iter();
        let policies = policies.map(|policy| (&*policy.arn, vec![&*policy.policy]));
        Ok(entities.chain(policies).collect())
    }
}

pub(super) fn generate(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["Arn", "Granularity"])?;
    let arn = ARN.required(call.form)?;
    let asked = parameters::word(call.form, "Granularity", "granularity", &GRANULARITIES)?;
    let granularity = asked.unwrap_or("SERVICE_LEVEL");
    call.authorize(arn, None)?;
    if !call.granted()?.iter().any(|(known, _)| *known == arn) {
        let message = format!("ARN {} not found", arn.escape_debug());
        return Err(Error::no_such_entity(message));
    }
    let seconds = u32::try_from(call.request.now.seconds()).unwrap_or_default();
    let mut members = Members::default();
    members.text("JobId", &job(seconds, call.account()?, arn, granularity));
    Ok(members)
}

/// What a job was made about.
struct Job<'a> {
    arn: &'a str,
    policies: Vec<&'a Policy>,
    granularity: &'static str,
    seconds: u32,
}

impl<'a> Call<'a> {
    /// The job of `JobId`; there is none for who may not generate it.
    fn job(&mut self) -> Result<Job<'a>, Error> {
        let form = self.form;
        let id = JOB_ID.required(form)?;
        self.authorize("*", None)?;
        let account = self.account()?;
        let seconds = id
            .get(..8)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let seconds = seconds.unwrap_or_default();
        let id = id.to_ascii_lowercase();
        let found = self.granted()?.into_iter().find_map(|(arn, policies)| {
            let mut all = GRANULARITIES.into_iter();
            let granularity = all.find(|word| job(seconds, account, arn, word) == id)?;
            Some(Job {
                arn,
                policies,
                granularity,
                seconds,
            })
        });
        found
            .filter(|job| self.could(GENERATE, job.arn))
            .ok_or_else(|| Error::no_such_entity(format!("Job {id} cannot be found.")))
    }
}

impl Job<'_> {
    fn write(&self, members: &mut Members) {
        let when = Timestamp::from_seconds(i64::from(self.seconds)).rfc3339();
        members
            .text("JobStatus", "COMPLETED")
            .text("JobCreationDate", &when)
            .text("JobCompletionDate", &when);
    }
}

/// The services that policies grant something of.
fn services<'p>(
    policies: impl IntoIterator<Item = &'p Policy>,
    known: &[&str],
) -> BTreeSet<String> {
    let mut services = BTreeSet::new();
    let policies = policies.into_iter();
    for text in policies.filter_map(|policy| Text::read(policy.text())) {
        text.services(known, &mut services);
    }
    services
}

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[&["JobId"][..], &page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let job = call.job()?;
    let routes = call.snapshot.routes.services();
    let routes = routes.iter().map(crate::route::Service::name);
    let known: Vec<&str> = routes.chain(OWN).collect();
    let services = services(job.policies.iter().copied(), &known);
    let (services, rest) = page.cut(services, String::clone);
    let mut members = Members::default();
    job.write(&mut members);
    members.text("JobType", job.granularity);
    members.list("ServicesLastAccessed", services, |member, service| {
        member
            .text("ServiceName", &service)
            .text("ServiceNamespace", &service)
            .number("TotalAuthenticatedEntities", 0);
    });
    rest.write(&mut members);
    Ok(members)
}

/// Who is granted something of a service by what the job is about.
pub(super) fn get_entities(call: &mut Call<'_>) -> Answer {
    let own = ["JobId", "ServiceNamespace"];
    fields::only(call.form, &[&own[..], &page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let service = SERVICE_NAMESPACE.required(call.form)?.to_lowercase();
    let job = call.job()?;
    let granted = services(job.policies.iter().copied(), &[&service]).contains(&service);
    let entities = call.entities()?.filter(|entity| {
        let through = |set: &PolicySet| view::managed(set).any(|policy| policy.name() == job.arn);
        let concerned = match entity {
            Entity::User(user) => {
                let mut groups = user.groups.iter();
                groups.any(|group| *group.arn == *job.arn || through(&group.policies))
            }
            Entity::Role(_) => false,
            Entity::Group(_) => return false,
        };
        granted && (concerned || entity.arn() == job.arn || through(entity.policies()))
    });
    let (found, rest) = page.cut_numbered(entities);
    let mut members = Members::default();
    job.write(&mut members);
    members.list("EntityDetailsList", found, |member, entity| {
        member.inner("EntityInfo", |info| {
            let kind = if entity.kind() == Kind::User {
                "USER"
            } else {
                "ROLE"
            };
            info.text("Arn", entity.arn())
                .text("Name", entity.name())
                .text("Type", kind)
                .text("Id", entity.id())
                .text("Path", entity.path());
        });
    });
    rest.write(&mut members);
    Ok(members)
}

/// The most namespaces that are asked about at once.
const MAX_NAMESPACES: usize = 200;

/// ListPoliciesGrantingServiceAccess: which policies of somebody grant something of each service.
pub(super) fn policies(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["Arn", "ServiceNamespaces.*", "Marker"])?;
    let arn = ARN.required(call.form)?;
    let namespaces = call.form.list("ServiceNamespaces");
    if namespaces.is_empty() || namespaces.len() > MAX_NAMESPACES {
        let constraint = "Member must have 1 to 200 namespaces";
        return Err(Error::constraint("serviceNamespaces", constraint));
    }
    for namespace in &namespaces {
        SERVICE_NAMESPACE.check(namespace)?;
    }
    // All of it is told at once: there is no page after it.
    Page::read(call.form)?;
    let entity = call.entity_by_arn(arn)?;
    call.authorize(arn, entity.and_then(Entity::tags))?;
    let Some(entity) = entity else {
        let message = format!("ARN {} not found", arn.escape_debug());
        return Err(Error::no_such_entity(message));
    };
    let groups = match entity {
        Entity::User(user) => &user.groups[..],
        Entity::Group(_) | Entity::Role(_) => &[],
    };
    let groups = groups.iter().map(Entity::Group);
    let wanted: BTreeSet<String> = namespaces.iter().map(|name| name.to_lowercase()).collect();
    let known: Vec<&str> = wanted.iter().map(String::as_str).collect();
    // Each is read once, however many services are asked about.
    let all: Vec<(Entity<'_>, &Policy, BTreeSet<String>)> = groups
        .chain([entity])
        .flat_map(|entity| {
            let policies = entity.policies().policies().iter();
            policies.map(move |policy| (entity, &**policy))
        })
        .map(|(entity, policy)| (entity, policy, services([policy], &known)))
        .collect();
    let mut members = Members::default();
    members.list(
        "PoliciesGrantingServiceAccess",
        namespaces,
        |member, namespace| {
            let service = namespace.to_lowercase();
            let granting = all
                .iter()
                .filter(|(_, _, services)| services.contains(&service));
            member.text("ServiceNamespace", namespace);
            member.list(
                "Policies",
                granting,
                |member, (entity, policy, _)| match policy.name().strip_prefix(view::INLINE) {
                    Some(name) => {
                        member
                            .text("PolicyName", name)
                            .text("PolicyType", "INLINE")
                            .text("EntityType", &entity.kind().word().to_uppercase())
                            .text("EntityName", entity.name());
                    }
                    None => {
                        member
                            .text("PolicyName", view::name_of(policy.name()))
                            .text("PolicyType", "MANAGED")
                            .text("PolicyArn", policy.name());
                    }
                },
            );
        },
    );
    members.boolean("IsTruncated", false);
    Ok(members)
}

/// A job's id, in the form of a UUID.
fn job(seconds: u32, account: AccountId, arn: &str, granularity: &str) -> String {
    let about = format!("{seconds} {account} {granularity} {arn}");
    let hash = digest(&SHA256, about.as_bytes());
    let mut hex = format!("{seconds:08x}");
    for byte in hash.as_ref().iter().take(12) {
        hex.push_str(&format!("{byte:02x}"));
    }
    let mut id = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_of_one_arn_in_one_account() {
        let account = AccountId::parse("111111111111").unwrap();
        let id = job(0x6abc_def0, account, "arn:a", "ACTION_LEVEL");
        assert_eq!(
            (
                id.len(),
                id.starts_with("6abcdef0-"),
                id.matches('-').count()
            ),
            (36, true, 4)
        );
        let other = AccountId::parse("222222222222").unwrap();
        for (account, arn, granularity) in [
            (account, "arn:b", "ACTION_LEVEL"),
            (account, "arn:a", "SERVICE_LEVEL"),
            (other, "arn:a", "ACTION_LEVEL"),
        ] {
            assert_ne!(id, job(0x6abc_def0, account, arn, granularity));
        }
    }
}
