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

/// One policy that reads this many context keys.
fn many_keys(count: usize) -> String {
    let keys: Vec<String> = (0..count)
        .map(|key| format!("\"a:{key:x}\":\"\""))
        .collect();
    format!(
        r#"{{"Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{"StringEquals":{{{}}}}}}}}}"#,
        keys.join(",")
    )
}

fn named_actions(count: usize) -> String {
    let actions = 1..=count;
    let actions = actions.map(|number| format!("&ActionNames.member.{number}=a:b{number}"));
    actions.collect()
}

/// All pages of a simulation, each no larger than twice where one ends.
fn all_pages(world: &World, query: &str) -> Vec<String> {
    let mut pages: Vec<String> = Vec::new();
    loop {
        let marker = pages.last().and_then(|page| {
            let (_, behind) = page.split_once("<Marker>")?;
            let (marker, _) = behind.split_once('<')?;
            Some(format!("&Marker={marker}"))
        });
        if marker.is_none() && !pages.is_empty() {
            return pages;
        }
        let query = format!("{query}{}", marker.unwrap_or_default());
        let page = world.ask("SimulateCustomPolicy", &query).unwrap();
        assert!(page.len() < 2 * 1024 * 1024 + 1024, "{}", page.len());
        pages.push(page);
    }
}

#[test]
fn a_page_ends_where_the_answer_is_large() {
    let alice = alice();
    let policy = encode(&many_keys(4_000));
    let query = format!(
        "MaxItems=1000&PolicyInputList.member.1={policy}&ResourceArns.member.1=arn:aws:a:::x{}",
        named_actions(40)
    );
    let pages = all_pages(&alice, &query);
    assert!(pages.len() > 2, "{}", pages.len());
    let actions: Vec<&str> = pages
        .iter()
        .flat_map(|page| page.split("<EvalActionName>").skip(1))
        .map(|part| part.split('<').next().unwrap())
        .collect();
    let wanted: Vec<String> = (1..=40).map(|number| format!("a:b{number}")).collect();
    assert_eq!(actions, wanted, "nothing twice, nothing left out");
    assert!(pages[0].contains("<member>a:f9f</member>"));
}

/// What no answer shows is read, too: a value for each key leaves none missing.
#[test]
fn a_page_ends_where_the_work_is_much() {
    let alice = alice();
    let policy = format!(
        r#"{{"Statement":{{"Effect":"Deny","Action":"b:*","Resource":["arn:aws:b:::{}"]}}}}"#,
        "x".repeat(120_000)
    );
    let mut query = format!("MaxItems=1000&PolicyInputList.member.1={policy}");
    let quick = all_pages(&alice, &format!("{query}{}", named_actions(300)));
    assert_eq!(decisions(&quick[0]).len(), 139);
    query.push_str("&ContextEntries.member.1.ContextKeyName=a:long&ContextEntries.member.1.ContextKeyType=stringList");
    for number in 1..=20 {
        query.push_str(&format!(
            "&ContextEntries.member.1.ContextKeyValues.member.{number}={}",
            "v".repeat(4_096)
        ));
    }
    let slow = all_pages(&alice, &format!("{query}{}", named_actions(3)));
    assert_eq!(
        slow.iter()
            .map(|page| decisions(page).len())
            .collect::<Vec<_>>(),
        [1, 1, 1]
    );
}

#[test]
fn what_is_too_long_is_refused() {
    let alice = alice();
    let good = "ActionNames.member.1=a:b";
    let policy = |length: usize| {
        let text = allow("*", "*").to_string();
        encode(&format!(
            "{text}{}",
            " ".repeat(length.saturating_sub(text.len()))
        ))
    };
    let most = format!("PolicyInputList.member.1={}&{good}", policy(131_072));
    assert!(alice.ask("SimulateCustomPolicy", &most).is_ok());
    let long = policy(131_073);
    let short = policy(0);
    for (action, query) in [
        (
            "SimulateCustomPolicy",
            format!("PolicyInputList.member.1={long}&{good}"),
        ),
        (
            "GetContextKeysForCustomPolicy",
            format!("PolicyInputList.member.1={long}"),
        ),
        (
            "SimulateCustomPolicy",
            format!(
                "PolicyInputList.member.1={short}&PermissionsBoundaryPolicyInputList.member.1={long}&{good}"
            ),
        ),
        (
            "SimulateCustomPolicy",
            format!(
                "PolicyInputList.member.1={short}&{good}&ResourceArns.member.1=arn:aws:s3:::{}",
                "x".repeat(2_048)
            ),
        ),
    ] {
        assert_eq!(alice.code(action, &query), "ValidationError", "{action}");
    }
    let value = "v".repeat(4_097);
    let query = format!(
        "PolicyInputList.member.1={short}&{good}&ContextEntries.member.1.ContextKeyName=aws:x&\
         ContextEntries.member.1.ContextKeyType=string&ContextEntries.member.1.ContextKeyValues.member.1={value}"
    );
    assert_eq!(alice.code("SimulateCustomPolicy", &query), "InvalidInput");
    // One result that is larger than a page is refused, and not cut.
    let statement = r#"{"Effect":"Allow","Action":"*","Resource":"*"},"#.repeat(2_700);
    let policy = format!(r#"{{"Statement":[{}]}}"#, statement.trim_end_matches(','));
    let query = format!("PolicyInputList.member.1={policy}&{good}");
    let one = alice.ask("SimulateCustomPolicy", &query).unwrap();
    assert_eq!(one.matches("<SourcePolicyId>").count(), 2_700);
    let query = format!("{query}&PolicyInputList.member.2={policy}");
    assert_eq!(alice.code("SimulateCustomPolicy", &query), "InvalidInput");
}

/// Each variable is written out where it stands: that many of such values would take seconds, and the memory of all.
#[test]
fn what_variables_stand_for_is_bounded() {
    let alice = alice();
    let ask = |variables: usize, value: usize| {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"arn:aws:a:::{}"}}}}"#,
            "${a:key}".repeat(variables)
        );
        let query = format!(
            "PolicyInputList.member.1={}&ActionNames.member.1=a:b&ContextEntries.member.1.ContextKeyName=a:key&\
             ContextEntries.member.1.ContextKeyType=string&ContextEntries.member.1.ContextKeyValues.member.1={}",
            encode(&policy),
            "v".repeat(value)
        );
        alice.ask("SimulateCustomPolicy", &query)
    };
    assert!(ask(256, 4_096).is_ok());
    assert!(ask(4_096, 1).is_ok());
    for (variables, value) in [(257, 4_096), (4_097, 1)] {
        assert_eq!(ask(variables, value).unwrap_err().0, "InvalidInput");
    }
}

/// What a user is like is read by who may ask about that user, and by nobody else.
#[test]
fn a_caller_is_what_its_arn_says() {
    let policy = |key: &str| {
        encode(&format!(
            r#"{{"Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{"StringLike":{{"{key}":"*"}}}}}}}}"#
        ))
    };
    let custom = |caller: &str, key: &str| {
        let query = format!(
            "PolicyInputList.member.1={}&ActionNames.member.1=a:b&CallerArn={}",
            policy(key),
            arn(caller)
        );
        alice().ask("SimulateCustomPolicy", &query).unwrap()
    };
    for key in ["aws:PrincipalTag/Team", "aws:userid", "aws:PrincipalOrgID"] {
        let there = custom("user/staff/alice", key);
        assert_eq!(decisions(&there), ["implicitDeny"], "{key}");
        assert!(there.contains(&format!("<member>{key}</member>")));
        assert_eq!(there, custom("user/staff/nobody", key), "{key}");
    }
    for key in ["aws:username", "aws:PrincipalArn"] {
        assert_eq!(decisions(&custom("user/staff/alice", key)), ["allowed"]);
    }
    let spy = world("many/u001");
    let principal = |world: &World, caller: &str| {
        let query = format!(
            "PolicySourceArn={}&PolicyInputList.member.1={}&ActionNames.member.1=a:b&CallerArn={}",
            arn("user/many/u001"),
            policy("aws:PrincipalTag/Team"),
            arn(caller)
        );
        world.ask("SimulatePrincipalPolicy", &query)
    };
    assert!(principal(&spy, "user/many/u001").is_ok());
    for caller in ["user/staff/alice", "user/staff/nobody"] {
        let (code, message) = principal(&spy, caller).unwrap_err();
        assert_eq!(code, "AccessDenied");
        assert!(message.ends_with(&arn(caller)), "{message}");
    }
    let allowed = principal(&alice(), "user/staff/alice").unwrap();
    assert!(!allowed.contains("<member>aws:PrincipalTag/Team</member>"));
}

/// Many keys take no longer, each, than few.
#[test]
fn context_keys_are_each_told_once() {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":["arn:aws:b:::${a:x}/${A:X}","arn:aws:b:::${a:y}"]}}"#;
    let query = format!(
        "PolicyInputList.member.1={}&PolicyInputList.member.2={}",
        encode(text),
        encode(&many_keys(9_000))
    );
    let xml = alice()
        .ask("GetContextKeysForCustomPolicy", &query)
        .unwrap();
    assert_eq!(xml.matches("<member>").count(), 9_002);
    assert!(xml.starts_with(
        "<ContextKeyNames><member>a:x</member><member>a:y</member><member>a:0</member>"
    ));
    assert!(xml.len() < 1024 * 1024);
}
