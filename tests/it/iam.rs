//! The IAM reads through the real binary: an imported account is asked over the socket, by signed calls, and on record.

use std::net::SocketAddr;

use serde_json::Value;
use sidegate::cli::demo::signer;
use sidegate::clock::Clock;

use crate::signed;
use crate::support::{Answer, Sidegate, Site, Upstream, command, eventually, run};

const ACCOUNT: &str = include_str!("../interop/iam_api/account.json");
const AUDITOR: &str = "arn:aws:iam::123456789012:user/security.auditor@example.com";
const BOB: &str = "arn:aws:iam::123456789012:user/Bob";
const KEY: &str = "AKIAAUDITORAUDITOR01";
const BOBS_KEY: &str = "AKIABOBBOBBOBBOBBO01";
const SECRET: &str = "secret-secret-secret-secret-secret-secret";

struct World {
    sidegate: Sidegate,
    site: Site,
    sts: SocketAddr,
}

/// What a call is signed for.
#[derive(Clone, Copy)]
struct Scope {
    key: &'static str,
    service: &'static str,
    region: &'static str,
}

const USUAL: Scope = Scope {
    key: KEY,
    service: "iam",
    region: "us-east-1",
};

fn world() -> World {
    let upstream = Upstream::start();
    let site = Site::with_bundle(&upstream, "nothing");
    site.write("account.json", ACCOUNT);
    let (code, out, said) = run(
        &["import", "account.json", "--to", "imported"],
        &site.path("."),
    );
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.matches("complete it").count(), 3, "{said}");
    assert_eq!(
        out,
        "4 users, 3 groups, 6 roles and 9 policies of account 123456789012 are in imported\n"
    );
    let settings = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    let settings = settings.replace("./policies", "./imported");
    site.write(
        "sidegate.yaml",
        &format!(
            "{settings}keyring: ./keyring.yaml\ncredentials: ./credentials.yaml\n\
             sts: {{ address: \"127.0.0.1:0\", region: eu-central-1 }}\n\
             state: {{ path: ./state/ }}\nadmin: {{ address: \"127.0.0.1:0\", token_file: ./admin-token }}\n"
        ),
    );
    let key = |id: &str, user: &str| {
        format!(
            "- {{ id: {id}, secret: \"{SECRET}\", user: \"{user}\", status: Active, created: \"2026-01-02T03:04:05Z\" }}\n"
        )
    };
    let keys = [key(KEY, AUDITOR), key(BOBS_KEY, BOB)].concat();
    site.write("credentials.yaml", &format!("access_keys:\n{keys}"));
    let (code, _, said) = run(&["keyring", "new"], &site.path("."));
    assert_eq!(code, 0, "{said}");
    let sidegate = Sidegate::start(&site);
    let sts = sidegate.listener("sts");
    World {
        sidegate,
        site,
        sts,
    }
}

impl World {
    fn call(&self, scope: Scope, parameters: &str) -> Answer {
        let body = format!("Version=2010-05-08&{parameters}");
        let credentials = signer::Credentials {
            access_key: scope.key,
            secret: SECRET,
            token: None,
        };
        let place = (scope.service, scope.region);
        signed::call(self.sts, &credentials, place, &body, Clock::machine().now())
    }

    fn ask(&self, parameters: &str) -> String {
        let answer = self.call(USUAL, parameters);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    fn refused(&self, scope: Scope, parameters: &str) -> (u16, String) {
        let answer = self.call(scope, parameters);
        let text = answer.text();
        assert!(
            text.starts_with("<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">")
        );
        (answer.status, inner(&text, "Code").to_owned())
    }
}

fn inner<'x>(xml: &'x str, name: &str) -> &'x str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap();
    rest.split_once(&format!("</{name}>")).unwrap().0
}

#[test]
fn an_imported_account_is_read() {
    let world = world();
    let own = world.ask("Action=GetUser");
    assert!(own.starts_with(
        "<GetUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetUserResult><User>"
    ));
    assert_eq!(inner(&own, "Arn"), AUDITOR);
    let details = world.ask("Action=GetAccountAuthorizationDetails");
    let count = |name: &str| details.matches(&format!("<{name}>")).count();
    assert_eq!(
        (
            count("UserName"),
            count("GroupId"),
            count("RoleId"),
            count("PolicyId")
        ),
        (4, 3, 6, 9)
    );
    let simulated = world.ask(&format!(
        "Action=SimulatePrincipalPolicy&PolicySourceArn={BOB}&ActionNames.member.1=iam:GetUser&ActionNames.member.2=s3:ListBucket"
    ));
    let decisions: Vec<&str> = simulated.split("<EvalDecision>").skip(1).collect();
    assert!(decisions[0].starts_with("explicitDeny") && decisions[1].starts_with("allowed"));
    assert!(
        decisions[0].contains("<SourcePolicyId>user_Bob_DenyBillingAndIAMPolicy</SourcePolicyId>")
    );
    let keys = world.ask("Action=ListAccessKeys");
    assert_eq!(inner(&keys, "CreateDate"), "2026-01-02T03:04:05Z");
    assert!(!keys.contains(SECRET));
}

#[test]
fn a_revoked_key_is_told_as_inactive() {
    let world = world();
    let status = || {
        let keys = world.ask("Action=ListAccessKeys&UserName=Bob");
        inner(&keys, "Status").to_owned()
    };
    assert_eq!(status(), "Active");
    let admin = world.sidegate.listener("admin").to_string();
    let revoked = command()
        .args(["sessions", "revoke", "--access-key", BOBS_KEY])
        .env("SIDEGATE_ADMIN__ADDRESS", admin)
        .current_dir(world.site.path("."))
        .output()
        .unwrap();
    assert!(revoked.status.success(), "{revoked:?}");
    assert_eq!(status(), "Inactive");
}

#[test]
fn who_may_not_and_what_is_not_there() {
    let world = world();
    let bob = Scope {
        key: BOBS_KEY,
        ..USUAL
    };
    // Bob is an administrator, but for what his own policy denies.
    assert_eq!(
        world.refused(bob, "Action=ListUsers"),
        (403, "AccessDenied".into())
    );
    assert_eq!(
        world.refused(USUAL, "Action=GetUser&UserName=Eve"),
        (404, "NoSuchEntity".into())
    );
    assert_eq!(
        world.refused(USUAL, "Action=CreateUser&UserName=Eve"),
        (400, "UnmodifiableEntity".into())
    );
    assert_eq!(
        world.refused(USUAL, "Action=MakeTea"),
        (400, "InvalidAction".into())
    );
    assert_eq!(
        world.refused(USUAL, "Action=AssumeRole"),
        (400, "InvalidAction".into())
    );
    let wrong = |scope| world.refused(scope, "Action=ListUsers");
    let mismatch = (403, "SignatureDoesNotMatch".to_owned());
    assert_eq!(
        wrong(Scope {
            service: "sts",
            ..USUAL
        }),
        mismatch
    );
    assert_eq!(
        wrong(Scope {
            region: "us-west-1",
            ..USUAL
        }),
        mismatch
    );
    // The region of the endpoint is as good as the one that IAM's clients sign for everywhere.
    assert_eq!(
        world
            .call(
                Scope {
                    region: "eu-central-1",
                    ..USUAL
                },
                "Action=ListUsers"
            )
            .status,
        200
    );
    let unknown = Scope {
        key: "AKIANOBODYNOBODYNO01",
        ..USUAL
    };
    assert_eq!(wrong(unknown), (403, "InvalidClientTokenId".into()));
    let records: Vec<Value> = eventually("records", || {
        let all = world.site.audit();
        (all.len() >= 9).then_some(all)
    });
    let of = |at: usize, key: &str| records[at][key].as_str().unwrap_or("-").to_owned();
    assert_eq!(
        (of(0, "eventName"), of(0, "errorCode")),
        ("ListUsers".into(), "AccessDenied".into())
    );
    assert_eq!(of(0, "eventSource"), "iam");
    assert_eq!(records[0]["userIdentity"]["arn"], BOB);
    assert_eq!(of(2, "eventName"), "CreateUser");
    assert_eq!(
        records[2]["resources"][0]["ARN"],
        "arn:aws:iam::123456789012:user/Eve"
    );
}

#[test]
fn an_import_writes_nothing_over() {
    let site = Site::new();
    site.write("account.json", ACCOUNT);
    site.write("full/mine.txt", "mine");
    let import = |arguments: &[&str]| run(&[&["import"], arguments].concat(), &site.path("."));
    let (code, _, said) = import(&["account.json", "--to", "full"]);
    assert_eq!(code, 2);
    assert!(said.contains("full is not empty"), "{said}");
    let (code, _, said) = import(&["account.json", "--to", "account.json"]);
    assert_eq!(code, 2, "{said}");
    let (code, _, said) = import(&["none.json", "--to", "new"]);
    assert_eq!(code, 2, "{said}");
    site.write(
        "part.json",
        &ACCOUNT.replacen('{', "{\"IsTruncated\": true,", 1),
    );
    assert_eq!(import(&["part.json", "--to", "new"]).0, 2);
    assert!(!site.path("new").exists());
    // A bundle that does not hold is there to be mended, and said to be so.
    site.write("odd.json", &ACCOUNT.replacen("\"Allow\"", "\"Maybe\"", 1));
    let (code, _, said) = import(&["odd.json", "--to", "odd"]);
    assert_eq!(
        (code, site.path("odd/organization.yaml").exists()),
        (1, true),
        "{said}"
    );
    let entries = std::fs::read_dir(site.path(".")).unwrap();
    let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !names
            .iter()
            .any(|name| name.to_string_lossy().starts_with('.')),
        "{names:?}"
    );
    std::fs::create_dir(site.path("empty")).unwrap();
    assert_eq!(
        import(&["account.json", "--to", "empty", "--name", "shop"]).0,
        0
    );
    assert!(
        site.path("empty/accounts/123456789012-shop/users/Bob.yaml")
            .exists()
    );
    let (code, out, _) = run(&["check", "empty"], &site.path("."));
    assert_eq!(code, 0, "{out}");
}

/// One call by one who may simulate costs a bounded memory and answer, however much it asks for.
#[test]
fn a_simulation_of_many_context_keys_is_bounded() {
    let world = world();
    world.ask("Action=GetUser");
    let idle = world.sidegate.peak();
    for (keys, actions, resources) in [(4_400, 100, 1), (10_000, 31, 32)] {
        let conditions: Vec<String> = (0..keys).map(|key| format!("\"a:{key:x}\":\"\"")).collect();
        let mut query = format!(
            "Action=SimulateCustomPolicy&MaxItems=1000&PolicyInputList.member.1={{\"Statement\":{{\"Effect\":\"Allow\",\
             \"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{{\"StringEquals\":{{{}}}}}}}}}",
            conditions.join(",")
        );
        for number in 1..=actions {
            query.push_str(&format!("&ActionNames.member.{number}=a:b{number}"));
        }
        for number in 1..=resources {
            query.push_str(&format!(
                "&ResourceArns.member.{number}=arn:aws:a:::{number}"
            ));
        }
        let answer = world.ask(&query);
        assert!(answer.contains("<IsTruncated>true</IsTruncated>"));
        assert!(answer.len() < 2 * 1024 * 1024 + 1024, "{}", answer.len());
        let grown = world.sidegate.peak().saturating_sub(idle);
        assert!(grown < 40 * 1024, "{grown} KiB more than idle");
    }
}
