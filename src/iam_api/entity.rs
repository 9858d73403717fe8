//! Users, groups and roles as what they share: policies, tags, a boundary.

use std::sync::Arc;

use crate::directory::{Group, Role, Tags, User};
use crate::policy::PolicySet;
use crate::query_api::error::Error;
use crate::query_api::fields::{self, Model};
use crate::query_api::xml::Members;

use super::page::{self, Page};
use super::parameters::{GROUP_NAME, POLICY_NAME, ROLE_NAME, USER_NAME, path_prefix};
use super::{Answer, Call, view};

/// What has policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    User,
    Group,
    Role,
}

/// One that was found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entity<'a> {
    User(&'a Arc<User>),
    Group(&'a Arc<Group>),
    Role(&'a Arc<Role>),
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
        }
    }

    pub(super) fn name(self) -> Model {
        match self {
            Self::User => USER_NAME,
            Self::Group => GROUP_NAME,
            Self::Role => ROLE_NAME,
        }
    }
}

impl<'a> Entity<'a> {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::User(_) => Kind::User,
            Self::Group(_) => Kind::Group,
            Self::Role(_) => Kind::Role,
        }
    }

    pub(super) fn arn(self) -> &'a str {
        match self {
            Self::User(user) => &user.arn,
            Self::Group(group) => &group.arn,
            Self::Role(role) => &role.arn,
        }
    }

    pub(super) fn name(self) -> &'a str {
        match self {
            Self::User(user) => &user.name,
            Self::Group(group) => &group.name,
            Self::Role(role) => &role.name,
        }
    }

    pub(super) fn id(self) -> &'a str {
        match self {
            Self::User(user) => &user.id,
            Self::Group(group) => &group.id,
            Self::Role(role) => &role.id,
        }
    }

    pub(super) fn path(self) -> &'a str {
        match self {
            Self::User(user) => &user.path,
            Self::Group(group) => &group.path,
            Self::Role(role) => &role.path,
        }
    }

    pub(super) fn policies(self) -> &'a PolicySet {
        match self {
            Self::User(user) => &user.policies,
            Self::Group(group) => &group.policies,
            Self::Role(role) => &role.policies,
        }
    }

    pub(super) fn boundary(self) -> Option<&'a PolicySet> {
        match self {
            Self::User(user) => user.boundary.as_ref(),
            Self::Role(role) => role.boundary.as_ref(),
            Self::Group(_) => None,
        }
    }

    /// Groups have none.
    pub(super) fn tags(self) -> Option<&'a Tags> {
        match self {
            Self::User(user) => Some(&user.tags),
            Self::Role(role) => Some(&role.tags),
            Self::Group(_) => None,
        }
    }
}

impl<'a> Call<'a> {
    /// Every user, group and role of the account.
    pub(super) fn entities(&self) -> Result<impl Iterator<Item = Entity<'a>> + use<'a>, Error> {
        let (directory, account) = (self.directory(), self.account()?);
        let users = directory.users_of(account).map(Entity::User);
        let groups = directory.groups_of(account).map(Entity::Group);
        let roles = directory.roles_of(account).map(Entity::Role);
        Ok(users.chain(groups).chain(roles))
    }

    /// One of the caller's account, by ARN.
    pub(super) fn entity_by_arn(&self, arn: &str) -> Result<Option<Entity<'a>>, Error> {
        Ok(self.entities()?.find(|entity| entity.arn() == arn))
    }

    /// One of the caller's account, by name.
    pub(super) fn find(&self, kind: Kind, name: &str) -> Result<Option<Entity<'a>>, Error> {
        let (directory, account) = (self.directory(), self.account()?);
        Ok(match kind {
            Kind::User => directory.user_named(account, name).map(Entity::User),
            Kind::Group => directory.group_named(account, name).map(Entity::Group),
            Kind::Role => directory.role_named(account, name).map(Entity::Role),
        })
    }

    /// One by its name, if the caller may have the operation done to it.
    ///
    /// # Errors
    /// AccessDenied first: who may not ask learns nothing of who exists. Then NoSuchEntity.
    pub(super) fn entity(&mut self, kind: Kind, name: &str) -> Result<Entity<'a>, Error> {
        let found = self.find(kind, name)?;
        let word = kind.word();
        match found {
            Some(found) => self.authorize(found.arn(), found.tags())?,
            None => self.authorize(&self.arn(&format!("{word}/{name}"))?, None)?,
        }
        found.ok_or_else(|| {
            Error::no_such_entity(format!("The {word} with name {name} cannot be found."))
        })
    }

    /// The one that the operation's parameter names.
    fn named(&mut self, kind: Kind) -> Result<Entity<'a>, Error> {
        let form = self.form;
        let name = kind.name().required(form)?;
        self.entity(kind, name)
    }
}

/// `ListAttached…Policies`
pub(super) fn attached_policies(call: &mut Call<'_>, kind: Kind) -> Answer {
    let own = [kind.name().name, "PathPrefix"];
    fields::only(call.form, &[own, page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let prefix = path_prefix(call.form)?;
    let entity = call.named(kind)?;
    let directory = call.directory();
    let all = view::managed(entity.policies()).filter(|policy| {
        let found = directory.policy(policy.name());
        found.is_none_or(|found| found.path.starts_with(prefix))
    });
    let (found, rest) = page.cut_numbered(all);
    let mut members = Members::default();
    view::attached(&mut members, "AttachedPolicies", found);
    rest.write(&mut members);
    Ok(members)
}

/// `List…Policies`: the inline ones.
pub(super) fn inline_policies(call: &mut Call<'_>, kind: Kind) -> Answer {
    fields::only(
        call.form,
        &[&[kind.name().name][..], &page::PARAMETERS].concat(),
    )?;
    let page = Page::read(call.form)?;
    let entity = call.named(kind)?;
    let (found, rest) = page.cut_numbered(view::inline(entity.policies()));
    let mut members = Members::default();
    members.texts("PolicyNames", found.iter().map(|(name, _)| name));
    rest.write(&mut members);
    Ok(members)
}

/// `Get…Policy`: an inline one.
pub(super) fn inline_policy(call: &mut Call<'_>, kind: Kind) -> Answer {
    fields::only(call.form, &[kind.name().name, "PolicyName"])?;
    let wanted = POLICY_NAME.required(call.form)?;
    let entity = call.named(kind)?;
    let found = view::inline(entity.policies()).find(|(name, _)| *name == wanted);
    let Some((name, policy)) = found else {
        let word = kind.word();
        let message = format!("The {word} policy with name {wanted} cannot be found.");
        return Err(Error::no_such_entity(message));
    };
    let mut members = Members::default();
    members
        .text(kind.name().name, entity.name())
        .text("PolicyName", name)
        .text("PolicyDocument", &view::encoded(policy.text()));
    Ok(members)
}

/// `ListUserTags`, `ListRoleTags`
pub(super) fn tags(call: &mut Call<'_>, kind: Kind) -> Answer {
    fields::only(
        call.form,
        &[&[kind.name().name][..], &page::PARAMETERS].concat(),
    )?;
    let page = Page::read(call.form)?;
    let entity = call.named(kind)?;
    let (found, rest) = page.cut_numbered(entity.tags().into_iter().flatten().cloned());
    let mut members = Members::default();
    view::tags(&mut members, &found);
    rest.write(&mut members);
    Ok(members)
}
