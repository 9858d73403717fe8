//! GetSessionToken and GetFederationToken: sessions of the caller's own, for users and root users with their own keys.

use crate::arn::{AccountId, Arn};
use crate::outcome::Reason;
use crate::sts::{Mfa, Who};

use super::asked::{self, Asked};
use super::assume_role::{HOUR, check_factor};
use super::call::{self, Call, Target};
use super::caller::{Caller, Kind};
use super::error::Error;
use super::fields::{self, FEDERATED_NAME};
use super::xml::Members;

/// Without `DurationSeconds`.
const HALF_A_DAY: u32 = 43_200;
const RANGE: std::ops::RangeInclusive<u32> = 900..=129_600;

/// Needs no permission, and no policy stops it.
pub(super) async fn session_token(call: &mut Call<'_>, caller: &Caller) -> Result<Members, Error> {
    let form = call.form;
    fields::only(
        form,
        &[
            "DurationSeconds",
            "SerialNumber",
            "TokenCode",
            "MinimumSessionTokenSize",
        ],
    )?;
    let duration = fields::duration(form, RANGE)?;
    only_own_keys(caller, "GetSessionToken")?;
    let mfa = match asked::factor(form)? {
        Some(factor) => {
            check_factor(call, caller, factor).await?;
            Mfa::Yes(Some(call.now()))
        }
        None => Mfa::No,
    };
    let identity = &caller.identity;
    let who = Who::User {
        user: identity.principal.name().into(),
        id: identity.user_id.clone(),
    };
    let seconds = lasting(caller, duration);
    let mut session = call.session(who, seconds, Asked::default());
    session.mfa = mfa;
    session.bearer = identity.user.as_ref().is_some_and(|user| user.bearer);
    let issued = call.issue(session)?;
    let mut members = Members::default();
    call::credentials(&mut members, &issued);
    call::sizes(&mut members, &issued);
    Ok(members)
}

/// May do what the user may and the session policies allow.
pub(super) fn federation_token(call: &mut Call<'_>, caller: &Caller) -> Result<Members, Error> {
    let form = call.form;
    fields::only(
        form,
        &[
            "Name",
            "Policy",
            "PolicyArns.*.arn",
            "DurationSeconds",
            "Tags.*.Key",
            "Tags.*.Value",
            "MinimumSessionTokenSize",
        ],
    )?;
    let name = FEDERATED_NAME.required(form)?;
    let duration = fields::duration(form, RANGE)?;
    let mut asked = Asked {
        duration,
        ..Asked::default()
    };
    asked.read_tags(form, Vec::new())?;
    asked.read_policy(form)?;
    only_own_keys(caller, "GetFederationToken")?;
    let identity = &caller.identity;
    // A root user's powers are handed on as far as the session policies say.
    let account = identity.principal.account().and_then(AccountId::parse);
    let account = account.ok_or_else(Error::internal)?;
    let directory = call.directory();
    let arn = Arn::federated_user(directory.partition(), account, name);
    let mut actions = vec!["sts:GetFederationToken"];
    if !asked.tags.is_empty() {
        actions.push("sts:TagSession");
    }
    call.authorize(caller, &actions, Target::Own(arn.as_str()), &asked)?;
    asked.read_policy_arns(form, directory, account)?;
    let user = identity.user.as_ref();
    let who = Who::Federated {
        user: identity.principal.name().into(),
        id: user.map_or(&identity.user_id, |user| &user.id).clone(),
        name: name.into(),
    };
    let mut session = call.session(who, lasting(caller, duration), asked);
    session.bearer = user.is_some_and(|user| user.bearer);
    session.mfa = Mfa::No;
    let issued = call.issue(session)?;
    let mut members = Members::default();
    call::credentials(&mut members, &issued);
    members.inner("FederatedUser", |inner| {
        inner
            .text("FederatedUserId", &format!("{account}:{name}"))
            .text("Arn", arn.as_str());
    });
    call::sizes(&mut members, &issued);
    Ok(members)
}

/// Sessions make no sessions of this kind.
fn only_own_keys(caller: &Caller, action: &str) -> Result<(), Error> {
    match caller.kind {
        Kind::User | Kind::Root => Ok(()),
        Kind::Role | Kind::OwnSession | Kind::Federated => Err(Error::denied(
            Reason::ImplicitDeny,
            format!("Cannot call {action} with session credentials"),
        )),
    }
}

/// A root user's sessions last an hour at most, whatever is asked for.
fn lasting(caller: &Caller, asked: Option<u32>) -> u32 {
    let seconds = asked.unwrap_or(HALF_A_DAY);
    if caller.kind == Kind::Root {
        seconds.min(HOUR)
    } else {
        seconds
    }
}
