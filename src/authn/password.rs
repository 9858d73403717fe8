//! Passwords, hashed with argon2id and compared with such hashes (PHC strings, as `credentials.yaml` holds them).
//!
//! Costs are OWASP's: 19 MiB, two passes. A hash that asks for more than `MAX_MEMORY` is not computed: whoever can
//! write a hash must not be able to exhaust the machine. Blocks for tens of milliseconds.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::secret::Secret;

/// KiB, passes, lanes.
const COSTS: (u32, u32, u32) = (19 * 1024, 2, 1);
/// KiB that a hash may ask for.
const MAX_MEMORY: u32 = 256 * 1024;
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;
const SALT: usize = 16;
const HASH: usize = 32;

/// A password cannot be hashed: the system has no random bytes, or no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password cannot be hashed: the system gives no random bytes")]
pub struct HashError;

/// The hash of a password, with a salt of its own.
///
/// # Errors
/// When the system gives no random bytes.
pub fn hash(password: &str) -> Result<Secret<Box<str>>, HashError> {
    let mut salt = [0; SALT];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| HashError)?;
    let (memory, passes, lanes) = COSTS;
    let mut out = [0; HASH];
    compute(password, &salt, COSTS, &mut out).ok_or(HashError)?;
    Ok(Secret::new(
        format!(
            "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}",
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(out)
        )
        .into(),
    ))
}

/// Whether `password` is what `hash` was made of.
pub fn verify(password: &str, hash: &Secret<Box<str>>) -> bool {
    let Some((costs, salt, expected)) = read(hash.expose()) else {
        return false;
    };
    let mut found = vec![0; expected.len()];
    compute(password, &salt, costs, &mut found).is_some()
        && verify_slices_are_equal(&found, &expected).is_ok()
}

fn compute(
    password: &str,
    salt: &[u8],
    (memory, passes, lanes): (u32, u32, u32),
    out: &mut [u8],
) -> Option<()> {
    let params = Params::new(memory, passes, lanes, Some(out.len())).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let password = password.as_bytes();
    argon2.hash_password_into(password, salt, out).ok()
}

type Read = ((u32, u32, u32), Vec<u8>, Vec<u8>);

fn read(text: &str) -> Option<Read> {
    let mut parts = text.strip_prefix("$argon2id$v=19$")?.split('$');
    let mut costs = parts.next()?.split(',');
    let mut cost = |name: &str, most: u32| -> Option<u32> {
        let value = costs.next()?.strip_prefix(name)?.strip_prefix('=')?;
        value.parse().ok().filter(|value| *value <= most)
    };
    let read = (
        cost("m", MAX_MEMORY)?,
        cost("t", MAX_PASSES)?,
        cost("p", MAX_LANES)?,
    );
    let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
    let hash = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
    let fits = (16..=64).contains(&hash.len());
    (fits && costs.next().is_none() && parts.next().is_none()).then_some((read, salt, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_alone() {
        let one = hash("correct horse").unwrap();
        let other = hash("correct horse").unwrap();
        assert_ne!(one.expose(), other.expose(), "salted");
        assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify("correct horse", &one) && verify("correct horse", &other));
        assert!(!verify("correct horse ", &one) && !verify("", &one));
    }

    /// Made by the reference implementation: `printf password | argon2 somesaltsomesalt -id -t 2 -k 256 -p 1 -e`.
    #[test]
    fn a_hash_that_another_program_made() {
        let known =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        assert!(verify("password", &Secret::new(known.into())));
        assert!(!verify("Password", &Secret::new(known.into())));
    }

    #[test]
    fn what_is_no_hash_fits_no_password() {
        for text in [
            "",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA",
            "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=4000000,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$",
        ] {
            assert!(!verify("password", &Secret::new(text.into())), "{text}");
        }
    }
}
