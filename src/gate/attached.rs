//! The policies that are attached to a principal, as layers of a decision.

use std::sync::{Arc, LazyLock};

use smallvec::SmallVec;

use crate::arn::AccountId;
use crate::authn::Identity;
use crate::directory::Directory;
use crate::policy::{self, Kind, Policy, PolicySet, Principal};

/// What a root user may do: its federated users may do as much of it as their session policies allow. Empty, and so of no
/// use to anybody, if it could not be read.
static EVERYTHING: LazyLock<PolicySet> = LazyLock::new(|| {
    let text =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let document = policy::parse(text, Kind::Identity, "root");
    let policy = document.map(|document| Policy::compile(&document, "the root user's powers"));
    PolicySet::new(policy.into_iter().map(Arc::new).collect())
});

/// Policy sets by reference; most principals have few.
pub type Sets<'a> = SmallVec<[&'a PolicySet; 8]>;

/// What a principal's side brings to a decision.
#[derive(Debug, Default)]
pub struct Attached<'a> {
    /// The user's own and its groups', or the role's.
    pub identity: Sets<'a>,
    /// The permissions boundary.
    pub boundary: Option<&'a PolicySet>,
    /// One set a level of the organization, root first.
    pub scps: Sets<'a>,
}

impl<'a> Attached<'a> {
    /// Of an identity; an anonymous request brings nothing.
    pub fn of(identity: Option<&'a Identity>, directory: &'a Directory) -> Self {
        let Some(identity) = identity else {
            return Self::default();
        };
        let mut attached = Self::default();
        if let Some(user) = &identity.user {
            attached.identity.push(&user.policies);
            attached
                .identity
                .extend(identity.groups.iter().map(|group| &group.policies));
            attached.boundary = user.boundary.as_ref();
        }
        if let Principal::FederatedUser { user_arn, .. } = &identity.principal
            && user_arn.ends_with(":root")
        {
            attached.identity.push(&EVERYTHING);
        }
        if let Some(role) = &identity.role {
            attached.identity.push(&role.policies);
            attached.boundary = role.boundary.as_ref();
        }
        let account = identity.principal.account().and_then(AccountId::parse);
        if let Some(account) = account {
            attached.scps = directory.scps(account).iter().collect();
        }
        attached
    }
}
