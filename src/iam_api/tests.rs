//! Operations on a small account, asked without HTTP.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::authn::Identity;
use crate::bundle::{Files, Options};
use crate::clock::Timestamp;
use crate::query_api::AboutKey;
use crate::secret::Secret;
use crate::state::LastUse;

mod nothing;
mod reports;
mod simulations;
mod writes;

const ACCOUNT: &str = "555566667777";
const OTHER: &str = "111111111111";

#[derive(Debug)]
struct Keys;

impl AccessKeys for Keys {
    fn find(&self, _: &str) -> Option<(KeyOwner, Secret<Box<str>>)> {
        None
    }

    fn of(&self, owner: &KeyOwner) -> Vec<AboutKey> {
        match owner {
            KeyOwner::User(arn) if arn.ends_with("user/staff/alice") => vec![AboutKey {
                id: "AKIAALICEALICEALICE1".into(),
                active: true,
                created: Some(Timestamp::from_seconds(1_700_000_000)),
            }],
            KeyOwner::User(_) | KeyOwner::Root(_) | KeyOwner::Session(_) => Vec::new(),
        }
    }

    fn owner(&self, id: &str) -> Option<KeyOwner> {
        match id {
            "AKIAALICEALICEALICE1" => Some(KeyOwner::User(arn("user/staff/alice").into())),
            "AKIAFOREIGNFOREIGN01" => Some(KeyOwner::User(
                format!("arn:aws:iam::{OTHER}:user/eve").into(),
            )),
            _ => None,
        }
    }

    fn last_used(&self, id: &str) -> Option<LastUse> {
        (id == "AKIAALICEALICEALICE1").then(|| LastUse {
            at: Timestamp::from_seconds(1_750_000_000),
            service: "orders".into(),
            region: "eu-west-1".into(),
        })
    }

    fn factors(&self) -> Vec<Box<str>> {
        let mut all = vec![arn("mfa/alice").into(), arn("mfa/spare").into()];
        all.push(format!("arn:aws:iam::{OTHER}:mfa/eve").into());
        all
    }

    fn password(&self, user: &str) -> Option<Option<Timestamp>> {
        let changed = Timestamp::from_seconds(1_740_000_000);
        user.ends_with("alice").then_some(Some(changed))
    }
}

fn arn(rest: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{rest}")
}

fn allow(action: &str, resource: &str) -> serde_json::Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]})
}

fn snapshot() -> Snapshot {
    let account = format!("accounts/{ACCOUNT}-app");
    let other = format!("accounts/{OTHER}-other");
    let mut files = Files::new();
    let trust = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}});
    for (path, content) in [
        (
            "organization.yaml".to_owned(),
            json!({"partition": "aws", "id": "o-testtesttest", "management_account": OTHER,
                "root": {"accounts": [OTHER, {"id": ACCOUNT, "scps": ["FullAWSAccess", "no-delete"]}]}}),
        ),
        (
            "scps/no-delete.json".to_owned(),
            json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Deny", "Action": "orders:Delete*", "Resource": "*"}]}),
        ),
        (
            format!("{account}/account.yaml"),
            json!({"id": ACCOUNT, "name": "app", "alias": "shop", "password_policy": {"minimum_password_length": 14, "max_password_age": 90}}),
        ),
        (
            format!("{other}/account.yaml"),
            json!({"id": OTHER, "name": "other"}),
        ),
        (
            format!("{other}/users/eve.yaml"),
            json!({"tags": {"a": "b"}}),
        ),
        (
            format!("{account}/users/alice.yaml"),
            json!({"path": "/staff/", "created": "2013-10-14T18:32:24Z", "tags": {"Team": "a:b"},
                "groups": ["admins"], "permissions_boundary": "bound", "managed_policies": ["orders", "Predefined"],
                "mfa_devices": [arn("mfa/alice")],
                "inline_policies": {"own": {"Version": "2012-10-17", "Statement": [
                    {"Sid": "A", "Effect": "Allow", "Action": "orders:Get*", "Resource": "arn:aws:orders:::${aws:username}/*",
                     "Condition": {"Bool": {"aws:SecureTransport": true}}}]}}}),
        ),
        (
            format!("{account}/groups/admins.yaml"),
            json!({"inline_policies": {"all": allow("iam:*", "*")}}),
        ),
        (
            format!("{account}/roles/app.yaml"),
            json!({"trust_policy": trust, "description": "the app", "max_session_duration": 7200,
                "managed_policies": ["orders"]}),
        ),
        (
            format!("{account}/policies/orders.json"),
            allow("orders:*", "*"),
        ),
        (
            format!("{account}/policies/orders.yaml"),
            json!({"path": "/shop/", "version": "v3", "created": "2014-01-01T00:00:00Z",
                "updated": "2015-01-01T00:00:00Z", "description": "d", "tags": {"k": "v"}}),
        ),
        (format!("{account}/policies/bound.json"), allow("*", "*")),
        (
            format!("{account}/policies/bound.yaml"),
            json!({"attachable": false}),
        ),
        ("managed/Predefined.json".to_owned(), allow("other:*", "*")),
        (
            "identity-providers/corp.yaml".to_owned(),
            json!({"type": "oidc", "account": ACCOUNT, "issuer": "https://idp.example/corp",
                "audiences": ["app"], "keys": {"discovery": true},
                "map": {"session_name": "{claim:sub}", "groups": "{claim:groups}"}}),
        ),
        (
            "permission-sets/Developers.yaml".to_owned(),
            json!({"provider": "corp", "managed_policies": ["Predefined"],
                "assignments": [{"group": "admins", "account": ACCOUNT}]}),
        ),
    ] {
        let content = if content.get("Version").is_some() {
            serde_json::to_string_pretty(&content).unwrap()
        } else {
            content.to_string()
        };
        files.insert(&path, content.into_bytes());
    }
    for number in 0..150 {
        let path = format!("{account}/users/u{number:03}.yaml");
        // A device without a seed is none that anybody could show.
        let device = match number {
            0 => format!("mfa_devices: [{}]\n", arn("mfa/lost")),
            1 => format!("inline_policies: {}\n", reports::spy()),
            _ => String::new(),
        };
        files.insert(&path, format!("path: /many/\n{device}").into_bytes());
    }
    crate::bundle::load(&files, &Options::default()).unwrap_or_else(|faults| panic!("{faults:?}"))
}

struct World {
    snapshot: Snapshot,
    caller: Caller,
}

fn world(user: &str) -> World {
    let snapshot = snapshot();
    let user = Arc::clone(
        snapshot
            .directory
            .user(&arn(&format!("user/{user}")))
            .unwrap(),
    );
    let identity = Identity::of_user(&snapshot.directory, &user);
    World {
        snapshot,
        caller: Caller {
            identity: Arc::new(identity),
            kind: Kind::User,
        },
    }
}

fn alice() -> World {
    world("staff/alice")
}

impl World {
    /// The answer's members, or code and message of a refusal.
    fn ask(&self, action: &str, query: &str) -> Result<String, (&'static str, String)> {
        let form = Form::parse(query.as_bytes(), false).unwrap();
        let operation = find(action).unwrap();
        let mut seen = Seen::default();
        let mut call = Call {
            snapshot: &self.snapshot,
            request: RequestFacts {
                now: Timestamp::from_seconds(1_800_000_000),
                source: "127.0.0.1".parse().unwrap(),
                secure: false,
                user_agent: None,
                referer: None,
                region: "us-east-1",
            },
            form: &form,
            access_keys: &Keys,
            caller: &self.caller,
            operation,
            seen: &mut seen,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let answer = runtime.block_on(operation.run(&mut call));
        match answer {
            Ok(members) => {
                // Whatever is answered was decided, and is on record.
                assert!(
                    seen.decision.is_some() && seen.resource.is_some(),
                    "{action}"
                );
                Ok(members.as_str().to_owned())
            }
            Err(error) => Err((error.code, error.message)),
        }
    }

    fn code(&self, action: &str, query: &str) -> &'static str {
        self.ask(action, query).unwrap_err().0
    }
}

#[test]
fn a_user_as_it_is_written() {
    let xml = alice().ask("GetUser", "").unwrap();
    assert!(xml.contains("<Path>/staff/</Path><UserName>alice</UserName><UserId>AIDA"));
    assert!(xml.contains("<CreateDate>2013-10-14T18:32:24Z</CreateDate>"));
    let bound = arn("policy/bound");
    assert!(xml.contains(&format!(
        "<PermissionsBoundaryType>Policy</PermissionsBoundaryType><PermissionsBoundaryArn>{bound}</PermissionsBoundaryArn>"
    )));
    assert!(xml.contains("<Tags><member><Key>Team</Key><Value>a:b</Value></member></Tags>"));
    assert_eq!(xml, alice().ask("GetUser", "UserName=alice").unwrap());
    let policy = alice()
        .ask("GetUserPolicy", "UserName=alice&PolicyName=own")
        .unwrap();
    assert!(policy.contains("<PolicyDocument>%7B%22Statement%22%3A%5B%7B"));
    assert!(
        policy.contains("%22aws%3ASecureTransport%22%3Atrue"),
        "types stay what they were: {policy}"
    );
}

#[test]
fn who_is_not_there_and_who_may_not_ask() {
    let alice = alice();
    for (action, query) in [
        ("GetUser", "UserName=nobody"),
        ("GetUser", "UserName=eve"),
        ("GetRole", "RoleName=nobody"),
        ("GetGroup", "GroupName=nobody"),
        ("GetUserPolicy", "UserName=alice&PolicyName=none"),
        (
            "GetPolicy",
            "PolicyArn=arn:aws:iam::555566667777:policy/none",
        ),
        (
            "GetPolicyVersion",
            "PolicyArn=arn:aws:iam::555566667777:policy/shop/orders&VersionId=v1",
        ),
        (
            "GetOpenIDConnectProvider",
            "OpenIDConnectProviderArn=arn:aws:iam::555566667777:oidc-provider/x",
        ),
        ("GetAccessKeyLastUsed", "AccessKeyId=AKIAFOREIGNFOREIGN01"),
        (
            "GenerateServiceLastAccessedDetails",
            "Arn=arn:aws:iam::111111111111:user/eve",
        ),
        (
            "SimulatePrincipalPolicy",
            "PolicySourceArn=arn:aws:iam::111111111111:user/eve&ActionNames.member.1=a:b",
        ),
        (
            "GetServiceLastAccessedDetails",
            "JobId=00000000-0000-0000-0000-000000000000",
        ),
        (
            "GetServiceLastAccessedDetailsWithEntities",
            "JobId=00000000-0000-0000-0000-000000000000&ServiceNamespace=orders",
        ),
        ("GetLoginProfile", "UserName=u000"),
        ("GetInstanceProfile", "InstanceProfileName=x"),
        (
            "GetMFADevice",
            "SerialNumber=arn:aws:iam::555566667777:mfa/lost",
        ),
        (
            "ListMFADeviceTags",
            "SerialNumber=arn:aws:iam::111111111111:mfa/eve",
        ),
        (
            "ListSAMLProviderTags",
            "SAMLProviderArn=arn:aws:iam::555566667777:saml-provider/x",
        ),
        (
            "ListPoliciesGrantingServiceAccess",
            "Arn=arn:aws:iam::111111111111:user/eve&ServiceNamespaces.member.1=orders",
        ),
    ] {
        assert_eq!(
            alice.code(action, query),
            "NoSuchEntity",
            "{action} {query}"
        );
    }
    let nobody = world("many/u000");
    for operation in [
        "ListUsers",
        "ListRoles",
        "ListGroups",
        "ListPolicies",
        "GetUser",
        "GetAccountAuthorizationDetails",
        "GetCredentialReport",
        "GenerateCredentialReport",
        "GetAccountSummary",
        "ListAccountAliases",
        "ListAccessKeys",
        "GetAccountPasswordPolicy",
        "ListMFADevices",
        "ListVirtualMFADevices",
        "GetLoginProfile",
        "GetInstanceProfile",
        "ListOpenIDConnectProviders",
        "ListSAMLProviders",
        "ListInstanceProfiles",
        "CreateAccessKey",
        "CreateInstanceProfile",
    ] {
        assert_eq!(nobody.code(operation, ""), "AccessDenied", "{operation}");
    }
    // Neither tells who may not ask whether somebody exists.
    let denied = |name: &str| {
        nobody
            .ask("GetUser", &format!("UserName={name}"))
            .unwrap_err()
    };
    assert_eq!(denied("u001").0, "AccessDenied");
    assert_eq!(denied("none").0, "AccessDenied");
    assert_eq!(nobody.code("CreateUser", "UserName=x"), "AccessDenied");
}

#[test]
fn lists_come_in_pages() {
    let alice = alice();
    let first = alice.ask("ListUsers", "PathPrefix=/many/").unwrap();
    assert_eq!(first.matches("<UserName>").count(), 100);
    assert!(first.contains("<IsTruncated>true</IsTruncated>"));
    let (_, marker) = first.split_once("<Marker>").unwrap();
    let (marker, _) = marker.split_once('<').unwrap();
    let second = alice
        .ask("ListUsers", &format!("PathPrefix=/many/&Marker={marker}"))
        .unwrap();
    assert_eq!(second.matches("<UserName>").count(), 50);
    assert!(second.contains("<IsTruncated>false</IsTruncated>") && !second.contains("<Marker>"));
    assert!(second.contains("<UserName>u100</UserName>"));
    assert_eq!(alice.code("ListUsers", "Marker=x"), "ValidationError");
    assert_eq!(alice.code("ListUsers", "Unknown=x"), "ValidationError");
    let mut seen = 0;
    let mut query = "MaxItems=7".to_owned();
    loop {
        let page = alice.ask("GetAccountAuthorizationDetails", &query).unwrap();
        seen += page.matches("<CreateDate>").count() - page.matches("<VersionId>").count();
        let Some((_, marker)) = page.split_once("<Marker>") else {
            break;
        };
        let (marker, _) = marker.split_once('<').unwrap();
        query = format!("MaxItems=7&Marker={marker}");
    }
    // 151 users, a group, two roles, three policies.
    assert_eq!(seen, 157);
}

#[test]
fn policies_and_their_use() {
    let alice = alice();
    let shop = arn("policy/shop/orders");
    let xml = alice
        .ask("GetPolicy", &format!("PolicyArn={shop}"))
        .unwrap();
    for part in [
        "<DefaultVersionId>v3</DefaultVersionId>",
        "<AttachmentCount>2</AttachmentCount>",
        "<PermissionsBoundaryUsageCount>0</PermissionsBoundaryUsageCount>",
        "<UpdateDate>2015-01-01T00:00:00Z</UpdateDate>",
        "<Description>d</Description>",
        "<IsAttachable>true</IsAttachable>",
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
    let retired = format!("PolicyArn={}", arn("policy/bound"));
    let retired = alice.ask("GetPolicy", &retired).unwrap();
    assert!(retired.contains("<IsAttachable>false</IsAttachable>"));
    let attached = alice
        .ask("ListAttachedUserPolicies", "UserName=alice")
        .unwrap();
    assert!(attached.contains(&format!(
        "<PolicyName>orders</PolicyName><PolicyArn>{shop}</PolicyArn>"
    )));
    assert!(attached.contains("<PolicyArn>arn:aws:iam::aws:policy/Predefined</PolicyArn>"));
    let under = alice
        .ask(
            "ListAttachedUserPolicies",
            "UserName=alice&PathPrefix=/shop/",
        )
        .unwrap();
    assert!(!under.contains("Predefined"));
    let names = |query: &str| {
        let xml = alice.ask("ListPolicies", query).unwrap();
        ["bound", "orders", "Predefined"].map(|name| xml.contains(&format!("<PolicyName>{name}<")))
    };
    assert_eq!(names(""), [true, true, true]);
    assert_eq!(names("Scope=Local"), [true, true, false]);
    assert_eq!(names("Scope=AWS"), [false, false, true]);
    assert_eq!(names("OnlyAttached=true"), [false, true, true]);
    assert_eq!(
        names("PolicyUsageFilter=PermissionsBoundary"),
        [true, false, false]
    );
    assert_eq!(alice.code("ListPolicies", "Scope=Mine"), "ValidationError");
    let entities = alice
        .ask("ListEntitiesForPolicy", &format!("PolicyArn={shop}"))
        .unwrap();
    assert!(entities.contains("<PolicyUsers><member><UserName>alice"));
    assert!(entities.contains("<PolicyRoles><member><RoleName>app"));
    assert!(entities.contains("<PolicyGroups></PolicyGroups>"));
    let bound = arn("policy/bound");
    let entities = alice
        .ask(
            "ListEntitiesForPolicy",
            &format!("PolicyArn={bound}&EntityFilter=User"),
        )
        .unwrap();
    assert!(entities.contains("<UserName>alice"));
}

#[test]
fn the_account() {
    let alice = alice();
    let aliases = alice.ask("ListAccountAliases", "").unwrap();
    assert!(aliases.starts_with("<AccountAliases><member>shop</member></AccountAliases>"));
    let summary = alice.ask("GetAccountSummary", "").unwrap();
    assert!(summary.contains("<entry><key>Users</key><value>151</value></entry>"));
    assert!(summary.contains("<key>MFADevicesInUse</key><value>1</value>"));
    let passwords = alice.ask("GetAccountPasswordPolicy", "").unwrap();
    assert!(passwords.contains("<MinimumPasswordLength>14</MinimumPasswordLength>"));
    let keys = alice.ask("ListAccessKeys", "").unwrap();
    assert!(keys.contains(
        "<UserName>alice</UserName><AccessKeyId>AKIAALICEALICEALICE1</AccessKeyId><Status>Active"
    ));
    let role = alice.ask("GetRole", "RoleName=app").unwrap();
    assert!(role.contains(
        "<Description>the app</Description><MaxSessionDuration>7200</MaxSessionDuration>"
    ));
    let group = alice.ask("GetGroup", "GroupName=admins").unwrap();
    assert!(group.contains("<UserName>alice</UserName>") && !group.contains("<UserName>u000"));
}

#[test]
fn sessions_that_may_not() {
    let mut alice = alice();
    alice.caller.kind = Kind::OwnSession;
    assert_eq!(alice.code("ListUsers", ""), "InvalidClientTokenId");
    let mut identity = Identity::of_user(
        &alice.snapshot.directory,
        alice.caller.identity.user.as_ref().unwrap(),
    );
    identity.mfa_present = Some(true);
    alice.caller.identity = Arc::new(identity);
    alice.ask("ListUsers", "").unwrap();
    alice.caller.kind = Kind::Federated;
    assert_eq!(alice.code("ListUsers", ""), "InvalidClientTokenId");
}
