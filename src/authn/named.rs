//! A principal by its ARN, as tools ask for one: what a request of it would bring, less what only a credential says
//! (session tags, MFA, issue time).

use std::sync::Arc;

use super::Identity;
use crate::arn::{AccountId, Arn};
use crate::directory::{Directory, Role};
use crate::policy::Principal;
use crate::source::nearest;

/// Why no principal goes by a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is no form of a principal.
    #[error(
        "`{0}` is no principal: give the ARN of a user, a role, a role session (arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION), a federated user (arn:aws:sts::ACCOUNT:federated-user/NAME), an account's root or an identity provider, a service's name, or `anonymous`"
    )]
    Form(String),
    /// The bundle has none of this name.
    #[error("{0} is not in the bundle{hint}", hint = .1.as_ref().map(|near| format!("; did you mean {near}?")).unwrap_or_default())]
    Unknown(String, Option<String>),
    /// A federated user's ARN does not say who made its session.
    #[error(
        "{0} does not say which IAM user made the session, whose policies limit it: give that user's ARN with --session-of"
    )]
    Maker(String),
    /// Who is said to have made the session cannot have.
    #[error(
        "{0} makes no session for {1}: an IAM user of the same account does, and only for a federated user"
    )]
    NoMaker(String, String),
}

/// Who goes by `name` in the directory. `maker`: of a federated user, the ARN of the IAM user who made its session.
///
/// # Errors
/// See [`NameError`].
pub fn named(
    name: &str,
    maker: Option<&str>,
    directory: &Directory,
) -> Result<Identity, NameError> {
    let federated = Arn::parse(name).ok().filter(|arn| {
        let named = arn.resource().strip_prefix("federated-user/");
        arn.service() == "sts" && named.is_some_and(|name| !name.is_empty() && !name.contains('/'))
    });
    match (federated, maker) {
        (Some(arn), Some(maker)) => federated_user(&arn, name, maker, directory),
        (Some(_), None) => Err(NameError::Maker(name.to_owned())),
        (None, Some(maker)) => Err(NameError::NoMaker(maker.to_owned(), name.to_owned())),
        (None, None) => plain(name, directory),
    }
}

/// A session without session policies: it may what resource policies grant it by its own name.
fn federated_user(
    arn: &Arn,
    name: &str,
    maker: &str,
    directory: &Directory,
) -> Result<Identity, NameError> {
    let made = user(maker, directory)?;
    let by = made.user.as_ref().map(|user| (user.account, &user.arn));
    let Some((account, user_arn)) = by.filter(|(account, _)| arn.account_id() == Some(*account))
    else {
        return Err(NameError::NoMaker(maker.to_owned(), name.to_owned()));
    };
    let session = arn.resource().rsplit('/').next().unwrap_or_default();
    let identity = Identity {
        principal: Principal::FederatedUser {
            account: account.as_str().into(),
            arn: name.into(),
            user_arn: Arc::clone(user_arn),
        },
        user_id: format!("{account}:{session}").into(),
        user_name: None,
        session_name: Some(session.into()),
        ..made
    };
    Ok(placed(identity, account, directory))
}

fn plain(name: &str, directory: &Directory) -> Result<Identity, NameError> {
    if name == "anonymous" || name == "*" {
        return Ok(Identity::anonymous());
    }
    let form = || NameError::Form(name.to_owned());
    let Ok(arn) = Arn::parse(name) else {
        let is_service = name.contains('.') && !name.contains([':', '/', ' ']);
        let service = Principal::Service { name: name.into() };
        return is_service.then(|| bare(service)).ok_or_else(form);
    };
    let account = arn.account_id().ok_or_else(form)?;
    if directory.account(account).is_none() {
        return Err(NameError::Unknown(format!("account {account}"), None));
    }
    let resource = arn.resource();
    let identity = match arn.service() {
        "iam" if resource == "root" => bare(Principal::Root {
            account: account.as_str().into(),
            arn: name.into(),
        }),
        "iam" if resource.starts_with("user/") => user(name, directory)?,
        "iam" if resource.starts_with("role/") => {
            let role = directory.role(name).ok_or_else(|| {
                let known = directory.roles().map(|role| &*role.arn);
                NameError::Unknown(name.to_owned(), nearest(name, known).map(Into::into))
            })?;
            let principal = Principal::Role {
                account: account.as_str().into(),
                arn: Arc::clone(&role.arn),
            };
            of_role(principal, role, None)
        }
        "iam" if resource.contains("-provider/") => bare(Principal::Federated {
            provider: name.into(),
        }),
        "sts" => session(name, resource, account, directory).ok_or_else(form)??,
        _ => return Err(form()),
    };
    Ok(placed(identity, account, directory))
}

fn bare(principal: Principal) -> Identity {
    let user_id = if let Principal::Root { account, .. } = &principal {
        (**account).into()
    } else {
        "".into()
    };
    let service_names = if let Principal::Service { name } = &principal {
        vec![(**name).into()]
    } else {
        Vec::new()
    };
    Identity {
        principal,
        user_id,
        service_names,
        ..Identity::anonymous()
    }
}

fn user(name: &str, directory: &Directory) -> Result<Identity, NameError> {
    let user = directory.user(name).ok_or_else(|| {
        let known = directory.users().map(|user| &*user.arn);
        NameError::Unknown(name.to_owned(), nearest(name, known).map(Into::into))
    })?;
    Ok(Identity {
        principal: Principal::User {
            account: user.account.as_str().into(),
            arn: Arc::clone(&user.arn),
        },
        user: Some(Arc::clone(user)),
        groups: user.groups.clone(),
        tags: user.tags.clone(),
        user_id: user.id.clone(),
        user_name: Some(user.name.clone()),
        ..Identity::anonymous()
    })
}

fn of_role(principal: Principal, role: &Arc<Role>, session: Option<&str>) -> Identity {
    let user_id = match session {
        Some(session) => format!("{}:{session}", role.id).into(),
        None => role.id.clone(),
    };
    Identity {
        principal,
        role: Some(Arc::clone(role)),
        tags: role.tags.clone(),
        user_id,
        session_name: session.map(Into::into),
        ..Identity::anonymous()
    }
}

/// `assumed-role/NAME/SESSION`; `None` when it has another form.
fn session(
    arn: &str,
    resource: &str,
    account: AccountId,
    directory: &Directory,
) -> Option<Result<Identity, NameError>> {
    let (name, session) = resource.strip_prefix("assumed-role/")?.split_once('/')?;
    if session.is_empty() || session.contains('/') {
        return None;
    }
    let Some(role) = directory.role_named(account, name) else {
        let missing = format!("the role {name} of account {account}");
        return Some(Err(NameError::Unknown(missing, None)));
    };
    let principal = Principal::RoleSession {
        account: account.as_str().into(),
        arn: arn.into(),
        role_arn: Arc::clone(&role.arn),
    };
    Some(Ok(of_role(principal, role, Some(session))))
}

/// Adds where the account stands in the organization; who belongs to no account stands nowhere.
fn placed(mut identity: Identity, account: AccountId, directory: &Directory) -> Identity {
    if identity.principal.account().is_some()
        && let Some(path) = directory.organization_path(account)
    {
        identity.organization_id = directory.organization_id().map(Into::into);
        identity.organization_paths = vec![path.into()];
    }
    identity
}
