//! What is told of keys, passwords and services.

use super::*;

/// The policies of one who may ask for any job, but generate its own alone.
pub(super) fn spy() -> serde_json::Value {
    let own = [
        "iam:GenerateServiceLastAccessedDetails",
        "iam:SimulatePrincipalPolicy",
        "iam:ListSSHPublicKeys",
    ];
    json!({"spy": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["iam:GetServiceLastAccessed*", "iam:SimulateCustomPolicy"], "Resource": "*"},
        {"Effect": "Allow", "Action": own, "Resource": arn("user/many/u001")}]}})
}

#[test]
fn the_credential_report() {
    use base64::Engine;
    let alice = alice();
    assert!(
        alice
            .ask("GenerateCredentialReport", "")
            .unwrap()
            .contains("<State>COMPLETE</State>")
    );
    let xml = alice.ask("GetCredentialReport", "").unwrap();
    let (_, rest) = xml.split_once("<Content>").unwrap();
    let (content, _) = rest.split_once('<').unwrap();
    let csv = base64::engine::general_purpose::STANDARD
        .decode(content)
        .unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 153);
    assert!(
        lines.iter().all(|line| line.split(',').count() == 22),
        "{csv}"
    );
    assert!(lines[1].starts_with("<root_account>,arn:aws:iam::555566667777:root,"));
    assert_eq!(
        lines[2],
        "alice,arn:aws:iam::555566667777:user/staff/alice,2013-10-14T18:32:24Z,true,no_information,2025-02-19T21:20:00Z,2025-05-20T21:20:00Z,true,\
         true,2023-11-14T22:13:20Z,2025-06-15T15:06:40Z,eu-west-1,orders,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"
    );
}

#[test]
fn devices_without_a_seed_are_none() {
    let alice = alice();
    let of = |user: &str| alice.ask("ListMFADevices", &format!("UserName={user}"));
    let serial = arn("mfa/alice");
    assert!(of("alice").unwrap().contains(&serial));
    assert!(of("u000").unwrap().starts_with("<MFADevices></MFADevices>"));
    let serials = |status: &str| {
        let query = format!("AssignmentStatus={status}");
        let xml = alice.ask("ListVirtualMFADevices", &query).unwrap();
        let found = ["alice", "spare", "lost", "eve"];
        found.map(|name| xml.contains(&format!(":mfa/{name}</SerialNumber>")))
    };
    assert_eq!(serials("Any"), [true, true, false, false]);
    assert_eq!(serials("Assigned"), [true, false, false, false]);
    assert_eq!(serials("Unassigned"), [false, true, false, false]);
    let device = format!("SerialNumber={serial}");
    let found = alice.ask("GetMFADevice", &device).unwrap();
    assert!(found.starts_with("<UserName>alice</UserName><SerialNumber>"));
    let tags = alice.ask("ListMFADeviceTags", &device).unwrap();
    assert_eq!(tags, "<Tags></Tags><IsTruncated>false</IsTruncated>");
}

#[test]
fn passwords_and_providers() {
    let alice = alice();
    let profile = alice.ask("GetLoginProfile", "UserName=alice").unwrap();
    assert_eq!(
        profile,
        "<LoginProfile><UserName>alice</UserName><CreateDate>2025-02-19T21:20:00Z</CreateDate>\
         <PasswordResetRequired>false</PasswordResetRequired></LoginProfile>"
    );
    let provider = arn("oidc-provider/idp.example/corp");
    let query = format!("OpenIDConnectProviderArn={provider}");
    let tags = alice.ask("ListOpenIDConnectProviderTags", &query).unwrap();
    assert_eq!(tags, "<Tags></Tags><IsTruncated>false</IsTruncated>");
}

/// Whoever mistakes a secret for an id does not find it in the answer, and so not on record.
#[test]
fn what_is_no_key_id_is_not_repeated() {
    let alice = alice();
    for secret in [
        "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00",
        "AKIAlrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY0",
        "AKIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "sgk_abcdefgh_0123456789abcdef0123456789ab",
    ] {
        let query = format!("AccessKeyId={secret}");
        let (code, message) = alice.ask("GetAccessKeyLastUsed", &query).unwrap_err();
        assert_eq!(code, "NoSuchEntity");
        assert!(!message.contains(secret), "{message}");
    }
    let query = "AccessKeyId=AKIANOBODYNOBODYNO01";
    let (_, message) = alice.ask("GetAccessKeyLastUsed", query).unwrap_err();
    assert!(message.contains("AKIANOBODYNOBODYNO01"));
}

#[test]
fn when_a_key_was_used_last() {
    let alice = alice();
    let xml = alice
        .ask("GetAccessKeyLastUsed", "AccessKeyId=AKIAALICEALICEALICE1")
        .unwrap();
    assert_eq!(
        xml,
        "<UserName>alice</UserName><AccessKeyLastUsed><LastUsedDate>2025-06-15T15:06:40Z</LastUsedDate>\
         <ServiceName>orders</ServiceName><Region>eu-west-1</Region></AccessKeyLastUsed>"
    );
}

#[test]
fn services_that_are_granted() {
    let alice = alice();
    let query = format!("Arn={}", arn("user/staff/alice"));
    let xml = alice
        .ask("GenerateServiceLastAccessedDetails", &query)
        .unwrap();
    let job = xml
        .trim_start_matches("<JobId>")
        .trim_end_matches("</JobId>");
    let xml = alice
        .ask("GetServiceLastAccessedDetails", &format!("JobId={job}"))
        .unwrap();
    for name in ["orders", "iam", "other"] {
        assert!(
            xml.contains(&format!("<ServiceNamespace>{name}</ServiceNamespace>")),
            "{xml}"
        );
    }
    assert!(
        xml.contains("<JobStatus>COMPLETED</JobStatus>") && !xml.contains("LastAuthenticated>")
    );
}

#[test]
fn who_is_granted_a_service_and_by_what() {
    let alice = alice();
    let job = |rest: &str| {
        let query = format!("Arn={}", arn(rest));
        let xml = alice
            .ask("GenerateServiceLastAccessedDetails", &query)
            .unwrap();
        let job = xml.trim_start_matches("<JobId>");
        job.trim_end_matches("</JobId>").to_owned()
    };
    let names = |rest: &str, service: &str| {
        let query = format!("JobId={}&ServiceNamespace={service}", job(rest));
        let action = "GetServiceLastAccessedDetailsWithEntities";
        let xml = alice.ask(action, &query).unwrap();
        assert!(xml.contains("<JobStatus>COMPLETED</JobStatus>"));
        let found = xml.split("<Name>").skip(1);
        let found = found.map(|rest| rest.split('<').next().unwrap().to_owned());
        found.collect::<Vec<_>>()
    };
    assert_eq!(names("policy/shop/orders", "orders"), ["alice", "app"]);
    assert_eq!(names("policy/shop/orders", "s3"), [""; 0]);
    assert_eq!(names("group/admins", "iam"), ["alice"]);
    assert_eq!(names("role/app", "orders"), ["app"]);
    let query = format!(
        "Arn={}&ServiceNamespaces.member.1=orders&ServiceNamespaces.member.2=iam&ServiceNamespaces.member.3=s3",
        arn("user/staff/alice")
    );
    let xml = alice
        .ask("ListPoliciesGrantingServiceAccess", &query)
        .unwrap();
    let of: Vec<&str> = xml.split("<ServiceNamespace>").skip(1).collect();
    assert!(of[0].contains("<PolicyName>orders</PolicyName><PolicyType>MANAGED</PolicyType>"));
    assert!(of[0].contains("<EntityType>USER</EntityType><EntityName>alice</EntityName>"));
    assert!(of[1].contains("<EntityType>GROUP</EntityType><EntityName>admins</EntityName>"));
    assert!(of[2].contains("<Policies></Policies>"));
    assert_eq!(
        alice.code(
            "ListPoliciesGrantingServiceAccess",
            "Arn=arn:aws:iam::555566667777:user/x"
        ),
        "ValidationError"
    );
}

/// Whoever knows how an id is computed learns nothing by it.
#[test]
fn a_job_is_told_to_whom_could_generate_it() {
    let (alice, spy) = (alice(), world("many/u001"));
    let generate = "GenerateServiceLastAccessedDetails";
    let job = |world: &World, rest: &str| {
        let xml = world.ask(generate, &format!("Arn={}", arn(rest))).unwrap();
        let job = xml.trim_start_matches("<JobId>");
        job.trim_end_matches("</JobId>").to_owned()
    };
    let own = job(&spy, "user/many/u001");
    let unknown = "6b49d200-0000-0000-0000-000000000000";
    for (action, more) in [
        ("GetServiceLastAccessedDetails", ""),
        (
            "GetServiceLastAccessedDetailsWithEntities",
            "&ServiceNamespace=orders",
        ),
    ] {
        let ask = |id: &str| spy.ask(action, &format!("JobId={id}{more}"));
        assert!(ask(&own).is_ok());
        let (code, message) = ask(unknown).unwrap_err();
        assert_eq!(code, "NoSuchEntity");
        for rest in ["role/app", "user/staff/alice", "policy/shop/orders"] {
            assert_eq!(
                spy.code(generate, &format!("Arn={}", arn(rest))),
                "AccessDenied"
            );
            let id = job(&alice, rest);
            assert!(alice.ask(action, &format!("JobId={id}{more}")).is_ok());
            assert_eq!(ask(&id), Err((code, message.replace(unknown, &id))));
        }
    }
}

#[test]
fn a_job_is_of_the_granularity_that_was_asked_for() {
    let alice = alice();
    let of = |granularity: &str| {
        let query = format!("Arn={}{granularity}", arn("role/app"));
        let xml = alice
            .ask("GenerateServiceLastAccessedDetails", &query)
            .unwrap();
        let job = xml.trim_start_matches("<JobId>");
        let query = format!("JobId={}", job.trim_end_matches("</JobId>"));
        alice.ask("GetServiceLastAccessedDetails", &query).unwrap()
    };
    let service = "<JobType>SERVICE_LEVEL</JobType>";
    assert!(of("").contains(service));
    assert!(of("&Granularity=SERVICE_LEVEL").contains(service));
    assert!(of("&Granularity=ACTION_LEVEL").contains("<JobType>ACTION_LEVEL</JobType>"));
}
