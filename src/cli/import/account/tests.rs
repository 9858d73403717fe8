use serde_json::{Value, json};

use super::*;
use crate::bundle::{self, Files, Options};
use crate::directory::provider::KeySource;

/// What is done to an input.
type Edit<'e> = &'e dyn Fn(&mut Value);

const FIXTURE: &str = include_str!("../../../../tests/interop/iam_api/account.json");

fn fixture() -> Value {
    serde_json::from_str(FIXTURE).unwrap()
}

fn made(input: &Value) -> Result<Written, String> {
    bundle(&input.to_string(), "in.json", "app").map_err(|Failed(message)| message)
}

fn files(written: &Written) -> Files {
    let mut files = Files::new();
    for (path, text) in &written.files {
        files.insert(path, text.clone().into_bytes());
    }
    files
}

#[test]
fn an_account_becomes_a_valid_bundle() {
    let written = made(&fixture()).unwrap();
    assert_eq!(
        written.summary,
        "4 users, 3 groups, 6 roles and 9 policies of account 123456789012"
    );
    let snapshot = bundle::load(&files(&written), &Options::default());
    let snapshot = snapshot.unwrap_or_else(|faults| panic!("{faults:?}\n{:?}", written.files));
    let directory = &snapshot.directory;
    let charlie = "arn:aws:iam::123456789012:user/engineering/platform/Charlie";
    let charlie = directory.user(charlie).unwrap();
    assert_eq!(charlie.groups.len(), 1);
    let bound = charlie.boundary.as_ref().unwrap().policies();
    assert!(
        bound[0].text().contains("iam:Get*"),
        "the default version is not the latest"
    );
    // Each policy's text is what came in, its members in their order and of their types.
    for policy in fixture()["Policies"].as_array().unwrap() {
        let found = directory.policy(policy["Arn"].as_str().unwrap()).unwrap();
        let default = policy["PolicyVersionList"].as_array().unwrap();
        let default = default
            .iter()
            .find(|version| version["IsDefaultVersion"] == true)
            .unwrap();
        let text: Value = serde_json::from_str(found.policy.text()).unwrap();
        assert_eq!(text, default["Document"]);
        assert_eq!(*found.version.id, *default["VersionId"].as_str().unwrap());
    }
    for role in fixture()["RoleDetailList"].as_array().unwrap() {
        let found = directory.role(role["Arn"].as_str().unwrap()).unwrap();
        let text: Value = serde_json::from_str(found.trust.policies()[0].text()).unwrap();
        assert_eq!(text, role["AssumeRolePolicyDocument"]);
    }
}

#[test]
fn what_aws_allows_and_files_do_not() {
    let mut input = fixture();
    let user = &mut input["UserDetailList"][0];
    user["UserName"] = json!(".ci");
    user["Path"] = json!("/team:a/");
    user["Arn"] = json!("arn:aws:iam::123456789012:user/team:a/.ci");
    let written = made(&input).unwrap();
    let snapshot = bundle::load(&files(&written), &Options::default());
    let snapshot = snapshot.unwrap_or_else(|faults| panic!("{faults:?}"));
    let arn = "arn:aws:iam::123456789012:user/team:a/.ci";
    assert_eq!(&*snapshot.directory.user(arn).unwrap().name, ".ci");
    let lambda = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    assert!(!snapshot.directory.policy(lambda).unwrap().attachable);
}

/// The providers that roles trust exist, and let nobody in.
#[test]
fn providers_are_there_to_be_completed() {
    let mut input = fixture();
    let trust = &mut input["RoleDetailList"][4]["AssumeRolePolicyDocument"];
    let eks = "arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id";
    trust["Statement"][0]["Principal"]["Federated"] = json!([
        format!("{eks}/0123456789ABCDEF0123456789ABCDEF"),
        format!("{eks}-0123456789ABCDEF0123456789ABCDEF"),
        "arn:aws:iam::123456789012:oidc-provider/AWSSSO_0123_DO_NOT_DELETE",
        "accounts.google.com",
    ]);
    let written = made(&input).unwrap();
    assert_eq!(written.to_complete.len(), 5, "{:?}", written.to_complete);
    let snapshot = bundle::load(&files(&written), &Options::default());
    let snapshot = snapshot.unwrap_or_else(|faults| panic!("{faults:?}"));
    let providers = snapshot.directory.providers();
    assert_eq!(providers.len(), 5);
    for provider in providers {
        if let Some(metadata) = provider.metadata() {
            let metadata = crate::saml::Metadata::read(metadata).unwrap();
            let now = crate::clock::Clock::machine().now();
            let refused = crate::saml::verify("PHgvPg==", &metadata, provider, now);
            assert!(refused.unwrap_err().to_string().contains("expired"));
            assert_eq!(&*provider.name, "AWSSSO_0123_DO_NOT_DELETE");
        } else {
            let KeySource::File { path, content } = &provider.keys.source else {
                panic!("{provider:?}");
            };
            assert!(content.is_none() && path.starts_with("/to-be-completed"));
            assert!(provider.introspection.is_none());
        }
    }
    // A name that would lead elsewhere names no file.
    for name in ["../x", "a/b", "", "x y", "#"] {
        let arn = format!("arn:aws:iam::123456789012:saml-provider/{name}");
        let trust = &mut input["RoleDetailList"][5]["AssumeRolePolicyDocument"];
        trust["Statement"][0]["Principal"]["Federated"] = json!(arn);
        let written = made(&input).unwrap();
        for path in written.files.keys() {
            assert!(
                path.split('/').count() <= 4 && !path.contains(".."),
                "{path}"
            );
        }
    }
}

#[test]
fn documents_may_be_percent_encoded_text() {
    let mut input = fixture();
    let trust = &mut input["RoleDetailList"][1]["AssumeRolePolicyDocument"];
    let mut text = String::new();
    for byte in trust.to_string().bytes() {
        text.push_str(&format!("%{byte:02X}"));
    }
    *trust = json!(text);
    let written = made(&input).unwrap();
    assert_eq!(written.files, made(&fixture()).unwrap().files);
}

#[test]
fn what_would_lose_something_is_refused() {
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut input = fixture();
        edit(&mut input);
        made(&input).unwrap_err()
    };
    let cases: [(Edit<'_>, &str); 12] = [
        (
            &|all| all["IsTruncated"] = json!(true),
            "one page of several",
        ),
        (&|all| all["NextToken"] = json!("x"), "one page of several"),
        (&|all| *all = json!({}), "not what"),
        (&|all| *all = json!({"UserDetailList": []}), "which account"),
        (
            &|all| all["UserDetailList"][0]["Arn"] = json!("arn:aws:iam::1:x"),
            "`Arn`",
        ),
        (
            &|all| all["UserDetailList"][0]["Arn"] = json!("arn:aws:iam::210987654321:user/Alice"),
            "is not of account",
        ),
        (
            &|all| all["UserDetailList"][0]["UserName"] = json!("../x"),
            "no name",
        ),
        (
            &|all| all["Policies"][0]["IsAttachable"] = json!("no"),
            "IsAttachable",
        ),
        (
            &|all| all["RoleDetailList"][0]["RoleName"] = json!("%.x"),
            "no name",
        ),
        (
            &|all| all["UserDetailList"][0]["UserName"] = json!("Bob"),
            "the same name",
        ),
        (
            &|all| {
                all["Policies"]
                    .as_array_mut()
                    .unwrap()
                    .retain(|policy| policy["PolicyName"] != "AdministratorAccess");
            },
            "--filter",
        ),
        (
            &|all| all["Policies"][0]["DefaultVersionId"] = json!("v9"),
            "v9",
        ),
    ];
    for (edit, part) in cases {
        let message = edited(edit);
        assert!(
            message.contains(part) && message.starts_with("in.json:"),
            "{part}: {message}"
        );
    }
    assert!(bundle("{", "in.json", "x").is_err());
    assert!(bundle(FIXTURE, "in.json", "../x").is_err());
}

proptest::proptest! {
    #[test]
    fn reading_is_total(at in 0usize..40_000, by in "[{}\\[\\]\",:a-z0-9]{0,3}") {
        let mut input = FIXTURE.to_owned();
        let at = (at..input.len()).find(|at| input.is_char_boundary(*at)).unwrap_or(input.len());
        input.insert_str(at, &by);
        if let Ok(written) = bundle(&input, "x", "app") {
            for path in written.files.keys() {
                proptest::prop_assert!(!path.contains("..") || path.matches('/').count() <= 3);
                proptest::prop_assert!(!path.split('/').any(|part| part == ".." || part.is_empty()));
            }
        }
    }
}
