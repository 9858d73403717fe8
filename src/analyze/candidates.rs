//! Whom `who_can` asks for: every user, role and root user of a directory, and whom a resource's own policies name
//! besides. Each with the context that follows from who it is, and with the keys that only a request settles.

use std::sync::Arc;

use super::Claimed;
use crate::arn::AccountId;
use crate::directory::Directory;
use crate::directory::principal::{Group, Role, User};
use crate::directory::provider::{Provider, Target};
use crate::policy::context::{Context, Map};
use crate::policy::{PolicySet, Principal, possible};

/// A principal with its policies.
pub(super) struct Candidate<'d> {
    pub(super) principal: Principal,
    /// `None`: it belongs to no account.
    pub(super) account: Option<AccountId>,
    pub(super) context: Map,
    pub(super) identity: Vec<&'d PolicySet>,
    pub(super) boundary: Option<&'d PolicySet>,
    /// Its own account, with its policies, is not in the bundle.
    pub(super) is_outside: bool,
    /// Its session policies.
    pub(super) session: Option<&'d PolicySet>,
    /// Of a session that GetFederationToken makes: the user behind it.
    pub(super) made_by: Option<Box<str>>,
    /// A group that a token adds.
    pub(super) claimed: Option<Claimed>,
    /// It stands for services of any name.
    is_any_service: bool,
    /// A session brings tags and a name of its own.
    is_session: bool,
}

/// What stands for everyone of accounts that are not in the bundle.
pub(super) const ANYONE: &str = "*";

/// What stands for the service principals, whatever their names.
pub const ANY_SERVICE: &str = "*.amazonaws.com";

/// Keys that tell services from others, in lower case.
const OF_SERVICES: [&str; 3] = [
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:principalservicenameslist",
];

impl Candidate<'_> {
    /// A root user of the bundle. Another account's root stands for whom that account lets.
    pub(super) fn is_own_root(&self) -> bool {
        !self.is_outside && matches!(self.principal, Principal::Root { .. })
    }

    /// Whether only a request settles the key, which is in lower case.
    pub(super) fn is_open(&self, key: &str) -> bool {
        const SETTLED: [&str; 15] = [
            "aws:calledvia",
            "aws:calledviafirst",
            "aws:calledvialast",
            "aws:principalaccount",
            "aws:principalarn",
            "aws:principalisawsservice",
            "aws:principalorgid",
            "aws:principalorgpaths",
            "aws:principalservicename",
            "aws:principalservicenameslist",
            "aws:principaltype",
            "aws:resourceaccount",
            "aws:username",
            "aws:viaawsservice",
            "aws:resourceorgid",
        ];
        if possible::ALWAYS.contains(&key) {
            return true;
        }
        if key == "aws:userid" || key.starts_with("aws:principaltag/") {
            return self.is_session || self.is_outside;
        }
        let is_federated = self.made_by.is_some();
        // A session of GetFederationToken says nothing of a second factor.
        if is_federated && key.starts_with("aws:multifactorauth") {
            return false;
        }
        let unknown_here = (self.is_outside
            && matches!(
                key,
                "aws:username" | "aws:principalarn" | "aws:principaltype"
            ))
            || (self.is_any_service && key.starts_with("aws:principalservicename"))
            || (self.principal.name() == ANYONE && key == "aws:principalaccount")
            || (self.principal.name().ends_with(FEDERATED) && key == "aws:principalarn");
        let settled = SETTLED.contains(&key) || key == "aws:resourceorgpaths";
        unknown_here || !(settled || self.context.get(key).is_some())
    }
}

/// Everyone in the directory.
pub(super) fn of_directory(directory: &Directory) -> impl Iterator<Item = Candidate<'_>> {
    let users = directory.users().map(|user| of_user(directory, user));
    let roles = directory.roles().map(|role| {
        let principal = Principal::Role {
            account: role.account.as_str().into(),
            arn: Arc::clone(&role.arn),
        };
        of_role(directory, role, principal)
    });
    let roots = directory.accounts().map(|account| {
        let arn = format!("arn:{}:iam::{}:root", directory.partition(), account.id);
        let mut context = known(directory, account.id, &arn, "Account", &[]);
        context.set("aws:userid", account.id.as_str());
        Candidate {
            principal: Principal::Root {
                account: account.id.as_str().into(),
                arn: arn.into(),
            },
            account: Some(account.id),
            context,
            identity: Vec::new(),
            boundary: None,
            is_outside: false,
            session: None,
            made_by: None,
            claimed: None,
            is_any_service: false,
            is_session: false,
        }
    });
    users.chain(roles).chain(roots)
}

/// Those whom a policy of a resource names, unless the directory's own candidates cover them; everyone is nobody known
/// and anyone of another account. `everything`: a set that allows all, for those whose policies are not in the bundle.
pub(super) fn of_name<'d>(
    directory: &'d Directory,
    principal: Principal,
    everything: &'d PolicySet,
) -> Vec<Candidate<'d>> {
    let mut found = Vec::new();
    if principal == Principal::Anonymous {
        found.push(Candidate {
            principal: Principal::User {
                account: ANYONE.into(),
                arn: ANYONE.into(),
            },
            account: None,
            context: outside(None),
            identity: vec![everything],
            boundary: None,
            is_outside: true,
            session: None,
            made_by: None,
            claimed: None,
            is_any_service: false,
            is_session: false,
        });
    }
    found.extend(one_of_name(directory, principal, everything));
    found
}

/// Services of any name, where policies let everyone in and tell services from others.
pub(super) fn any_service<'d>(
    named: &[Principal],
    policies: &[&PolicySet],
) -> Option<Candidate<'d>> {
    let everyone = named.contains(&Principal::Anonymous);
    if !everyone || !possible::asks(policies, &OF_SERVICES) {
        return None;
    }
    let mut context = Map::new();
    context.set("aws:PrincipalIsAWSService", "true");
    Some(Candidate {
        principal: Principal::Service {
            name: ANY_SERVICE.into(),
        },
        account: None,
        context,
        identity: Vec::new(),
        boundary: None,
        is_outside: false,
        session: None,
        made_by: None,
        claimed: None,
        is_any_service: true,
        is_session: false,
    })
}

/// What is known of those who are not in the bundle.
fn outside(account: Option<AccountId>) -> Map {
    let mut context = Map::new();
    context.set("aws:PrincipalIsAWSService", "false");
    if let Some(account) = account {
        context.set("aws:PrincipalAccount", account.as_str());
    }
    context
}

fn one_of_name<'d>(
    directory: &'d Directory,
    principal: Principal,
    everything: &'d PolicySet,
) -> Option<Candidate<'d>> {
    let account = principal.account().and_then(AccountId::parse);
    let is_own = account.is_some_and(|account| directory.account(account).is_some());
    if let (Some(account), true) = (account, is_own) {
        // Users, roles and roots are candidates already; a session that is named by itself is not.
        if let Principal::FederatedUser { arn, .. } = &principal {
            let context = known(directory, account, arn, "FederatedUser", &[]);
            return Some(Candidate {
                account: Some(account),
                made_by: Some("an IAM user of its account".into()),
                context,
                principal,
                identity: Vec::new(),
                boundary: None,
                is_outside: false,
                session: None,
                claimed: None,
                is_any_service: false,
                is_session: true,
            });
        }
        let Principal::RoleSession { role_arn, .. } = &principal else {
            return None;
        };
        let name = role_arn.rsplit('/').next()?;
        let role = directory.role_named(account, name)?;
        return Some(of_role(directory, role, with_role(&principal, role)));
    }
    let mut context = outside(account);
    match &principal {
        Principal::Service { name } => {
            context
                .set("aws:PrincipalIsAWSService", "true")
                .set("aws:PrincipalServiceName", &**name)
                .set_many("aws:PrincipalServiceNamesList", [&**name]);
        }
        Principal::Anonymous => {
            context.set("aws:PrincipalType", "Anonymous");
        }
        Principal::Root { .. }
        | Principal::User { .. }
        | Principal::RoleSession { .. }
        | Principal::Role { .. }
        | Principal::FederatedUser { .. }
        | Principal::Federated { .. } => {}
    }
    Some(Candidate {
        is_outside: account.is_some(),
        principal,
        account,
        context,
        identity: vec![everything],
        boundary: None,
        session: None,
        made_by: None,
        claimed: None,
        is_any_service: false,
        is_session: false,
    })
}

fn with_role(principal: &Principal, role: &Role) -> Principal {
    Principal::RoleSession {
        account: role.account.as_str().into(),
        arn: principal.name().into(),
        role_arn: Arc::clone(&role.arn),
    }
}

pub(super) fn of_user<'d>(directory: &'d Directory, user: &'d User) -> Candidate<'d> {
    let mut context = known(directory, user.account, &user.arn, "User", &user.tags);
    context
        .set("aws:username", &*user.name)
        .set("aws:userid", &*user.id);
    Candidate {
        principal: Principal::User {
            account: user.account.as_str().into(),
            arn: user.arn.clone(),
        },
        account: Some(user.account),
        context,
        identity: std::iter::once(&user.policies)
            .chain(user.groups.iter().map(|group| &group.policies))
            .collect(),
        boundary: user.boundary.as_ref(),
        is_outside: false,
        session: None,
        made_by: None,
        claimed: None,
        is_any_service: false,
        is_session: false,
    }
}

/// The groups that tokens may name of users, with the providers whose tokens those are.
pub(super) fn claimable(directory: &Directory) -> impl Iterator<Item = (&Provider, &Group)> {
    let providers = directory.providers().iter().filter(|provider| {
        provider.map.groups.is_some() && matches!(provider.map.target, Target::User(_))
    });
    providers.flat_map(move |provider| {
        let own = directory
            .groups()
            .filter(move |group| group.account == provider.account);
        own.map(move |group| (&**provider, &**group))
    })
}

/// Whether a token may add a group to a user's own.
pub(super) fn may_be_added(user: &User, group: &Group) -> bool {
    user.account == group.account && !user.groups.iter().any(|own| own.arn == group.arn)
}

/// A user whose token names a group besides its own.
pub(super) fn with_group<'d>(
    directory: &'d Directory,
    user: &'d User,
    provider: &Provider,
    group: &'d Group,
) -> Candidate<'d> {
    let mut candidate = of_user(directory, user);
    candidate.identity.push(&group.policies);
    candidate.claimed = Some(claimed(provider, group));
    candidate
}

/// The group, and whose tokens name it.
pub(super) fn claimed(provider: &Provider, group: &Group) -> Claimed {
    Claimed {
        group: group.name.clone(),
        provider: (*provider.name).into(),
    }
}

/// Users as tokens may present them: with one group more, of those that allow the action. Several groups allow no more
/// than one of them does alone: an Allow is one statement of one policy.
pub(super) fn by_claims<'d>(
    directory: &'d Directory,
    action: &str,
) -> impl Iterator<Item = Candidate<'d>> {
    let groups = claimable(directory)
        .filter(move |(_, group)| possible::allows_action(&group.policies, action));
    groups.flat_map(move |(provider, group)| {
        let others = directory
            .users()
            .filter(move |user| may_be_added(user, group));
        others.map(move |user| with_group(directory, user, provider, group))
    })
}

/// How the ARNs end that stand for a user's federated sessions of any name.
const FEDERATED: &str = ":federated-user/*";

/// The sessions that a user makes by GetFederationToken; `None`: its ARN has no partition.
pub(super) fn federated<'d>(
    directory: &'d Directory,
    user: &'d User,
    everything: &'d PolicySet,
) -> Option<Candidate<'d>> {
    let partition = user.arn.split(':').nth(1)?;
    let arn = format!("arn:{partition}:sts::{}{FEDERATED}", user.account);
    let own = of_user(directory, user);
    Some(Candidate {
        context: known(directory, user.account, &arn, "FederatedUser", &user.tags),
        principal: Principal::FederatedUser {
            account: user.account.as_str().into(),
            arn: arn.into(),
            user_arn: Arc::clone(&user.arn),
        },
        session: Some(everything),
        made_by: Some((*user.arn).into()),
        is_session: true,
        ..own
    })
}

fn of_role<'d>(directory: &'d Directory, role: &'d Role, principal: Principal) -> Candidate<'d> {
    Candidate {
        principal,
        account: Some(role.account),
        context: known(
            directory,
            role.account,
            &role.arn,
            "AssumedRole",
            &role.tags,
        ),
        identity: vec![&role.policies],
        boundary: role.boundary.as_ref(),
        is_outside: false,
        session: None,
        made_by: None,
        claimed: None,
        is_any_service: false,
        is_session: true,
    }
}

/// The keys that follow from who somebody is.
fn known(
    directory: &Directory,
    account: AccountId,
    arn: &str,
    kind: &str,
    tags: &[(Box<str>, Box<str>)],
) -> Map {
    let mut context = Map::new();
    context
        .set("aws:PrincipalArn", arn)
        .set("aws:PrincipalAccount", account.as_str())
        .set("aws:PrincipalType", kind)
        .set("aws:PrincipalIsAWSService", "false")
        .set("aws:ViaAWSService", "false");
    if let Some(path) = directory.organization_path(account) {
        if let Some(id) = directory.organization_id() {
            context.set("aws:PrincipalOrgID", id);
        }
        context.set_many("aws:PrincipalOrgPaths", [path]);
    }
    for (key, value) in tags {
        context.set(&format!("aws:PrincipalTag/{key}"), &**value);
    }
    context
}
