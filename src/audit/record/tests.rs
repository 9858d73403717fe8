use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

static IDENTITY: OnceLock<Vec<u8>> = OnceLock::new();

fn ann() -> UserIdentity<'static> {
    UserIdentity {
        kind: "AssumedRole",
        principal_id: Some("AROAEXAMPLE:ann"),
        arn: Some("arn:aws:sts::555566667777:assumed-role/image-service/ann"),
        account: Some("555566667777"),
        access_key: Some("ASIAEXAMPLE"),
        user_name: Some("ann"),
        session: Some(Session {
            issuer_arn: Some("arn:aws:iam::555566667777:role/service/image-service"),
            issuer_id: Some("AROAEXAMPLE"),
            issuer_account: Some("555566667777"),
            created: Some(Timestamp::from_seconds(1_795_426_000)),
            mfa: Some(true),
            federated_provider: Some("arn:aws:iam::555566667777:oidc-provider/idp.example"),
            source_identity: Some("ann@securecart.example"),
        }),
    }
}

fn record() -> Record<'static> {
    Record {
        time: Timestamp::from_seconds(1_795_426_200),
        request_id: "0b5e2f9a-1",
        event_id: "e-1",
        identity: IDENTITY.get_or_init(|| ann().json()),
        source_ip: "10.0.0.7".parse().unwrap(),
        user_agent: Some(b"curl/8"),
        action: Some("orders:GetOrder"),
        region: Some("us-east-1"),
        resources: &[Resource {
            arn: "arn:aws:orders::555566667777:order/7",
            account: Some("555566667777"),
        }],
        recipient_account: Some("555566667777"),
        method: "GET",
        path: Some("/orders/7"),
        client_request_id: Some(b"abc-1"),
        snapshot: Some("9f86d081"),
        service: Some("orders"),
        route: Some("GET /orders/{id}"),
        status: Some(403),
        error_message: Some("User: x is not authorized"),
        decision: Decision {
            reason: Reason::ExplicitDeny,
            layer: Some("a service control policy"),
            policy: Some("no-destructive-actions"),
            statement: Some(2),
            sid: Some("DenyDelete"),
            provider: Some("corp"),
        },
    }
}

fn read(record: &Record<'_>) -> Value {
    let mut out = Vec::new();
    record.write(&mut out);
    assert_eq!(out.pop(), Some(b'\n'));
    assert!(!out.contains(&b'\n'));
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_record_is_a_cloudtrail_event() {
    assert_eq!(
        read(&record()),
        json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": "AROAEXAMPLE:ann",
                "arn": "arn:aws:sts::555566667777:assumed-role/image-service/ann",
                "accountId": "555566667777",
                "accessKeyId": "ASIAEXAMPLE",
                "userName": "ann",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": "AROAEXAMPLE",
                        "arn": "arn:aws:iam::555566667777:role/service/image-service",
                        "accountId": "555566667777",
                        "userName": "image-service"
                    },
                    "attributes": {
                        "creationDate": "2026-11-23T09:26:40Z",
                        "mfaAuthenticated": "true"
                    },
                    "webIdFederationData": {
                        "federatedProvider": "arn:aws:iam::555566667777:oidc-provider/idp.example"
                    },
                    "sourceIdentity": "ann@securecart.example"
                }
            },
            "eventTime": "2026-11-23T09:30:00Z",
            "eventSource": "orders",
            "eventName": "GetOrder",
            "awsRegion": "us-east-1",
            "sourceIPAddress": "10.0.0.7",
            "userAgent": "curl/8",
            "errorCode": "AccessDenied",
            "errorMessage": "User: x is not authorized",
            "requestID": "0b5e2f9a-1",
            "eventID": "e-1",
            "resources": [{
                "ARN": "arn:aws:orders::555566667777:order/7",
                "accountId": "555566667777"
            }],
            "recipientAccountId": "555566667777",
            "method": "GET",
            "path": "/orders/7",
            "clientRequestId": "abc-1",
            "snapshot": "9f86d081",
            "service": "orders",
            "route": "GET /orders/{id}",
            "status": 403,
            "additionalEventData": {
                "decision": "explicitDeny",
                "reason": "explicit_deny",
                "layer": "a service control policy",
                "policy": "no-destructive-actions",
                "statement": 2,
                "sid": "DenyDelete",
                "provider": "corp"
            }
        })
    );
}

#[test]
fn an_allowed_request_has_no_error() {
    let mut record = record();
    record.decision.reason = Reason::Allowed;
    let value = read(&record);
    assert_eq!(value.get("errorCode"), None);
    assert_eq!(value.get("errorMessage"), None);
    assert_eq!(value["additionalEventData"]["decision"], "allowed");
}

#[test]
fn what_a_client_chose_is_bounded_and_escaped() {
    let mut record = record();
    let agent = [b"\"\x1b[31m\xff\n".as_slice(), &[b'a'; 2000]].concat();
    record.user_agent = Some(&agent);
    record.path = None;
    for id in [
        "with space",
        "caf\u{e9}",
        "line\nfeed",
        &"x".repeat(MAX_CLIENT_REQUEST_ID + 1),
    ] {
        record.client_request_id = Some(id.as_bytes());
        let value = read(&record);
        assert_eq!(value.get("clientRequestId"), None, "{id}");
        let agent = value["userAgent"].as_str().unwrap();
        assert!(agent.starts_with("\"\u{1b}[31m\u{fffd}\na"));
        assert!(agent.len() < 2 * MAX_USER_AGENT);
    }
}

#[test]
fn every_kind_of_principal_has_its_words() {
    let account = "111122223333";
    let principals = [
        (
            Principal::Root {
                account: account.into(),
                arn: "arn:aws:iam::111122223333:root".into(),
            },
            "Root",
        ),
        (
            Principal::RoleSession {
                account: account.into(),
                arn: "arn:aws:sts::111122223333:assumed-role/r/s".into(),
                role_arn: "arn:aws:iam::111122223333:role/p/r".into(),
            },
            "AssumedRole",
        ),
        (Principal::Anonymous, "Anonymous"),
    ];
    for (principal, kind) in &principals {
        let mut record = record();
        let identity = UserIdentity::of(principal).json();
        record.identity = &identity;
        let value = read(&record);
        assert_eq!(value["userIdentity"]["type"], *kind);
        assert_eq!(
            value["userIdentity"]["accountId"].as_str(),
            principal.account()
        );
    }
}

proptest! {
    #[test]
    fn times_are_written_as_the_library_writes_them(seconds in -62_167_219_200_i64..=253_402_207_200) {
        // Whatever second was written before.
        for seconds in [seconds, seconds, seconds / 2, seconds] {
            let time = Timestamp::from_seconds(seconds);
            let text = utc(time);
            prop_assert_eq!(std::str::from_utf8(&text).unwrap(), time.rfc3339());
        }
    }

    #[test]
    fn any_time_has_a_form(milliseconds in any::<i64>()) {
        let text = utc(Timestamp::from_milliseconds(milliseconds));
        prop_assert!(text.is_ascii() && text.ends_with(b"Z"));
    }
}
