mod world;

use super::*;
use crate::authn::jwks::KeySet;
use crate::authn::jwt::Unverified;
use crate::authn::testing::{NOW, header, idp, now, payload, signers};
use crate::authn::{Authenticator, Settings, Verified};
use crate::clock::{Clock, Timestamp};
use crate::directory::PermissionSetOf;
use crate::directory::provider::Algorithm;
use crate::policy::context::{Map, Value};
use world::*;

#[test]
fn a_user_with_claimed_groups() {
    let directory = world(vec![], None);
    let token = token(
        r#"{"user":"{claim:sub}","groups":"{claim:groups}"}"#,
        r#","groups":["dev","staff","nobody","dev"]"#,
    );
    let identity = identify_in(&directory, &token, None).unwrap();
    let names: Vec<_> = identity.groups.iter().map(|group| &*group.name).collect();
    assert_eq!(names, ["staff", "dev"]);
    assert_eq!(identity.ignored_groups, 1);
    assert_eq!(identity.principal.account(), Some(SECURITY));
    for (key, value) in [
        (
            "aws:principalarn",
            Some("arn:aws:iam::222222222222:user/alice"),
        ),
        ("aws:principalaccount", Some(SECURITY)),
        ("aws:principaltype", Some("User")),
        ("aws:principaltag/team", Some("red")),
        ("aws:principaltag/Team", Some("red")),
        ("aws:userid", Some("AIDAALICE")),
        ("aws:username", Some("alice")),
        ("aws:tokenissuetime", Some("2027-01-15T07:59:00Z")),
        ("aws:principalorgid", Some("o-x")),
        ("aws:principalisawsservice", Some("false")),
        ("aws:sourceidentity", None),
        ("aws:multifactorauthpresent", None),
        ("idp.example:sub", Some("alice")),
        ("idp.example:aud", Some("orders-api")),
        ("idp.example:none", None),
        ("idp.exampl:sub", None),
        ("aws:nosuchkey", None),
    ] {
        assert_eq!(text(&identity, key).as_deref(), value, "{key}");
    }
    assert_eq!(
        identify_in(&directory, &token, Some(&arn("dev"))).err(),
        Some(Reason::RoleNotOffered),
        "a role cannot be asked for where none is mapped"
    );
}

#[test]
fn a_user_of_the_providers_account_only() {
    let directory = world(vec![], None);
    for (user, found) in [
        ("{claim:sub}", true),
        ("arn:aws:iam::222222222222:user/{claim:sub}", true),
        ("arn:aws:iam::555566667777:user/{claim:sub}", false),
        ("{claim:sub}2", false),
        ("{claim:none}", false),
        ("{claim:list}", false),
    ] {
        let token = token(
            &format!(r#"{{"user":"{user}"}}"#),
            r#","list":["alice","bob"]"#,
        );
        let answer = identify_in(&directory, &token, None);
        assert_eq!(
            answer.err(),
            (!found).then_some(Reason::NoPrincipal),
            "{user}"
        );
    }
}

#[test]
fn a_role_session_by_its_trust_policy() {
    let condition = r#"{"StringEquals":{"idp.example:sub":"alice","idp.example:aud":"orders-api",
        "sts:RoleSessionName":"alice","aws:ResourceAccount":"222222222222","aws:ResourceTag/tier":"gold"},
        "ForAnyValue:StringEquals":{"idp.example:realm_access.roles":["app-dev"]},
        "IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#;
    let directory = world(
        vec![role(SECURITY, "dev", trust(SECURITY, ASSUME, condition))],
        None,
    );
    let identity = identify_in(&directory, &token(ROLE, ROLES_DEV), None).unwrap();
    for (key, value) in [
        ("aws:principalarn", Some(arn("dev"))),
        ("aws:principaltype", Some("AssumedRole".into())),
        ("aws:userid", Some("AROAdev:alice".into())),
        ("aws:username", None),
        ("aws:principaltag/team", Some("stored".into())),
        (
            "aws:federatedprovider",
            Some("arn:aws:iam::222222222222:oidc-provider/idp.example".into()),
        ),
    ] {
        assert_eq!(text(&identity, key), value, "{key}");
    }
    assert_eq!(
        identity.principal.name(),
        "arn:aws:sts::222222222222:assumed-role/dev/alice"
    );
    assert!(
        !identity.lasting,
        "its trust policy reads the source address"
    );
    assert_eq!(
        identity.expires_at,
        Some(Timestamp::from_seconds(NOW + 3630))
    );
}

#[test]
fn roles_that_are_not_trusted() {
    let cases = [
        // Another provider's, another account's provider, another subject, another action, an address elsewhere.
        (
            r#"{"StringEquals":{"idp.example:sub":"bob"}}"#,
            ASSUME,
            SECURITY,
        ),
        ("{}", ASSUME, PRODUCTION),
        ("{}", r#""sts:AssumeRole""#, SECURITY),
        (
            r#"{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}"#,
            ASSUME,
            SECURITY,
        ),
        (
            r#"{"StringEquals":{"sts:RoleSessionName":"root"}}"#,
            ASSUME,
            SECURITY,
        ),
        (
            r#"{"StringEquals":{"idp.example:sub":"root"}}"#,
            ASSUME,
            SECURITY,
        ),
        (
            r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#,
            ASSUME,
            SECURITY,
        ),
    ];
    for (condition, action, provider) in cases {
        let directory = world(
            vec![role(SECURITY, "dev", trust(provider, action, condition))],
            None,
        );
        let answer = identify_in(&directory, &token(ROLE, ROLES_DEV), None);
        assert_eq!(answer.err(), Some(Reason::RoleNotTrusted), "{condition}");
        let answer = identify_in(&directory, &token(ROLE, ROLES_DEV), Some(&arn("dev")));
        assert_eq!(answer.err(), Some(Reason::RoleNotTrusted), "{condition}");
    }
}

#[test]
fn which_role() {
    let everybody = || trust(SECURITY, ASSUME, "{}");
    let nobody = || {
        trust(
            SECURITY,
            ASSUME,
            r#"{"StringEquals":{"idp.example:sub":"x"}}"#,
        )
    };
    let directory = world(
        vec![
            role(SECURITY, "dev", everybody()),
            role(SECURITY, "ops", everybody()),
            role(SECURITY, "closed", nobody()),
            role(PRODUCTION, "far", trust(PRODUCTION, ASSUME, "{}")),
            role(
                "333333333333",
                "foreign",
                trust("333333333333", ASSUME, "{}"),
            ),
        ],
        None,
    );
    let far = "arn:aws:iam::555566667777:role/far";
    let foreign = "arn:aws:iam::333333333333:role/foreign";
    let pick = |roles: &str, chosen: Option<&str>| {
        let token = token(
            r#"{"role":"{claim:roles}"}"#,
            &format!(r#","roles":{roles}"#),
        );
        identify_in(&directory, &token, chosen).map(|identity| identity.role.unwrap().name.clone())
    };
    let name = |name: &str| Ok(Box::<str>::from(name));
    // One that exists and is trusted, whatever else is offered.
    assert_eq!(pick(r#"["dev"]"#, None), name("dev"));
    assert_eq!(pick(r#""dev""#, None), name("dev"));
    assert_eq!(
        pick(r#"["no-such-role","dev","dev","closed"]"#, None),
        name("dev")
    );
    assert_eq!(pick(&format!(r#"["{far}"]"#), None), name("far"));
    assert_eq!(pick(r#"["far"]"#, None), Err(Reason::NoPrincipal));
    assert_eq!(
        pick(&format!(r#"["{foreign}"]"#), None),
        Err(Reason::NoPrincipal)
    );
    assert_eq!(pick("[]", None), Err(Reason::NoPrincipal));
    assert_eq!(pick(r#"["closed"]"#, None), Err(Reason::RoleNotTrusted));
    // Several: the client chooses, among those alone.
    let several = format!(r#"["dev","ops","closed","{far}"]"#);
    assert_eq!(pick(&several, None), Err(Reason::RoleNotOffered));
    assert_eq!(pick(&several, Some(&arn("ops"))), name("ops"));
    assert_eq!(pick(&several, Some(far)), name("far"));
    assert_eq!(
        pick(&several, Some(&arn("closed"))),
        Err(Reason::RoleNotTrusted)
    );
    for other in ["ops", "", "*", foreign, &arn("no-such-role"), &arn("OPS")] {
        assert_eq!(
            pick(&several, Some(other)),
            Err(Reason::RoleNotOffered),
            "{other}"
        );
    }
    assert_eq!(
        pick(r#"["dev"]"#, Some(&arn("ops"))),
        Err(Reason::RoleNotOffered)
    );
}

#[test]
fn permission_sets_open_by_mapped_groups() {
    let condition = format!(
        r#"{{"ForAnyValue:StringEquals":{{"{}":["devops"]}}}}"#,
        PermissionSetOf::GROUPS_KEY
    );
    let mut reserved = role(
        PRODUCTION,
        "AWSReservedSSO_x",
        trust(PRODUCTION, ALL_THREE, &condition),
    );
    reserved.permission_set = Some(PermissionSetOf {
        name: "x".into(),
        provider: "corp".into(),
        groups: vec!["devops".into()],
    });
    let directory = world(vec![reserved], None);
    let answer = |groups: &str, roles: &str| {
        let map = r#"{"role":"{claim:roles}","groups":"{claim:groups|strip:corp-}"}"#;
        let claims = format!(r#","groups":{groups},"roles":{roles}"#);
        identify_in(&directory, &token(map, &claims), None)
    };
    let identity = answer(r#"["corp-devops","corp-x"]"#, "[]").unwrap();
    assert_eq!(&*identity.role.unwrap().name, "AWSReservedSSO_x");
    assert_eq!(identity.ignored_groups, 2);
    assert_eq!(
        answer(r#"["devops"]"#, "[]").err(),
        Some(Reason::NoPrincipal)
    );
    // Naming the role is no way around the group.
    let named = r#"["arn:aws:iam::555566667777:role/AWSReservedSSO_x"]"#;
    assert_eq!(answer("[]", named).err(), Some(Reason::NoPrincipal));
}

const FULL: &str = r#"{"role":"dev","tags":{"team":"{claim:team}","Cost":"{claim:none}"},
    "source_identity":"{claim:email}","mfa":{"claim":"amr","any_of":["otp"],"time":"auth_time"}}"#;

#[test]
fn tags_and_source_identity_need_their_own_actions() {
    let claims = r#","team":"images","email":"alice@corp.example","amr":["pwd","otp"],"auth_time":1799999000"#;
    for (actions, answer) in [
        (ASSUME, Some(Reason::RoleNotTrusted)),
        (
            r#"["sts:AssumeRoleWithWebIdentity","sts:TagSession"]"#,
            Some(Reason::RoleNotTrusted),
        ),
        (
            r#"["sts:AssumeRoleWithWebIdentity","sts:SetSourceIdentity"]"#,
            Some(Reason::RoleNotTrusted),
        ),
        (
            r#"["sts:TagSession","sts:SetSourceIdentity"]"#,
            Some(Reason::RoleNotTrusted),
        ),
        (ALL_THREE, None),
    ] {
        let condition = r#"{"StringEquals":{"aws:RequestTag/TEAM":"images","sts:SourceIdentity":"alice@corp.example"},
            "ForAllValues:StringEquals":{"aws:TagKeys":["team"]},"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#;
        let directory = world(
            vec![role(SECURITY, "dev", trust(SECURITY, actions, condition))],
            None,
        );
        let found = identify_in(&directory, &token(FULL, claims), None);
        assert_eq!(found.as_ref().err(), answer.as_ref(), "{actions}");
        let Ok(identity) = found else { continue };
        assert_eq!(
            text(&identity, "aws:principaltag/team").as_deref(),
            Some("images")
        );
        assert_eq!(
            text(&identity, "aws:principaltag/tier").as_deref(),
            Some("gold")
        );
        assert_eq!(text(&identity, "aws:principaltag/cost"), None);
        assert_eq!(
            text(&identity, "aws:sourceidentity").as_deref(),
            Some("alice@corp.example")
        );
        assert_eq!(
            identity.context_value("aws:multifactorauthpresent"),
            Some(Value::Bool(true))
        );
        assert_eq!(identity.mfa_age(now()).unwrap().as_secs(), 1000);
        assert!(identity.lasting);
    }
    // Without tags, the first action is enough; a single factor is no second one.
    let directory = world(
        vec![role(SECURITY, "dev", trust(SECURITY, ASSUME, "{}"))],
        None,
    );
    let identity = identify_in(&directory, &token(FULL, ""), None).unwrap();
    assert_eq!(identity.mfa_present, Some(false));
    assert_eq!(identity.mfa_authenticated_at, None);
}

#[test]
fn tags_that_aws_itself_reads() {
    let directory = world(
        vec![role(SECURITY, "dev", trust(SECURITY, ALL_THREE, "{}"))],
        None,
    );
    let answer = |claim: &str| identify_in(&directory, &token(FULL, claim), None);
    let identity = answer(
        r#","team":"mapped","https://aws.amazon.com/tags":{"principal_tags":{"Project":["x"],"Team":["claimed"]},
           "transitive_tag_keys":["Project"]}"#,
    )
    .unwrap();
    assert_eq!(
        text(&identity, "aws:principaltag/project").as_deref(),
        Some("x")
    );
    assert_eq!(
        text(&identity, "aws:principaltag/team").as_deref(),
        Some("mapped")
    );
    for claim in [
        r#","https://aws.amazon.com/tags":[]"#,
        r#","https://aws.amazon.com/tags":{"principal_tags":[]}"#,
        r#","https://aws.amazon.com/tags":{"principal_tags":{"a":["x","y"]}}"#,
        r#","https://aws.amazon.com/tags":{"principal_tags":{"a":"x","A":"y"}}"#,
        r#","https://aws.amazon.com/tags":{"principal_tags":{"aws:x":"y"}}"#,
        r#","https://aws.amazon.com/tags":{"principal_tags":{"":"y"}}"#,
        r#","team":["a","b"]"#,
        r#","team":"a\u0000b""#,
        r#","email":"not a name""#,
        r#","email":["a@b","c@d"]"#,
    ] {
        assert_eq!(answer(claim).err(), Some(Reason::NoPrincipal), "{claim}");
    }
}

#[test]
fn a_deny_over_the_trust_policy() {
    let rcp = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*",
        "Action":"sts:AssumeRoleWithWebIdentity","Resource":"*",
        "Condition":{"StringNotEquals":{"idp.example:sub":"bob"}}}]}"#;
    let map = r#"{"role":"arn:aws:iam::555566667777:role/far"}"#;
    let far = || vec![role(PRODUCTION, "far", trust(PRODUCTION, ASSUME, "{}"))];
    let open = identify_in(&world(far(), None), &token(map, ""), None).unwrap();
    assert_eq!(open.federated_provider.as_deref(), Some(PROVIDER));
    let denied = identify_in(&world(far(), Some(rcp)), &token(map, ""), None);
    assert_eq!(denied.err(), Some(Reason::RoleNotTrusted));
}

#[test]
fn a_token_without_times_or_names() {
    let provider = idp(r#","map":{"role":"dev","session_name":"{claim:name}"}"#);
    let keys = KeySet::read(signers().jwks().as_bytes()).unwrap();
    let algorithm = Algorithm::EdDsa;
    let claims = |more: &str| {
        let text = format!(
            r#"{{"iss":"https://idp.example","aud":"orders-api","exp":{}{more}}}"#,
            NOW + 60
        );
        let token = signers()
            .ed
            .token(algorithm, &header(algorithm, "ed"), &text);
        let unverified = Unverified::parse(&token).unwrap();
        Arc::new(unverified.verify(&provider, &keys, now(), [0; 32]).unwrap())
    };
    let directory = world(
        vec![role(SECURITY, "dev", trust(SECURITY, ASSUME, "{}"))],
        None,
    );
    let identity = identify_in(&directory, &claims(r#","name":"A B""#), None).unwrap();
    assert_eq!(identity.issued_at, Some(Timestamp::from_seconds(0)));
    assert!(identity.session_name.unwrap().starts_with("A-B-"));
    let nameless = identify_in(&directory, &claims(""), None);
    assert_eq!(nameless.err(), Some(Reason::NoPrincipal));
}

#[test]
fn principals_are_remembered_by_snapshot_and_choice() {
    let lasting = trust(SECURITY, ASSUME, "{}");
    let passing = trust(
        SECURITY,
        ASSUME,
        r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
    );
    let directory = world(
        vec![
            role(SECURITY, "dev", lasting),
            role(SECURITY, "ops", passing),
        ],
        None,
    );
    let authenticator = Authenticator::new(Settings::default(), Clock::fixed(now()));
    let verified = Verified::Token(token(r#"{"role":["dev","ops"]}"#, ""));
    let mut near = Map::new();
    near.set("aws:SourceIp", "10.0.0.1");
    let far = Map::new();
    let ask = |snapshot, role: &str, request: &Map| {
        authenticator.identify(&verified, snapshot, &directory, Some(&arn(role)), request)
    };
    let first = ask("a", "dev", &near).unwrap();
    assert!(Arc::ptr_eq(&first, &ask("a", "dev", &far).unwrap()));
    assert!(!Arc::ptr_eq(&first, &ask("b", "dev", &far).unwrap()));
    assert!(ask("a", "ops", &near).is_ok());
    assert_eq!(
        ask("a", "ops", &far).unwrap_err().reason,
        Reason::RoleNotTrusted,
        "what rests on the request is asked each time"
    );
}

#[test]
fn a_second_factor_at_a_time_that_cannot_be_is_none() {
    let directory = world(
        vec![role(SECURITY, "dev", trust(SECURITY, ALL_THREE, "{}"))],
        None,
    );
    for (time, present) in [
        (r#","auth_time":1799999000"#, true),
        ("", true),
        (r#","auth_time":1800086400"#, false),
        (r#","auth_time":"x""#, false),
        (r#","auth_time":-5"#, false),
        (r#","auth_time":1e30"#, false),
    ] {
        let claims =
            format!(r#","team":"images","email":"alice@corp.example","amr":["otp"]{time}"#);
        let identity = identify_in(&directory, &token(FULL, &claims), None).unwrap();
        assert_eq!(identity.mfa_present, Some(present), "{time}");
    }
}

#[test]
fn the_audience_is_the_one_that_the_route_accepts() {
    let condition = r#"{"StringEquals":{"idp.example:aud":"billing-api"}}"#;
    let directory = world(
        vec![role(SECURITY, "dev", trust(SECURITY, ASSUME, condition))],
        None,
    );
    let both = payload("").replace(
        r#""aud":"orders-api""#,
        r#""aud":["elsewhere","orders-api","billing-api"]"#,
    );
    let token = token_saying(r#"{"role":"dev","session_name":"{claim:sub}"}"#, &both);
    let authenticator = Authenticator::new(Settings::default(), Clock::fixed(now()));
    let (orders, billing): ([Box<str>; 1], [Box<str>; 2]) = (
        ["orders-api".into()],
        ["billing-api".into(), "elsewhere".into()],
    );
    let ask = |accepted: &[Box<str>]| {
        let verified = Verified::Token(token.on_route(accepted).unwrap());
        authenticator.identify(&verified, "a", &directory, None, &Map::new())
    };
    // What one route made of the token is not what another makes of it.
    for _ in 0..2 {
        let identity = ask(&billing).unwrap();
        let said = |key| text(&identity, key);
        assert_eq!(said("idp.example:aud").as_deref(), Some("billing-api"));
        assert_eq!(said("idp.example:oaud").as_deref(), Some("billing-api"));
        let refused = ask(&orders).unwrap_err();
        assert_eq!(refused.reason, Reason::RoleNotTrusted);
    }
    assert!(Arc::ptr_eq(
        &ask(&billing).unwrap(),
        &ask(&billing).unwrap()
    ));
    assert!(token.on_route(&["elsewhere".into()]).is_none());
    // One that no route narrows: the first that the provider has.
    let unnarrowed = identify_in(&directory, &token, None);
    assert_eq!(unnarrowed.err(), Some(Reason::RoleNotTrusted));
}
