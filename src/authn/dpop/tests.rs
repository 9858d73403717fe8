use std::sync::OnceLock;

use proptest::prelude::*;

use super::*;
use crate::authn::testing::{NOW, Signer, b64, now};

/// RFC 9449, section 7.1, figure 12.
const RFC_PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
const RFC_TOKEN: &[u8] = b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
/// RFC 9449, section 6.1.
const RFC_THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

const TOKEN: [u8; 32] = [7; 32];
const HOLDER: Holder<'_> = Holder {
    provider: "corp",
    subject: None,
};

fn wanted() -> Wanted<'static> {
    Wanted {
        method: "GET",
        secure: true,
        authority: "api.example",
        path: "/orders/7",
        token: &TOKEN,
    }
}

fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(Signer::p256)
}

/// A public JWK without `kid`.
fn jwk(signer: &Signer) -> String {
    signer.jwk("x", "").replace(r#","kid":"x""#, "")
}

fn header() -> String {
    format!(
        r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#,
        jwk(signer())
    )
}

fn payload() -> String {
    let ath = b64(TOKEN);
    format!(
        r#"{{"jti":"one","htm":"GET","htu":"https://api.example/orders/7","iat":{NOW},"ath":"{ath}"}}"#
    )
}

fn proof(header: &str, payload: &str) -> String {
    signer().token(Algorithm::Es256, header, payload)
}

fn check(proof: &str) -> Result<Proof, ProofError> {
    check_for(proof, &wanted())
}

fn check_for(proof: &str, wanted: &Wanted<'_>) -> Result<Proof, ProofError> {
    let began = Timestamp::from_seconds(NOW - 1000);
    Proof::check(proof, wanted, began, now())
}

#[test]
fn the_example_of_the_rfc() {
    let token = sha256(RFC_TOKEN);
    let wanted = Wanted {
        method: "GET",
        secure: true,
        authority: "resource.example.org",
        path: "/protectedresource",
        token: &token,
    };
    let at = Timestamp::from_seconds(1_562_262_618);
    let began = Timestamp::from_seconds(1_562_262_600);
    let proof = Proof::check(RFC_PROOF, &wanted, began, at).unwrap();
    assert_eq!(b64(proof.key), RFC_THUMBPRINT);
    let late = Timestamp::from_seconds(1_562_262_618 + 61);
    assert!(Proof::check(RFC_PROOF, &wanted, began, late).is_err());
}

#[test]
fn the_thumbprint_of_rfc_7638() {
    let text = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
    let jwk = Json::read(text.as_bytes()).unwrap();
    assert_eq!(
        thumbprint(&jwk).map(b64).as_deref(),
        Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
    );
}

#[test]
fn every_kind_of_key() {
    for (signer, algorithm) in [
        (Signer::p256(), Algorithm::Es256),
        (Signer::p384(), Algorithm::Es384),
        (Signer::ed(), Algorithm::EdDsa),
        (Signer::rsa(), Algorithm::Ps256),
    ] {
        let header = format!(
            r#"{{"typ":"dpop+jwt","alg":"{}","jwk":{}}}"#,
            algorithm.name(),
            jwk(&signer)
        );
        let proof = signer.token(algorithm, &header, &payload());
        assert!(check(&proof).is_ok(), "{}", algorithm.name());
        // Another key's signature, under this key's name.
        let other = super::tests::signer().token(algorithm, &header, &payload());
        assert_eq!(check(&other), Err(ProofError::Signature));
    }
}

#[test]
fn headers_that_are_refused() {
    let key = jwk(signer());
    let private = key.replacen('{', r#"{"d":"AAAA","#, 1);
    let secret = r#"{"kty":"oct","k":"AAAA"}"#;
    for header in [
        format!(r#"{{"alg":"ES256","jwk":{key}}}"#),
        format!(r#"{{"typ":"JWT","alg":"ES256","jwk":{key}}}"#),
        format!(r#"{{"typ":"dpop+jwt","jwk":{key}}}"#),
        format!(r#"{{"typ":"dpop+jwt","alg":"none","jwk":{key}}}"#),
        format!(r#"{{"typ":"dpop+jwt","alg":"HS256","jwk":{key}}}"#),
        format!(r#"{{"typ":"dpop+jwt","alg":"HS256","jwk":{secret}}}"#),
        format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{secret}}}"#),
        format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{private}}}"#),
        r#"{"typ":"dpop+jwt","alg":"ES256"}"#.to_owned(),
        r#"{"typ":"dpop+jwt","alg":"ES256","jwk":"x"}"#.to_owned(),
        r#"{"typ":"dpop+jwt","alg":"ES256","jwk":{}}"#.to_owned(),
        format!(r#"{{"typ":"dpop+jwt","alg":"ES256","crit":["x"],"jwk":{key}}}"#),
        format!(r#"{{"typ":"dpop+jwt","alg":"ES256","b64":false,"jwk":{key}}}"#),
    ] {
        let refused = check(&proof(&header, &payload()));
        assert!(
            matches!(refused, Err(ProofError::Header(_))),
            "{header}: {refused:?}"
        );
    }
    // The algorithm of another kind of key, and of another curve.
    for algorithm in ["ES384", "EdDSA", "RS256"] {
        let header = header().replace("ES256", algorithm);
        let refused = check(&proof(&header, &payload()));
        assert_eq!(refused, Err(ProofError::Signature), "{algorithm}");
    }
}

#[test]
fn claims_that_are_refused() {
    assert!(check(&proof(&header(), &payload())).is_ok());
    let ath = b64(TOKEN);
    for (from, to) in [
        (r#""jti":"one","#, ""),
        (r#""jti":"one""#, r#""jti":"""#),
        (r#""jti":"one""#, r#""jti":1"#),
        ("\"GET\"", "\"POST\""),
        ("\"GET\"", "\"get\""),
        (r#""htm":"GET","#, ""),
        (&*format!(r#","ath":"{ath}""#), ""),
        (&*ath, "AAAA"),
        (&*format!("\"iat\":{NOW}"), "\"iat\":\"1\""),
        (&*format!("\"iat\":{NOW}"), "\"iat\":-1"),
        (&*format!("\"iat\":{NOW},"), ""),
        (&*NOW.to_string(), &*(NOW - 61).to_string()),
        (&*NOW.to_string(), &*(NOW + 31).to_string()),
        (
            &*format!("\"iat\":{NOW}"),
            &*format!("\"iat\":{NOW},\"exp\":{NOW}"),
        ),
        (
            &*format!("\"iat\":{NOW}"),
            &*format!("\"iat\":{NOW},\"nbf\":{}", NOW + 31),
        ),
    ] {
        let changed = payload().replace(from, to);
        assert_ne!(changed, payload(), "{from}");
        let refused = check(&proof(&header(), &changed));
        assert!(
            matches!(refused, Err(ProofError::Claims(_))),
            "{changed}: {refused:?}"
        );
    }
    for seconds in [-60, 30] {
        let near = payload().replace(&NOW.to_string(), &(NOW + seconds).to_string());
        assert!(check(&proof(&header(), &near)).is_ok(), "{seconds}");
    }
    let double = payload().replacen('{', r#"{"jti":"two","#, 1);
    assert_eq!(check(&proof(&header(), &double)), Err(ProofError::Form));
}

#[test]
fn what_is_no_proof() {
    let good = proof(&header(), &payload());
    for text in [
        "",
        ".",
        "..",
        "a.b.c",
        &format!("{good}."),
        &format!("{good}="),
        &format!("x.{good}"),
        good.split_at(good.len() - 1).0,
        &"a".repeat(MAX_BYTES + 1),
    ] {
        assert!(check(text).is_err(), "{text}");
    }
}

#[test]
fn a_proof_made_before_the_process_began_is_refused() {
    let proof = proof(&header(), &payload());
    let began = |seconds| Timestamp::from_seconds(NOW + seconds);
    assert!(Proof::check(&proof, &wanted(), began(-1), now()).is_ok());
    // Nor one of the second in which it began: the process before may have seen it.
    for seconds in [0, 1] {
        assert!(Proof::check(&proof, &wanted(), began(seconds), now()).is_err());
    }
}

#[test]
fn addresses() {
    let same = |address: &str, wanted: &Wanted<'_>| is_same_address(address, wanted);
    let tls = wanted();
    for address in [
        "https://api.example/orders/7",
        "HTTPS://API.example/orders/7",
        "https://api.example:443/orders/7",
        "https://api.example/orders/7?x=1",
        "https://api.example/orders/7#x",
        "https://api.example/orders/%37",
        "https://api.example/./orders/7",
    ] {
        assert!(same(address, &tls), "{address}");
    }
    for address in [
        "",
        "/orders/7",
        "http://api.example/orders/7",
        "https://api.example:80/orders/7",
        "https://api.example:8443/orders/7",
        "https://api.example.evil/orders/7",
        "https://u@api.example/orders/7",
        "https://api.example/orders/7/",
        "https://api.example/orders",
        "https://api.example/Orders/7",
        "https://api.example",
        "https:///orders/7",
        "https://api.example\\orders/7",
        " https://api.example/orders/7",
    ] {
        assert!(!same(address, &tls), "{address}");
    }
    let plain = Wanted {
        secure: false,
        authority: "localhost:8080",
        path: "/",
        ..wanted()
    };
    assert!(same("http://localhost:8080", &plain) && same("http://LOCALHOST:8080/", &plain));
    assert!(!same("https://localhost:8080/", &plain) && !same("http://localhost/", &plain));
}

#[test]
fn ids_are_told_apart_by_their_keys() {
    let replays = Replays::new(Timestamp::from_seconds(NOW - 1000));
    let first = check(&proof(&header(), &payload())).unwrap();
    assert!(first.use_up(&replays, HOLDER, now()).is_ok());
    let again = check(&proof(&header(), &payload())).unwrap();
    assert_eq!(
        again.use_up(&replays, HOLDER, now()),
        Err(ProofError::Replayed)
    );
    let other = Signer::p256();
    let header = header().replace(&jwk(signer()), &jwk(&other));
    let theirs = check(&other.token(Algorithm::Es256, &header, &payload())).unwrap();
    assert!(theirs.use_up(&replays, HOLDER, now()).is_ok());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,300}") {
        prop_assert!(check(&text).is_err());
    }

    #[test]
    fn one_changed_letter_is_refused(at in any::<proptest::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let good = proof(&header(), &payload());
        let at = at.index(good.len());
        let mut changed = good.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != good);
        prop_assert!(check(&changed).is_err());
    }
}
