//! What may be told of credentials: access keys and MFA devices, never a secret.

use crate::authn::KeyOwner;
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::entity::{Entity, Kind};
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
        let message = format!("The Access Key with id {id} cannot be found.");
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

pub(super) fn mfa_devices(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[&["UserName"][..], &page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let name = call.user_name()?;
    let entity = call.entity(Kind::User, &name)?;
    let (devices, since) = match entity {
        Entity::User(user) => (&user.mfa_devices[..], user.created.as_deref()),
        Entity::Group(_) | Entity::Role(_) => (&[][..], None),
    };
    let (found, rest) = page.cut_numbered(devices);
    let mut members = Members::default();
    members.list("MFADevices", found, |member, serial| {
        member
            .text("UserName", &name)
            .text("SerialNumber", serial)
            .text("EnableDate", &view::date(since));
    });
    rest.write(&mut members);
    Ok(members)
}
