//! AssumeRole: another role's session, for users and roles that both sides' policies let have it.

use crate::arn::{AccountId, Arn};
use crate::authn::Identity;
use crate::directory::Role;
use crate::outcome::Reason;
use crate::sts::token::Tag;
use crate::sts::{Mfa, Who};

use super::asked::{self, Asked};
use super::call::{self, Call, Target};
use super::caller::{Caller, Kind};
use super::error::Error;
use super::fields::{
    self, CONTEXT_ASSERTION, EXTERNAL_ID, PROVIDER_ARN, ROLE_ARN, SESSION_NAME, SOURCE_IDENTITY,
};
use super::form::Form;
use super::xml::Members;

const PARAMETERS: [&str; 15] = [
    "RoleArn",
    "RoleSessionName",
    "PolicyArns.*.arn",
    "Policy",
    "DurationSeconds",
    "Tags.*.Key",
    "Tags.*.Value",
    "TransitiveTagKeys.*",
    "ExternalId",
    "SerialNumber",
    "TokenCode",
    "SourceIdentity",
    "ProvidedContexts.*.ProviderArn",
    "ProvidedContexts.*.ContextAssertion",
    "MinimumSessionTokenSize",
];
/// Without `DurationSeconds`, and the most when roles are chained.
pub(super) const HOUR: u32 = 3600;

pub(super) async fn run(call: &mut Call<'_>, caller: &Caller) -> Result<Members, Error> {
    let form = call.form;
    fields::only(form, &PARAMETERS)?;
    let arn = ROLE_ARN.required(form)?;
    let name = SESSION_NAME.required(form)?;
    let mut asked = Asked {
        session_name: Some(name.into()),
        external_id: EXTERNAL_ID.optional(form)?.map(Into::into),
        duration: fields::duration(form, 900..=43_200)?,
        ..Asked::default()
    };
    let source_identity = SOURCE_IDENTITY.optional(form)?;
    asked.read_tags(form, handed_down(&caller.identity))?;
    asked.read_policy(form)?;
    no_contexts(form)?;
    call.seen.names(arn);
    let who = caller.identity.principal.name();
    match caller.kind {
        Kind::User | Kind::Role => {}
        Kind::OwnSession if caller.identity.user.is_some() => {}
        Kind::OwnSession | Kind::Root => {
            let message = "Roles may not be assumed by root accounts.";
            return Err(Error::denied(Reason::ImplicitDeny, message));
        }
        Kind::Federated => {
            let message = format!("User: {who} is not authorized to perform: sts:AssumeRole");
            return Err(Error::denied(Reason::ImplicitDeny, message));
        }
    }
    let directory = call.directory();
    let Ok(parsed) = Arn::parse(arn) else {
        return Err(Error::validation("RoleArn is invalid: it is no ARN"));
    };
    asked.source_identity = unchanged(&caller.identity, source_identity)?;
    if let Some(factor) = asked::factor(form)? {
        check_factor(call, caller, factor).await?;
        asked.mfa = true;
    }
    let mut actions = vec!["sts:AssumeRole"];
    if !asked.tags.is_empty() {
        actions.push("sts:TagSession");
    }
    if asked.source_identity.is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    let Some(role) = directory.role(arn) else {
        if let Some(account) = parsed.account_id() {
            call.authorize(caller, &actions, Target::NoRole(arn, account), &asked)?;
        }
        return Err(no_role(who, arn));
    };
    call.authorize(caller, &actions, Target::Role(role), &asked)?;
    asked.read_policy_arns(form, directory, role.account)?;
    let chained = caller.kind == Kind::Role;
    let seconds = duration(asked.duration, role, chained)?;
    let mut session = call.session(of(role, name), seconds, asked);
    session.chained = chained;
    session.bearer = role.bearer;
    // As in AWS: what was shown to get the session is not known of the session.
    session.mfa = Mfa::No;
    let issued = call.issue(session)?;
    let mut members = Members::default();
    call::credentials(&mut members, &issued);
    assumed(&mut members, directory.partition(), role, name);
    call::sizes(&mut members, &issued);
    members.maybe("SourceIdentity", issued.session.source_identity.as_deref());
    Ok(members)
}

/// A role that cannot exist is refused as one that does not trust the caller.
fn no_role(caller: &str, arn: &str) -> Error {
    let message = format!(
        "User: {caller} is not authorized to perform: sts:AssumeRole on resource: {}",
        arn.escape_debug()
    );
    Error::denied(Reason::ImplicitDeny, &*message).with_detail(format!("{message} (no such role)"))
}

/// Whose session it will be.
pub(super) fn of(role: &Role, name: &str) -> Who {
    Who::Role {
        role: (&*role.arn).into(),
        id: role.id.clone(),
        name: name.into(),
    }
}

/// `<AssumedRoleUser>`
pub(super) fn assumed(members: &mut Members, partition: &str, role: &Role, name: &str) {
    let arn = Arn::role_session(partition, role.account, &role.name, name);
    members.inner("AssumedRoleUser", |inner| {
        inner
            .text("AssumedRoleId", &format!("{}:{name}", role.id))
            .text("Arn", arn.as_str());
    });
}

/// How long the session may last, or why not so long.
pub(super) fn duration(asked: Option<u32>, role: &Role, chained: bool) -> Result<u32, Error> {
    let most = role.max_session_duration;
    let Some(seconds) = asked else {
        return Ok(HOUR.min(most));
    };
    if chained && seconds > HOUR {
        return Err(Error::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    if seconds > most {
        return Err(Error::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(seconds)
}

/// The transitive tags of the caller's session.
fn handed_down(identity: &Identity) -> Vec<Tag> {
    let keys = identity.transitive_tags.iter();
    let tags = keys.filter_map(|key| {
        let mut tags = identity.tags.iter();
        tags.find(|(found, _)| asked::same(found, key))
    });
    tags.map(|(key, value)| Tag {
        key: key.clone(),
        value: value.clone(),
        transitive: true,
    })
    .collect()
}

/// The source identity of the session to be: one that is set never changes.
fn unchanged(identity: &Identity, asked: Option<&str>) -> Result<Option<Box<str>>, Error> {
    match (&identity.source_identity, asked) {
        (Some(set), Some(asked)) if **set != *asked => Err(Error::denied(
            Reason::ImplicitDeny,
            format!(
                "User: {} is not authorized to perform: sts:SetSourceIdentity: the source identity of the calling \
                 session cannot be changed",
                identity.principal.name()
            ),
        )),
        (Some(set), _) => Ok(Some(set.clone())),
        (None, asked) => Ok(asked.map(Into::into)),
    }
}

/// `ProvidedContexts`, which AWS knows for trusted identity propagation: nobody vouches for any here.
fn no_contexts(form: &Form) -> Result<(), Error> {
    let given = form.structures("ProvidedContexts", ["ProviderArn", "ContextAssertion"]);
    let Some([provider, assertion]) = given.first() else {
        return Ok(());
    };
    asked::at_most(given.len(), "providedContexts", 5)?;
    for (model, value) in [(PROVIDER_ARN, provider), (CONTEXT_ASSERTION, assertion)] {
        value.map(|value| model.check(value)).transpose()?;
    }
    Err(Error::validation(
        "ProvidedContexts: there is no context provider here; leave it out",
    ))
}

/// A second factor must be one of the caller's own devices, shown with the caller's own keys.
pub(super) async fn check_factor(
    call: &Call<'_>,
    caller: &Caller,
    (serial, code): (&str, &str),
) -> Result<(), Error> {
    let denied = |why: &str| {
        let message = format!("MultiFactorAuthentication failed{why}");
        Err(Error::denied(Reason::ImplicitDeny, message))
    };
    let identity = &caller.identity;
    let owned = match caller.kind {
        Kind::User => identity.user.as_ref().is_some_and(|user| {
            let mut devices = user.mfa_devices.iter();
            devices.any(|device| **device == *serial)
        }),
        Kind::Root => {
            let account = identity.principal.account().and_then(AccountId::parse);
            let partition = call.directory().partition();
            account.is_some_and(|account| Arn::root_device(partition, account).as_str() == serial)
        }
        Kind::Role | Kind::OwnSession | Kind::Federated => {
            return denied(
                ": a one time pass code is taken with the access keys of a user, not with those of a session. Call \
                 GetSessionToken with the code, and this with what it gives.",
            );
        }
    };
    if !owned {
        return denied(
            ", unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
        );
    }
    if call.parts.factors.check(serial, code, call.now()).await {
        return Ok(());
    }
    denied(" with invalid MFA one time pass code.")
}
