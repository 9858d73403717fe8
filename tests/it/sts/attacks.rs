//! Calls that nobody should be able to make: forms that read in two ways, names that would leave their place, signatures
//! for something else. Each is refused in AWS's words, and each is on record.

use super::*;

const FORM: &str = "application/x-www-form-urlencoded";
const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";

impl World {
    fn raw(&self, request: &str) -> Answer {
        let mut client = Client::connect(self.sts);
        client.send(request.as_bytes());
        client.answer(false).unwrap()
    }

    /// With these lines of a head.
    fn sent(&self, first: &str, lines: &[&str], body: &str) -> Answer {
        let mut text = format!("{first} HTTP/1.1\r\nhost: {}\r\n", self.sts);
        for line in lines {
            text.push_str(&format!("{line}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        self.raw(&text)
    }

    fn of_kind(&self, kind: &str, body: &str) -> Answer {
        self.sent("POST /", &[&format!("content-type: {kind}")], body)
    }

    /// The reasons on record, once there are so many.
    fn reasons(&self, count: usize) -> Vec<String> {
        let records = eventually("the records", || {
            let all = self.site.audit();
            (all.len() >= count).then_some(all)
        });
        assert_eq!(records.len(), count);
        let reason = |record: &Value| record["additionalEventData"]["reason"].clone();
        let reasons = records.iter().map(reason);
        reasons
            .map(|reason| reason.as_str().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn what_reads_in_two_ways_is_no_call() {
    let world = world();
    let json = r#"{"Action":"GetCallerIdentity","Version":"2011-06-15"}"#;
    let many: Vec<String> = (0..5000).map(|number| format!("a{number}=1")).collect();
    let answers = [
        world.of_kind("application/json", json),
        world.of_kind("application/x-amz-json-1.1", "{}"),
        world.of_kind("multipart/form-data; boundary=x", WHO),
        world.of_kind("text/plain", WHO),
        world.sent("POST /", &[], WHO),
        world.sent(
            "POST /",
            &[
                &format!("content-type: {FORM}"),
                "content-type: application/json",
            ],
            WHO,
        ),
        world.sent("GET /", &[&format!("content-type: {FORM}")], WHO),
        world.sent("PUT /", &[&format!("content-type: {FORM}")], WHO),
        world.sent("DELETE /?Action=GetCallerIdentity", &[], ""),
        world.sent(
            "POST /?Action=GetSessionToken",
            &[&format!("content-type: {FORM}")],
            WHO,
        ),
        world.of_kind(FORM, &format!("{WHO}&Action=AssumeRole")),
        world.of_kind(FORM, &format!("{WHO}&%41ction=AssumeRole")),
        world.of_kind(FORM, "Action=%zz"),
        world.of_kind(FORM, "Action=%f"),
        world.of_kind(FORM, "Action=%c3%28"),
        world.of_kind(FORM, &many.join("&")),
        world.of_kind(FORM, &"a".repeat(300_000)),
        world.raw(&format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: {FORM}\r\ntransfer-encoding: chunked\r\n\
             content-length: 4\r\n\r\n0\r\n\r\n",
            world.sts
        )),
        // No head at all.
        world.raw("POST / HTTP/1.1\r\nhost : x\r\n\r\n"),
    ];
    for (at, answer) in answers.iter().enumerate() {
        let said = refused(answer, 400, "MalformedInput");
        assert!(!said.contains("Result>"), "{at}");
    }
    let reasons = world.reasons(answers.len());
    assert!(
        reasons.iter().all(|reason| reason == "malformed_request"),
        "{reasons:?}"
    );
}

#[test]
fn what_names_nothing_is_no_call() {
    let world = world();
    let at = |path: &str| world.sent(&format!("GET {path}"), &[], "");
    let calls: [(Answer, u16, &str); 10] = [
        (at("/sts"), 404, "InvalidAction"),
        (at("/%2f"), 404, "InvalidAction"),
        (at("/"), 400, "MissingAction"),
        (
            at("/?action=GetCallerIdentity&Version=2011-06-15"),
            400,
            "MissingAction",
        ),
        (at("/?Action=GetCallerIdentity"), 400, "InvalidAction"),
        (
            at("/?Action=GetCallerIdentity&Version=2011-06-16"),
            400,
            "InvalidAction",
        ),
        (
            at("/?Action=getcalleridentity&Version=2011-06-15"),
            400,
            "InvalidAction",
        ),
        (
            at("/?Action=sts:AssumeRole&Version=2011-06-15"),
            400,
            "InvalidAction",
        ),
        (
            at("/?Action=ListUsers&Version=2011-06-15"),
            400,
            "InvalidAction",
        ),
        (
            at("/?Action=AssumeRoot&Version=2011-06-15"),
            400,
            "InvalidAction",
        ),
    ];
    for (answer, status, code) in &calls {
        refused(answer, *status, code);
    }
    // A GET is a call as good as a POST, and a POST may have its parameters in the query, as SDKs presign it.
    for first in ["GET", "POST"] {
        let answer = world.sent(&format!("{first} /?{WHO}"), &[], "");
        refused(&answer, 403, "MissingAuthenticationToken");
    }
    let reasons = world.reasons(calls.len() + 2);
    assert!(
        reasons
            .iter()
            .filter(|reason| *reason == "no_route")
            .count()
            == calls.len(),
        "{reasons:?}"
    );
}

#[test]
fn lists_and_numbers_are_written_in_one_way() {
    let world = world();
    let pipeline = world.pipeline();
    for more in [
        &[("Tags.member.2.Key", "a"), ("Tags.member.2.Value", "b")][..],
        &[("Tags.member.0.Key", "a"), ("Tags.member.0.Value", "b")],
        &[("Tags.member.01.Key", "a"), ("Tags.member.01.Value", "b")],
        &[("Tags.1.Key", "a"), ("Tags.1.Value", "b")],
        &[("tags.member.1.Key", "a"), ("tags.member.1.Value", "b")],
        &[("Tags.member.1.Key", "a")],
        &[("Tags.member.1.Value", "a")],
        &[
            ("Tags.member.1.Key", "a"),
            ("Tags.member.1.Value", "b"),
            ("Tags.member.3.Key", "c"),
            ("Tags.member.3.Value", "d"),
        ],
        &[
            ("Tags.member.1.Key", "Stage"),
            ("Tags.member.1.Value", "b"),
            ("Tags.member.2.Key", "sTAGE"),
            ("Tags.member.2.Value", "c"),
        ],
        &[("PolicyArns.member.2.arn", "x")],
        &[("PolicyArns.member.1.Arn", "x")],
        &[("PolicyArns.member.1", "x")],
        &[("Policy.member.1", "{}")],
        &[("policy", "{}")],
        &[("SourceIdentity", "aws:x")],
        &[("RoleSessionName", "a\nb")],
        &[("RoleSessionName", "ab\0")],
        &[
            ("SerialNumber", "arn:aws:iam::111111111111:mfa/x"),
            ("TokenCode", "١٢٣٤٥٦"),
        ],
    ] {
        refused(
            &world.assume(&pipeline, DEPLOY, more),
            400,
            "ValidationError",
        );
    }
    for number in ["+900", "9e2", "900.0", " 900", "٩٠٠", "4294968196", "0x384"] {
        let more = [("DurationSeconds", number)];
        refused(
            &world.assume(&pipeline, DEPLOY, &more),
            400,
            "MalformedInput",
        );
    }
    // Many are refused before any is looked at.
    let keys: Vec<String> = (1..=2000)
        .flat_map(|number| ["Key", "Value"].map(|field| format!("Tags.member.{number}.{field}")))
        .collect();
    let tags: Vec<(&str, &str)> = keys.iter().map(|name| (&**name, &**name)).collect();
    let said = refused(
        &world.assume(&pipeline, DEPLOY, &tags),
        400,
        "ValidationError",
    );
    assert!(said.contains("less than or equal to 50"), "{said}");
    assert_eq!(world.assume(&pipeline, DEPLOY, &[]).status, 200);
}

#[test]
fn hostile_names_stay_text() {
    let world = world();
    let pipeline = world.pipeline();
    let hostile = "</Message><Code>Owned</Code><!--&\"'\u{0}\u{202e}]]>";
    let plain = |answer: &Answer| {
        let text = answer.text();
        assert!(
            !text.contains("<Code>Owned") && !text.contains("<!--"),
            "{text}"
        );
        assert_eq!(text.matches("<Code>").count(), 1, "{text}");
        assert!(
            text.chars().all(|c| !c.is_control() && c != '\u{202e}'),
            "{text}"
        );
    };
    let action = world.unsigned(&[("Action", hostile)]);
    plain(&action);
    refused(&action, 400, "InvalidAction");
    plain(&world.unsigned(&[("Action", "AssumeRole"), (hostile, "x")]));
    let arn = format!("arn:aws:iam::555566667777:role/{hostile}");
    for more in [
        [("RoleArn", &*arn)],
        [("RoleSessionName", hostile)],
        [("Tags.member.1.Key", hostile)],
        [("TransitiveTagKeys.member.1", hostile)],
        [("PolicyArns.member.1.arn", hostile)],
        [("Policy", hostile)],
        [(hostile, "x")],
    ] {
        let answer = world.assume(&pipeline, DEPLOY, &more);
        assert!(matches!(answer.status, 400 | 403), "{more:?}");
        plain(&answer);
    }
    for line in std::fs::read_to_string(world.site.path("audit/audit.jsonl"))
        .unwrap()
        .lines()
    {
        serde_json::from_str::<Value>(line).expect(line);
    }
}

#[test]
fn over_the_rate_it_is_refused_and_on_record() {
    let world = world_with(&Upstream::start(), "rate_limits: { sts: 2/1h }\n");
    let calls: Vec<Answer> = (0..4)
        .map(|_| world.unsigned(&[("Action", "GetCallerIdentity")]))
        .collect();
    for (at, answer) in calls.iter().enumerate() {
        if at < 2 {
            refused(answer, 403, "MissingAuthenticationToken");
        } else {
            refused(answer, 400, "Throttling");
        }
    }
    let reasons = world.reasons(4);
    assert_eq!(
        reasons,
        [
            "missing_credential",
            "missing_credential",
            "throttled",
            "throttled"
        ]
    );
}

/// A pipe in place of the file is not waited for: what comes after it counts.
#[test]
fn a_pipe_in_place_of_the_keyring_holds_nothing_up() {
    let world = world();
    let deploy = world.deploy(&[]);
    let keyring = world.site.path("keyring.yaml");
    let good = std::fs::read_to_string(&keyring).unwrap();
    std::fs::remove_file(&keyring).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&keyring).status();
    assert!(made.unwrap().success());
    let says = |word: &str| eventually(word, || world.sidegate.log().contains(word).then_some(()));
    says("it is no regular file");
    std::fs::remove_file(&keyring).unwrap();
    world.site.write("keyring.yaml", &good);
    says("a new keyring is used");
    assert_eq!(world.statuses(&deploy, &["/a"]), [200]);
}

/// Who stole a token that is bound to a key does not get it exchanged for one that is not.
#[test]
fn a_bound_token_is_no_web_identity() {
    let world = world();
    let key = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    for cnf in [
        json!({"jkt": key}),
        json!({"x5t#S256": key}),
        json!({"kid": "x"}),
        json!({}),
        json!("x"),
    ] {
        let token = world.jwt(json!({"cnf": cnf}));
        let answer = world.unsigned(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", PIPELINE),
            ("RoleSessionName", "run-1"),
            ("WebIdentityToken", &token),
        ]);
        refused(&answer, 400, "InvalidIdentityToken");
    }
}
