//! What is asked, and the policies that have a say in it.

use serde::Serialize;

use super::compile::PolicySet;
use super::context::Context;
use super::principal::Principal;
use super::principal::element::is_account;

/// One question: may this principal do this to that?
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// What: `service:Name`, in any case.
    pub action: &'a str,
    /// To which resource: its ARN, taken literally, or `*`.
    pub resource: &'a str,
    /// Whose the resource is. `None`: the ARN's account, or the principal's where the ARN names none.
    pub resource_account: Option<&'a str>,
    /// Under which circumstances.
    pub context: &'a dyn Context,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("principal", &self.principal)
            .field("action", &self.action)
            .field("resource", &self.resource)
            .field("resource_account", &self.resource_account)
            .finish_non_exhaustive()
    }
}

impl Request<'_> {
    /// Whether the resource belongs to the requester's account. Requesters without account are of none.
    pub(crate) fn is_same_account(&self) -> bool {
        let Some(own) = self.principal.account() else {
            return false;
        };
        match self.resource_account.or_else(|| account_of(self.resource)) {
            Some(account) => account == own,
            None => true,
        }
    }
}

/// The account in an ARN, if it names one.
fn account_of(resource: &str) -> Option<&str> {
    let account = resource.strip_prefix("arn:")?.split(':').nth(3)?;
    is_account(account).then_some(account)
}

/// How the policies of a resource count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceKind {
    /// Beside identity policies: in one account either suffices.
    #[default]
    Resource,
    /// A role's trust policy: identity policies alone never suffice.
    Trust,
    /// As KMS keys have: identity policies count only where the resource's policy names the account.
    Mandatory,
}

/// The policies that have a say, by layer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layers<'a> {
    /// The user's own and its groups', or the role's: together.
    pub identity: &'a [&'a PolicySet],
    /// The permissions boundary.
    pub boundary: Option<&'a PolicySet>,
    /// The session policies. `None`: none was passed.
    pub session: Option<&'a PolicySet>,
    /// One set a level of the organization, root first; empty: none act.
    pub scps: &'a [&'a PolicySet],
    /// The same on the resource's side. RCPFullAWSAccess stands on every level besides.
    pub rcps: &'a [&'a PolicySet],
    /// The resource's policies; empty: it has none.
    pub resource: &'a [&'a PolicySet],
    /// How those count.
    pub resource_kind: ResourceKind,
}

/// A kind of policy with a say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerKind {
    /// Identity-based policies.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// Session policies.
    Session,
    /// Service control policies.
    Scp,
    /// Resource control policies.
    Rcp,
    /// Resource-based policies.
    Resource,
    /// The role's trust policy.
    Trust,
}

impl LayerKind {
    /// As IAM's refusals word it, with the article.
    pub fn words(self) -> &'static str {
        match self {
            Self::Identity => "an identity-based policy",
            Self::Boundary => "a permissions boundary",
            Self::Session => "a session policy",
            Self::Scp => "a service control policy",
            Self::Rcp => "a resource control policy",
            Self::Resource => "a resource-based policy",
            Self::Trust => "a role trust policy",
        }
    }

    /// Without the article.
    pub fn noun(self) -> &'static str {
        let words = self.words();
        words.split_once(' ').map_or(words, |(_, noun)| noun)
    }
}

/// The layers that act on a request: who has no account has no policies of its own, and so on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Acting<'a> {
    pub(crate) identity: &'a [&'a PolicySet],
    pub(crate) boundary: Option<&'a PolicySet>,
    pub(crate) session: Option<&'a PolicySet>,
    pub(crate) scps: &'a [&'a PolicySet],
    pub(crate) rcps: &'a [&'a PolicySet],
    pub(crate) resource: &'a [&'a PolicySet],
    pub(crate) resource_layer: LayerKind,
}

impl<'a> Acting<'a> {
    /// Decided here, where IAM's documentation is silent: a root user's session policy acts if one is given; its
    /// identity policies and boundary, which it cannot have, do not.
    pub(crate) fn on(principal: &Principal, layers: &Layers<'a>) -> Self {
        let mut acting = Self {
            identity: layers.identity,
            boundary: layers.boundary,
            session: layers.session,
            scps: layers.scps,
            rcps: layers.rcps,
            resource: layers.resource,
            resource_layer: if layers.resource_kind == ResourceKind::Trust {
                LayerKind::Trust
            } else {
                LayerKind::Resource
            },
        };
        match principal {
            Principal::User { .. } | Principal::FederatedUser { .. } => {}
            Principal::RoleSession { .. } | Principal::Role { .. } => {
                if principal.is_service_linked() {
                    acting.scps = &[];
                    acting.rcps = &[];
                }
            }
            Principal::Root { .. } => {
                acting.identity = &[];
                acting.boundary = None;
            }
            Principal::Federated { .. } | Principal::Service { .. } | Principal::Anonymous => {
                acting.identity = &[];
                acting.boundary = None;
                acting.session = None;
                acting.scps = &[];
            }
        }
        acting
    }
}
