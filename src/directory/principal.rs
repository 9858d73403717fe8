//! Those who can act: users, groups, roles; and the managed policies that are attached to them.

use std::sync::Arc;

use crate::arn::AccountId;
use crate::policy::{Policy, PolicySet};

/// Tags in their written order. Keys are unique without case.
pub type Tags = Vec<(Box<str>, Box<str>)>;

/// An IAM user.
#[derive(Debug)]
pub struct User {
    /// `arn:…:iam::ACCOUNT:user/PATH/NAME`
    pub arn: Arc<str>,
    /// `AIDA…`
    pub id: Box<str>,
    /// Unique in the account.
    pub name: Box<str>,
    /// Begins and ends with a slash.
    pub path: Box<str>,
    /// Where it lives.
    pub account: AccountId,
    /// aws:PrincipalTag.
    pub tags: Tags,
    /// Its own policies, managed and inline; its groups' are with the groups.
    pub policies: PolicySet,
    /// Its groups.
    pub groups: Vec<Arc<Group>>,
    /// Its permissions boundary.
    pub boundary: Option<PolicySet>,
    /// ARNs or serial numbers of its MFA devices.
    pub mfa_devices: Vec<Box<str>>,
    /// May a session token of it alone be used as a bearer credential.
    pub bearer: bool,
    /// When it was made, RFC 3339.
    pub created: Option<Box<str>>,
}

/// A group of users.
#[derive(Debug)]
pub struct Group {
    /// `arn:…:iam::ACCOUNT:group/PATH/NAME`
    pub arn: Arc<str>,
    /// `AGPA…`
    pub id: Box<str>,
    /// Unique in the account.
    pub name: Box<str>,
    /// Begins and ends with a slash.
    pub path: Box<str>,
    /// Where it lives.
    pub account: AccountId,
    /// Its policies, managed and inline.
    pub policies: PolicySet,
    /// When it was made, RFC 3339.
    pub created: Option<Box<str>>,
}

/// A role.
#[derive(Debug)]
pub struct Role {
    /// `arn:…:iam::ACCOUNT:role/PATH/NAME`
    pub arn: Arc<str>,
    /// `AROA…`
    pub id: Box<str>,
    /// Unique in the account.
    pub name: Box<str>,
    /// Begins and ends with a slash.
    pub path: Box<str>,
    /// Where it lives.
    pub account: AccountId,
    /// aws:PrincipalTag, of sessions too.
    pub tags: Tags,
    /// Who may become it.
    pub trust: PolicySet,
    /// Its policies, managed and inline.
    pub policies: PolicySet,
    /// Its permissions boundary.
    pub boundary: Option<PolicySet>,
    /// The longest session, in seconds.
    pub max_session_duration: u32,
    /// May a session token of it alone be used as a bearer credential.
    pub bearer: bool,
    /// Set on the roles that permission sets become.
    pub permission_set: Option<PermissionSetOf>,
    /// When it was made, RFC 3339.
    pub created: Option<Box<str>>,
    /// What it is for.
    pub description: Option<Box<str>>,
}

/// Whom a permission set's role is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionSetOf {
    /// The permission set's name.
    pub name: Box<str>,
    /// The identity provider's name.
    pub provider: Box<str>,
    /// The mapped groups, each of which opens the role.
    pub groups: Vec<Box<str>>,
}

/// A managed policy: a predefined one, or a customer's.
#[derive(Debug)]
pub struct ManagedPolicy {
    /// `arn:…:iam::ACCOUNT:policy/PATH/NAME`, of predefined ones with `aws` for the account.
    pub arn: Arc<str>,
    /// `ANPA…`
    pub id: Box<str>,
    /// Unique in the account.
    pub name: Box<str>,
    /// Begins and ends with a slash.
    pub path: Box<str>,
    /// Whose it is; `None`: predefined.
    pub account: Option<AccountId>,
    /// What it is for.
    pub description: Option<Box<str>>,
    /// Its tags.
    pub tags: Tags,
    /// When it was made, RFC 3339.
    pub created: Option<Box<str>>,
    /// When it was changed last, RFC 3339.
    pub updated: Option<Box<str>>,
    /// Whether IAM would attach it anew: what it retired stays attached where it was.
    pub attachable: bool,
    /// Which of its versions this is.
    pub version: PolicyVersion,
    /// What it says.
    pub policy: Arc<Policy>,
}

/// A version of a managed policy; a bundle has only the one that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// `v1`
    pub id: Box<str>,
    /// When it was made, RFC 3339.
    pub created: Option<Box<str>>,
}

impl Default for PolicyVersion {
    fn default() -> Self {
        Self {
            id: "v1".into(),
            created: None,
        }
    }
}

impl PermissionSetOf {
    /// The context key, several values, by which the generated trust policy asks for the groups that the provider's
    /// `map.groups` made of a token's claims. It stands for the mapped groups, not for a claim, so that filters of the
    /// mapping count; whoever judges the trust policy supplies it.
    pub const GROUPS_KEY: &str = "sidegate:MappedGroups";
}
