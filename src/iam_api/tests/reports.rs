//! What is told of keys, passwords and services.

use super::*;

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
        "alice,arn:aws:iam::555566667777:user/staff/alice,2013-10-14T18:32:24Z,true,no_information,2025-02-19T21:20:00Z,N/A,true,\
         true,2023-11-14T22:13:20Z,2025-06-15T15:06:40Z,eu-west-1,orders,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"
    );
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
