//! What is said of the account as a whole: its alias, password policy and numbers.

use crate::authn::KeyOwner;
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::page::{self, Page};
use super::{Answer, Call};
use crate::directory::PasswordPolicy;

pub(super) fn aliases(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &page::PARAMETERS)?;
    let page = Page::read(call.form)?;
    call.authorize("*", None)?;
    let account = call.directory().account(call.account()?);
    let alias = account.and_then(|account| account.alias.as_deref());
    let (found, rest) = page.cut(alias, |alias| (*alias).to_owned());
    let mut members = Members::default();
    members.texts("AccountAliases", found);
    rest.write(&mut members);
    Ok(members)
}

pub(super) fn password_policy(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[])?;
    call.authorize("*", None)?;
    let account = call.account()?;
    let policy = call.directory().account(account);
    let policy = policy.map(|account| account.password_policy);
    let Some(policy) = policy.filter(|policy| *policy != PasswordPolicy::default()) else {
        let message = format!("The Password Policy with domain name {account} cannot be found.");
        return Err(Error::no_such_entity(message));
    };
    let mut members = Members::default();
    members.inner("PasswordPolicy", |inner| {
        inner
            .number("MinimumPasswordLength", usize::from(policy.minimum_length))
            .boolean("RequireSymbols", policy.require_symbols)
            .boolean("RequireNumbers", policy.require_numbers)
            .boolean("RequireUppercaseCharacters", policy.require_uppercase)
            .boolean("RequireLowercaseCharacters", policy.require_lowercase)
            .boolean("AllowUsersToChangePassword", policy.allow_users_to_change)
            .boolean("ExpirePasswords", policy.max_age_days.is_some());
        if let Some(days) = policy.max_age_days {
            inner.number("MaxPasswordAge", usize::from(days));
        }
        if let Some(count) = policy.reuse_prevention {
            inner.number("PasswordReusePrevention", usize::from(count));
        }
        inner.boolean("HardExpiry", policy.hard_expiry);
    });
    Ok(members)
}

/// IAM's quotas, which are warnings here.
const QUOTAS: [(&str, usize); 22] = [
    ("UsersQuota", 5_000),
    ("GroupsQuota", 300),
    ("RolesQuota", 1_000),
    ("PoliciesQuota", 1_500),
    ("InstanceProfilesQuota", 1_000),
    ("ServerCertificatesQuota", 20),
    ("UserPolicySizeQuota", 2_048),
    ("GroupPolicySizeQuota", 5_120),
    ("RolePolicySizeQuota", 10_240),
    ("PolicySizeQuota", 6_144),
    ("AssumeRolePolicySizeQuota", 2_048),
    ("AttachedPoliciesPerUserQuota", 10),
    ("AttachedPoliciesPerGroupQuota", 10),
    ("AttachedPoliciesPerRoleQuota", 10),
    ("GroupsPerUserQuota", 10),
    ("AccessKeysPerUserQuota", 2),
    ("SigningCertificatesPerUserQuota", 2),
    ("VersionsPerPolicyQuota", 5),
    ("PolicyVersionsInUseQuota", 10_000),
    ("GlobalEndpointTokenVersion", 2),
    ("InstanceProfiles", 0),
    ("ServerCertificates", 0),
];

pub(super) fn summary(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[])?;
    call.authorize("*", None)?;
    let (directory, account) = (call.directory(), call.account()?);
    let devices = directory.users_of(account);
    let devices = devices.map(|user| call.devices_of(user).count());
    let users_with = directory.users_of(account);
    let users_with = users_with
        .filter(|user| call.devices_of(user).next().is_some())
        .count();
    let root_device = call.root_device()?;
    let own = call.policies()?;
    let own = own.iter().filter(|policy| policy.account.is_some()).count();
    let providers = directory.providers().iter();
    let providers = providers
        .filter(|provider| provider.exists_in(account))
        .count();
    let root_keys = call.access_keys.of(&KeyOwner::Root(account));
    let counts = [
        ("Users", directory.users_of(account).count()),
        ("Groups", directory.groups_of(account).count()),
        ("Roles", directory.roles_of(account).count()),
        ("Policies", own),
        ("PolicyVersionsInUse", own),
        ("Providers", providers),
        ("MFADevices", devices.sum()),
        ("MFADevicesInUse", users_with),
        ("AccountMFAEnabled", usize::from(root_device.is_some())),
        ("AccountPasswordPresent", 0),
        (
            "AccountAccessKeysPresent",
            usize::from(!root_keys.is_empty()),
        ),
        ("AccountSigningCertificatesPresent", 0),
    ];
    let all = counts.iter().chain(&QUOTAS);
    let mut members = Members::default();
    members.map(
        "SummaryMap",
        all.map(|(name, number)| (name, number.to_string())),
    );
    Ok(members)
}
