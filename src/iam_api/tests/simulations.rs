//! Simulations: decisions, what decided them, and what was missing.

use super::*;

fn encode(text: &str) -> String {
    view::encoded(text)
}

/// The decisions of a simulation, in their order.
fn decisions(xml: &str) -> Vec<&str> {
    let parts = xml.split("<EvalDecision>").skip(1);
    parts.map(|part| part.split('<').next().unwrap()).collect()
}

fn alices(more: &str) -> String {
    format!("PolicySourceArn={}&{more}", arn("user/staff/alice"))
}

#[test]
fn a_principal_with_groups_boundary_and_organization() {
    let alice = alice();
    let query = alices(
        "ActionNames.member.1=orders:List&ActionNames.member.2=orders:DeleteAll&ActionNames.member.3=none:Do&\
         ActionNames.member.4=iam:GetUser",
    );
    let xml = alice.ask("SimulatePrincipalPolicy", &query).unwrap();
    assert_eq!(
        decisions(&xml),
        ["allowed", "explicitDeny", "implicitDeny", "allowed"]
    );
    assert!(xml.contains(
        "<SourcePolicyId>orders</SourcePolicyId><SourcePolicyType>IAM Policy</SourcePolicyType>"
    ));
    assert!(xml.contains("<SourcePolicyId>group_admins_all</SourcePolicyId>"));
    assert!(xml.contains("<AllowedByPermissionsBoundary>true</AllowedByPermissionsBoundary>"));
    assert_eq!(xml.matches("<AllowedByOrganizations>true").count(), 3);
    assert_eq!(xml.matches("<AllowedByOrganizations>false").count(), 1);
    assert!(xml.contains(
        "<MissingContextValues><member>aws:SecureTransport</member></MissingContextValues>"
    ));
    assert!(!xml.contains("ResourceSpecificResults"));
}

#[test]
fn context_entries_and_variables_count() {
    let alice = alice();
    let bound = encode(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"orders:Get*","Resource":"*"}}"#,
    );
    let ask = |resource: &str, secure: &str| {
        let query = alices(&format!(
            "ActionNames.member.1=orders:GetOrder&ResourceArns.member.1={resource}&\
             PermissionsBoundaryPolicyInputList.member.1={bound}&\
             ContextEntries.member.1.ContextKeyName=aws:SecureTransport&ContextEntries.member.1.ContextKeyType=boolean&\
             ContextEntries.member.1.ContextKeyValues.member.1={secure}"
        ));
        alice.ask("SimulatePrincipalPolicy", &query).unwrap()
    };
    let xml = ask("arn:aws:orders:::alice/1", "true");
    assert!(
        xml.contains("<SourcePolicyId>user_alice_own</SourcePolicyId>"),
        "{xml}"
    );
    assert!(xml.contains("<MissingContextValues></MissingContextValues>"));
    assert!(xml.contains("<EvalResourceDecision>allowed</EvalResourceDecision>"));
    assert!(xml.contains("<EvalDecisionDetails></EvalDecisionDetails>"));
    let without = ask("arn:aws:orders:::alice/1", "false");
    assert!(
        !without.contains("user_alice_own"),
        "the managed policy alone allows it: {without}"
    );
    let own_of_bob = ask("arn:aws:orders:::bob/1", "true");
    assert!(!own_of_bob.contains("user_alice_own"));
}

#[test]
fn custom_policies_and_where_their_statements_stand() {
    let alice = alice();
    let text = "{\"Version\": \"2012-10-17\",\n \"Statement\": [\n  {\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\"},\n  \
                {\"Effect\": \"Deny\", \"Action\": \"s3:Put*\", \"Resource\": \"*\"}]}";
    let query = format!(
        "PolicyInputList.member.1={}&ActionNames.member.1=s3:GetObject&ActionNames.member.2=s3:PutObject",
        encode(text)
    );
    let xml = alice.ask("SimulateCustomPolicy", &query).unwrap();
    assert_eq!(decisions(&xml), ["allowed", "explicitDeny"]);
    assert!(xml.contains(
        "<SourcePolicyId>PolicyInputList.1</SourcePolicyId><SourcePolicyType>IAM Policy</SourcePolicyType>\
         <StartPosition><Line>3</Line><Column>3</Column></StartPosition>"
    ));
    assert!(xml.contains("<StartPosition><Line>4</Line><Column>3</Column></StartPosition>"));
    assert!(!xml.contains("OrganizationsDecisionDetail"));
    let first = alice
        .ask("SimulateCustomPolicy", &format!("{query}&MaxItems=1"))
        .unwrap();
    assert_eq!(decisions(&first), ["allowed"]);
    let (_, marker) = first.split_once("<Marker>").unwrap();
    let (marker, _) = marker.split_once('<').unwrap();
    let second = alice.ask(
        "SimulateCustomPolicy",
        &format!("{query}&MaxItems=1&Marker={marker}"),
    );
    assert_eq!(decisions(&second.unwrap()), ["explicitDeny"]);
}

#[test]
fn a_resource_policy_in_another_account() {
    let alice = alice();
    let on_bucket = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{}"}},"Action":"s3:*","Resource":"*"}}}}"#,
        arn("user/staff/alice")
    );
    let query = format!(
        "PolicyInputList.member.1={}&ActionNames.member.1=s3:GetObject&ResourceArns.member.1=arn:aws:s3:::b/x&\
         ResourceOwner={OTHER}&ResourcePolicy={}",
        encode(&allow("s3:*", "*").to_string()),
        encode(&on_bucket)
    );
    assert_eq!(alice.code("SimulateCustomPolicy", &query), "InvalidInput");
    let caller = |arn: &str| alice.ask("SimulateCustomPolicy", &format!("{query}&CallerArn={arn}"));
    let xml = caller(&arn("user/staff/alice")).unwrap();
    assert_eq!(decisions(&xml), ["allowed"]);
    assert!(xml.contains("<entry><key>Resource Policy</key><value>allowed</value></entry>"));
    assert!(xml.contains("<SourcePolicyId>ResourcePolicy</SourcePolicyId>"));
    let xml = caller(&arn("user/staff/bob")).unwrap();
    assert_eq!(decisions(&xml), ["implicitDeny"]);
    assert_eq!(caller(&arn("role/app")).unwrap_err().0, "InvalidInput");
}

#[test]
fn what_is_refused() {
    let alice = alice();
    for query in [
        "PolicyInputList.member.1=%7B%7D&ActionNames.member.1=a:b",
        "PolicyInputList.member.1=x&ActionNames.member.1=a:b",
    ] {
        assert_eq!(alice.code("SimulateCustomPolicy", query), "InvalidInput");
    }
    let good = encode(&allow("*", "*").to_string());
    for (more, code) in [
        ("", "ValidationError"),
        ("ActionNames.member.1=a:*", "InvalidInput"),
        (
            "ActionNames.member.1=a:b&ResourceArns.member.1=x",
            "InvalidInput",
        ),
        ("ActionNames.member.1=a:b&ResourceOwner=me", "InvalidInput"),
        (
            "ActionNames.member.1=a:b&PolicySourceArn=x",
            "ValidationError",
        ),
    ] {
        let query = format!("PolicyInputList.member.1={good}&{more}");
        assert_eq!(alice.code("SimulateCustomPolicy", &query), code, "{more}");
    }
    let query =
        "PolicySourceArn=arn:aws:sts::555566667777:assumed-role/app/x&ActionNames.member.1=a:b";
    assert_eq!(alice.code("SimulatePrincipalPolicy", query), "InvalidInput");
    let mut many = alices("");
    for number in 1..=150 {
        many.push_str(&format!(
            "&ActionNames.member.{number}=a:b{number}&ResourceArns.member.{number}=*"
        ));
    }
    assert_eq!(alice.code("SimulatePrincipalPolicy", &many), "InvalidInput");
}

#[test]
fn context_keys() {
    let alice = alice();
    let xml = alice
        .ask("GetContextKeysForPrincipalPolicy", &alices(""))
        .unwrap();
    assert_eq!(
        xml,
        "<ContextKeyNames><member>aws:SecureTransport</member><member>aws:username</member></ContextKeyNames>"
    );
    assert_eq!(
        alice.code("GetContextKeysForCustomPolicy", ""),
        "ValidationError"
    );
}
