//! A new second factor: its seed, what an authenticator app reads it from, and the proof that the app has it.
//!
//! The proof is IAM's: two codes that follow each other. Draws nothing and asks nobody.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::clock::Timestamp;
use crate::secret::Secret;

use super::random;
use super::totp::{STEP, code_of, key};

const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// As many bytes as SHA-1 gives (RFC 4226, section 4).
const BYTES: usize = 20;
/// How many steps ago the first of the two codes may have been shown.
const BACK: i64 = 4;

/// What the codes are computed from, in base32.
#[derive(Debug, Clone)]
pub struct Seed(Secret<Box<str>>);

impl Seed {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new() -> Result<Self, aws_lc_rs::error::Unspecified> {
        let bytes = random::<BYTES>()?;
        let mut text = String::new();
        let (mut bits, mut held) = (0_u32, 0_u32);
        for byte in bytes {
            bits = (bits << 8) | u32::from(byte);
            held = held.saturating_add(8);
            while held >= 5 {
                held = held.saturating_sub(5);
                let index = usize::try_from((bits >> held) & 31).unwrap_or_default();
                text.push(char::from(LETTERS.get(index).copied().unwrap_or(b'A')));
            }
            bits &= (1_u32 << held).wrapping_sub(1);
        }
        Ok(Self(Secret::new(text.into())))
    }

    /// One that is known already: base32 of 10 to 80 bytes, in any case, with or without spaces and padding.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.chars().filter(|c| !c.is_whitespace() && *c != '=');
        let text: String = letters.map(|c| c.to_ascii_uppercase()).collect();
        let fits = (16..=128).contains(&text.len());
        let seed = Self(Secret::new(text.into()));
        (fits && key(&seed.0).is_some()).then_some(seed)
    }

    /// In base32.
    pub fn text(&self) -> &Secret<Box<str>> {
        &self.0
    }

    /// What an authenticator app reads, as a link or a QR code (Key Uri Format of Google Authenticator).
    pub fn uri(&self, issuer: &str, account: &str) -> Secret<String> {
        let (issuer, account) = (escaped(issuer), escaped(account));
        let seed = self.0.expose();
        Secret::new(format!(
            "otpauth://totp/{issuer}:{account}?secret={seed}&issuer={issuer}"
        ))
    }

    /// The code that is shown at a time.
    pub fn code(&self, now: Timestamp) -> Option<String> {
        let step = now.seconds().div_euclid(STEP);
        Some(code_of(&key(&self.0)?, step))
    }

    /// Whether both codes are this seed's, one right after the other, and just shown.
    pub fn proves(&self, first: &str, second: &str, now: Timestamp) -> bool {
        let Some(key) = key(&self.0) else {
            return false;
        };
        let step = now.seconds().div_euclid(STEP);
        let is = |step: i64, code: &str| {
            verify_slices_are_equal(code_of(&key, step).as_bytes(), code.as_bytes()).is_ok()
        };
        let mut steps = step.saturating_sub(BACK)..=step.saturating_add(1);
        steps.any(|step| is(step, first) && is(step.saturating_add(1), second))
    }
}

/// What a URI takes as it is, and all else in percent escapes.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn seeds_are_new_and_read_again() {
        let (one, other) = (Seed::new().unwrap(), Seed::new().unwrap());
        assert_ne!(one.text().expose(), other.text().expose());
        assert_eq!(one.text().expose().len(), 32);
        let again = Seed::parse(&one.text().expose().to_lowercase()).unwrap();
        assert_eq!(again.code(at(7)), one.code(at(7)));
        for text in ["", "JBSWY3DP", "JBSWY3DPEHPK3PX1", "!!!!!!!!!!!!!!!!!!!!"] {
            assert!(Seed::parse(text).is_none(), "{text}");
        }
        assert!(format!("{one:?}").contains("redacted"));
    }

    #[test]
    fn two_codes_that_follow_each_other() {
        // RFC 6238's seed.
        let seed = Seed::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        let now = 1_111_111_111;
        let code = |steps: i64| seed.code(at(now + steps * 30)).unwrap();
        assert_eq!((&*code(-1), &*code(0)), ("081804", "050471"));
        for (first, good) in [
            (-6, false),
            (-4, true),
            (-1, true),
            (0, true),
            (1, true),
            (2, false),
        ] {
            let proof = seed.proves(&code(first), &code(first + 1), at(now));
            assert_eq!(proof, good, "{first}");
        }
        assert!(!seed.proves(&code(0), &code(0), at(now)));
        assert!(!seed.proves(&code(0), &code(-1), at(now)));
        assert!(!seed.proves(&code(-1), &code(1), at(now)));
        assert!(!seed.proves("", "", at(now)));
    }

    #[test]
    fn the_link_that_apps_read() {
        let seed = Seed::parse("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").unwrap();
        assert_eq!(
            seed.uri("Side gate", "ana@5555&x=1").expose(),
            "otpauth://totp/Side%20gate:ana@5555%26x%3D1?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Side%20gate"
        );
    }
}
