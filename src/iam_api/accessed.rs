//! GenerateServiceLastAccessedDetails and GetServiceLastAccessedDetails: which services somebody is granted.
//!
//! When they were used last is not on record here, so LastAuthenticated is absent, which in AWS means "not in the
//! tracking period". Nothing is kept between the two calls: the job's id holds the time, and a digest of what it is about, so
//! that every replica knows it.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};

use crate::arn::AccountId;
use crate::clock::Timestamp;
use crate::policy::Policy;
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::document::Text;
use super::entity::Entity;
use super::page::{self, Page};
use super::parameters::{self, ARN, JOB_ID};
use super::{Answer, Call};

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
    let words = ["SERVICE_LEVEL", "ACTION_LEVEL"];
    parameters::word(call.form, "Granularity", "granularity", &words)?;
    call.authorize(arn, None)?;
    if !call.granted()?.iter().any(|(known, _)| *known == arn) {
        let message = format!("ARN {} not found", arn.escape_debug());
        return Err(Error::no_such_entity(message));
    }
    let seconds = u32::try_from(call.request.now.seconds()).unwrap_or_default();
    let mut members = Members::default();
    members.text("JobId", &job(seconds, call.account()?, arn));
    Ok(members)
}

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[&["JobId"][..], &page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let id = JOB_ID.required(call.form)?;
    call.authorize("*", None)?;
    let account = call.account()?;
    let seconds = id
        .get(..8)
        .and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let seconds = seconds.unwrap_or_default();
    let id = id.to_ascii_lowercase();
    let found = call.granted()?.into_iter();
    let found = { found }.find(|(arn, _)| job(seconds, account, arn) == id);
    let Some((_, policies)) = found else {
        return Err(Error::no_such_entity(format!("Job {id} cannot be found.")));
    };
    let routes = call.snapshot.routes.services();
    let routes = routes.iter().map(crate::route::Service::name);
    let known: Vec<&str> = routes.chain(OWN).collect();
    let mut services = BTreeSet::new();
    for text in policies
        .iter()
        .filter_map(|policy| Text::read(policy.text()))
    {
        text.services(&known, &mut services);
    }
    let (services, rest) = page.cut(services, String::clone);
    let when = Timestamp::from_seconds(i64::from(seconds)).rfc3339();
    let mut members = Members::default();
    members
        .text("JobStatus", "COMPLETED")
        .text("JobType", "SERVICE_LEVEL")
        .text("JobCreationDate", &when)
        .text("JobCompletionDate", &when);
    members.list("ServicesLastAccessed", services, |member, service| {
        member
            .text("ServiceName", &service)
            .text("ServiceNamespace", &service)
            .number("TotalAuthenticatedEntities", 0);
    });
    rest.write(&mut members);
    Ok(members)
}

/// A job's id, in the form of a UUID.
fn job(seconds: u32, account: AccountId, arn: &str) -> String {
    let hash = digest(&SHA256, format!("{seconds} {account} {arn}").as_bytes());
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
        let id = job(0x6abc_def0, account, "arn:a");
        assert_eq!(
            (
                id.len(),
                id.starts_with("6abcdef0-"),
                id.matches('-').count()
            ),
            (36, true, 4)
        );
        assert_ne!(id, job(0x6abc_def0, account, "arn:b"));
        assert_ne!(
            id,
            job(
                0x6abc_def0,
                AccountId::parse("222222222222").unwrap(),
                "arn:a"
            )
        );
    }
}
