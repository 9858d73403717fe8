//! GetAccountAuthorizationDetails: everything about who may do what in the account, in one list of pages.

use std::sync::Arc;

use crate::directory::ManagedPolicy;
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::entity::{Entity, Kind};
use super::page::{self, Page};
use super::policies::Usage;
use super::{Answer, Call, view};

/// What may be asked for.
const FILTERS: [&str; 5] = [
    "User",
    "Role",
    "Group",
    "LocalManagedPolicy",
    "AWSManagedPolicy",
];

/// One entry of the answer, whichever of its lists it goes to.
enum Item<'a> {
    Entity(Entity<'a>),
    Policy(&'a Arc<ManagedPolicy>),
}

impl Item<'_> {
    fn filter(&self) -> &'static str {
        match self {
            Self::Entity(entity) => match entity.kind() {
                Kind::User => "User",
                Kind::Group => "Group",
                Kind::Role => "Role",
            },
            Self::Policy(policy) if policy.account.is_some() => "LocalManagedPolicy",
            Self::Policy(_) => "AWSManagedPolicy",
        }
    }

    /// How large it is in an answer, at most: percent-encoding makes three letters of one.
    fn bytes(&self) -> usize {
        let documents: usize = match self {
            Self::Entity(entity) => {
                let inline = view::inline(entity.policies()).map(|(_, policy)| policy);
                let trust = match entity {
                    Entity::Role(role) => role.trust.policies(),
                    Entity::User(_) | Entity::Group(_) => &[],
                };
                let all = inline.chain(trust.iter().map(|policy| &**policy));
                all.map(|policy| policy.text().len()).sum()
            }
            Self::Policy(policy) => policy.policy.text().len(),
        };
        documents.saturating_mul(3).saturating_add(1024)
    }

    /// In the order in which they come.
    fn key(&self) -> String {
        match self {
            Self::Entity(entity) => {
                let rank = match entity.kind() {
                    Kind::User => "1",
                    Kind::Group => "2",
                    Kind::Role => "3",
                };
                format!("{rank}/{}", entity.name())
            }
            Self::Policy(policy) => format!("4/{}", policy.arn),
        }
    }
}

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[&["Filter.*"][..], &page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let filters = call.form.list("Filter");
    if filters.iter().any(|filter| !FILTERS.contains(filter)) {
        let constraint = format!(
            "Member must satisfy enum value set: [{}]",
            FILTERS.join(", ")
        );
        return Err(Error::constraint("filter", &constraint));
    }
    call.authorize("*", None)?;
    let entities = call.entities()?.map(Item::Entity);
    let policies = call.policies()?.into_iter().map(Item::Policy);
    let all = entities
        .chain(policies)
        .filter(|item| filters.is_empty() || filters.contains(&item.filter()));
    let (found, rest) = page.cut_weighed(all, Item::key, Item::bytes);
    let usage = Usage::of(call)?;
    let mut members = Members::default();
    let of = |wanted| {
        found.iter().filter_map(move |item| match item {
            Item::Entity(entity) if entity.kind() == wanted => Some(*entity),
            Item::Entity(_) | Item::Policy(_) => None,
        })
    };
    members.list("UserDetailList", of(Kind::User), user);
    members.list("GroupDetailList", of(Kind::Group), group);
    members.list("RoleDetailList", of(Kind::Role), role);
    let policies = found.iter().filter_map(|item| match item {
        Item::Policy(policy) => Some(*policy),
        Item::Entity(_) => None,
    });
    members.list("Policies", policies, |member, policy| {
        usage.write(member, policy);
        member.maybe("Description", policy.description.as_deref());
        member.list("PolicyVersionList", [policy], |member, policy| {
            view::version(member, policy, true);
        });
    });
    rest.write(&mut members);
    Ok(members)
}

fn user(member: &mut Members, entity: Entity<'_>) {
    let Entity::User(user) = entity else { return };
    view::user(member, user);
    view::inline_list(member, "UserPolicyList", &user.policies);
    member.texts("GroupList", user.groups.iter().map(|group| &*group.name));
    let managed = view::managed(&user.policies);
    view::attached(member, "AttachedManagedPolicies", managed);
    view::boundary(member, user.boundary.as_ref());
    view::tags(member, &user.tags);
}

fn group(member: &mut Members, entity: Entity<'_>) {
    let Entity::Group(group) = entity else { return };
    view::group(member, group);
    view::inline_list(member, "GroupPolicyList", &group.policies);
    let managed = view::managed(&group.policies);
    view::attached(member, "AttachedManagedPolicies", managed);
}

fn role(member: &mut Members, entity: Entity<'_>) {
    let Entity::Role(role) = entity else { return };
    view::role_head(member, role);
    member.inner("InstanceProfileList", |_| {});
    view::inline_list(member, "RolePolicyList", &role.policies);
    let managed = view::managed(&role.policies);
    view::attached(member, "AttachedManagedPolicies", managed);
    view::boundary(member, role.boundary.as_ref());
    view::tags(member, &role.tags);
    member.inner("RoleLastUsed", |_| {});
}
