//! GetUser, ListUsers, ListGroupsForUser.

use crate::query_api::caller;
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::entity::{Entity, Kind};
use super::page::{self, Page};
use super::parameters::{USER_NAME, path_prefix};
use super::{Answer, Call, view};

impl Call<'_> {
    /// `UserName`, or the name of the user who calls.
    pub(super) fn user_name(&self) -> Result<String, Error> {
        if let Some(name) = USER_NAME.optional(self.form)? {
            return Ok(name.to_owned());
        }
        let user = self.caller.identity.user.as_ref();
        let own = user.filter(|_| self.caller.kind != caller::Kind::Role);
        own.map(|user| (*user.name).to_owned()).ok_or_else(|| {
            Error::validation("Must specify userName when calling with non-User credentials")
        })
    }
}

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["UserName"])?;
    let mut members = Members::default();
    let of_root = matches!(call.own(), Some(crate::authn::KeyOwner::Root(_)));
    if of_root && call.form.get("UserName").is_none() {
        let arn = call.arn("root")?;
        call.authorize(&arn, None)?;
        let account = call.account()?;
        members.inner("User", |user| {
            user.text("UserId", account.as_str())
                .text("Arn", &arn)
                .text("CreateDate", &view::date(None));
        });
        return Ok(members);
    }
    let name = call.user_name()?;
    let entity = call.entity(Kind::User, &name)?;
    if let Entity::User(user) = entity {
        members.inner("User", |member| {
            view::user(member, user);
            view::boundary(member, user.boundary.as_ref());
            if !user.tags.is_empty() {
                view::tags(member, &user.tags);
            }
        });
    }
    Ok(members)
}

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    fields::only(
        call.form,
        &[&["PathPrefix"][..], &page::PARAMETERS].concat(),
    )?;
    let page = Page::read(call.form)?;
    let prefix = path_prefix(call.form)?;
    call.authorize(&call.arn(&format!("user{prefix}"))?, None)?;
    let all = call.directory().users_of(call.account()?);
    let all = all.filter(|user| user.path.starts_with(prefix));
    let (found, rest) = page.cut(all, |user| (*user.name).to_owned());
    let mut members = Members::default();
    members.list("Users", found, |member, user| view::user(member, user));
    rest.write(&mut members);
    Ok(members)
}

pub(super) fn groups(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[&["UserName"][..], &page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let name = USER_NAME.required(call.form)?;
    let entity = call.entity(Kind::User, name)?;
    let groups = if let Entity::User(user) = entity {
        &user.groups[..]
    } else {
        &[]
    };
    let (found, rest) = page.cut_numbered(groups);
    let mut members = Members::default();
    members.list("Groups", found, |member, group| view::group(member, group));
    rest.write(&mut members);
    Ok(members)
}
