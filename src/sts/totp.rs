//! Codes of second factors (TOTP, RFC 6238: HMAC-SHA-1, 30 seconds, six digits).
//!
//! A code is good once, and so is every earlier one of its device; a step of drift either way is allowed; after a few
//! wrong codes a device rests. Seeds and time are handed in. What was used is remembered in this process alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use crate::clock::Timestamp;
use crate::secret::Secret;

pub(super) const STEP: i64 = 30;
const DIGITS: u32 = 1_000_000;
/// Wrong codes before a device rests.
const ATTEMPTS: u32 = 5;
/// How long it rests.
const REST: Duration = Duration::from_secs(5 * 60);
/// Devices that are remembered; they come from the credentials, never from a caller.
const DEVICES: usize = 100_000;

/// Remembers which codes were used.
#[derive(Debug, Default)]
pub struct Totp {
    devices: Mutex<HashMap<Box<str>, Device>>,
}

#[derive(Debug, Default)]
struct Device {
    /// The last step whose code was used.
    used: i64,
    wrong: u32,
    rests_until: Option<Timestamp>,
}

impl Totp {
    /// Whether `code` is now the device's, and was not used. `seed` is in base32.
    pub fn check(&self, device: &str, seed: &Secret<Box<str>>, code: &str, now: Timestamp) -> bool {
        let Some(key) = key(seed) else {
            return false;
        };
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if devices.len() >= DEVICES && !devices.contains_key(device) {
            return false;
        }
        let known = devices.entry(device.into()).or_default();
        if known.rests_until.is_some_and(|until| now < until) {
            return false;
        }
        let step = now.seconds().div_euclid(STEP);
        let steps = [step.saturating_sub(1), step, step.saturating_add(1)];
        let found = steps.into_iter().find(|step| {
            let right = code_of(&key, *step);
            verify_slices_are_equal(right.as_bytes(), code.as_bytes()).is_ok()
        });
        match found {
            Some(step) if step > known.used => {
                *known = Device {
                    used: step,
                    ..Device::default()
                };
                true
            }
            _ => {
                known.wrong = known.wrong.saturating_add(1);
                if known.wrong >= ATTEMPTS {
                    known.wrong = 0;
                    known.rests_until = Some(now.plus(REST));
                }
                false
            }
        }
    }
}

/// The code of a step (RFC 4226, section 5.3).
pub(super) fn code_of(key: &hmac::Key, step: i64) -> String {
    let tag = hmac::sign(key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes.last().copied().unwrap_or_default() & 0xf);
    let end = offset.saturating_add(4);
    let four: [u8; 4] = bytes
        .get(offset..end)
        .and_then(|four| four.try_into().ok())
        .unwrap_or_default();
    let number = u32::from_be_bytes(four) & 0x7fff_ffff;
    format!("{:06}", number.checked_rem(DIGITS).unwrap_or_default())
}

/// The seed's bytes: base32, in any case, spaces and padding left out.
pub(super) fn key(seed: &Secret<Box<str>>) -> Option<hmac::Key> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in seed.expose().bytes() {
        let value = match letter.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter.checked_sub(b'A')?,
            letter @ b'2'..=b'7' => letter.checked_sub(b'2')?.checked_add(26)?,
            b' ' | b'=' => continue,
            _ => return None,
        };
        bits = (bits << 5) | u32::from(value);
        held = held.saturating_add(5);
        if held >= 8 {
            held = held.saturating_sub(8);
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
            bits &= (1_u32 << held).wrapping_sub(1);
        }
    }
    let algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
    (bytes.len() >= 10).then(|| hmac::Key::new(algorithm, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = "arn:aws:iam::555566667777:mfa/alice";

    /// RFC 6238's `12345678901234567890`.
    fn seed() -> Secret<Box<str>> {
        Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn codes_of_the_standard() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert!(
                Totp::default().check(DEVICE, &seed(), code, at(seconds)),
                "{code}"
            );
        }
    }

    #[test]
    fn a_code_is_good_once_and_drifts_by_a_step() {
        let (now, code) = (1_111_111_109_i64, "081804");
        for (drift, good) in [
            (-60_i64, false),
            (-30, true),
            (0, true),
            (30, true),
            (60, false),
        ] {
            let answer =
                Totp::default().check(DEVICE, &seed(), code, at(drift.saturating_add(now)));
            assert_eq!(answer, good, "{drift}");
        }
        let totp = Totp::default();
        assert!(totp.check(DEVICE, &seed(), code, at(now)));
        assert!(!totp.check(DEVICE, &seed(), code, at(now)));
        assert!(!totp.check(DEVICE, &seed(), code, at(now.saturating_add(20))));
        assert!(totp.check(DEVICE, &seed(), "050471", at(1_111_111_111)));
        // An earlier one is used up too.
        assert!(!totp.check(DEVICE, &seed(), code, at(1_111_111_112)));
    }

    #[test]
    fn a_device_rests_after_wrong_codes() {
        let totp = Totp::default();
        let (now, code) = (1_111_111_111, "050471");
        for _ in 0..ATTEMPTS {
            assert!(!totp.check(DEVICE, &seed(), "000000", at(now)));
        }
        assert!(!totp.check(DEVICE, &seed(), code, at(now)));
        assert!(
            totp.check("arn:other", &seed(), code, at(now)),
            "others do not"
        );
        let later = 1_234_567_890;
        assert!(totp.check(DEVICE, &seed(), "005924", at(later)));
    }

    #[test]
    fn no_seed_no_code() {
        for text in ["", "GEZDG", "GEZDGNBVGY3TQOJQ1", "!!!!!!!!!!!!!!!!!!!!"] {
            let seed = Secret::new(text.into());
            assert!(!Totp::default().check(DEVICE, &seed, "000000", at(59)));
        }
    }
}
