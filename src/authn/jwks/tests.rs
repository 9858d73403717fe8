use super::*;
use crate::authn::testing::{Signer, b64, signers};

fn read(keys: &str) -> Result<KeySet, KeySetError> {
    KeySet::read(format!(r#"{{"keys":[{keys}]}}"#).as_bytes())
}

fn left_out(key: &str) -> String {
    let good = signers().ed.jwk("good", "");
    let set = read(&format!("{key},{good}")).unwrap();
    assert_eq!(set.len(), 1, "{key}");
    set.left_out.concat()
}

#[test]
fn a_set_of_all_kinds() {
    let set = KeySet::read(signers().jwks().as_bytes()).unwrap();
    assert_eq!((set.len(), set.left_out.len()), (4, 0));
    for (kid, algorithm, fits) in [
        ("rsa", Algorithm::Rs256, true),
        ("rsa", Algorithm::Ps512, true),
        ("rsa", Algorithm::Es256, false),
        ("p256", Algorithm::Es256, true),
        ("p256", Algorithm::Es384, false),
        ("p384", Algorithm::Es384, true),
        ("ed", Algorithm::EdDsa, true),
        ("no", Algorithm::EdDsa, false),
    ] {
        assert_eq!(
            set.matching(Some(kid), algorithm).len(),
            usize::from(fits),
            "{kid} {algorithm:?}"
        );
    }
}

#[test]
fn without_a_kid_only_an_only_key() {
    let [a, b] = [Signer::ed(), Signer::ed()];
    let one = read(&a.jwk("a", "")).unwrap();
    assert_eq!(one.matching(None, Algorithm::EdDsa).len(), 1);
    let two = read(&format!("{},{}", a.jwk("a", ""), b.jwk("b", ""))).unwrap();
    assert_eq!(two.matching(None, Algorithm::EdDsa).len(), 0);
    // The same key under one name counts once, under two names twice; two keys under one name are both tried.
    let same = read(&format!("{},{}", a.jwk("a", ""), a.jwk("a", ""))).unwrap();
    assert_eq!(same.len(), 1);
    let clash = read(&format!("{},{}", a.jwk("a", ""), b.jwk("a", ""))).unwrap();
    assert_eq!(clash.matching(Some("a"), Algorithm::EdDsa).len(), 2);
}

#[test]
fn keys_that_may_not_verify_are_left_out() {
    let ed = &signers().ed;
    let rsa = &signers().rsa;
    for (key, why) in [
        (ed.jwk("k", r#","use":"enc""#), "`use`"),
        (ed.jwk("k", r#","key_ops":["sign"]"#), "`key_ops`"),
        (ed.jwk("k", r#","key_ops":"verify""#), "`key_ops`"),
        (ed.jwk("k", r#","key_ops":[]"#), "`key_ops`"),
        (ed.jwk("k", r#","alg":"HS256""#), "`alg`"),
        (ed.jwk("k", r#","alg":"none""#), "`alg`"),
        (ed.jwk("k", r#","alg":"ES256""#), "`alg` does not fit"),
        (rsa.jwk("k", r#","alg":"RSA-OAEP""#), "`alg`"),
        (ed.jwk("k", r#","d":"AAAA""#), "private"),
        (rsa.jwk("k", r#","p":"AAAA""#), "private"),
        (
            r#"{"kty":"oct","k":"c2VjcmV0","kid":"k"}"#.into(),
            "symmetric",
        ),
        (
            r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#.into(),
            "`alg`",
        ),
        (r#"{"kty":"AKP","pub":"AA"}"#.into(), "kind"),
        (r#"{"kid":"k"}"#.into(), "kty"),
        (r#"{"kty":7}"#.into(), "wrong type"),
        (r#""text""#.into(), "kty"),
        (r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#.into(), "curve"),
        (r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.into(), "no key"),
        (
            r#"{"kty":"OKP","crv":"Ed25519","x":"A+/="}"#.into(),
            "base64url",
        ),
        (r#"{"kty":"OKP","crv":"Ed25519"}"#.into(), "missing"),
        (
            r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#.into(),
            "curve",
        ),
        (
            r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#.into(),
            "length",
        ),
        (
            format!(
                r#"{{"kty":"EC","crv":"P-256","x":"{0}","y":"{0}"}}"#,
                b64([1; 32])
            ),
            "no key",
        ),
        (
            format!(r#"{{"kty":"RSA","n":"{}","e":"AQAB"}}"#, b64([255; 128])),
            "modulus",
        ),
        (
            format!(r#"{{"kty":"RSA","n":"{}","e":"AQAB"}}"#, b64([255; 1025])),
            "modulus",
        ),
        (
            format!(r#"{{"kty":"RSA","n":"{}","e":"AQ"}}"#, b64([255; 256])),
            "exponent",
        ),
        (
            format!(
                r#"{{"kty":"RSA","n":"{}","e":"AAAAAAAAAAAC"}}"#,
                b64([255; 256])
            ),
            "exponent",
        ),
        (ed.jwk(&"k".repeat(MAX_KID + 1), ""), "`kid` is too long"),
    ] {
        let found = left_out(&key);
        assert!(found.contains(why), "{key}: {found}");
    }
}

#[test]
fn sets_that_are_refused_whole() {
    let key = signers().ed.jwk("k", "");
    let many = vec![key.as_str(); MAX_KEYS + 1].join(",");
    for (text, error) in [
        (String::new(), "strict JSON"),
        ("<html>".into(), "strict JSON"),
        ("[]".into(), "strict JSON"),
        ("{}".into(), "no list"),
        (r#"{"keys":{}}"#.into(), "strict JSON"),
        (r#"{"keys":[]}"#.into(), "no usable key"),
        (
            r#"{"keys":[{"kty":"oct","k":"AA"}]}"#.into(),
            "no usable key (key 1: a private",
        ),
        (format!(r#"{{"keys":[{key}],"keys":[{key}]}}"#), "twice"),
        (
            format!(r#"{{"keys":[{{"kty":"RSA","kty":"EC"}},{key}]}}"#),
            "twice",
        ),
        (format!(r#"{{"keys":[{key}]}} x"#), "strict JSON"),
        (format!(r#"{{"keys":[{many}]}}"#), "more than"),
        (" ".repeat(MAX_BYTES + 1), "over"),
    ] {
        let found = KeySet::read(text.as_bytes()).unwrap_err().to_string();
        assert!(found.contains(error), "{error}: {found}");
    }
}

#[test]
fn a_key_with_alg_serves_that_one_alone() {
    let rsa = &signers().rsa;
    let set = read(&rsa.jwk("r", r#","alg":"PS256""#)).unwrap();
    let key = set.matching(Some("r"), Algorithm::Ps256)[0];
    let signature = |algorithm| b64(rsa.sign(algorithm, b"m"));
    assert!(key.verifies(Algorithm::Ps256, "m", &signature(Algorithm::Ps256)));
    assert!(!key.verifies(Algorithm::Rs256, "m", &signature(Algorithm::Rs256)));
    assert!(set.matching(Some("r"), Algorithm::Rs256).is_empty());
    assert!(set.contains(key.id()));
    assert!(!set.contains(&[0; 32]));
}

#[test]
fn keys_for_which_anybody_can_sign_are_left_out() {
    // With the neutral element as the key, its encoding and a zero are a signature of whatever there is.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let forged = [neutral, [0; 32]].concat();
    let key = aws_lc_rs::signature::UnparsedPublicKey::new(&ED25519, neutral);
    assert!(
        key.verify(b"whatever", &forged).is_ok(),
        "the danger is real"
    );
    let order_8 = "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU";
    let mut points = vec![URL_SAFE_NO_PAD.decode(order_8).unwrap()];
    for (first, rest, last) in [
        (0, 0, 0),
        (1, 0, 0),
        (0xec, 0xff, 0x7f),
        (0xed, 0xff, 0x7f),
        (0xee, 0xff, 0x7f),
    ] {
        let mut point = vec![rest; 32];
        (point[0], point[31]) = (first, last);
        points.push(point);
    }
    for mut point in points {
        for sign in [0, 0x80] {
            point[31] = (point[31] & 0x7f) | sign;
            let x = b64(&point);
            let key = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}","kid":"k"}}"#);
            assert!(!left_out(&key).is_empty(), "{x}");
        }
    }
}

#[test]
fn signatures_that_others_published() {
    let published = include_str!("../../../tests/vectors/jose.json");
    let published: serde_json::Value = serde_json::from_str(published).unwrap();
    let cases = published["cases"].as_array().unwrap();
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let set = read(&case["key"].to_string()).unwrap();
        let algorithm = Algorithm::named(case["algorithm"].as_str().unwrap()).unwrap();
        let key = &set.keys[0];
        let (message, signature) = case["jws"].as_str().unwrap().rsplit_once('.').unwrap();
        assert!(key.verifies(algorithm, message, signature), "{name}");
        for other in Algorithm::ALL {
            assert!(
                other == algorithm || !key.verifies(other, message, signature),
                "{name} as {other:?}"
            );
        }
        // Wycheproof's own changes, made of each: every letter of the signature, the message, parts that are missing.
        for at in 0..signature.len() {
            let mut letters = signature.as_bytes().to_vec();
            letters[at] = if letters[at] == b'X' { b'Y' } else { b'X' };
            let changed = String::from_utf8(letters).unwrap();
            assert!(!key.verifies(algorithm, message, &changed), "{name} {at}");
        }
        let (header, payload) = message.split_once('.').unwrap();
        for changed in [
            format!("{header}.X{payload}"),
            format!("X{header}.{payload}"),
            format!("{header}."),
            format!(".{payload}"),
            payload.to_owned(),
        ] {
            assert!(!key.verifies(algorithm, &changed, signature), "{name}");
        }
        let (_, shorter) = signature.split_at(1);
        for changed in ["", shorter, &format!("{signature}A")] {
            assert!(!key.verifies(algorithm, message, changed), "{name}");
        }
    }
    assert_eq!(cases.len(), 5);
}
