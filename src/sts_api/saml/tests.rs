//! AssumeRoleWithSAML with assertions that signxml and xmlsec1 signed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::clock::Timestamp;
use crate::sts_api::tests::{Key, World, element, key_of, own, vector, world};

const PEOPLE: &str = "arn:aws:iam::555566667777:role/people";
const LOGIN: &str = "arn:aws:iam::555566667777:saml-provider/login";

fn nobody() -> Key {
    own("AKIANOBODYNOBODYNOB1")
}

async fn assume(
    world: &World,
    file: &str,
    more: &[(&str, &str)],
) -> Result<String, (u16, &'static str, String)> {
    let assertion = STANDARD.encode(vector(file));
    let mut parameters = vec![
        ("Action", "AssumeRoleWithSAML"),
        ("RoleArn", PEOPLE),
        ("PrincipalArn", LOGIN),
        ("SAMLAssertion", &assertion),
    ];
    for (name, value) in more {
        parameters.retain(|(known, _)| known != name);
        parameters.push((name, value));
    }
    world.ask(&nobody(), &parameters).await
}

#[tokio::test]
async fn an_assertion_opens_the_role_that_it_names() {
    let world = world();
    let answer = assume(&world, "good-signed-by-xmlsec1", &[]).await.unwrap();
    assert_eq!(element(&answer, "Subject"), "dana@login.example");
    assert_eq!(element(&answer, "SubjectType"), "persistent");
    assert_eq!(
        element(&answer, "Issuer"),
        "https://login.example/saml/metadata"
    );
    assert_eq!(
        element(&answer, "Audience"),
        "https://signin.sidegate.example/saml"
    );
    // echo -n https://login.example/saml/metadata555566667777/login | openssl sha1 -binary | base64
    assert_eq!(
        element(&answer, "NameQualifier"),
        "4imVkdC3v1KSuWdIeZI6BGhQ3IE="
    );
    assert_eq!(world.lasts(&answer), 3600);
    let arn = "arn:aws:sts::555566667777:assumed-role/people/dana";
    assert_eq!(element(&answer, "Arn"), arn);
    assert_eq!(world.arn(&key_of(&answer)).await, arn);
}

#[tokio::test]
async fn an_assertion_is_good_once_and_only_for_what_it_says() {
    let world = world();
    let response = "good-the-response-is-signed";
    for (more, status, code) in [
        (
            ("RoleArn", "arn:aws:iam::555566667777:role/admin"),
            403,
            "AccessDenied",
        ),
        (
            (
                "PrincipalArn",
                "arn:aws:iam::555566667777:saml-provider/other",
            ),
            400,
            "InvalidIdentityToken",
        ),
        (("SAMLAssertion", "AAAA"), 400, "InvalidIdentityToken"),
        (("DurationSeconds", "3601"), 400, "ValidationError"),
        (("TokenCode", "123456"), 400, "ValidationError"),
        (("Policy", "%7B}"), 400, "MalformedPolicyDocument"),
    ] {
        let (seen, text, message) = assume(&world, response, &[more]).await.unwrap_err();
        assert_eq!((seen, text), (status, code), "{more:?}: {message}");
    }
    assert!(assume(&world, response, &[]).await.is_ok());
    let (status, code, _) = assume(&world, response, &[]).await.unwrap_err();
    assert_eq!((status, code), (400, "InvalidIdentityToken"));
    for (file, status, code) in [
        ("bad-xsw3", 400, "InvalidIdentityToken"),
        (
            "expired-issued-six-minutes-ago",
            400,
            "ExpiredTokenException",
        ),
        ("rejected-a-failure", 403, "IDPRejectedClaim"),
    ] {
        let (seen, text, message) = assume(&world, file, &[]).await.unwrap_err();
        assert_eq!((seen, text), (status, code), "{file}: {message}");
    }
}

#[tokio::test]
async fn a_session_ends_with_the_providers_own() {
    let world = world();
    // The provider's session lasts two hours more, the role's one at most.
    world
        .clock
        .set(Timestamp::from_seconds(1_800_000_000).plus(Duration::from_secs(300)));
    let file = "good-both-are-signed";
    let answer = assume(&world, file, &[("DurationSeconds", "900")])
        .await
        .unwrap();
    assert_eq!(world.lasts(&answer), 900);
}
