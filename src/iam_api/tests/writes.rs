//! What a write is answered with: the file that is really to be edited.

use super::*;

/// Each is refused, with these words.
fn told(user: &str, cases: &[(&str, String, &str)]) {
    let world = world(user);
    for (action, query, words) in cases {
        let (code, message) = world.ask(action, query).unwrap_err();
        assert_eq!(code, "UnmodifiableEntity", "{message}");
        assert!(
            message.contains(words) && message.starts_with(action),
            "{words}: {message}"
        );
    }
}

#[test]
fn writes_name_the_file() {
    let folder = format!("accounts/{ACCOUNT}-app");
    let file = |name: &str| format!("{folder}/{name}");
    let cases = [
        ("CreateUser", "UserName=bob", file("users/bob.yaml")),
        ("CreateUser", "UserName=.bob", file("users/%.bob.yaml")),
        ("DeleteUser", "UserName=alice", file("users/alice.yaml")),
        (
            "AttachRolePolicy",
            "RoleName=app&PolicyArn=arn:aws:iam::aws:policy/x",
            file("roles/app.yaml"),
        ),
        (
            "AddUserToGroup",
            "GroupName=admins&UserName=u001",
            file("users/u001.yaml"),
        ),
        (
            "CreatePolicyVersion",
            "PolicyArn=arn:aws:iam::555566667777:policy/shop/orders",
            file("policies/orders.json"),
        ),
        (
            "TagPolicy",
            "PolicyArn=arn:aws:iam::555566667777:policy/shop/orders",
            file("policies/orders.yaml"),
        ),
        ("UpdateAccountPasswordPolicy", "", file("account.yaml")),
    ];
    let cases = cases.map(|(action, query, file)| (action, query.to_owned(), file));
    for (action, query, file) in cases {
        told("staff/alice", &[(action, query, &file)]);
    }
}

#[test]
fn what_is_no_file_of_the_account_is_said_to_be_so() {
    let alice = alice();
    let sso = alice.snapshot.directory.roles();
    let sso = { sso }.find(|role| role.permission_set.is_some()).unwrap();
    told(
        "staff/alice",
        &[
            (
                "DeletePolicyVersion",
                "PolicyArn=arn:aws:iam::aws:policy/Predefined".to_owned(),
                "edit managed/Predefined.json",
            ),
            (
                "TagPolicy",
                "PolicyArn=arn:aws:iam::aws:policy/Predefined".to_owned(),
                "edit managed/Predefined.yaml",
            ),
            (
                "DeletePolicy",
                format!("PolicyArn=arn:aws:iam::{OTHER}:policy/a/b"),
                "accounts/111111111111-NAME/policies/b.json",
            ),
            (
                "PutRolePolicy",
                format!("RoleName={}", sso.name),
                "permission-sets/Developers.yaml",
            ),
            (
                "CreateRole",
                "RoleName=AWSReservedSSO_Auditors_0123456789abcdef".to_owned(),
                "permission-sets/NAME.yaml",
            ),
            (
                "DeleteOpenIDConnectProvider",
                format!(
                    "OpenIDConnectProviderArn={}",
                    arn("oidc-provider/idp.example/corp")
                ),
                "edit identity-providers/corp.yaml",
            ),
            (
                "CreateOpenIDConnectProvider",
                "Url=https://a.example/x".to_owned(),
                "a new identity-providers/NAME.yaml",
            ),
            (
                "CreateSAMLProvider",
                "Name=login".to_owned(),
                "identity-providers/login.yaml",
            ),
            ("CreateAccessKey", String::new(), "sidegate credentials"),
            (
                "CreateVirtualMFADevice",
                "VirtualMFADeviceName=x".to_owned(),
                "sidegate credentials",
            ),
            (
                "CreateInstanceProfile",
                String::new(),
                "nothing of this kind",
            ),
        ],
    );
    for (action, query) in [
        ("DeleteUser", "UserName=nobody"),
        ("AttachRolePolicy", "RoleName=nobody"),
        ("AddUserToGroup", "GroupName=nobody&UserName=alice"),
        ("RemoveUserFromGroup", "GroupName=admins&UserName=nobody"),
        ("CreateLoginProfile", "UserName=nobody"),
        (
            "CreatePolicyVersion",
            "PolicyArn=arn:aws:iam::555566667777:policy/none",
        ),
        (
            "DeletePolicy",
            "PolicyArn=arn:aws:iam::aws:policy/NoSuchPolicy",
        ),
        (
            "DeleteSAMLProvider",
            "SAMLProviderArn=arn:aws:iam::555566667777:saml-provider/x",
        ),
    ] {
        assert_eq!(alice.code(action, query), "NoSuchEntity", "{action}");
    }
    for (action, query) in [
        ("CreateUser", ""),
        ("CreateUser", "UserName=x&Path=x"),
        ("DeleteUser", "UserName=a/b"),
    ] {
        assert_eq!(alice.code(action, query), "ValidationError", "{query}");
    }
}

/// Each is judged on what it is about: the user u002 may do it to that alone.
#[test]
fn writes_are_judged_on_what_they_are_about() {
    let resource = |rest: &str| arn(rest);
    for (action, query, about) in [
        ("CreateUser", "UserName=x&Path=/p/", resource("user/p/x")),
        ("TagUser", "UserName=alice", resource("user/staff/alice")),
        (
            "AddUserToGroup",
            "GroupName=admins&UserName=alice",
            resource("group/admins"),
        ),
        (
            "CreateOpenIDConnectProvider",
            "Url=https://a.example/x/",
            resource("oidc-provider/a.example/x"),
        ),
        (
            "CreateSAMLProvider",
            "Name=login",
            resource("saml-provider/login"),
        ),
        (
            "UpdateSAMLProvider",
            "SAMLProviderArn=arn:aws:iam::555566667777:saml-provider/login",
            resource("saml-provider/login"),
        ),
        (
            "TagOpenIDConnectProvider",
            "OpenIDConnectProviderArn=arn:aws:iam::555566667777:oidc-provider/idp.example/corp",
            resource("oidc-provider/idp.example/corp"),
        ),
        (
            "DeleteVirtualMFADevice",
            "SerialNumber=arn:aws:iam::555566667777:mfa/spare",
            resource("mfa/spare"),
        ),
    ] {
        let (_, message) = world("many/u002").ask(action, query).unwrap_err();
        assert!(
            message.ends_with(&format!("iam:{action} on resource: {about}")),
            "{message}"
        );
    }
}
