//! The demo issuer's signing keys: made at start, kept in a private file so that `sidegate token` can sign too.
//!
//! One key for each algorithm that the example's providers accept. For trying and testing only: a real issuer's keys
//! are no business of Sidegate's.

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;

/// The algorithms that the issuer signs with.
pub const ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];

/// A signing key for each of [`ALGORITHMS`].
pub struct Keys(Vec<Key>);

struct Key {
    algorithm: &'static str,
    pkcs8: Vec<u8>,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys([redacted])")
    }
}

impl Keys {
    /// Makes new keys.
    ///
    /// # Errors
    /// When the cryptographic library cannot.
    pub fn make() -> Result<Self> {
        let random = SystemRandom::new();
        let keys = ALGORITHMS.map(|algorithm| {
            let pkcs8 = match algorithm {
                "RS256" | "PS256" => RsaKeyPair::generate(KeySize::Rsa2048)?
                    .as_der()?
                    .as_ref()
                    .to_vec(),
                "ES256" => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?
                    .as_ref()
                    .to_vec(),
                "ES384" => EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random)?
                    .as_ref()
                    .to_vec(),
                _ => Ed25519KeyPair::generate_pkcs8(&random)?.as_ref().to_vec(),
            };
            Key::read(algorithm, pkcs8)
        });
        keys.into_iter().collect::<Result<_>>().map(Self)
    }

    /// The keys as [`Keys::write`] wrote them.
    ///
    /// # Errors
    /// When a key is missing or is none.
    pub fn read(stored: &Value) -> Result<Self> {
        let keys = ALGORITHMS.map(|algorithm| {
            let text = stored.get(algorithm).and_then(Value::as_str);
            let text = text.with_context(|| format!("there is no {algorithm} key"))?;
            Key::read(algorithm, STANDARD.decode(text)?)
        });
        keys.into_iter().collect::<Result<_>>().map(Self)
    }

    /// The private keys, for a file that only its owner reads.
    pub fn write(&self) -> Value {
        let keys = self.0.iter();
        keys.map(|key| (key.algorithm, STANDARD.encode(&key.pkcs8)))
            .collect()
    }

    /// The public keys, as a JWK Set.
    pub fn jwks(&self) -> Value {
        let keys: Vec<Value> = self.0.iter().map(Key::jwk).collect();
        json!({ "keys": keys })
    }

    /// Signs a token.
    ///
    /// # Errors
    /// When there is no key for the algorithm.
    pub fn sign(&self, algorithm: &str, claims: &Map<String, Value>) -> Result<String> {
        let key = self.0.iter().find(|key| key.algorithm == algorithm);
        let key = key.with_context(|| {
            let known = ALGORITHMS.join(", ");
            format!("the demo issuer has no {algorithm} key; it has {known}")
        })?;
        let header = json!({"alg": algorithm, "kid": key.name(), "typ": "JWT"});
        let encode = |value: Vec<u8>| URL_SAFE_NO_PAD.encode(value);
        let message = format!(
            "{}.{}",
            encode(header.to_string().into()),
            encode(serde_json::to_vec(claims)?)
        );
        let signature = encode(key.signature(message.as_bytes())?);
        Ok(format!("{message}.{signature}"))
    }
}

impl Key {
    fn read(algorithm: &'static str, pkcs8: Vec<u8>) -> Result<Self> {
        let pair = match algorithm {
            "RS256" | "PS256" => Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(&pkcs8)?)),
            "ES256" => Pair::Ec(EcdsaKeyPair::from_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &pkcs8,
            )?),
            "ES384" => Pair::Ec(EcdsaKeyPair::from_pkcs8(
                &ECDSA_P384_SHA384_FIXED_SIGNING,
                &pkcs8,
            )?),
            _ => Pair::Ed(Ed25519KeyPair::from_pkcs8(&pkcs8)?),
        };
        Ok(Self {
            algorithm,
            pkcs8,
            pair,
        })
    }

    /// The `kid`.
    fn name(&self) -> String {
        format!("demo-{}", self.algorithm.to_ascii_lowercase())
    }

    fn jwk(&self) -> Value {
        let encode = |value: &[u8]| URL_SAFE_NO_PAD.encode(value);
        let mut key = match &self.pair {
            Pair::Rsa(pair) => {
                let public: RsaPublicKeyComponents<Vec<u8>> = pair.public_key().into();
                json!({"kty": "RSA", "n": encode(&public.n), "e": encode(&public.e)})
            }
            Pair::Ec(pair) => {
                // An uncompressed point: 4, then both coordinates.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at_checked(point.len() / 2).unwrap_or_default();
                let curve = match self.algorithm {
                    "ES256" => "P-256",
                    _ => "P-384",
                };
                json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref())})
            }
        };
        if let Some(members) = key.as_object_mut() {
            members.insert("kid".to_owned(), self.name().into());
            members.insert("alg".to_owned(), self.algorithm.into());
            members.insert("use".to_owned(), "sig".into());
        }
        key
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        Ok(match &self.pair {
            Pair::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match self.algorithm {
                    "PS256" => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature)
                    .map_err(|_| anyhow!("an RSA signature could not be made"))?;
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message)?.as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        })
    }
}

/// The claims of a test token: who, from whom, for whom, for how long, and whatever else.
pub fn claims(
    issuer: &str,
    audience: &str,
    subject: &str,
    now: Timestamp,
    seconds: i64,
) -> Map<String, Value> {
    let made = now.seconds();
    let claims = json!({
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "iat": made,
        "exp": made.saturating_add(seconds),
    });
    match claims {
        Value::Object(claims) => claims,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}
