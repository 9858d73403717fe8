//! Writes: the bundle is the truth, so each answers with the file to edit. Only to who may do it: others are refused as
//! ever, and learn nothing.

use crate::outcome::Reason;
use crate::query_api::error::Error;

use super::parameters::{GROUP_NAME, POLICY_ARN, POLICY_NAME, ROLE_NAME, USER_NAME};
use super::{Answer, Call, view};

/// What an operation would change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    User,
    Group,
    Role,
    Policy,
    Account,
    Credential,
    Provider,
    /// What Sidegate does not have.
    Nothing,
}

pub(super) fn refuse(call: &mut Call<'_>, subject: Subject) -> Answer {
    let account = call.account()?;
    let (resource, file) = target(call, subject)?;
    call.authorize(&resource, None)?;
    let name = call.operation.name();
    let message = match subject {
        Subject::Nothing => format!("{name}: Sidegate has nothing of this kind"),
        Subject::Credential => format!(
            "{name}: credentials are kept in the file that `credentials` of sidegate.yaml names; edit that, or use \
             `sidegate credentials`"
        ),
        Subject::Provider => format!(
            "{name}: the bundle is the truth here; edit {file}, and its `trusted_in` for account {account}"
        ),
        Subject::User | Subject::Group | Subject::Role | Subject::Policy | Subject::Account => {
            format!(
                "{name}: the bundle is the truth here; edit {file} in the folder of account {account} \
             (accounts/{account}-.../{file})"
            )
        }
    };
    Err(Error::new(
        "UnmodifiableEntity",
        400,
        Reason::MalformedRequest,
        message,
    ))
}

/// The resource that the operation is about, and the file of the bundle.
fn target(call: &Call<'_>, subject: Subject) -> Result<(String, String), Error> {
    let form = call.form;
    let any = || "NAME".to_owned();
    // A path matters for the ARN of what is there already, or is to be made.
    let path = form.get("Path").unwrap_or("/");
    let (directory, account) = (call.directory(), call.account()?);
    Ok(match subject {
        Subject::User => {
            let name = USER_NAME.optional(form)?.map_or_else(any, str::to_owned);
            let known = directory.user_named(account, &name);
            let made = call.arn(&format!("user{path}{name}"))?;
            let arn = known.map_or(made, |user| (*user.arn).to_owned());
            (arn, format!("users/{name}.yaml"))
        }
        Subject::Group => {
            let name = GROUP_NAME.optional(form)?.map_or_else(any, str::to_owned);
            let known = directory.group_named(account, &name);
            let made = call.arn(&format!("group{path}{name}"))?;
            let arn = known.map_or(made, |group| (*group.arn).to_owned());
            (arn, format!("groups/{name}.yaml"))
        }
        Subject::Role => {
            let name = ROLE_NAME.optional(form)?.map_or_else(any, str::to_owned);
            let known = directory.role_named(account, &name);
            let made = call.arn(&format!("role{path}{name}"))?;
            let arn = known.map_or(made, |role| (*role.arn).to_owned());
            (arn, format!("roles/{name}.yaml"))
        }
        Subject::Policy => {
            if let Some(arn) = POLICY_ARN.optional(form)? {
                let name = view::name_of(arn).escape_debug();
                (arn.to_owned(), format!("policies/{name}.json"))
            } else {
                let name = POLICY_NAME.optional(form)?.map_or_else(any, str::to_owned);
                let arn = call.arn(&format!("policy{path}{name}"))?;
                (arn, format!("policies/{name}.json"))
            }
        }
        Subject::Account => ("*".to_owned(), "account.yaml".to_owned()),
        Subject::Credential => match USER_NAME.optional(form)? {
            Some(name) => {
                let known = directory.user_named(account, name);
                let made = call.arn(&format!("user/{name}"))?;
                (
                    known.map_or(made, |user| (*user.arn).to_owned()),
                    String::new(),
                )
            }
            None => (
                call.caller.identity.principal.name().to_owned(),
                String::new(),
            ),
        },
        Subject::Provider => (
            call.arn("oidc-provider/*")?,
            "identity-providers/NAME.yaml".to_owned(),
        ),
        Subject::Nothing => ("*".to_owned(), String::new()),
    })
}
