//! For tests: signing keys of every kind, tokens with any header and payload, providers.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::directory::provider::{Algorithm, Provider};
use crate::source::{Report, json};

/// The time at which tests take place.
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) enum Signer {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair, bool),
    Ed(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    pub(crate) fn p256() -> Self {
        Self::Ec(
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            false,
        )
    }

    pub(crate) fn p384() -> Self {
        Self::Ec(
            EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
            true,
        )
    }

    pub(crate) fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match algorithm {
                    Algorithm::Rs384 => &RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    Algorithm::Ps384 => &RSA_PSS_SHA384,
                    Algorithm::Ps512 => &RSA_PSS_SHA512,
                    Algorithm::Rs256 | Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => {
                        &RSA_PKCS1_SHA256
                    }
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), message, &mut signature)
                    .unwrap();
                signature
            }
            Self::Ec(pair, _) => pair
                .sign(&SystemRandom::new(), message)
                .unwrap()
                .as_ref()
                .to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// The public key as a JWK, with `more` members (`,"use":"sig"`).
    pub(crate) fn jwk(&self, kid: &str, more: &str) -> String {
        let key = match self {
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let n: aws_lc_rs::signature::RsaPublicKeyComponents<Vec<u8>> = public.into();
                format!(r#""kty":"RSA","n":"{}","e":"{}""#, b64(n.n), b64(n.e))
            }
            Self::Ec(pair, large) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                let curve = if *large { "P-384" } else { "P-256" };
                format!(
                    r#""kty":"EC","crv":"{curve}","x":"{}","y":"{}""#,
                    b64(x),
                    b64(y)
                )
            }
            Self::Ed(pair) => format!(
                r#""kty":"OKP","crv":"Ed25519","x":"{}""#,
                b64(pair.public_key())
            ),
        };
        format!(r#"{{{key},"kid":"{kid}"{more}}}"#)
    }

    /// A token with this header and payload, as they are.
    pub(crate) fn token(&self, algorithm: Algorithm, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", b64(header), b64(payload));
        let signature = self.sign(algorithm, message.as_bytes());
        format!("{message}.{}", b64(signature))
    }
}

/// Signing keys made once: RSA ones take long to find.
pub(crate) struct Signers {
    pub(crate) rsa: Signer,
    pub(crate) p256: Signer,
    pub(crate) p384: Signer,
    pub(crate) ed: Signer,
}

pub(crate) fn signers() -> &'static Signers {
    static SIGNERS: OnceLock<Signers> = OnceLock::new();
    SIGNERS.get_or_init(|| Signers {
        rsa: Signer::rsa(),
        p256: Signer::p256(),
        p384: Signer::p384(),
        ed: Signer::ed(),
    })
}

impl Signers {
    pub(crate) fn of(&self, algorithm: Algorithm) -> (&Signer, &'static str) {
        match algorithm {
            Algorithm::Es256 => (&self.p256, "p256"),
            Algorithm::Es384 => (&self.p384, "p384"),
            Algorithm::EdDsa => (&self.ed, "ed"),
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => (&self.rsa, "rsa"),
        }
    }

    /// A JWK Set with all four.
    pub(crate) fn jwks(&self) -> String {
        format!(
            r#"{{"keys":[{},{},{},{}]}}"#,
            self.rsa.jwk("rsa", r#","use":"sig""#),
            self.p256.jwk("p256", r#","alg":"ES256""#),
            self.p384.jwk("p384", r#","key_ops":["verify"]"#),
            self.ed.jwk("ed", "")
        )
    }

    /// A good token of the test provider, with `claims` (`,"a":1`) added.
    pub(crate) fn good(&self, algorithm: Algorithm, claims: &str) -> String {
        let (signer, kid) = self.of(algorithm);
        signer.token(algorithm, &header(algorithm, kid), &payload(claims))
    }
}

pub(crate) fn header(algorithm: Algorithm, kid: &str) -> String {
    format!(
        r#"{{"alg":"{}","kid":"{kid}","typ":"JWT"}}"#,
        algorithm.name()
    )
}

pub(crate) fn payload(claims: &str) -> String {
    format!(
        r#"{{"iss":"https://idp.example","aud":"orders-api","sub":"alice","iat":{},"exp":{}{claims}}}"#,
        NOW - 60,
        NOW + 3600
    )
}

/// A provider whose file has these keys (JSON members) beside or in place of the usual ones.
pub(crate) fn provider(name: &str, issuer: &str, keys: &str, more: &str) -> Arc<Provider> {
    let text = format!(
        r#"{{"type":"oidc","account":"222222222222","trusted_in":["222222222222","555566667777"],
            "issuer":"{issuer}","audiences":["orders-api","billing-api"],"keys":{keys},
            "algorithms":["RS256","RS384","RS512","PS256","PS384","PS512","ES256","ES384","EdDSA"]{more}}}"#
    );
    let mut report = Report::on("identity-providers/test.yaml");
    let node = json::read(&text, &mut report).unwrap();
    let provider = Provider::read(&node, name, &mut report);
    assert!(report.faults().is_empty(), "{:?}", report.faults());
    Arc::new(provider.unwrap())
}

/// The provider of [`Signers::good`]'s tokens.
pub(crate) fn idp(more: &str) -> Arc<Provider> {
    provider("corp", "https://idp.example", r#"{"discovery":true}"#, more)
}
