//! The organization: which account stands where, and which SCPs and RCPs act on it there.

use std::collections::BTreeMap;

use crate::arn::AccountId;
use crate::policy::PolicySet;

/// An organization.
#[derive(Debug)]
pub struct Organization {
    /// `o-…`
    pub id: Box<str>,
    /// On whose principals and resources SCPs and RCPs do not act.
    pub management_account: AccountId,
    /// Each account's place; an account stands in exactly one.
    pub places: BTreeMap<AccountId, Place>,
}

/// Where an account stands.
#[derive(Debug)]
pub struct Place {
    /// `o-x/r-y/ou-z/`
    pub path: Box<str>,
    /// Root, organizational units, and the account itself, from the top down.
    pub levels: Vec<Level>,
    /// The SCPs, one set a level.
    pub scps: Vec<PolicySet>,
    /// The RCPs, one set a level; empty when none is attached anywhere on the way. RCPFullAWSAccess, which is on every
    /// level, is not among them.
    pub rcps: Vec<PolicySet>,
}

/// One step on the way from the root to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// `r-…`, `ou-…` or the account's id.
    pub id: Box<str>,
    /// Its name; of the root `Root`, of an account its id.
    pub name: Box<str>,
}
