//! GetRole, ListRoles.

use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::entity::{Entity, Kind};
use super::page::{self, Page};
use super::parameters::{ROLE_NAME, path_prefix};
use super::{Answer, Call, view};

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["RoleName"])?;
    let name = ROLE_NAME.required(call.form)?;
    let entity = call.entity(Kind::Role, name)?;
    let mut members = Members::default();
    if let Entity::Role(role) = entity {
        members.inner("Role", |member| {
            view::role(member, role);
            view::boundary(member, role.boundary.as_ref());
            if !role.tags.is_empty() {
                view::tags(member, &role.tags);
            }
            member.inner("RoleLastUsed", |_| {});
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
    call.authorize(&call.arn(&format!("role{prefix}"))?, None)?;
    let all = call.directory().roles_of(call.account()?);
    let all = all.filter(|role| role.path.starts_with(prefix));
    let bytes = |role: &&std::sync::Arc<crate::directory::Role>| {
        let trust = role.trust.policies().iter();
        let text: usize = trust.map(|policy| policy.text().len()).sum();
        text.saturating_mul(3).saturating_add(1024)
    };
    let (found, rest) = page.cut_weighed(all, |role| (*role.name).to_owned(), bytes);
    let mut members = Members::default();
    members.list("Roles", found, |member, role| view::role(member, role));
    rest.write(&mut members);
    Ok(members)
}
