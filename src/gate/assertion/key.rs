//! The key that identity tokens are signed with.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

/// An ES256 or EdDSA key with its public half. Cloning shares it.
#[derive(Clone)]
pub struct SigningKey(Arc<Pair>);

struct Pair {
    key: EncodingKey,
    header: Header,
    public: Jwk,
}

/// Why a key is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is no key, or none of the two kinds.
    #[error(
        "this is no private key for signing identity tokens: PEM with PKCS #8 (`BEGIN PRIVATE KEY`) is needed, of an EC key on \
         P-256 or an Ed25519 key, as `openssl genpkey -algorithm ed25519` makes one"
    )]
    Unusable,
    /// No key could be made.
    #[error("no key could be made")]
    Random,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey").field(&self.id()).finish()
    }
}

impl SigningKey {
    /// A new ES256 key: what every JWT library verifies.
    ///
    /// # Errors
    /// When the cryptographic library cannot make one.
    pub fn generate() -> Result<Self, KeyError> {
        let made =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let made = made.map_err(|_| KeyError::Random)?;
        Self::new(EncodingKey::from_ec_der(made.as_ref()), Algorithm::ES256)
    }

    /// A PKCS #8 key in PEM, on P-256 or Ed25519.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let ec = || Self::new(EncodingKey::from_ec_pem(pem).ok()?, Algorithm::ES256).ok();
        let ed = || Self::new(EncodingKey::from_ed_pem(pem).ok()?, Algorithm::EdDSA).ok();
        ec().or_else(ed).ok_or(KeyError::Unusable)
    }

    /// Proves by a signature that it can make one.
    fn new(key: EncodingKey, algorithm: Algorithm) -> Result<Self, KeyError> {
        let mut public = Jwk::from_encoding_key(&key, algorithm).map_err(|_| KeyError::Unusable)?;
        let id = public.thumbprint(ThumbprintHash::SHA256);
        let id = id.map_err(|_| KeyError::Unusable)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let header = Header {
            kid: Some(id),
            ..Header::new(algorithm)
        };
        let made = Self(Arc::new(Pair {
            key,
            header,
            public,
        }));
        made.sign(&"").ok_or(KeyError::Unusable)?;
        Ok(made)
    }

    /// Its RFC 7638 thumbprint.
    pub fn id(&self) -> &str {
        self.0.header.kid.as_deref().unwrap_or_default()
    }

    /// Its public half.
    pub fn public(&self) -> &Jwk {
        &self.0.public
    }

    pub(super) fn sign(&self, claims: &impl Serialize) -> Option<String> {
        encode(&self.0.header, claims, &self.0.key).ok()
    }
}
