//! A session as a text, and back: signed, then sealed, and recognisable for what it is.
//!
//! `sgs1_KEYID_…`: kind, version and key in clear, authenticated with what follows them in base64url, a nonce and the
//! sealed bytes. Inside are an Ed25519 signature and the session. Sealing hides the secret access key and the policies
//! from whoever sees the token; the signature keeps those who can open (and so could seal) from issuing. A JWT begins
//! with `ey` and has dots, a session token never does.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::outcome::Reason;

use super::keyring::{Id, Parts};
use super::random;
use super::token::{Session, TooLarge};

/// What session tokens begin with: kind and version.
pub const PREFIX: &str = "sgs1_";
/// What session tokens of any version begin with.
const KIND: &[u8] = b"sgs";
/// The longest token.
pub const MAX_TEXT: usize = 4096;
const SIGNATURE: usize = 64;
const TAG: usize = 16;
/// The prefix, a key's id and a mark.
const HEAD: usize = PREFIX.len() + 9;
/// What the signature is over, before the head and the session: nothing else that the key might sign begins so.
const CONTEXT: &[u8] = b"sidegate session token 1\0";

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is no session token, or one of another version.
    #[error("it is no session token of this version")]
    Malformed,
    /// Its key is not in the keyring, or retired.
    #[error("the session token's key is not in the keyring, or retired")]
    UnknownKey,
    /// It was changed, or sealed or signed by somebody else.
    #[error("the session token was changed, or is not one of ours")]
    NotOurs,
    /// Its time is over.
    #[error("the session has expired")]
    Expired,
}

impl OpenError {
    /// The reason for reply, metrics and audit.
    pub fn reason(self) -> Reason {
        match self {
            Self::Malformed => Reason::MalformedCredential,
            Self::UnknownKey | Self::NotOurs => Reason::BadSignature,
            Self::Expired => Reason::ExpiredCredential,
        }
    }
}

/// Whether a credential is meant as a session token: then it is opened as one or refused, and never read as a JWT.
pub fn is_session_token(credential: &[u8]) -> bool {
    credential.starts_with(KIND)
}

/// A key at work.
pub(super) struct Key {
    id: Id,
    sealing: LessSafeKey,
    verifying: ParsedPublicKey,
    signing: Option<Ed25519KeyPair>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Key {
    pub(super) fn id(&self) -> Id {
        self.id
    }

    /// `None`: the parts are no keys.
    pub(super) fn new(id: Id, parts: &Parts) -> Option<Self> {
        let sealing = UnboundKey::new(&AES_256_GCM_SIV, parts.token_key.expose()).ok()?;
        let signing = match &parts.signing_key {
            Some(seed) => Some(
                Ed25519KeyPair::from_seed_and_public_key(seed.expose(), &parts.verifying_key)
                    .ok()?,
            ),
            None => None,
        };
        Some(Self {
            id,
            sealing: LessSafeKey::new(sealing),
            verifying: ParsedPublicKey::new(&ED25519, parts.verifying_key).ok()?,
            signing,
        })
    }

    /// Signs and seals to a text of at least `least` letters, and tells how many of a hundred parts of a token's room its
    /// policies and tags take. `Ok(None)`: this key cannot.
    pub(super) fn seal(
        &self,
        session: &Session,
        least: usize,
    ) -> Result<Option<(String, u32)>, TooLarge> {
        let (body, packed) = session.encode(body_for(least))?;
        let Some(text) = self.seal_bytes(&body) else {
            return Ok(None);
        };
        if text.len() > MAX_TEXT {
            let percent = text.len().saturating_mul(100).div_ceil(MAX_TEXT);
            return Err(TooLarge {
                percent: u32::try_from(percent).unwrap_or(u32::MAX),
            });
        }
        Ok(Some((text, packed)))
    }

    fn seal_bytes(&self, body: &[u8]) -> Option<String> {
        let head = format!("{PREFIX}{}_", self.id);
        let signing = self.signing.as_ref()?;
        let signature = signing.sign(&signed(&head, body));
        let mut bytes = signature.as_ref().to_vec();
        bytes.extend_from_slice(body);
        let nonce: [u8; NONCE_LEN] = random().ok()?;
        self.sealing
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(head.as_bytes()),
                &mut bytes,
            )
            .ok()?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut bytes);
        Some(format!("{head}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Opens, verifies and reads what [`parse`] took apart.
    pub(super) fn open(&self, sealed: Sealed<'_>) -> Result<Session, OpenError> {
        let Sealed {
            head, mut bytes, ..
        } = sealed;
        if bytes.len() < NONCE_LEN {
            return Err(OpenError::Malformed);
        }
        let mut body = bytes.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).map_err(|_| OpenError::Malformed)?;
        let plain = self
            .sealing
            .open_in_place(nonce, Aad::from(head.as_bytes()), &mut body)
            .map_err(|_| OpenError::NotOurs)?;
        let (signature, session) = plain
            .split_at_checked(SIGNATURE)
            .ok_or(OpenError::NotOurs)?;
        self.verifying
            .verify_sig(&signed(head, session), signature)
            .map_err(|_| OpenError::NotOurs)?;
        Session::decode(session).map_err(|_| OpenError::NotOurs)
    }
}

/// How many bytes of a session become at least so many letters of a token.
fn body_for(letters: usize) -> usize {
    let letters = letters.saturating_sub(HEAD);
    let encoded = |bytes: usize| bytes.saturating_mul(4).div_ceil(3);
    let bytes = letters.saturating_mul(3) / 4;
    let bytes = bytes.saturating_add(usize::from(encoded(bytes) < letters));
    bytes.saturating_sub(NONCE_LEN.saturating_add(SIGNATURE).saturating_add(TAG))
}

fn signed(head: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = CONTEXT.to_vec();
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// A token, taken apart.
#[derive(Debug)]
pub(super) struct Sealed<'t> {
    pub(super) id: Id,
    head: &'t str,
    bytes: Vec<u8>,
}

/// Takes a token apart.
pub(super) fn parse(text: &str) -> Result<Sealed<'_>, OpenError> {
    let parsed = || {
        let rest = text.strip_prefix(PREFIX)?;
        let (id, body) = rest.split_at_checked(8)?;
        let body = body.strip_prefix('_')?;
        let (head, _) = text.split_at_checked(text.len().checked_sub(body.len())?)?;
        Some(Sealed {
            id: Id::parse(id)?,
            head,
            bytes: URL_SAFE_NO_PAD.decode(body).ok()?,
        })
    };
    if text.len() > MAX_TEXT {
        return Err(OpenError::Malformed);
    }
    parsed().ok_or(OpenError::Malformed)
}

#[cfg(test)]
mod tests;
