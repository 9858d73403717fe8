//! From a verified token to a principal: the provider's mapping, then the role's trust policy.
//!
//! Does no I/O and knows no HTTP; the request's own context keys (time, source address) are handed in, because a trust
//! policy may ask for them. A mapping that yields nothing refuses: there is no weaker principal to fall back to.

mod session;
mod trust;
mod web_identity;

use std::sync::Arc;

use crate::arn::Arn;
use crate::directory::provider::claim_map::is_service;
use crate::directory::provider::{Provider, Target};
use crate::directory::{Directory, Group, Role, User};
use crate::outcome::Reason;
use crate::policy::{Context, Principal};

use super::Failure;
use super::identity::Identity;
use super::jwt::VerifiedToken;
use super::verified::Method;
use session::Session;
use trust::{Trust, Trusted};

pub use web_identity::{WebIdentity, web_identity};

/// Makes the principal of a token. `chosen_role` is what `X-Sidegate-Role` asks for, `request` what the request itself
/// says (time, source address, transport): never anything about who asks.
///
/// # Errors
/// When the mapping yields no principal, or the role is not offered or not trusted.
pub fn identify(
    token: &Arc<VerifiedToken>,
    directory: &Directory,
    chosen_role: Option<&str>,
    request: &dyn Context,
) -> Result<Identity, Failure> {
    let provider = token.provider();
    let groups = claimed_groups(token, provider);
    match &provider.map.target {
        Target::User(template) => {
            if chosen_role.is_some() {
                return Err(refused(
                    provider,
                    Reason::RoleNotOffered,
                    "a role was asked for, and the provider maps users",
                ));
            }
            let name = template.expand_one(&|path| token.claims().texts(path));
            let name = name.ok_or_else(|| {
                refused(
                    provider,
                    Reason::NoPrincipal,
                    "`map.user` makes no single name of this token",
                )
            })?;
            let user = user(directory, provider, &name).ok_or_else(|| {
                refused(
                    provider,
                    Reason::NoPrincipal,
                    &format!("no user `{name}` in account {}", provider.account),
                )
            })?;
            Ok(of_user(token, directory, user, &groups))
        }
        Target::Service(template) => {
            if chosen_role.is_some() {
                return Err(refused(
                    provider,
                    Reason::RoleNotOffered,
                    "a role was asked for, and the provider maps services",
                ));
            }
            let name = template.expand_one(&|path| token.claims().texts(path));
            let name = name.filter(|name| is_service(name)).ok_or_else(|| {
                refused(
                    provider,
                    Reason::NoPrincipal,
                    "`map.service` makes no name of a service of this certificate",
                )
            })?;
            Ok(of_service(token, &name))
        }
        Target::Role { .. } => {
            let session = Session::of(token, groups)
                .map_err(|why| refused(provider, Reason::NoPrincipal, &why))?;
            let candidates = candidates(token, directory, &session);
            let trust = Trust {
                token,
                directory,
                session: &session,
                request,
            };
            let (role, lasting) = choose(provider, &candidates, chosen_role, &trust)?;
            Ok(of_role(token, directory, role, session, lasting))
        }
    }
}

fn refused(provider: &Provider, reason: Reason, why: &str) -> Failure {
    Failure {
        reason,
        detail: format!("provider {}: {why}", provider.name),
        provider: Some(Arc::clone(&provider.name)),
        method: Some(Method::of(provider)),
    }
}

fn claimed_groups(token: &VerifiedToken, provider: &Provider) -> Vec<Box<str>> {
    let groups = provider.map.groups.as_ref().map(|template| {
        let found = template.expand(&|path| token.claims().texts(path));
        found.into_iter().map(Into::into).collect()
    });
    groups.unwrap_or_default()
}

/// A user of the provider's own account, by name or ARN.
fn user<'d>(directory: &'d Directory, provider: &Provider, name: &str) -> Option<&'d Arc<User>> {
    if name.starts_with("arn:") {
        directory
            .user(name)
            .filter(|user| user.account == provider.account)
    } else {
        directory.user_named(provider.account, name)
    }
}

/// The roles that the token offers and that exist, each once: those of `map.role`, then its permission sets.
fn candidates<'d>(
    token: &VerifiedToken,
    directory: &'d Directory,
    session: &Session,
) -> Vec<&'d Arc<Role>> {
    let provider = token.provider();
    let mut found: Vec<&Arc<Role>> = Vec::new();
    let mut offer = |role: &'d Arc<Role>| {
        if provider.exists_in(role.account) && !found.iter().any(|known| known.arn == role.arn) {
            found.push(role);
        }
    };
    if let Target::Role { roles, .. } = &provider.map.target {
        for template in roles {
            for name in template.expand(&|path| token.claims().texts(path)) {
                let role = if name.starts_with("arn:") {
                    directory.role(&name)
                } else {
                    directory.role_named(provider.account, &name)
                };
                // A permission set's role opens by its group alone.
                if let Some(role) = role.filter(|role| role.permission_set.is_none()) {
                    offer(role);
                }
            }
        }
    }
    for (role, group) in directory.permission_set_roles(&provider.name) {
        if session.groups.iter().any(|claimed| **claimed == *group) {
            offer(role);
        }
    }
    found
}

/// The one role that is trusted, or the chosen one; and whether that holds for every request with this token.
fn choose<'d>(
    provider: &Provider,
    candidates: &[&'d Arc<Role>],
    chosen: Option<&str>,
    trust: &Trust<'_>,
) -> Result<(&'d Arc<Role>, bool), Failure> {
    let refuse = |reason, why: &str| Err(refused(provider, reason, why));
    if let Some(arn) = chosen {
        let Some(role) = candidates.iter().find(|role| *role.arn == *arn) else {
            return refuse(
                Reason::RoleNotOffered,
                "the role that was asked for is not among the token's",
            );
        };
        return match trust.judge(role) {
            Trusted::Yes { lasting } => Ok((role, lasting)),
            Trusted::No { why, .. } => refuse(Reason::RoleNotTrusted, &why),
        };
    }
    if candidates.is_empty() {
        return refuse(
            Reason::NoPrincipal,
            "no role that exists is mapped from this token",
        );
    }
    let mut trusted = None;
    let mut all_lasting = true;
    let mut last_refusal = String::new();
    for role in candidates {
        match trust.judge(role) {
            Trusted::Yes { lasting } => {
                all_lasting &= lasting;
                if trusted.replace(*role).is_some() {
                    return refuse(
                        Reason::RoleNotOffered,
                        "the token has several roles; X-Sidegate-Role must choose one",
                    );
                }
            }
            Trusted::No { why, lasting } => {
                all_lasting &= lasting;
                last_refusal = why;
            }
        }
    }
    match trusted {
        Some(role) => Ok((role, all_lasting)),
        None => refuse(Reason::RoleNotTrusted, &last_refusal),
    }
}

fn of_user(
    token: &Arc<VerifiedToken>,
    directory: &Directory,
    user: &Arc<User>,
    claimed: &[Box<str>],
) -> Identity {
    let mut groups: Vec<Arc<Group>> = user.groups.clone();
    let mut ignored = 0usize;
    for name in claimed {
        match directory.group_named(user.account, name) {
            Some(group) if groups.iter().any(|known| known.arn == group.arn) => {}
            Some(group) => groups.push(Arc::clone(group)),
            None => ignored = ignored.saturating_add(1),
        }
    }
    let provider = token.provider();
    Identity {
        principal: Principal::User {
            account: Arc::from(user.account.as_str()),
            arn: Arc::clone(&user.arn),
        },
        user: Some(Arc::clone(user)),
        groups,
        tags: user.tags.clone(),
        user_id: user.id.clone(),
        user_name: Some(user.name.clone()),
        federated_provider: Some(provider.arn(directory.partition(), user.account).into()),
        ignored_groups: ignored,
        ..common(token, directory, user.account)
    }
}

fn of_role(
    token: &Arc<VerifiedToken>,
    directory: &Directory,
    role: &Arc<Role>,
    session: Session,
    lasting: bool,
) -> Identity {
    let arn = Arn::role_session(
        directory.partition(),
        role.account,
        &role.name,
        &session.name,
    );
    let provider = token.provider();
    let account = provider.account;
    let ignored = session
        .groups
        .iter()
        .filter(|group| directory.group_named(account, group).is_none())
        .count();
    Identity {
        principal: Principal::RoleSession {
            account: Arc::from(role.account.as_str()),
            arn: Arc::from(arn.as_str()),
            role_arn: Arc::clone(&role.arn),
        },
        role: Some(Arc::clone(role)),
        tags: session.over(&role.tags),
        user_id: format!("{}:{}", role.id, session.name).into(),
        federated_provider: Some(provider.arn(directory.partition(), role.account).into()),
        session_name: Some(session.name),
        source_identity: session.source_identity,
        ignored_groups: ignored,
        lasting,
        ..common(token, directory, role.account)
    }
}

/// A service belongs to no account, and so to no organization.
fn of_service(token: &Arc<VerifiedToken>, name: &str) -> Identity {
    Identity {
        principal: Principal::Service { name: name.into() },
        service_names: vec![name.into()],
        issued_at: Some(session::issued_at(token)),
        token: Some(Arc::clone(token)),
        expires_at: Some(token.expires_at()),
        ..Identity::anonymous()
    }
}

/// What the token and the account say, whoever it is.
fn common(
    token: &Arc<VerifiedToken>,
    directory: &Directory,
    account: crate::arn::AccountId,
) -> Identity {
    let (mfa_present, mfa_authenticated_at) = session::mfa(token);
    Identity {
        issued_at: Some(session::issued_at(token)),
        mfa_present,
        mfa_authenticated_at,
        token: Some(Arc::clone(token)),
        expires_at: Some(token.expires_at()),
        ..Identity::in_account(directory, account)
    }
}

#[cfg(test)]
mod tests;
