//! SPIFFE ids (the SPIFFE-ID standard, section 2), read as strictly as it says: `spiffe://TRUST-DOMAIN/PATH`.
//!
//! No port, user info, query, fragment or escape; lower-case trust domain; no empty or dotted segment. Two ids are the
//! same when their texts are. Pure text.

/// The longest id, and the longest trust domain, in bytes.
const MAX_ID: usize = 2048;
const MAX_TRUST_DOMAIN: usize = 255;
const SCHEME: &str = "spiffe://";

/// The id of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpiffeId<'t> {
    text: &'t str,
    trust_domain: &'t str,
    path: &'t str,
}

impl<'t> SpiffeId<'t> {
    /// Reads a workload's id, which has a path: one without names the trust domain itself.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'t str) -> Result<Self, &'static str> {
        if text.len() > MAX_ID {
            return Err("a SPIFFE id has 2048 bytes at most");
        }
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or("a SPIFFE id begins with spiffe://")?;
        let at = rest
            .find('/')
            .ok_or("a workload's SPIFFE id has a path behind its trust domain")?;
        let (trust_domain, path) = rest.split_at(at);
        if !is_trust_domain(trust_domain) {
            return Err("its trust domain is none: 1 to 255 of a-z 0-9 . - _");
        }
        let segments = path.split('/').skip(1);
        for segment in segments {
            let letters = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            if matches!(segment, "" | "." | "..") || !segment.bytes().all(letters) {
                return Err("a segment of its path is empty, dotted, or not of A-Z a-z 0-9 . - _");
            }
        }
        Ok(Self {
            text,
            trust_domain,
            path,
        })
    }

    /// The whole id.
    pub fn text(self) -> &'t str {
        self.text
    }

    /// Who issued it.
    pub fn trust_domain(self) -> &'t str {
        self.trust_domain
    }

    /// What it names there, with the slash in front.
    pub fn path(self) -> &'t str {
        self.path
    }
}

/// Whether a text is the name of a trust domain.
pub fn is_trust_domain(text: &str) -> bool {
    let letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (1..=MAX_TRUST_DOMAIN).contains(&text.len()) && text.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_standard() {
        for (text, trust_domain, path) in [
            (
                "spiffe://staging.example.com/payments/mysql",
                "staging.example.com",
                "/payments/mysql",
            ),
            ("spiffe://a_b-1.c/ns/x/sa/Y..z", "a_b-1.c", "/ns/x/sa/Y..z"),
            (
                "spiffe://t/9eebccd2-12bf-40a6-b262-65fe0487d453",
                "t",
                "/9eebccd2-12bf-40a6-b262-65fe0487d453",
            ),
        ] {
            let id = SpiffeId::parse(text).unwrap();
            assert_eq!(
                (id.text(), id.trust_domain(), id.path()),
                (text, trust_domain, path)
            );
        }
        let longest = format!("spiffe://t/{}", "a".repeat(2048 - 11));
        assert!(SpiffeId::parse(&longest).is_ok());
        assert!(SpiffeId::parse(&format!("{longest}a")).is_err());
        let domain = "d".repeat(255);
        assert!(SpiffeId::parse(&format!("spiffe://{domain}/a")).is_ok());
        assert!(SpiffeId::parse(&format!("spiffe://{domain}d/a")).is_err());
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "spiffe://",
            "spiffe://t",
            "spiffe://t/",
            "spiffe:///a",
            "SPIFFE://t/a",
            "spiffe:/t/a",
            "https://t/a",
            "spiffe://T/a",
            "spiffe://t:1/a",
            "spiffe://u@t/a",
            "spiffe://u:p@t/a",
            "spiffe://[::1]/a",
            "spiffe://t%61/a",
            "spiffe://t/a%61",
            "spiffe://t/a%2fb",
            "spiffe://t/a//b",
            "spiffe://t//a",
            "spiffe://t/a/",
            "spiffe://t/.",
            "spiffe://t/a/../b",
            "spiffe://t/a/./b",
            "spiffe://t/a?b",
            "spiffe://t/a#b",
            "spiffe://t/a b",
            "spiffe://t/a;b",
            "spiffe://t/\u{e4}",
            "spiffe://t\u{e4}/a",
            "spiffe://t/a\0",
            " spiffe://t/a",
        ] {
            assert!(SpiffeId::parse(text).is_err(), "{text:?}");
        }
    }
}
