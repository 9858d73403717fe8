//! Who a request comes from, as policies see it (IAM User Guide, "How IAM works": principals).

pub(crate) mod element;

use std::sync::Arc;

/// The requester. Accounts are kept as text: an engine that judges foreign cases must take them as they come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The account's root user.
    Root {
        /// The account.
        account: Arc<str>,
        /// `arn:…:iam::ACCOUNT:root`
        arn: Arc<str>,
    },
    /// An IAM user.
    User {
        /// The account.
        account: Arc<str>,
        /// `arn:…:iam::ACCOUNT:user/PATH/NAME`
        arn: Arc<str>,
    },
    /// A session of a role.
    RoleSession {
        /// The role's account.
        account: Arc<str>,
        /// `arn:…:sts::ACCOUNT:assumed-role/ROLE/SESSION`
        arn: Arc<str>,
        /// The role's own ARN, with its path: a session ARN holds none.
        role_arn: Arc<str>,
    },
    /// A role itself as the requester, as if its session were unnamed.
    Role {
        /// The role's account.
        account: Arc<str>,
        /// `arn:…:iam::ACCOUNT:role/PATH/NAME`
        arn: Arc<str>,
    },
    /// A session made by GetFederationToken.
    FederatedUser {
        /// The user's account.
        account: Arc<str>,
        /// `arn:…:sts::ACCOUNT:federated-user/NAME`
        arn: Arc<str>,
        /// The IAM user (or root) behind it.
        user_arn: Arc<str>,
    },
    /// Someone whom an OIDC or SAML provider vouches for, calling `sts:AssumeRoleWith…`.
    Federated {
        /// `arn:…:iam::ACCOUNT:oidc-provider/HOST/PATH`, or the bare domain of a built-in provider.
        provider: Arc<str>,
    },
    /// A service acting on its own.
    Service {
        /// Its name, like `backup.amazonaws.com`.
        name: Arc<str>,
    },
    /// Nobody known.
    Anonymous,
}

impl Principal {
    /// The account it belongs to; services, federated callers and anonymous ones belong to none.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Root { account, .. }
            | Self::User { account, .. }
            | Self::RoleSession { account, .. }
            | Self::Role { account, .. }
            | Self::FederatedUser { account, .. } => Some(account),
            Self::Federated { .. } | Self::Service { .. } | Self::Anonymous => None,
        }
    }

    /// What stands for it in messages and records: its ARN, the service's name, or `anonymous`.
    pub fn name(&self) -> &str {
        match self {
            Self::Root { arn, .. }
            | Self::User { arn, .. }
            | Self::RoleSession { arn, .. }
            | Self::Role { arn, .. }
            | Self::FederatedUser { arn, .. } => arn,
            Self::Federated { provider } => provider,
            Self::Service { name } => name,
            Self::Anonymous => "anonymous",
        }
    }

    /// Whether it is (a session of) a service-linked role: neither SCPs nor RCPs act on those.
    pub(crate) fn is_service_linked(&self) -> bool {
        match self {
            Self::RoleSession { role_arn: arn, .. } | Self::Role { arn, .. } => {
                // No part before a role's path holds a slash: a search of the whole would cost more than the decision.
                let slash = memchr::memchr(b'/', arn.as_bytes());
                let parts = slash.and_then(|at| arn.split_at_checked(at));
                parts.is_some_and(|(before, path)| {
                    before.ends_with(":role") && path.starts_with("/aws-service-role/")
                })
            }
            Self::Root { .. }
            | Self::User { .. }
            | Self::FederatedUser { .. }
            | Self::Federated { .. }
            | Self::Service { .. }
            | Self::Anonymous => false,
        }
    }
}
