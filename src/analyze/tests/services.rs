//! Service principals that a policy for everyone lets in, and keys that no request lacks.

use super::*;

const OTHER: &str = r#"{"Effect":"Allow","Action":"y:*","Resource":"*"}"#;

fn may(condition: &str) -> Vec<(String, Answer)> {
    let shared = format!(
        r#"{{"Effect":"Allow","Principal":"*","Action":"x:*","Resource":"*","Condition":{condition}}}"#
    );
    let directory = directory(
        vec![user("ann", OTHER)],
        Vec::new(),
        EVERYTHING,
        Some(&shared),
    );
    let found = who_can(&directory, &asked("x:Get", THING));
    let found: Vec<_> = found
        .into_iter()
        .filter(|who| who.answer != Answer::RefusedByOneLayer)
        .map(|who| (who.principal, who.answer))
        .collect();
    found
}

fn root() -> String {
    format!("arn:aws:iam::{HOME}:root")
}

#[test]
fn services_are_everyone_too() {
    for (condition, answer) in [
        (
            r#"{"Bool":{"aws:PrincipalIsAWSService":"true"}}"#,
            Answer::Allowed,
        ),
        (
            r#"{"StringEquals":{"aws:PrincipalServiceName":"jobs.example.com"}}"#,
            Answer::UnderConditions,
        ),
        (
            r#"{"ForAnyValue:StringLike":{"aws:PrincipalServiceNamesList":"*.example.com"}}"#,
            Answer::UnderConditions,
        ),
    ] {
        // Nobody else has such a key, be it under conditions; a root user needs no policy.
        let expected = [(ANY_SERVICE.to_owned(), answer), (root(), Answer::Allowed)];
        assert_eq!(may(condition), expected, "{condition}");
    }
    let found = may(r#"{"StringEquals":{"aws:SourceVpce":"vpce-1"}}"#);
    assert!(
        found.iter().all(|(name, _)| name != ANY_SERVICE),
        "{found:?}"
    );
}

#[test]
fn whom_a_resource_control_policy_spares() {
    let all = r#"{"Effect":"Allow","Principal":"*","Action":"x:*","Resource":"*"}"#;
    let mut parts = parts(Vec::new(), Vec::new(), EVERYTHING, Some(all));
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"x:*","Resource":"*","Condition":{"Bool":{"aws:PrincipalIsAWSService":"false"}}}"#;
    let organization = parts.organization.as_mut().unwrap();
    organization.places.get_mut(&home()).unwrap().rcps = vec![set(Kind::Rcp, deny)];
    let directory = Directory::new(parts);
    let found = who_can(&directory, &asked("x:Get", THING));
    let may: Vec<&str> = (found.iter())
        .filter(|who| who.answer != Answer::RefusedByOneLayer)
        .map(|who| &*who.principal)
        .collect();
    assert_eq!(may, [ANY_SERVICE]);
}

#[test]
fn what_no_request_lacks_is_no_condition() {
    let ann = |condition: &str| {
        let name = format!("arn:aws:iam::{HOME}:user/ann");
        let mut found = may(condition).into_iter();
        found
            .find(|(who, _)| *who == name)
            .map(|(_, answer)| answer)
    };
    for key in possible::ALWAYS {
        let null = |absent: bool| format!(r#"{{"Null":{{"{key}":"{absent}"}}}}"#);
        assert_eq!(ann(&null(false)), Some(Answer::Allowed), "{key}");
        assert_eq!(ann(&null(true)), None, "{key}");
    }
    let secure = r#"{"Bool":{"aws:SecureTransport":"true"}}"#;
    assert_eq!(ann(secure), Some(Answer::UnderConditions));
}
