//! Identities of the directory's own: users, root users and sessions. One constructor a kind.

use std::sync::Arc;

use crate::arn::{AccountId, Arn};
use crate::authn::session::{Session, SessionOf};
use crate::directory::{Directory, Role, Tags, User};
use crate::policy::context::folded;
use crate::policy::{PolicySet, Principal};

use super::{Identity, find_tag};

impl Identity {
    /// An IAM user with a long-lived credential: nothing is known of when it was issued, nor of a second factor.
    pub fn of_user(directory: &Directory, user: &Arc<User>) -> Self {
        Self {
            principal: Principal::User {
                account: Arc::from(user.account.as_str()),
                arn: Arc::clone(&user.arn),
            },
            user: Some(Arc::clone(user)),
            groups: user.groups.clone(),
            tags: user.tags.clone(),
            user_id: user.id.clone(),
            user_name: Some(user.name.clone()),
            ..Self::in_account(directory, user.account)
        }
    }

    /// The root user of an account. `None`: no such account.
    pub fn of_root(directory: &Directory, account: AccountId) -> Option<Self> {
        directory.account(account)?;
        Some(Self {
            principal: Principal::Root {
                account: Arc::from(account.as_str()),
                arn: Arc::from(Arn::root(directory.partition(), account).as_str()),
            },
            user_id: account.as_str().into(),
            ..Self::in_account(directory, account)
        })
    }

    /// Whoever a session stands for. `None`: its role, user, account or one of its policies is not (or no longer) in the
    /// directory.
    pub fn of_session(directory: &Directory, session: &Session) -> Option<Self> {
        let identity = match &session.of {
            SessionOf::Role { arn, name } => {
                Self::of_role_session(directory, directory.role(arn)?, name, session)
            }
            SessionOf::User { arn } => Self::of_user(directory, directory.user(arn)?),
            SessionOf::Root { account } => Self::of_root(directory, *account)?,
            SessionOf::Federated { by, name } => match root(by) {
                Some(account) => Self::of_federated_root(directory, account, name, session)?,
                None => Self::of_federated_user(directory, directory.user(by)?, name, session),
            },
        };
        let is_the_same = match (&identity.role, &identity.user) {
            (Some(role), _) => role.id == session.id,
            (None, Some(user)) => user.id == session.id,
            (None, None) => true,
        };
        if is_the_same {
            identity.within(directory, session)
        } else {
            None
        }
    }

    fn of_role_session(
        directory: &Directory,
        role: &Arc<Role>,
        name: &str,
        session: &Session,
    ) -> Self {
        let partition = directory.partition();
        let arn = Arn::role_session(partition, role.account, &role.name, name);
        Self {
            principal: Principal::RoleSession {
                account: Arc::from(role.account.as_str()),
                arn: Arc::from(arn.as_str()),
                role_arn: Arc::clone(&role.arn),
            },
            role: Some(Arc::clone(role)),
            tags: over(&session.tags, &role.tags),
            user_id: format!("{}:{name}", role.id).into(),
            session_name: Some(name.into()),
            ..Self::in_account(directory, role.account)
        }
    }

    /// It may do what both its user's policies and the session's allow; without session policies nothing but what a
    /// resource's policy grants it.
    fn of_federated_user(
        directory: &Directory,
        user: &Arc<User>,
        name: &str,
        session: &Session,
    ) -> Self {
        let arn = Arn::federated_user(directory.partition(), user.account, name);
        Self {
            principal: Principal::FederatedUser {
                account: Arc::from(user.account.as_str()),
                arn: Arc::from(arn.as_str()),
                user_arn: Arc::clone(&user.arn),
            },
            user: Some(Arc::clone(user)),
            groups: user.groups.clone(),
            session_policies: Some(Arc::new(PolicySet::default())),
            tags: over(&session.tags, &user.tags),
            user_id: format!("{}:{name}", user.account).into(),
            session_name: Some(name.into()),
            ..Self::in_account(directory, user.account)
        }
    }

    /// The same of a root user, who may do everything that the organization does not deny.
    fn of_federated_root(
        directory: &Directory,
        account: AccountId,
        name: &str,
        session: &Session,
    ) -> Option<Self> {
        let root = Self::of_root(directory, account)?;
        let arn = Arn::federated_user(directory.partition(), account, name);
        Some(Self {
            principal: Principal::FederatedUser {
                account: Arc::from(account.as_str()),
                arn: Arc::from(arn.as_str()),
                user_arn: Arc::from(root.principal.name()),
            },
            session_policies: Some(Arc::new(PolicySet::default())),
            tags: session.tags.clone(),
            user_id: format!("{account}:{name}").into(),
            session_name: Some(name.into()),
            ..root
        })
    }

    /// With what every session says.
    fn within(mut self, directory: &Directory, session: &Session) -> Option<Self> {
        if !session.policy_arns.is_empty() {
            let own = session.policies.as_ref().map(|own| own.policies());
            let mut all = own.unwrap_or_default().to_vec();
            for arn in &session.policy_arns {
                all.push(Arc::clone(&directory.policy(arn)?.policy));
            }
            self.session_policies = Some(Arc::new(PolicySet::new(all)));
        } else if let Some(policies) = &session.policies {
            self.session_policies = Some(Arc::clone(policies));
        }
        self.access_key = Some(session.access_key.clone());
        self.claims.clone_from(&session.claims);
        self.transitive_tags.clone_from(&session.transitive_tags);
        self.source_identity.clone_from(&session.source_identity);
        self.federated_provider
            .clone_from(&session.federated_provider);
        self.mfa_present = session.mfa_present;
        self.mfa_authenticated_at = session.mfa_authenticated_at;
        self.issued_at = Some(session.issued_at);
        self.expires_at = Some(session.expires_at);
        Some(self)
    }

    /// What the account alone says.
    pub(in crate::authn) fn in_account(directory: &Directory, account: AccountId) -> Self {
        let path = directory.organization_path(account);
        Self {
            organization_id: path.and(directory.organization_id()).map(Into::into),
            organization_paths: path.into_iter().map(Into::into).collect(),
            ..Self::anonymous()
        }
    }
}

/// The account whose root user has this ARN.
fn root(arn: &str) -> Option<AccountId> {
    let arn = Arn::parse(arn).ok()?;
    arn.account_id().filter(|_| arn.resource() == "root")
}

/// A session's tags, and those of its role or user that it does not override.
fn over(tags: &Tags, stored: &Tags) -> Tags {
    let mut all = tags.clone();
    for (key, value) in stored {
        if find_tag(tags, &folded(key)).is_none() {
            all.push((key.clone(), value.clone()));
        }
    }
    all
}

#[cfg(test)]
mod tests;
