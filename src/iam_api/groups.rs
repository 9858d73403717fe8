//! GetGroup, ListGroups.

use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::entity::{Entity, Kind};
use super::page::{self, Page};
use super::parameters::{GROUP_NAME, path_prefix};
use super::{Answer, Call, view};

/// The group with its users.
pub(super) fn get(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[&["GroupName"][..], &page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let name = GROUP_NAME.required(call.form)?;
    let entity = call.entity(Kind::Group, name)?;
    let mut members = Members::default();
    if let Entity::Group(group) = entity {
        let users = call.directory().users_of(call.account()?);
        let users = users.filter(|user| user.groups.iter().any(|of| of.arn == group.arn));
        let (found, rest) = page.cut(users, |user| (*user.name).to_owned());
        members.inner("Group", |member| view::group(member, group));
        members.list("Users", found, |member, user| view::user(member, user));
        rest.write(&mut members);
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
    call.authorize(&call.arn(&format!("group{prefix}"))?, None)?;
    let all = call.directory().groups_of(call.account()?);
    let all = all.filter(|group| group.path.starts_with(prefix));
    let (found, rest) = page.cut(all, |group| (*group.name).to_owned());
    let mut members = Members::default();
    members.list("Groups", found, |member, group| view::group(member, group));
    rest.write(&mut members);
    Ok(members)
}
