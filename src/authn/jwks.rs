//! JWK Sets (RFC 7517): the public keys that may verify a provider's tokens.
//!
//! A set comes from far away, so it is bounded, read strictly, and each key is checked before it may verify anything:
//! its kind, its size, that it is a point of its curve, and that its `use`, `key_ops` and `alg` allow verifying. A key
//! that fails is left out and named; one bad key does not take the others along. Fetches nothing.

mod small_order;

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;

use crate::directory::provider::Algorithm;

use super::json::Json;

/// The largest key set that is read.
pub const MAX_BYTES: usize = 1024 * 1024;
/// The most keys of a set.
pub const MAX_KEYS: usize = 100;
/// The longest `kid`.
const MAX_KID: usize = 512;
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// SHA-256 of a key's kind, material and allowed algorithm: the same key has the same id in every set.
pub type KeyId = [u8; 32];

/// The usable keys of a set, at least one.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Arc<Key>>,
    /// Why the other keys are not among them.
    pub left_out: Vec<String>,
}

/// A public key that may verify signatures of one kind.
#[derive(Debug)]
pub struct Key {
    id: KeyId,
    kid: Option<Box<str>>,
    kind: Kind,
    /// The key's own `alg`.
    only: Option<Algorithm>,
    decoding: DecodingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// With the length of its modulus in bytes.
    Rsa(usize),
    P256,
    P384,
    Ed25519,
}

/// Why a set cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Over [`MAX_BYTES`].
    #[error("the key set is over {MAX_BYTES} bytes")]
    TooLarge,
    /// No JSON, or a member stands twice.
    #[error("the key set is no strict JSON: {0}")]
    Json(String),
    /// No `keys`.
    #[error("the key set has no list `keys`")]
    NoKeys,
    /// Over [`MAX_KEYS`].
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooMany,
    /// Nothing that may verify.
    #[error("the key set has no usable key{0}")]
    Empty(String),
}

impl KeySet {
    /// Reads a set.
    ///
    /// # Errors
    /// See [`KeySetError`].
    pub fn read(bytes: &[u8]) -> Result<Self, KeySetError> {
        if bytes.len() > MAX_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let set: Set =
            serde_json::from_slice(bytes).map_err(|error| KeySetError::Json(error.to_string()))?;
        let found = set.keys.ok_or(KeySetError::NoKeys)?;
        if found.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let mut keys: Vec<Arc<Key>> = Vec::new();
        let mut left_out = Vec::new();
        for (at, json) in found.iter().enumerate() {
            match Key::read(json) {
                Ok(key) => {
                    // The same key listed twice under one name is one key.
                    if !keys
                        .iter()
                        .any(|known| known.id == key.id && known.kid == key.kid)
                    {
                        keys.push(Arc::new(key));
                    }
                }
                Err(why) => left_out.push(format!("key {}: {why}", at.saturating_add(1))),
            }
        }
        if keys.is_empty() {
            let why = left_out
                .first()
                .map(|why| format!(" ({why})"))
                .unwrap_or_default();
            return Err(KeySetError::Empty(why));
        }
        Ok(Self { keys, left_out })
    }

    /// The keys that may verify a token with this `kid` and algorithm. Without a `kid` there is one only if there is
    /// exactly one: trying all would let a token choose.
    pub fn matching(&self, kid: Option<&str>, algorithm: Algorithm) -> Vec<&Arc<Key>> {
        let mut keys: Vec<&Arc<Key>> = self
            .keys
            .iter()
            .filter(|key| key.allows(algorithm) && (kid.is_none() || key.kid.as_deref() == kid))
            .collect();
        if kid.is_none() && keys.len() > 1 {
            keys.clear();
        }
        keys
    }

    /// Whether a key is (still) in the set.
    pub fn contains(&self, id: &KeyId) -> bool {
        self.keys.iter().any(|key| key.id == *id)
    }

    /// Whether another set has the same keys under the same names.
    pub fn same_as(&self, other: &Self) -> bool {
        self.keys.len() == other.keys.len()
            && self
                .keys
                .iter()
                .zip(&other.keys)
                .all(|(mine, theirs)| mine.id == theirs.id && mine.kid == theirs.kid)
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a set has at least one key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// The outer object; `keys` keeps its objects, which [`Json`]'s lists do not.
#[derive(Debug)]
struct Set {
    keys: Option<Vec<Json>>,
}

impl<'de> serde::Deserialize<'de> for Set {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> serde::de::Visitor<'de> for Reader {
            type Value = Set;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JWK Set")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Set, A::Error> {
                let mut keys = None;
                while let Some(name) = map.next_key::<Box<str>>()? {
                    if &*name != "keys" {
                        map.next_value::<Json>()?;
                    } else if keys.replace(map.next_value()?).is_some() {
                        return Err(serde::de::Error::custom("`keys` stands twice"));
                    }
                }
                Ok(Set { keys })
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl Key {
    /// Reads a public key.
    ///
    /// # Errors
    /// Why it may verify nothing.
    pub(super) fn read(json: &Json) -> Result<Self, &'static str> {
        let text = |name: &str| match json.get(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(&**text)),
            Some(_) => Err("a member of a key has the wrong type"),
        };
        let family = text("kty")?.ok_or("no `kty`")?;
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            if json.get(private).is_some() {
                return Err("a private or symmetric key does not belong into a public set");
            }
        }
        if text("use")?.is_some_and(|purpose| purpose != "sig") {
            return Err("its `use` is not sig");
        }
        match json.get("key_ops") {
            None => {}
            Some(Json::List(list))
                if list.only_texts && list.texts.iter().any(|op| &**op == "verify") => {}
            Some(_) => return Err("its `key_ops` do not allow verify"),
        }
        let name = text("kid")?;
        if name.is_some_and(|name| name.len() > MAX_KID) {
            return Err("its `kid` is too long");
        }
        let only = text("alg")?
            .map(|name| Algorithm::named(name).ok_or("its `alg` is none that is accepted"))
            .transpose()?;
        let bytes = |name: &str| -> Result<Vec<u8>, &'static str> {
            URL_SAFE_NO_PAD
                .decode(text(name)?.ok_or("a parameter is missing")?)
                .map_err(|_| "a parameter is no base64url")
        };
        let (kind, material, decoding) = match (family, text("crv")?) {
            ("RSA", _) => rsa(&bytes("n")?, &bytes("e")?)?,
            ("EC", Some("P-256")) => curve(Kind::P256, 32, &bytes("x")?, &bytes("y")?)?,
            ("EC", Some("P-384")) => curve(Kind::P384, 48, &bytes("x")?, &bytes("y")?)?,
            ("OKP", Some("Ed25519")) => {
                let x = bytes("x")?;
                parses(&ED25519, &x)?;
                if small_order::is_small_order(&x) {
                    return Err("anybody can sign for it: its point is of small order");
                }
                let decoding = DecodingKey::from_ed_der(&x);
                (Kind::Ed25519, x, decoding)
            }
            ("EC" | "OKP", _) => return Err("its curve is none that is accepted"),
            _ => return Err("its kind is none that is accepted"),
        };
        if only.is_some_and(|algorithm| !kind.fits(algorithm)) {
            return Err("its `alg` does not fit its kind");
        }
        let mut digest = Context::new(&SHA256);
        digest.update(family.as_bytes());
        digest.update(&[0]);
        digest.update(only.map_or("", Algorithm::name).as_bytes());
        digest.update(&[0]);
        digest.update(&material);
        let mut id = [0; 32];
        id.copy_from_slice(digest.finish().as_ref());
        Ok(Self {
            id,
            kid: name.map(Into::into),
            kind,
            only,
            decoding,
        })
    }

    /// What the key is known by.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Whether it may verify this algorithm's signatures.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.kind.fits(algorithm) && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether `signature`, in base64url, signs `message`.
    pub fn verifies(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        if !self.allows(algorithm) {
            return false;
        }
        // `jsonwebtoken` hands any length on; a signature has exactly one.
        let length = match self.kind {
            Kind::Rsa(bytes) => bytes,
            Kind::P256 | Kind::Ed25519 => 64,
            Kind::P384 => 96,
        };
        if base64_length(signature.len()) != Some(length) {
            return false;
        }
        jsonwebtoken::crypto::verify(
            signature,
            message.as_bytes(),
            &self.decoding,
            theirs(algorithm),
        )
        .unwrap_or(false)
    }
}

impl Kind {
    fn fits(self, algorithm: Algorithm) -> bool {
        match algorithm {
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => matches!(self, Self::Rsa(_)),
            Algorithm::Es256 => self == Self::P256,
            Algorithm::Es384 => self == Self::P384,
            Algorithm::EdDsa => self == Self::Ed25519,
        }
    }
}

/// How many bytes so many base64url characters without padding stand for.
fn base64_length(characters: usize) -> Option<usize> {
    let rest = match characters % 4 {
        0 => 0,
        2 => 1,
        3 => 2,
        _ => return None,
    };
    (characters / 4).checked_mul(3)?.checked_add(rest)
}

fn rsa(n: &[u8], e: &[u8]) -> Result<(Kind, Vec<u8>, DecodingKey), &'static str> {
    // RFC 7518, section 6.3.1.1: no leading zero octets; some issuers write one all the same.
    let n = strip_zeros(n);
    let e = strip_zeros(e);
    let leading = n.first().map_or(8, |byte| byte.leading_zeros() as usize);
    let bits = n.len().saturating_mul(8).saturating_sub(leading);
    if !RSA_BITS.contains(&bits) {
        return Err("its modulus is not between 2048 and 8192 bits");
    }
    let exponent = e
        .iter()
        .try_fold(0u64, |value, byte| {
            value.checked_mul(256)?.checked_add(u64::from(*byte))
        })
        .ok_or("its exponent is too large")?;
    if exponent < 3 || exponent % 2 == 0 || exponent > u64::from(u32::MAX) {
        return Err("its exponent is not an odd number from 3 to 2^32");
    }
    PublicKeyComponents { n, e }
        .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
        .map_err(|_| "it is no RSA key")?;
    let mut material = n.to_vec();
    material.extend_from_slice(e);
    Ok((
        Kind::Rsa(n.len()),
        material,
        DecodingKey::from_rsa_raw_components(n, e),
    ))
}

fn strip_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

fn curve(
    kind: Kind,
    length: usize,
    x: &[u8],
    y: &[u8],
) -> Result<(Kind, Vec<u8>, DecodingKey), &'static str> {
    if x.len() != length || y.len() != length {
        return Err("its coordinates have the wrong length");
    }
    let mut point = vec![4];
    point.extend_from_slice(x);
    point.extend_from_slice(y);
    match kind {
        Kind::P384 => parses(&ECDSA_P384_SHA384_FIXED, &point)?,
        Kind::P256 | Kind::Rsa(_) | Kind::Ed25519 => parses(&ECDSA_P256_SHA256_FIXED, &point)?,
    }
    let decoding = DecodingKey::from_ec_der(&point);
    Ok((kind, point, decoding))
}

fn parses(algorithm: &'static dyn VerificationAlgorithm, bytes: &[u8]) -> Result<(), &'static str> {
    ParsedPublicKey::new(algorithm, bytes)
        .map(drop)
        .map_err(|_| "it is no key of its kind")
}

fn theirs(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Rs384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::Rs512 => jsonwebtoken::Algorithm::RS512,
        Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::Ps384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::Ps512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::Es384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    }
}

#[cfg(test)]
mod tests;
