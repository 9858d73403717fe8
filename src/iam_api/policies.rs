//! Managed policies: ListPolicies, GetPolicy, their one version, their tags, and whom they are attached to.

use std::collections::HashMap;
use std::sync::Arc;

use crate::directory::ManagedPolicy;
use crate::policy::Policy;
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::entity::{Entity, Kind};
use super::page::{self, Page};
use super::parameters::{self, POLICY_ARN, VERSION_ID, path_prefix};
use super::{Answer, Call, view};

/// How often policies are attached in the caller's account, and as boundaries.
#[derive(Debug, Default)]
pub(super) struct Usage<'a> {
    attached: HashMap<&'a str, usize>,
    bounds: HashMap<&'a str, usize>,
}

impl<'a> Usage<'a> {
    pub(super) fn of(call: &Call<'a>) -> Result<Self, Error> {
        let mut usage = Self::default();
        let count = |counts: &mut HashMap<&'a str, usize>, policy: &'a Policy| {
            let count = counts.entry(policy.name()).or_default();
            *count = count.saturating_add(1);
        };
        for entity in call.entities()? {
            for policy in view::managed(entity.policies()) {
                count(&mut usage.attached, policy);
            }
            for policy in entity.boundary().into_iter().flat_map(view::managed) {
                count(&mut usage.bounds, policy);
            }
        }
        Ok(usage)
    }

    pub(super) fn attached(&self, arn: &str) -> usize {
        self.attached.get(arn).copied().unwrap_or_default()
    }

    pub(super) fn bounds(&self, arn: &str) -> usize {
        self.bounds.get(arn).copied().unwrap_or_default()
    }

    /// `<PolicyName>` and the rest of a policy.
    pub(super) fn write(&self, members: &mut Members, policy: &ManagedPolicy) {
        let (attached, bounds) = (self.attached(&policy.arn), self.bounds(&policy.arn));
        view::policy(members, policy, attached, bounds);
    }
}

impl<'a> Call<'a> {
    /// The account's own policies and the predefined ones, by ARN.
    pub(super) fn policies(&self) -> Result<Vec<&'a Arc<ManagedPolicy>>, Error> {
        let own = self.account()?;
        let all = self.directory().policies();
        let mut all: Vec<_> = all
            .filter(|policy| policy.account.is_none_or(|owner| owner == own))
            .collect();
        all.sort_by(|one, other| one.arn.cmp(&other.arn));
        Ok(all)
    }

    /// The policy of `PolicyArn`, if the caller may have the operation done to it.
    fn policy(&mut self) -> Result<&'a Arc<ManagedPolicy>, Error> {
        let form = self.form;
        let arn = POLICY_ARN.required(form)?;
        let own = self.account()?;
        let found = self.directory().policy(arn);
        let found = found.filter(|policy| policy.account.is_none_or(|owner| owner == own));
        if found.is_none() && crate::arn::Arn::parse(arn).is_err() {
            let message = format!("ARN {} is not valid.", arn.escape_debug());
            return Err(Error::invalid_input(message));
        }
        self.authorize(arn, found.map(|policy| &policy.tags))?;
        found.ok_or_else(|| Error::no_such_entity(format!("Policy {arn} was not found.")))
    }
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let own = ["Scope", "OnlyAttached", "PathPrefix", "PolicyUsageFilter"];
    fields::only(call.form, &[&own[..], &page::PARAMETERS].concat())?;
    let form = call.form;
    let page = Page::read(form)?;
    let scope = parameters::word(form, "Scope", "scope", &["All", "AWS", "Local"])?;
    let only = parameters::flag(form, "OnlyAttached", "onlyAttached")?;
    let words = ["PermissionsPolicy", "PermissionsBoundary"];
    let filter = parameters::word(form, "PolicyUsageFilter", "policyUsageFilter", &words)?;
    let prefix = path_prefix(form)?;
    call.authorize(&call.arn(&format!("policy{prefix}"))?, None)?;
    let usage = Usage::of(call)?;
    let all = call.policies()?.into_iter().filter(|policy| {
        let (attached, bounds) = (usage.attached(&policy.arn), usage.bounds(&policy.arn));
        let scoped = match scope {
            Some("AWS") => policy.account.is_none(),
            Some("Local") => policy.account.is_some(),
            _ => true,
        };
        let used = match filter {
            Some("PermissionsPolicy") => attached > 0,
            Some(_) => bounds > 0,
            None => true,
        };
        scoped && used && (!only || attached > 0) && policy.path.starts_with(prefix)
    });
    let (found, rest) = page.cut(all, |policy| (*policy.arn).to_owned());
    let mut members = Members::default();
    members.list("Policies", found, |member, policy| {
        usage.write(member, policy);
    });
    rest.write(&mut members);
    Ok(members)
}

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["PolicyArn"])?;
    let policy = call.policy()?;
    let usage = Usage::of(call)?;
    let mut members = Members::default();
    members.inner("Policy", |member| {
        usage.write(member, policy);
        member.maybe("Description", policy.description.as_deref());
        view::tags(member, &policy.tags);
    });
    Ok(members)
}

pub(super) fn get_version(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["PolicyArn", "VersionId"])?;
    let wanted = VERSION_ID.required(call.form)?;
    let policy = call.policy()?;
    if *policy.version.id != *wanted {
        let message = format!(
            "Policy {} version {wanted} does not exist or is not attachable.",
            policy.arn
        );
        return Err(Error::no_such_entity(message));
    }
    let mut members = Members::default();
    members.inner("PolicyVersion", |member| {
        view::version(member, policy, true);
    });
    Ok(members)
}

pub(super) fn versions(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[&["PolicyArn"][..], &page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let policy = call.policy()?;
    let (found, rest) = page.cut_numbered([policy]);
    let mut members = Members::default();
    members.list("Versions", found, |member, policy| {
        view::version(member, policy, false);
    });
    rest.write(&mut members);
    Ok(members)
}

pub(super) fn tags(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[&["PolicyArn"][..], &page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let policy = call.policy()?;
    let (found, rest) = page.cut_numbered(policy.tags.iter().cloned());
    let mut members = Members::default();
    view::tags(&mut members, &found);
    rest.write(&mut members);
    Ok(members)
}

/// Whom a policy is attached to.
pub(super) fn entities(call: &mut Call<'_>) -> Answer {
    let own = [
        "PolicyArn",
        "EntityFilter",
        "PathPrefix",
        "PolicyUsageFilter",
    ];
    fields::only(call.form, &[&own[..], &page::PARAMETERS].concat())?;
    let form = call.form;
    let page = Page::read(form)?;
    let words = [
        "User",
        "Role",
        "Group",
        "LocalManagedPolicy",
        "AWSManagedPolicy",
    ];
    let filter = parameters::word(form, "EntityFilter", "entityFilter", &words)?;
    let kind = match filter {
        None => None,
        Some("User") => Some(Kind::User),
        Some("Group") => Some(Kind::Group),
        Some("Role") => Some(Kind::Role),
        Some(other) => {
            let message = format!("{other} is no kind of entity that a policy is attached to");
            return Err(Error::invalid_input(message));
        }
    };
    let words = ["PermissionsPolicy", "PermissionsBoundary"];
    let usage = parameters::word(form, "PolicyUsageFilter", "policyUsageFilter", &words)?;
    let prefix = path_prefix(form)?;
    let policy = call.policy()?;
    let all = call.entities()?.filter(|entity| {
        let holds = |set| view::managed(set).any(|found| found.name() == &*policy.arn);
        let attached = holds(entity.policies());
        let bound = entity.boundary().is_some_and(holds);
        let used = match usage {
            Some("PermissionsPolicy") => attached,
            Some(_) => bound,
            None => attached || bound,
        };
        used && kind.is_none_or(|kind| kind == entity.kind()) && entity.path().starts_with(prefix)
    });
    let key = |entity: &Entity<'_>| {
        let rank = match entity.kind() {
            Kind::User => "1",
            Kind::Group => "2",
            Kind::Role => "3",
        };
        format!("{rank}/{}", entity.name())
    };
    let (found, rest) = page.cut(all, key);
    let mut members = Members::default();
    for (kind, list, name, id) in [
        (Kind::User, "PolicyUsers", "UserName", "UserId"),
        (Kind::Group, "PolicyGroups", "GroupName", "GroupId"),
        (Kind::Role, "PolicyRoles", "RoleName", "RoleId"),
    ] {
        let of = found.iter().filter(|entity| entity.kind() == kind);
        members.list(list, of, |member, entity| {
            member.text(name, entity.name()).text(id, entity.id());
        });
    }
    rest.write(&mut members);
    Ok(members)
}
