//! What Sidegate has none of: instance profiles, SSH keys, certificates and the like. Their lists are empty, but of
//! users and roles that exist, and for who may ask.

use crate::authn::KeyOwner;
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::entity::Kind;
use super::page::{self, Page};
use super::parameters::{ROLE_NAME, USER_NAME, flag, path_prefix};
use super::{Answer, Call};

/// Whose list it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    /// The account's. The parameters that it has besides.
    Accounts(&'static [&'static str]),
    /// The account's, by paths, and what ARNs call its members.
    Paths(&'static str),
    /// A user's, or the caller's own.
    Users,
    /// The same, or all users'.
    AllUsers,
    /// A role's.
    Roles,
}

/// A list without members.
pub(super) fn list(call: &mut Call<'_>, name: &str, whose: Whose) -> Answer {
    let own: &[&str] = match whose {
        Whose::Accounts(own) => own,
        Whose::Paths(_) => &["PathPrefix"],
        Whose::Users => &["UserName"],
        Whose::AllUsers => &["UserName", "ServiceName", "AllUsers"],
        Whose::Roles => &["RoleName"],
    };
    fields::only(call.form, &[own, &page::PARAMETERS].concat())?;
    Page::read(call.form)?;
    match whose {
        Whose::Accounts(_) => call.authorize("*", None)?,
        Whose::Paths(word) => {
            let prefix = path_prefix(call.form)?;
            call.authorize(&call.arn(&format!("{word}{prefix}"))?, None)?;
        }
        Whose::Users => of_user(call)?,
        Whose::AllUsers => {
            if !flag(call.form, "AllUsers", "allUsers")? {
                of_user(call)?;
            } else if call.form.get("UserName").is_some() {
                let message = "UserName and AllUsers exclude each other";
                return Err(Error::validation(message));
            } else {
                call.authorize(&call.arn("user/*")?, None)?;
            }
        }
        Whose::Roles => {
            let name = ROLE_NAME.required(call.form)?;
            call.entity(Kind::Role, name)?;
        }
    }
    let mut members = Members::default();
    members.inner(name, |_| {}).boolean("IsTruncated", false);
    Ok(members)
}

fn of_user(call: &mut Call<'_>) -> Result<(), Error> {
    let of_root = matches!(call.own(), Some(KeyOwner::Root(_)));
    if of_root && call.form.get("UserName").is_none() {
        return call.authorize(&call.arn("root")?, None);
    }
    let name = call.user_name()?;
    call.entity(Kind::User, &name).map(|_| ())
}

/// GetSSHPublicKey
pub(super) fn ssh_public_key(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["UserName", "SSHPublicKeyId", "Encoding"])?;
    let name = USER_NAME.required(call.form)?;
    call.entity(Kind::User, name)?;
    Err(Error::no_such_entity(format!(
        "The user {name} has no SSH public keys."
    )))
}
