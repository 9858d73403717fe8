//! Checksums of bodies, as S3's clients send them behind the last chunk: `x-amz-checksum-ALGORITHM`, in base64.
//!
//! What a request announces (`x-amz-trailer`) is computed while the body comes and compared at its end; what it did not
//! announce is refused. Whoever undoes the chunks takes the checksums away, so nobody behind can compare any more.

mod crc;

use std::fmt;

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::chunked::ChunkError;
use crc::{CRC32, CRC32C, CRC64NVME, Crc};

const PREFIX: &str = "x-amz-checksum-";

/// The checksums that a body's head announces.
#[derive(Debug, Default)]
pub(super) struct Checks {
    announced: Vec<Check>,
    /// One of an algorithm that is not known here.
    unknown: bool,
}

#[derive(Debug)]
struct Check {
    name: &'static str,
    running: Running,
    /// It came, and was right.
    seen: bool,
}

enum Running {
    Crc(Crc),
    Digest(digest::Context),
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("running")
    }
}

impl Running {
    fn of(name: &str) -> Option<(&'static str, Self)> {
        let crc = |kind| Self::Crc(Crc::new(kind));
        let digest = |kind| Self::Digest(digest::Context::new(kind));
        Some(match name {
            "crc32" => ("crc32", crc(&CRC32)),
            "crc32c" => ("crc32c", crc(&CRC32C)),
            "crc64nvme" => ("crc64nvme", crc(&CRC64NVME)),
            "sha1" => ("sha1", digest(&SHA1_FOR_LEGACY_USE_ONLY)),
            "sha256" => ("sha256", digest(&SHA256)),
            "sha512" => ("sha512", digest(&SHA512)),
            _ => return None,
        })
    }

    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc(crc) => crc.update(data),
            Self::Digest(context) => context.update(data),
        }
    }

    fn base64(&self) -> String {
        match self {
            Self::Crc(crc) => STANDARD.encode(crc.bytes()),
            Self::Digest(context) => STANDARD.encode(context.clone().finish()),
        }
    }
}

impl Checks {
    /// What the head announces.
    pub(super) fn announced(headers: &HeaderMap) -> Self {
        let mut checks = Self::default();
        for value in headers.get_all("x-amz-trailer") {
            for name in value.to_str().unwrap_or_default().split(',') {
                let name = name.trim().to_ascii_lowercase();
                let Some(algorithm) = name.strip_prefix(PREFIX) else {
                    continue;
                };
                match Running::of(algorithm) {
                    None => checks.unknown = true,
                    Some((name, _)) if checks.find(name).is_some() => {}
                    Some((name, running)) => checks.announced.push(Check {
                        name,
                        running,
                        seen: false,
                    }),
                }
            }
        }
        checks
    }

    /// Whether all of them can be computed.
    pub(super) fn are_known(&self) -> bool {
        !self.unknown
    }

    fn find(&mut self, name: &str) -> Option<&mut Check> {
        self.announced.iter_mut().find(|check| check.name == name)
    }

    /// Takes more of the body.
    pub(super) fn update(&mut self, data: &[u8]) {
        for check in &mut self.announced {
            check.running.update(data);
        }
    }

    /// Takes a trailer; `name` is in lower case.
    pub(super) fn trailer(&mut self, name: &str, value: &str) -> Result<(), ChunkError> {
        let Some(algorithm) = name.strip_prefix(PREFIX) else {
            return Ok(());
        };
        let check = self
            .find(algorithm)
            .ok_or(ChunkError::Malformed("a checksum that was not announced"))?;
        if std::mem::replace(&mut check.seen, true) {
            return Err(ChunkError::Malformed("a checksum stands twice"));
        }
        if check.running.base64() == value {
            Ok(())
        } else {
            Err(ChunkError::Checksum)
        }
    }

    /// The end of the trailers.
    pub(super) fn finish(&self) -> Result<(), ChunkError> {
        if self.announced.iter().all(|check| check.seen) {
            Ok(())
        } else {
            Err(ChunkError::Malformed("an announced checksum did not come"))
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn announced(text: &'static str) -> Checks {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-trailer", HeaderValue::from_static(text));
        Checks::announced(&headers)
    }

    /// Of `123456789`: the check values of the catalogue of CRCs, and what `openssl dgst` says.
    const KNOWN: [(&str, &str); 6] = [
        ("crc32", "y/Q5Jg=="),
        ("crc32c", "4waSgw=="),
        ("crc64nvme", "rosUhgp5mIg="),
        ("sha1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
        ("sha256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        (
            "sha512",
            "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ==",
        ),
    ];

    #[test]
    fn known_values() {
        for (name, expected) in KNOWN {
            for piece in [1, 2, 7, 9] {
                let mut checks = Checks::default();
                let (name, running) = Running::of(name).unwrap();
                checks.announced.push(Check {
                    name,
                    running,
                    seen: false,
                });
                for data in b"123456789".chunks(piece) {
                    checks.update(data);
                }
                assert_eq!(checks.announced[0].running.base64(), expected, "{name}");
            }
        }
    }

    #[test]
    fn what_is_announced_comes_once_and_is_right() {
        let checks = || {
            let mut checks = announced("X-Amz-Checksum-CRC32, x-amz-meta-a,x-amz-checksum-sha256");
            checks.update(b"123456789");
            checks
        };
        let (crc, sha) = (KNOWN[0].1, KNOWN[4].1);
        let mut good = checks();
        assert!(good.are_known());
        assert!(good.finish().is_err(), "nothing came yet");
        assert_eq!(good.trailer("x-amz-checksum-crc32", crc), Ok(()));
        assert_eq!(good.trailer("x-amz-meta-a", "anything"), Ok(()));
        assert!(good.finish().is_err(), "one is missing");
        assert_eq!(good.trailer("x-amz-checksum-sha256", sha), Ok(()));
        assert_eq!(good.finish(), Ok(()));
        assert!(good.trailer("x-amz-checksum-crc32", crc).is_err(), "twice");
        for value in ["", "AAAAAA==", "y/Q5Jg", "Y/Q5Jg==", sha] {
            let answer = checks().trailer("x-amz-checksum-crc32", value);
            assert_eq!(answer, Err(ChunkError::Checksum), "{value}");
        }
        for name in [
            "x-amz-checksum-crc32c",
            "x-amz-checksum-",
            "x-amz-checksum-md5",
        ] {
            assert!(checks().trailer(name, crc).is_err(), "{name}");
        }
        assert!(!announced("x-amz-checksum-xxhash3").are_known());
    }
}
