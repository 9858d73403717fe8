//! What a refusal keeps from the client, sealed for the STS: HPKE (RFC 9180) to a key of the keyring.
//!
//! Any holder of the keyring seals; only one with the secret half opens. The text names the key in clear.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as SUITE;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};

use crate::secret::Secret;

use super::keyring::{Id, Parts};

/// What messages begin with: kind and version.
pub const PREFIX: &str = "sgm1_";
/// The longest text of a message.
pub const MAX_TEXT: usize = 10_240;
/// What a message is for: a key used for something else opens none.
const INFO: &[u8] = b"sidegate encoded authorization message 1";
/// X25519's encapsulated secret.
const ENCAPSULATED: usize = 32;

/// A message that cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is none, or was changed.
    #[error("this is no encoded authorization message, or it was changed")]
    Malformed,
    /// Its key is not in the keyring, retired, or here without its secret half.
    #[error("no key of the keyring opens this message")]
    UnknownKey,
}

/// A new pair: public and secret half.
pub(super) fn generate() -> Option<([u8; 32], Secret<[u8; 32]>)> {
    let (public, secret) = SUITE.generate_key_pair().ok()?;
    let secret: [u8; 32] = secret.secret_bytes().try_into().ok()?;
    Some((public.0.try_into().ok()?, Secret::new(secret)))
}

/// Whether the secret half opens what the public one seals.
pub(super) fn belong_together(secret: &Secret<[u8; 32]>, public: &[u8; 32]) -> bool {
    let sealed = SUITE.seal(INFO, b"", b"", &HpkePublicKey(public.to_vec()));
    let Ok((encapsulated, sealed)) = sealed else {
        return false;
    };
    let secret = HpkePrivateKey::from(secret.expose().to_vec());
    SUITE
        .open(&encapsulated, INFO, b"", &sealed, &secret)
        .is_ok()
}

/// Seals a text. `None`: it is too long, or the key is none.
pub(super) fn seal(id: Id, parts: &Parts, text: &str) -> Option<String> {
    let head = format!("{PREFIX}{id}_");
    let public = HpkePublicKey(parts.message_key.to_vec());
    let sealed = SUITE.seal(INFO, head.as_bytes(), text.as_bytes(), &public);
    let (EncapsulatedSecret(mut bytes), sealed) = sealed.ok()?;
    bytes.extend(sealed);
    let message = format!("{head}{}", URL_SAFE_NO_PAD.encode(bytes));
    (message.len() <= MAX_TEXT).then_some(message)
}

/// The id of the key that sealed it, its head and its body.
pub(super) fn parse(message: &str) -> Result<(Id, &str, Vec<u8>), MessageError> {
    let parsed = || {
        let rest = message.strip_prefix(PREFIX)?;
        let (id, body) = rest.split_at_checked(8)?;
        let body = body.strip_prefix('_')?;
        let head = message.split_at_checked(message.len().saturating_sub(body.len()))?;
        Some((Id::parse(id)?, head.0, URL_SAFE_NO_PAD.decode(body).ok()?))
    };
    if message.len() > MAX_TEXT {
        return Err(MessageError::Malformed);
    }
    parsed().ok_or(MessageError::Malformed)
}

pub(super) fn open(
    head: &str,
    body: &[u8],
    secret: &Secret<[u8; 32]>,
) -> Result<String, MessageError> {
    let opened = || {
        let (encapsulated, sealed) = body.split_at_checked(ENCAPSULATED)?;
        let encapsulated = EncapsulatedSecret(encapsulated.to_vec());
        let secret = HpkePrivateKey::from(secret.expose().to_vec());
        let plain = SUITE.open(&encapsulated, INFO, head.as_bytes(), sealed, &secret);
        String::from_utf8(plain.ok()?).ok()
    };
    opened().ok_or(MessageError::Malformed)
}
