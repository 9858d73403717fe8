//! Who exists, and which policies apply to whom: organization, accounts, users, groups, roles, resources, providers.
//!
//! A [`Directory`] is complete and immutable: every reference in it was resolved by whoever built it (`bundle`, from
//! files), so nothing here can fail. Pure: uses `policy` and `arn`; knows nothing of files, HTTP, clocks or hashing
//! (ids are handed in).

pub mod account;
pub mod organization;
pub mod principal;
pub mod provider;
pub mod resource;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::arn::AccountId;
use crate::policy::PolicySet;

pub use account::{Account, PasswordPolicy};
pub use organization::{Level, Organization, Place};
pub use principal::{Group, ManagedPolicy, PermissionSetOf, PolicyVersion, Role, Tags, User};
pub use provider::Provider;
pub use resource::{Resource, ResourceFacts};

/// What a directory is made of.
#[derive(Debug, Default)]
pub struct Parts {
    /// `aws`, `aws-cn`, …
    pub partition: Box<str>,
    /// The organization, if there is one.
    pub organization: Option<Organization>,
    /// All accounts.
    pub accounts: Vec<Account>,
    /// All users.
    pub users: Vec<Arc<User>>,
    /// All groups.
    pub groups: Vec<Arc<Group>>,
    /// All roles, those of permission sets included.
    pub roles: Vec<Arc<Role>>,
    /// Managed policies: predefined ones and customers'.
    pub policies: Vec<Arc<ManagedPolicy>>,
    /// Resource policies and tags.
    pub resources: Vec<Arc<Resource>>,
    /// Identity providers.
    pub providers: Vec<Arc<Provider>>,
}

/// Who exists, with everything that was attached to them.
#[derive(Debug)]
pub struct Directory {
    partition: Box<str>,
    organization: Option<Organization>,
    accounts: BTreeMap<AccountId, Entry>,
    users: HashMap<Arc<str>, Arc<User>>,
    roles: HashMap<Arc<str>, Arc<Role>>,
    policies: HashMap<Arc<str>, Arc<ManagedPolicy>>,
    permission_sets: HashMap<Box<str>, Vec<Arc<Role>>>,
    resources: resource::Index,
    providers: Vec<Arc<Provider>>,
}

/// One account with those who live in it, by name.
#[derive(Debug)]
struct Entry {
    account: Account,
    users: BTreeMap<Box<str>, Arc<User>>,
    groups: BTreeMap<Box<str>, Arc<Group>>,
    roles: BTreeMap<Box<str>, Arc<Role>>,
}

impl Directory {
    /// Puts the parts together. What belongs to an account that is not among `accounts` is left out; names and ARNs
    /// are unique, or the later one counts: both are for the builder to see to.
    pub fn new(parts: Parts) -> Self {
        let mut accounts: BTreeMap<AccountId, Entry> = parts
            .accounts
            .into_iter()
            .map(|account| {
                let entry = Entry {
                    account,
                    users: BTreeMap::new(),
                    groups: BTreeMap::new(),
                    roles: BTreeMap::new(),
                };
                (entry.account.id, entry)
            })
            .collect();
        for user in &parts.users {
            if let Some(entry) = accounts.get_mut(&user.account) {
                entry.users.insert(user.name.clone(), Arc::clone(user));
            }
        }
        for group in parts.groups {
            if let Some(entry) = accounts.get_mut(&group.account) {
                entry.groups.insert(group.name.clone(), group);
            }
        }
        let mut permission_sets: HashMap<Box<str>, Vec<Arc<Role>>> = HashMap::new();
        for role in &parts.roles {
            if let Some(entry) = accounts.get_mut(&role.account) {
                entry.roles.insert(role.name.clone(), Arc::clone(role));
            }
            if let Some(of) = &role.permission_set {
                permission_sets
                    .entry(of.provider.clone())
                    .or_default()
                    .push(Arc::clone(role));
            }
        }
        Self {
            partition: parts.partition,
            organization: parts.organization,
            accounts,
            users: by_arn(parts.users, |user| &user.arn),
            roles: by_arn(parts.roles, |role| &role.arn),
            policies: by_arn(parts.policies, |policy| &policy.arn),
            permission_sets,
            resources: resource::Index::new(parts.resources),
            providers: parts.providers,
        }
    }

    /// `aws`, `aws-cn`, …
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The organization, if there is one.
    pub fn organization(&self) -> Option<&Organization> {
        self.organization.as_ref()
    }

    /// The organization's id.
    pub fn organization_id(&self) -> Option<&str> {
        self.organization.as_ref().map(|found| &*found.id)
    }

    /// The account's path in the organization, `o-x/r-y/ou-z/`, as aws:PrincipalOrgPaths has it.
    pub fn organization_path(&self, account: AccountId) -> Option<&str> {
        self.place(account).map(|place| &*place.path)
    }

    /// The organization's management account: SCPs and RCPs do not act on it.
    pub fn management_account(&self) -> Option<AccountId> {
        self.organization
            .as_ref()
            .map(|found| found.management_account)
    }

    fn place(&self, account: AccountId) -> Option<&Place> {
        self.organization.as_ref()?.places.get(&account)
    }

    /// An account.
    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(&id).map(|entry| &entry.account)
    }

    /// All accounts, in the order of their ids.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values().map(|entry| &entry.account)
    }

    /// A user by ARN.
    pub fn user(&self, arn: &str) -> Option<&Arc<User>> {
        self.users.get(arn)
    }

    /// A user by account and name.
    pub fn user_named(&self, account: AccountId, name: &str) -> Option<&Arc<User>> {
        self.accounts.get(&account)?.users.get(name)
    }

    /// A group by account and name.
    pub fn group_named(&self, account: AccountId, name: &str) -> Option<&Arc<Group>> {
        self.accounts.get(&account)?.groups.get(name)
    }

    /// A role by ARN.
    pub fn role(&self, arn: &str) -> Option<&Arc<Role>> {
        self.roles.get(arn)
    }

    /// A role by account and name.
    pub fn role_named(&self, account: AccountId, name: &str) -> Option<&Arc<Role>> {
        self.accounts.get(&account)?.roles.get(name)
    }

    /// All users, by account and name.
    pub fn users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.accounts
            .values()
            .flat_map(|entry| entry.users.values())
    }

    /// All groups, by account and name.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.accounts
            .values()
            .flat_map(|entry| entry.groups.values())
    }

    /// All roles, by account and name.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<Role>> {
        self.accounts
            .values()
            .flat_map(|entry| entry.roles.values())
    }

    /// The users of one account, by name.
    pub fn users_of(&self, account: AccountId) -> impl Iterator<Item = &Arc<User>> {
        let entry = self.accounts.get(&account).into_iter();
        entry.flat_map(|entry| entry.users.values())
    }

    /// The groups of one account, by name.
    pub fn groups_of(&self, account: AccountId) -> impl Iterator<Item = &Arc<Group>> {
        let entry = self.accounts.get(&account).into_iter();
        entry.flat_map(|entry| entry.groups.values())
    }

    /// The roles of one account, by name.
    pub fn roles_of(&self, account: AccountId) -> impl Iterator<Item = &Arc<Role>> {
        let entry = self.accounts.get(&account).into_iter();
        entry.flat_map(|entry| entry.roles.values())
    }

    /// A managed policy by ARN.
    pub fn policy(&self, arn: &str) -> Option<&Arc<ManagedPolicy>> {
        self.policies.get(arn)
    }

    /// All managed policies, in no order.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<ManagedPolicy>> {
        self.policies.values()
    }

    /// The roles that a provider's permission sets became, each with a group that opens it; a role that several groups
    /// open comes once for each.
    pub fn permission_set_roles(&self, provider: &str) -> impl Iterator<Item = (&Arc<Role>, &str)> {
        let roles = self
            .permission_sets
            .get(provider)
            .map_or(&[][..], |roles| roles);
        roles.iter().flat_map(|role| {
            let groups = role
                .permission_set
                .as_ref()
                .map_or(&[][..], |of| &of.groups);
            groups.iter().map(move |group| (role, &**group))
        })
    }

    /// The SCPs that act on the account's principals, one set a level, the root's first. Empty for the management
    /// account and outside of an organization.
    pub fn scps(&self, account: AccountId) -> &[PolicySet] {
        self.acted_on(account).map_or(&[], |place| &place.scps)
    }

    /// The RCPs that act on the account's resources, likewise.
    pub fn rcps(&self, account: AccountId) -> &[PolicySet] {
        self.acted_on(account).map_or(&[], |place| &place.rcps)
    }

    fn acted_on(&self, account: AccountId) -> Option<&Place> {
        let managed = self.management_account() != Some(account);
        self.place(account).filter(|_| managed)
    }

    /// The resource policies and tags of a resource, by its ARN.
    pub fn resources<'d>(&'d self, arn: &str) -> ResourceFacts<'d> {
        self.resources.facts(arn)
    }

    /// All resource files, in no order.
    pub fn resource_files(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.iter()
    }

    /// All identity providers, by name.
    pub fn providers(&self) -> &[Arc<Provider>] {
        &self.providers
    }

    /// An identity provider by name.
    pub fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|found| &*found.name == name)
    }
}

fn by_arn<T>(all: Vec<Arc<T>>, arn: impl Fn(&T) -> &Arc<str>) -> HashMap<Arc<str>, Arc<T>> {
    all.into_iter()
        .map(|item| (Arc::clone(arn(&item)), item))
        .collect()
}
