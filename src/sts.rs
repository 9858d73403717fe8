//! Session credentials: made, sealed into tokens, and opened again, by whoever has the keyring and nothing else.
//!
//! A [`Session`] says who it is for and what it carries; [`Keys`] signs it and seals it into a text ([`seal`]) that any
//! holder of the [`keyring`] opens. A verify-only keyring opens and cannot issue. [`message`] seals what a refusal keeps
//! from the client. Judges nothing: whether somebody may have a session is for the endpoint to ask the engine, and
//! whether its role still exists for `authn`. Time and keys are handed in; knows no HTTP, directory or policy.

pub mod access_key;
pub mod enrolment;
pub mod keyring;
pub mod keys;
pub mod message;
mod pack;
pub mod seal;
pub mod token;
pub mod totp;
mod wire;

pub use keyring::Keyring;
pub use keys::{Keys, Opened};
pub use seal::OpenError;
pub use token::{Mfa, Session, Who};

/// Random bytes.
///
/// # Errors
/// When the system has none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(bytes)
}
