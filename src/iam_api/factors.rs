//! Second factors: the devices that users' files name and that have a seed. One without cannot be shown, so it is told of
//! as little as one that was never enabled.

use crate::arn::Arn;
use crate::authn::KeyOwner;
use crate::directory::User;
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::entity::Kind;
use super::page::{self, Page};
use super::parameters::{self, SERIAL_NUMBER, USER_NAME};
use super::{Answer, Call, view};

/// Whose a device is.
#[derive(Clone, Copy)]
enum Owner<'a> {
    User(&'a User),
    Root,
    Nobody,
}

impl<'a> Call<'a> {
    /// A user's devices that can be shown.
    pub(super) fn devices_of(&self, user: &'a User) -> impl Iterator<Item = &'a str> {
        let keys = self.access_keys;
        let all = user.mfa_devices.iter().map(|serial| &**serial);
        all.filter(move |serial| keys.has_factor(serial))
    }

    /// The root user's, if it can be shown.
    pub(super) fn root_device(&self) -> Result<Option<String>, Error> {
        let device = Arn::root_device(self.directory().partition(), self.account()?);
        let device = Some(device.as_str().to_owned());
        Ok(device.filter(|device| self.access_keys.has_factor(device)))
    }

    /// The account's devices with a seed, by their serial numbers.
    fn devices(&self) -> Result<Vec<(String, Owner<'a>)>, Error> {
        let (directory, account) = (self.directory(), self.account()?);
        let users = directory.users_of(account);
        let mut all: Vec<(String, Owner<'a>)> = users
            .flat_map(|user| {
                let devices = self.devices_of(user);
                devices.map(|serial| (serial.to_owned(), Owner::User(user)))
            })
            .collect();
        all.extend(self.root_device()?.map(|device| (device, Owner::Root)));
        for serial in self.access_keys.factors() {
            let own = Arn::parse(&serial).is_ok_and(|arn| arn.account_id() == Some(account));
            if own && !all.iter().any(|(known, _)| **known == *serial) {
                all.push((serial.into(), Owner::Nobody));
            }
        }
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(all)
    }
}

/// `ListMFADevices`
pub(super) fn list(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[&["UserName"][..], &page::PARAMETERS].concat())?;
    let page = Page::read(call.form)?;
    let of_root = matches!(call.own(), Some(KeyOwner::Root(_)));
    let mut members = Members::default();
    if of_root && call.form.get("UserName").is_none() {
        call.authorize(&call.arn("root")?, None)?;
        let (found, rest) = page.cut_numbered(call.root_device()?);
        members.list("MFADevices", found, |member, serial| {
            device(member, &serial, Owner::Root);
        });
        rest.write(&mut members);
        return Ok(members);
    }
    let name = call.user_name()?;
    call.entity(Kind::User, &name)?;
    let user = call.directory().user_named(call.account()?, &name);
    let devices = user.into_iter().flat_map(|user| {
        let devices = call.devices_of(user);
        devices.map(move |serial| (serial, user))
    });
    let (found, rest) = page.cut_numbered(devices);
    members.list("MFADevices", found, |member, (serial, user)| {
        device(member, serial, Owner::User(user));
    });
    rest.write(&mut members);
    Ok(members)
}

fn device(member: &mut Members, serial: &str, owner: Owner<'_>) {
    let user = match owner {
        Owner::User(user) => Some(user),
        Owner::Root | Owner::Nobody => None,
    };
    let since = user.and_then(|user| user.created.as_deref());
    member
        .maybe("UserName", user.map(|user| &*user.name))
        .text("SerialNumber", serial)
        .text("EnableDate", &view::date(since));
}

/// `ListVirtualMFADevices`
pub(super) fn list_virtual(call: &mut Call<'_>) -> Answer {
    fields::only(
        call.form,
        &[&["AssignmentStatus"][..], &page::PARAMETERS].concat(),
    )?;
    let page = Page::read(call.form)?;
    let words = ["Assigned", "Unassigned", "Any"];
    let status = parameters::word(call.form, "AssignmentStatus", "assignmentStatus", &words)?;
    call.authorize("*", None)?;
    let account = call.account()?;
    let root = call.arn("root")?;
    let all = call.devices()?.into_iter().filter(|(serial, owner)| {
        // Hardware has serial numbers of its own.
        let virtual_one = serial.starts_with("arn:");
        let assigned = !matches!(owner, Owner::Nobody);
        virtual_one
            && match status {
                Some("Assigned") => assigned,
                Some("Unassigned") => !assigned,
                _ => true,
            }
    });
    let (found, rest) = page.cut(all, |(serial, _)| serial.clone());
    let mut members = Members::default();
    members.list("VirtualMFADevices", found, |member, (serial, owner)| {
        member.text("SerialNumber", &serial);
        match owner {
            Owner::User(user) => {
                member.inner("User", |inner| view::user(inner, user));
            }
            Owner::Root => {
                member.inner("User", |inner| {
                    inner
                        .text("UserId", account.as_str())
                        .text("Arn", &root)
                        .text("CreateDate", &view::date(None));
                });
            }
            Owner::Nobody => return,
        }
        let since = match owner {
            Owner::User(user) => user.created.as_deref(),
            Owner::Root | Owner::Nobody => None,
        };
        member.text("EnableDate", &view::date(since));
    });
    rest.write(&mut members);
    Ok(members)
}

/// `GetMFADevice`
pub(super) fn get(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["SerialNumber", "UserName"])?;
    let serial = SERIAL_NUMBER.required(call.form)?;
    let name = USER_NAME.optional(call.form)?;
    let all = call.devices()?;
    let found = all.iter().find(|(known, owner)| {
        let named = match (name, owner) {
            (None, owner) => !matches!(owner, Owner::Nobody),
            (Some(name), Owner::User(user)) => *user.name == *name,
            (Some(_), Owner::Root | Owner::Nobody) => false,
        };
        known == serial && named
    });
    match found {
        Some((_, Owner::User(user))) => call.authorize(&user.arn, Some(&user.tags))?,
        Some(_) => call.authorize(&call.arn("root")?, None)?,
        None => {
            let name = name.unwrap_or("*");
            call.authorize(&call.arn(&format!("user/{name}"))?, None)?;
        }
    }
    let Some((serial, owner)) = found else {
        return Err(missing(serial));
    };
    let mut members = Members::default();
    device(&mut members, serial, *owner);
    members.inner("Certifications", |_| {});
    Ok(members)
}

/// `ListMFADeviceTags`: a device has none.
pub(super) fn tags(call: &mut Call<'_>) -> Answer {
    fields::only(
        call.form,
        &[&["SerialNumber"][..], &page::PARAMETERS].concat(),
    )?;
    Page::read(call.form)?;
    let serial = SERIAL_NUMBER.required(call.form)?;
    call.authorize(serial, None)?;
    if !call.devices()?.iter().any(|(known, _)| known == serial) {
        return Err(missing(serial));
    }
    let mut members = Members::default();
    members.inner("Tags", |_| {}).boolean("IsTruncated", false);
    Ok(members)
}

fn missing(serial: &str) -> Error {
    Error::no_such_entity(format!(
        "VirtualMFADevice with serial number {serial} doesn't exist."
    ))
}
