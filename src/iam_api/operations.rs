//! Every operation of the API by its name, and what does it.

use crate::directory;
use crate::query_api::error::Error;

use super::entity::Kind;
use super::nothing::{self, Whose};
use super::simulate::Of;
use super::writes::{self, Subject};
use super::{
    Answer, Call, accessed, account, details, entity, factors, groups, keys, may_call, policies,
    providers, report, roles, simulate, users,
};

/// An operation.
#[derive(Debug)]
pub(crate) struct Operation {
    text: &'static str,
    does: Does,
}

type Reading = for<'c, 'a> fn(&'c mut Call<'a>) -> Answer;

#[derive(Debug)]
enum Does {
    Read(Reading),
    Simulate(Of),
    /// A list of what Sidegate has none of.
    Empty(&'static str, Whose),
    /// One of what Sidegate has none of: the parameter that names it, what ARNs call it, and what people do.
    Absent(&'static str, &'static str, &'static str),
    Write(Subject),
}

impl Operation {
    /// `iam:GetUser`
    pub(crate) fn text(&self) -> &'static str {
        self.text
    }

    /// `GetUser`
    pub(super) fn name(&self) -> &'static str {
        self.text.split_at(4).1
    }

    /// Does it.
    pub(crate) async fn run(&self, call: &mut Call<'_>) -> Answer {
        may_call(call.caller)?;
        match &self.does {
            Does::Read(read) => read(call),
            Does::Simulate(of) => simulate::run(call, *of).await,
            Does::Write(subject) => writes::refuse(call, *subject),
            Does::Absent(parameter, word, kind) => {
                let name = call.form.get(parameter).unwrap_or("*");
                let name: String = name.chars().take(128).collect();
                call.authorize(&call.arn(&format!("{word}/{name}"))?, None)?;
                let name = name.escape_debug();
                Err(Error::no_such_entity(format!(
                    "{kind} {name} cannot be found."
                )))
            }
            Does::Empty(list, whose) => nothing::list(call, list, *whose),
        }
    }
}

/// The operation of a name.
pub(crate) fn find(name: &str) -> Option<&'static Operation> {
    let mut all = READS.iter().chain(&WRITES);
    all.find(|operation| operation.name() == name)
}

const fn read(text: &'static str, read: Reading) -> Operation {
    Operation {
        text,
        does: Does::Read(read),
    }
}

const fn simulation(text: &'static str, of: Of) -> Operation {
    Operation {
        text,
        does: Does::Simulate(of),
    }
}

const fn empty(text: &'static str, list: &'static str, whose: Whose) -> Operation {
    Operation {
        text,
        does: Does::Empty(list, whose),
    }
}

const fn absent(
    text: &'static str,
    parameter: &'static str,
    word: &'static str,
    kind: &'static str,
) -> Operation {
    Operation {
        text,
        does: Does::Absent(parameter, word, kind),
    }
}

const fn write(text: &'static str, subject: Subject) -> Operation {
    Operation {
        text,
        does: Does::Write(subject),
    }
}

static READS: [Operation; 65] = [
    read("iam:GenerateCredentialReport", report::generate),
    read("iam:GenerateServiceLastAccessedDetails", accessed::generate),
    read("iam:GetAccessKeyLastUsed", keys::last_used),
    read("iam:GetAccountAuthorizationDetails", details::get),
    read("iam:GetAccountPasswordPolicy", account::password_policy),
    read("iam:GetAccountSummary", account::summary),
    read("iam:GetContextKeysForCustomPolicy", |call| {
        simulate::context_keys(call, Of::Custom)
    }),
    read("iam:GetContextKeysForPrincipalPolicy", |call| {
        simulate::context_keys(call, Of::Principal)
    }),
    read("iam:GetCredentialReport", report::get),
    read("iam:GetGroup", groups::get),
    read("iam:GetGroupPolicy", |call| {
        entity::inline_policy(call, Kind::Group)
    }),
    read("iam:GetLoginProfile", keys::login_profile),
    read("iam:GetMFADevice", factors::get),
    read("iam:GetOpenIDConnectProvider", providers::get_oidc),
    read("iam:GetPolicy", policies::get),
    read("iam:GetPolicyVersion", policies::get_version),
    read("iam:GetRole", roles::get),
    read("iam:GetRolePolicy", |call| {
        entity::inline_policy(call, Kind::Role)
    }),
    read("iam:GetSAMLProvider", providers::get_saml),
    read("iam:GetServiceLastAccessedDetails", accessed::get),
    read(
        "iam:GetServiceLastAccessedDetailsWithEntities",
        accessed::get_entities,
    ),
    read("iam:GetUser", users::get),
    read("iam:GetUserPolicy", |call| {
        entity::inline_policy(call, Kind::User)
    }),
    read("iam:ListAccessKeys", keys::list),
    read("iam:ListAccountAliases", account::aliases),
    read("iam:ListAttachedGroupPolicies", |call| {
        entity::attached_policies(call, Kind::Group)
    }),
    read("iam:ListAttachedRolePolicies", |call| {
        entity::attached_policies(call, Kind::Role)
    }),
    read("iam:ListAttachedUserPolicies", |call| {
        entity::attached_policies(call, Kind::User)
    }),
    read("iam:ListEntitiesForPolicy", policies::entities),
    read("iam:ListGroupPolicies", |call| {
        entity::inline_policies(call, Kind::Group)
    }),
    read("iam:ListGroups", groups::list),
    read("iam:ListGroupsForUser", users::groups),
    read("iam:ListMFADeviceTags", factors::tags),
    read("iam:ListMFADevices", factors::list),
    read("iam:ListOpenIDConnectProviderTags", |call| {
        providers::tags(call, directory::provider::Kind::Oidc)
    }),
    read("iam:ListOpenIDConnectProviders", providers::list_oidc),
    read("iam:ListPolicies", policies::list),
    read("iam:ListPoliciesGrantingServiceAccess", accessed::policies),
    read("iam:ListPolicyTags", policies::tags),
    read("iam:ListPolicyVersions", policies::versions),
    read("iam:ListRolePolicies", |call| {
        entity::inline_policies(call, Kind::Role)
    }),
    read("iam:ListRoleTags", |call| entity::tags(call, Kind::Role)),
    read("iam:ListRoles", roles::list),
    read("iam:ListSAMLProviderTags", |call| {
        providers::tags(call, directory::provider::Kind::Saml)
    }),
    read("iam:ListSAMLProviders", providers::list_saml),
    read("iam:ListUserPolicies", |call| {
        entity::inline_policies(call, Kind::User)
    }),
    read("iam:ListUserTags", |call| entity::tags(call, Kind::User)),
    read("iam:ListUsers", users::list),
    read("iam:ListVirtualMFADevices", factors::list_virtual),
    absent(
        "iam:GetInstanceProfile",
        "InstanceProfileName",
        "instance-profile",
        "Instance Profile",
    ),
    read("iam:GetSSHPublicKey", nothing::ssh_public_key),
    absent(
        "iam:GetServiceLinkedRoleDeletionStatus",
        "DeletionTaskId",
        "role",
        "The deletion task",
    ),
    absent(
        "iam:GetDelegationRequest",
        "DelegationRequestId",
        "delegation-request",
        "The delegation request",
    ),
    empty(
        "iam:ListDelegationRequests",
        "DelegationRequests",
        Whose::Accounts(&["OwnerId"]),
    ),
    absent(
        "iam:GetServerCertificate",
        "ServerCertificateName",
        "server-certificate",
        "The Server Certificate with name",
    ),
    absent(
        "iam:ListInstanceProfileTags",
        "InstanceProfileName",
        "instance-profile",
        "Instance Profile",
    ),
    absent(
        "iam:ListServerCertificateTags",
        "ServerCertificateName",
        "server-certificate",
        "The Server Certificate with name",
    ),
    empty(
        "iam:ListInstanceProfiles",
        "InstanceProfiles",
        Whose::Paths("instance-profile"),
    ),
    empty(
        "iam:ListInstanceProfilesForRole",
        "InstanceProfiles",
        Whose::Roles,
    ),
    empty("iam:ListSSHPublicKeys", "SSHPublicKeys", Whose::Users),
    empty(
        "iam:ListServerCertificates",
        "ServerCertificateMetadataList",
        Whose::Paths("server-certificate"),
    ),
    empty(
        "iam:ListServiceSpecificCredentials",
        "ServiceSpecificCredentials",
        Whose::AllUsers,
    ),
    empty("iam:ListSigningCertificates", "Certificates", Whose::Users),
    simulation("iam:SimulateCustomPolicy", Of::Custom),
    simulation("iam:SimulatePrincipalPolicy", Of::Principal),
];

static WRITES: [Operation; 108] = [
    write("iam:AcceptDelegationRequest", Subject::Nothing),
    write("iam:AcquireRole", Subject::Nothing),
    write("iam:AddClientIDToOpenIDConnectProvider", Subject::Oidc),
    write("iam:AddRoleToInstanceProfile", Subject::Nothing),
    write("iam:AddUserToGroup", Subject::Member),
    write("iam:AssociateDelegationRequest", Subject::Nothing),
    write("iam:AttachGroupPolicy", Subject::Group),
    write("iam:AttachRolePolicy", Subject::Role),
    write("iam:AttachUserPolicy", Subject::User),
    write("iam:ChangePassword", Subject::Credential),
    write("iam:CreateAccessKey", Subject::Credential),
    write("iam:CreateAccountAlias", Subject::Account),
    write("iam:CreateDelegationRequest", Subject::Nothing),
    write("iam:CreateGroup", Subject::Group),
    write("iam:CreateInstanceProfile", Subject::Nothing),
    write("iam:CreateLoginProfile", Subject::Credential),
    write("iam:CreateOpenIDConnectProvider", Subject::Oidc),
    write("iam:CreatePolicy", Subject::Policy),
    write("iam:CreatePolicyVersion", Subject::Policy),
    write("iam:CreateRole", Subject::Role),
    write("iam:CreateSAMLProvider", Subject::Saml),
    write("iam:CreateServiceLinkedRole", Subject::Nothing),
    write("iam:CreateServiceSpecificCredential", Subject::Nothing),
    write("iam:CreateUser", Subject::User),
    write("iam:CreateVirtualMFADevice", Subject::Device),
    write("iam:DeactivateMFADevice", Subject::Credential),
    write("iam:DeleteAccessKey", Subject::Credential),
    write("iam:DeleteAccountAlias", Subject::Account),
    write("iam:DeleteAccountPasswordPolicy", Subject::Account),
    write("iam:DeleteGroup", Subject::Group),
    write("iam:DeleteGroupPolicy", Subject::Group),
    write("iam:DeleteInstanceProfile", Subject::Nothing),
    write("iam:DeleteLoginProfile", Subject::Credential),
    write("iam:DeleteOpenIDConnectProvider", Subject::Oidc),
    write("iam:DeletePolicy", Subject::Policy),
    write("iam:DeletePolicyVersion", Subject::Policy),
    write("iam:DeleteRole", Subject::Role),
    write("iam:DeleteRolePermissionsBoundary", Subject::Role),
    write("iam:DeleteRolePolicy", Subject::Role),
    write("iam:DeleteSAMLProvider", Subject::Saml),
    write("iam:DeleteSSHPublicKey", Subject::Nothing),
    write("iam:DeleteServerCertificate", Subject::Nothing),
    write("iam:DeleteServiceLinkedRole", Subject::Nothing),
    write("iam:DeleteServiceSpecificCredential", Subject::Nothing),
    write("iam:DeleteSigningCertificate", Subject::Nothing),
    write("iam:DeleteUser", Subject::User),
    write("iam:DeleteUserPermissionsBoundary", Subject::User),
    write("iam:DeleteUserPolicy", Subject::User),
    write("iam:DeleteVirtualMFADevice", Subject::Device),
    write("iam:DetachGroupPolicy", Subject::Group),
    write("iam:DetachRolePolicy", Subject::Role),
    write("iam:DetachUserPolicy", Subject::User),
    write(
        "iam:DisableOrganizationsRootCredentialsManagement",
        Subject::Nothing,
    ),
    write("iam:DisableOrganizationsRootSessions", Subject::Nothing),
    write("iam:DisableOutboundWebIdentityFederation", Subject::Nothing),
    write("iam:EnableMFADevice", Subject::Credential),
    write(
        "iam:EnableOrganizationsRootCredentialsManagement",
        Subject::Nothing,
    ),
    write("iam:EnableOrganizationsRootSessions", Subject::Nothing),
    write("iam:EnableOutboundWebIdentityFederation", Subject::Nothing),
    write("iam:PutAccountProperties", Subject::Nothing),
    write("iam:PutGroupPolicy", Subject::Group),
    write("iam:PutRolePermissionsBoundary", Subject::Role),
    write("iam:PutRolePolicy", Subject::Role),
    write("iam:PutUserPermissionsBoundary", Subject::User),
    write("iam:PutUserPolicy", Subject::User),
    write("iam:RejectDelegationRequest", Subject::Nothing),
    write("iam:RemoveClientIDFromOpenIDConnectProvider", Subject::Oidc),
    write("iam:RemoveRoleFromInstanceProfile", Subject::Nothing),
    write("iam:RemoveUserFromGroup", Subject::Member),
    write("iam:ResetServiceSpecificCredential", Subject::Nothing),
    write("iam:ResyncMFADevice", Subject::Credential),
    write("iam:SendDelegationToken", Subject::Nothing),
    write("iam:SetDefaultPolicyVersion", Subject::Policy),
    write("iam:SetSecurityTokenServicePreferences", Subject::Nothing),
    write("iam:TagInstanceProfile", Subject::Nothing),
    write("iam:TagMFADevice", Subject::Nothing),
    write("iam:TagOpenIDConnectProvider", Subject::Oidc),
    write("iam:TagPolicy", Subject::PolicyTags),
    write("iam:TagRole", Subject::Role),
    write("iam:TagSAMLProvider", Subject::Saml),
    write("iam:TagServerCertificate", Subject::Nothing),
    write("iam:TagUser", Subject::User),
    write("iam:UntagInstanceProfile", Subject::Nothing),
    write("iam:UntagMFADevice", Subject::Nothing),
    write("iam:UntagOpenIDConnectProvider", Subject::Oidc),
    write("iam:UntagPolicy", Subject::PolicyTags),
    write("iam:UntagRole", Subject::Role),
    write("iam:UntagSAMLProvider", Subject::Saml),
    write("iam:UntagServerCertificate", Subject::Nothing),
    write("iam:UntagUser", Subject::User),
    write("iam:UpdateAccessKey", Subject::Credential),
    write("iam:UpdateAccountPasswordPolicy", Subject::Account),
    write("iam:UpdateAssumeRolePolicy", Subject::Role),
    write("iam:UpdateDelegationRequest", Subject::Nothing),
    write("iam:UpdateGroup", Subject::Group),
    write("iam:UpdateLoginProfile", Subject::Credential),
    write("iam:UpdateOpenIDConnectProviderThumbprint", Subject::Oidc),
    write("iam:UpdateRole", Subject::Role),
    write("iam:UpdateRoleDescription", Subject::Role),
    write("iam:UpdateSAMLProvider", Subject::Saml),
    write("iam:UpdateSSHPublicKey", Subject::Nothing),
    write("iam:UpdateServerCertificate", Subject::Nothing),
    write("iam:UpdateServiceSpecificCredential", Subject::Nothing),
    write("iam:UpdateSigningCertificate", Subject::Nothing),
    write("iam:UpdateUser", Subject::User),
    write("iam:UploadSSHPublicKey", Subject::Nothing),
    write("iam:UploadServerCertificate", Subject::Nothing),
    write("iam:UploadSigningCertificate", Subject::Nothing),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        let all: Vec<&str> = READS.iter().chain(&WRITES).map(Operation::text).collect();
        let unique: std::collections::BTreeSet<&&str> = all.iter().collect();
        assert_eq!(unique.len(), all.len());
        assert!(all.iter().all(|text| text.starts_with("iam:")));
        assert_eq!(find("GetUser").unwrap().text(), "iam:GetUser");
        assert!(find("iam:GetUser").is_none() && find("getuser").is_none());
    }
}
