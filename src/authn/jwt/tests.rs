use proptest::prelude::*;

use super::*;
use crate::authn::testing::{NOW, Signer, b64, header, idp, now, payload, signers};
use crate::directory::provider::Algorithm;

fn keys() -> KeySet {
    KeySet::read(signers().jwks().as_bytes()).unwrap()
}

fn verify_with(
    provider: &Arc<Provider>,
    token: &str,
    now: Timestamp,
) -> Result<VerifiedToken, TokenError> {
    Unverified::parse(token)?.verify(provider, &keys(), now, [0; 32])
}

fn verify(token: &str) -> Result<VerifiedToken, TokenError> {
    verify_with(&idp(""), token, now())
}

fn ed(header: &str, payload: &str) -> String {
    signers().ed.token(Algorithm::EdDsa, header, payload)
}

const ED: &str = r#"{"alg":"EdDSA","kid":"ed"}"#;

#[test]
fn every_algorithm_verifies() {
    for algorithm in Algorithm::ALL {
        let token = signers().good(algorithm, "");
        let verified = verify(&token).unwrap();
        assert_eq!(verified.claims().subject(), Some("alice"));
        assert_eq!(verified.expires_at().seconds(), NOW + 3600 + 30);
        assert_eq!(verified.audience(), Some("orders-api"));
        let verified = Arc::new(verified);
        assert!(verified.on_route(&["billing-api".into()]).is_none());
        // The header's algorithm is what is checked, with the key's kind: no other signature passes under its name.
        for other in Algorithm::ALL {
            if other != algorithm {
                let (signer, kid) = signers().of(algorithm);
                let lying = signer.token(algorithm, &header(other, kid), &payload(""));
                assert!(verify(&lying).is_err(), "{algorithm:?} as {other:?}");
            }
        }
    }
}

#[test]
fn rfc_9864_name_of_ed25519() {
    assert!(verify(&ed(r#"{"alg":"Ed25519","kid":"ed"}"#, &payload(""))).is_ok());
}

#[test]
fn algorithms_outside_the_list_are_refused() {
    let provider = idp("").as_ref().clone();
    let provider = Arc::new(Provider {
        algorithms: vec![Algorithm::Es256],
        ..provider
    });
    let token = signers().good(Algorithm::Rs256, "");
    assert_eq!(
        verify_with(&provider, &token, now()).unwrap_err(),
        TokenError::Algorithm
    );
    assert!(verify_with(&provider, &signers().good(Algorithm::Es256, ""), now()).is_ok());
}

#[test]
fn none_and_symmetric_algorithms() {
    let body = b64(payload(""));
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS256", "HS512", "ES256K", "RS256 ",
    ] {
        let head = b64(format!(r#"{{"alg":"{alg}","kid":"rsa"}}"#));
        assert!(verify(&format!("{head}.{body}.")).is_err(), "{alg}");
        assert!(verify(&format!("{head}.{body}.AAAA")).is_err(), "{alg}");
        assert!(verify(&format!("{head}.{body}")).is_err(), "{alg}");
    }
    // HS256 with the RSA public key as the secret (CVE-2015-9235 and its kin).
    let public = signers().rsa.jwk("rsa", "");
    let message = format!("{}.{body}", b64(r#"{"alg":"HS256","kid":"rsa"}"#));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, message.as_bytes());
    assert_eq!(
        verify(&format!("{message}.{}", b64(tag.as_ref()))).unwrap_err(),
        TokenError::Algorithm
    );
}

#[test]
fn headers_that_are_refused() {
    for member in [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""crit":["b64"],"b64":false"#,
        r#""b64":true"#,
        r#""b64":false"#,
        r#""zip":"DEF""#,
        r#""enc":"A256GCM""#,
        r#""jku":"https://evil.example/jwks""#,
        r#""x5u":"https://evil.example/x5u""#,
        r#""alg":"EdDSA""#,
        r#""kid":"ed""#,
    ] {
        let token = ed(
            &format!(r#"{{"alg":"EdDSA","kid":"ed",{member}}}"#),
            &payload(""),
        );
        let error = verify(&token).unwrap_err();
        assert_eq!(error.reason(), Reason::MalformedCredential, "{member}");
    }
    for head in [
        "[]",
        "{}",
        r#"{"kid":"ed"}"#,
        r#"{"alg":7,"kid":"ed"}"#,
        r#"{"alg":"EdDSA","kid":7}"#,
        r#"{"alg":"EdDSA","kid":null}"#,
        r#"{"alg":"EdDSA","kid":"ed","typ":7}"#,
        r#"{"alg":"EdDSA","kid":"ed"} "x""#,
        r#"{"alg":"EdDSA","kid":"ed",}"#,
    ] {
        assert!(verify(&ed(head, &payload(""))).is_err(), "{head}");
    }
}

#[test]
fn a_token_does_not_bring_its_own_key() {
    let mine = Signer::ed();
    let jwk = mine.jwk("ed", "");
    let token = mine.token(
        Algorithm::EdDsa,
        &format!(r#"{{"alg":"EdDSA","kid":"ed","jwk":{jwk}}}"#),
        &payload(""),
    );
    assert!(verify(&token).is_err());
    let forged = mine.token(Algorithm::EdDsa, ED, &payload(""));
    assert_eq!(verify(&forged).unwrap_err(), TokenError::Signature);
    let unknown = mine.token(
        Algorithm::EdDsa,
        r#"{"alg":"EdDSA","kid":"x"}"#,
        &payload(""),
    );
    assert_eq!(verify(&unknown).unwrap_err(), TokenError::UnknownKey);
}

#[test]
fn one_token_one_spelling() {
    let good = ed(ED, &payload(""));
    assert!(verify(&good).is_ok());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, body) = message.split_once('.').unwrap();
    let mut other_bits = signature.to_owned();
    // 64 bytes leave four unused bits in the last character.
    let last = other_bits.pop().unwrap();
    let next = match last {
        'A' => 'B',
        'Q' => 'R',
        'g' => 'h',
        'w' => 'x',
        other => panic!("{other} is not canonical"),
    };
    other_bits.push(next);
    for token in [
        String::new(),
        ".".into(),
        "..".into(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{head}..{body}.{signature}"),
        format!("{message}."),
        format!("{message}.{signature}="),
        format!("{message}.{signature}=="),
        format!("{message}.{signature}AA"),
        format!("{message}.{signature}\n"),
        format!("{message}. {signature}"),
        format!("{message}.{other_bits}"),
        format!("{head}=.{body}.{signature}"),
        format!("{head}.{body}=.{signature}"),
        format!("{good} "),
        format!(" {good}"),
        good.replace('_', "/").replace('-', "+") + "+",
    ] {
        assert!(verify(&token).is_err(), "{token}");
    }
}

#[test]
fn signatures_of_the_wrong_length() {
    for algorithm in [
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
        Algorithm::Rs256,
    ] {
        let good = signers().good(algorithm, "");
        let (message, signature) = good.rsplit_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let mut longer = bytes.clone();
        longer.push(0);
        let mut leading = vec![0];
        leading.extend_from_slice(&bytes);
        let shorter = &bytes[..bytes.len() - 1];
        for wrong in [
            longer.as_slice(),
            &leading,
            shorter,
            &[],
            &vec![0; bytes.len()],
        ] {
            let token = format!("{message}.{}", b64(wrong));
            assert!(verify(&token).is_err(), "{algorithm:?} {}", wrong.len());
        }
    }
}

#[test]
fn over_long_tokens() {
    let pad = "x".repeat(MAX_BYTES);
    let token = ed(ED, &payload(&format!(r#","pad":"{pad}""#)));
    assert_eq!(verify(&token).unwrap_err(), TokenError::TooLong);
}

#[test]
fn claims_that_are_refused() {
    let cases: &[(&str, Reason)] = &[
        (
            r#"{"iss":"https://idp.example","aud":"orders-api"}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"iss":"https://idp.example","exp":1800003600}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"aud":"orders-api","exp":1800003600}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"iss":"https://idp.example/","aud":"orders-api","exp":1800003600}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"orders-api","exp":"1800003600"}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"orders-api","exp":1800003600,"nbf":"0"}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"orders-api","exp":1800003600,"iat":"0"}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"iss":["https://idp.example"],"aud":"orders-api","exp":1800003600}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"orders-api","exp":1800003600,"exp":1900000000}"#,
            Reason::MalformedCredential,
        ),
        (
            r#"{"iss":"https://evil.example","iss":"https://idp.example","aud":"orders-api","exp":1800003600}"#,
            Reason::MalformedCredential,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"other-api","exp":1800003600}"#,
            Reason::WrongAudience,
        ),
        (
            r#"{"iss":"https://idp.example","aud":["other-api"],"exp":1800003600}"#,
            Reason::WrongAudience,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"Orders-API","exp":1800003600}"#,
            Reason::WrongAudience,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"orders-api","exp":1799999970}"#,
            Reason::ExpiredCredential,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"orders-api","exp":1800003600,"nbf":1800000031}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"orders-api","exp":1800003600,"iat":1800000031}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"orders-api","exp":1800003600,"iat":1700000000}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"orders-api","exp":1900000000}"#,
            Reason::InvalidClaims,
        ),
        (
            r#"{"iss":"https://idp.example","aud":"orders-api","exp":1800003600,"cnf":{"jkt":"x"}}"#,
            Reason::InvalidClaims,
        ),
        ("[]", Reason::InvalidClaims),
        ("\"text\"", Reason::InvalidClaims),
        ("{}", Reason::InvalidClaims),
    ];
    for (claims, reason) in cases {
        let error = verify(&ed(ED, claims)).unwrap_err();
        assert_eq!(error.reason(), *reason, "{claims}: {error}");
    }
    // The edges of the leeway are inside.
    for claims in [
        r#"{"iss":"https://idp.example","aud":["x","orders-api"],"exp":1799999971}"#,
        r#"{"iss":"https://idp.example","aud":"orders-api","exp":1800003600,"nbf":1800000030}"#,
        r#"{"iss":"https://idp.example","aud":"orders-api","exp":1800003600.5,"iat":1800000030}"#,
        r#"{"iss":"https://idp.example","aud":"orders-api","exp":1800003600,"iat":1768464000}"#,
    ] {
        assert!(verify(&ed(ED, claims)).is_ok(), "{claims}");
    }
}

#[test]
fn a_verified_token_expires() {
    let token = verify(&ed(ED, &payload(""))).unwrap();
    assert!(!token.has_expired(Timestamp::from_seconds(NOW + 3629)));
    assert!(token.has_expired(Timestamp::from_seconds(NOW + 3630)));
}

#[test]
fn types_of_tokens() {
    let typed = |provider: &Arc<Provider>, typ: &str| {
        let head = format!(r#"{{"alg":"EdDSA","kid":"ed"{typ}}}"#);
        verify_with(provider, &ed(&head, &payload("")), now()).is_ok()
    };
    let any = idp("");
    let strict = idp(r#","token_type":"at+jwt""#);
    for (typ, by_default, at_jwt) in [
        ("", true, false),
        (r#","typ":"JWT""#, true, false),
        (r#","typ":"jwt""#, true, false),
        (r#","typ":"at+jwt""#, true, true),
        (r#","typ":"AT+JWT""#, true, true),
        (r#","typ":"application/at+jwt""#, true, true),
        (r#","typ":"dpop+jwt""#, false, false),
        (r#","typ":"logout+jwt""#, false, false),
        (r#","typ":"application/""#, false, false),
        (r#","typ":"""#, false, false),
    ] {
        assert_eq!(typed(&any, typ), by_default, "{typ}");
        assert_eq!(typed(&strict, typ), at_jwt, "{typ}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any change of one bit in a token is refused.
    #[test]
    fn one_bit_changed_is_refused(algorithm in 0usize..9, at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let good = signers().good(Algorithm::ALL[algorithm], r#","team":"images","n":[1,2]"#);
        prop_assert!(verify(&good).is_ok());
        let mut bytes = good.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // What is no text never becomes a token: a header value with such a byte is refused before.
        if let Ok(changed) = String::from_utf8(bytes) {
            prop_assert!(verify(&changed).is_err(), "{changed}");
        }
    }

    /// No text makes the parser panic.
    #[test]
    fn any_text_is_read_or_refused(text in "[A-Za-z0-9._=-]{0,200}|.{0,80}") {
        let _ = Unverified::parse(&text).map(|token| token.issuer().len());
    }

    /// No header or payload does either.
    #[test]
    fn any_parts_are_read_or_refused(head in ".{0,60}", body in ".{0,60}") {
        let token = format!("{}.{}.AAAA", b64(head), b64(body));
        prop_assert!(Unverified::parse(&token).is_err());
    }
}

#[test]
fn every_bit_of_one_token() {
    let good = signers().good(Algorithm::Es256, "");
    for at in 0..good.len() {
        for bit in 0..7 {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(verify(&changed).is_err(), "byte {at}, bit {bit}");
        }
    }
}
