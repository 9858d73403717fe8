//! What may be told of access keys and passwords, never a secret.

use crate::authn::KeyOwner;
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::entity::Kind;
use super::page::{self, Page};
use super::parameters::ACCESS_KEY_ID;
use super::{Answer, Call, view};

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[&["UserName"][..], &page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let root = call
        .own()
        .filter(|owner| matches!(owner, KeyOwner::Root(_)));
    let (name, owner) = match root {
        Some(owner) if call.form.get("UserName").is_none() => {
            call.authorize(&call.arn("root")?, None)?;
            (None, owner)
        }
        _ => {
            let name = call.user_name()?;
            let entity = call.entity(Kind::User, &name)?;
            (Some(name), KeyOwner::User(entity.arn().into()))
        }
    };
    let all = call.access_keys.of(&owner);
    let (found, rest) = page.cut(all, |key| (*key.id).to_owned());
    let mut members = Members::default();
    members.list("AccessKeyMetadata", found, |member, key| {
        let created = key.created.map(crate::clock::Timestamp::rfc3339);
        member
            .maybe("UserName", name.as_deref())
            .text("AccessKeyId", &key.id)
            .text("Status", if key.active { "Active" } else { "Inactive" })
            .text("CreateDate", &view::date(created.as_deref()));
    });
    rest.write(&mut members);
    Ok(members)
}

/// Whether a text looks like the id of an access key, and like nothing else.
fn is_id(text: &str) -> bool {
    let rest = text
        .strip_prefix("AKIA")
        .or_else(|| text.strip_prefix("ASIA"));
    rest.is_some_and(|rest| {
        rest.len() <= 28
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

/// Whose a key is, and its last use; `N/A`, as AWS says it, where none is on record.
pub(super) fn last_used(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["AccessKeyId"])?;
    let id = ACCESS_KEY_ID.required(call.form)?;
    let account = call.account()?;
    let owner = call.access_keys.owner(id);
    let user = match &owner {
        Some(KeyOwner::User(arn)) => call.directory().user(arn),
        _ => None,
    };
    let user = user.filter(|user| user.account == account);
    let of_root = matches!(&owner, Some(KeyOwner::Root(of)) if *of == account);
    match user {
        Some(user) => call.authorize(&user.arn, Some(&user.tags))?,
        None if of_root => call.authorize(&call.arn("root")?, None)?,
        None => call.authorize(&call.arn("user/*")?, None)?,
    }
    if user.is_none() && !of_root {
        // People mistake a key's secret for its id: what is none is told to nobody, and not recorded.
        let shown = if is_id(id) { id } else { "that was given" };
        let message = format!("The Access Key with id {shown} cannot be found.");
        return Err(Error::no_such_entity(message));
    }
    let mut members = Members::default();
    members.maybe("UserName", user.map(|user| &*user.name));
    let last = call.access_keys.last_used(id);
    members.inner("AccessKeyLastUsed", |used| match &last {
        Some(last) => {
            used.text("LastUsedDate", &last.at.rfc3339())
                .text("ServiceName", &last.service)
                .text("Region", &last.region);
        }
        None => {
            used.text("ServiceName", "N/A").text("Region", "N/A");
        }
    });
    Ok(members)
}

/// Whether a user has a password, and since when.
pub(super) fn login_profile(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["UserName"])?;
    let name = call.user_name()?;
    let entity = call.entity(Kind::User, &name)?;
    let Some(changed) = call.access_keys.password(entity.arn()) else {
        let message = format!("Login Profile for User {name} cannot be found.");
        return Err(Error::no_such_entity(message));
    };
    let changed = changed.map(crate::clock::Timestamp::rfc3339);
    let mut members = Members::default();
    members.inner("LoginProfile", |profile| {
        profile
            .text("UserName", entity.name())
            .text("CreateDate", &view::date(changed.as_deref()))
            .boolean("PasswordResetRequired", false);
    });
    Ok(members)
}
