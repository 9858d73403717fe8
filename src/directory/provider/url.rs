//! The few facts about a URL that decide whether it may be trusted: scheme, host, path.
//!
//! Accepts less than RFC 3986 on purpose: no user info, no fragment, no character that two readers could take
//! differently. Pure text; resolves no names.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An absolute `https:` or `http:` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    text: Box<str>,
    https: bool,
    authority: Box<str>,
    host: Box<str>,
}

/// What is wrong with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Neither scheme.
    #[error("a URL begins with https:// (or http://)")]
    Scheme,
    /// White space, control characters, quotes or characters beyond ASCII.
    #[error("a URL holds visible ASCII characters only, and no quotes or backslashes")]
    Character,
    /// `user@host`.
    #[error("user names and passwords do not belong into a URL")]
    UserInfo,
    /// No host, or one that is none.
    #[error("the URL's host is not a host name or an address")]
    Host,
    /// A port that is none.
    #[error("the URL's port is not a number from 1 to 65535")]
    Port,
    /// `#…`.
    #[error("a fragment does not belong into this URL")]
    Fragment,
}

impl Url {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// See [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text
            .bytes()
            .any(|byte| !byte.is_ascii_graphic() || b"\"\\<>^`{|}".contains(&byte))
        {
            return Err(UrlError::Character);
        }
        let (https, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (false, rest)
        } else {
            return Err(UrlError::Scheme);
        };
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (host, port) = split_port(authority)?;
        if let Some(port) = port
            && (port.is_empty()
                || !port.bytes().all(|byte| byte.is_ascii_digit())
                || port.parse::<u16>().map_or(true, |port| port == 0))
        {
            return Err(UrlError::Port);
        }
        Ok(Self {
            text: text.into(),
            https,
            authority: authority.to_ascii_lowercase().into(),
            host: host.to_ascii_lowercase().into(),
        })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is `https:`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Host and port, in lower case.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host, in lower case, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether there is a `?…`.
    pub fn has_query(&self) -> bool {
        self.text.contains('?')
    }

    /// Whether the host is this machine: `localhost`, 127.0.0.0/8 or ::1.
    pub fn is_loopback(&self) -> bool {
        &*self.host == "localhost"
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// Same scheme, host and port.
    pub fn same_origin(&self, other: &Self) -> bool {
        let default = if self.https { ":443" } else { ":80" };
        let plain = |url: &Self| {
            url.authority
                .strip_suffix(default)
                .unwrap_or(&url.authority)
                .to_owned()
        };
        self.https == other.https && plain(self) == plain(other)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(UrlError::Host)?;
        address.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((address, Some(port))),
            None if after.is_empty() => Ok((address, None)),
            None => Err(UrlError::Host),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let name = |host: &str| {
        host.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        })
    };
    if host.len() > 253 || !name(host) {
        return Err(UrlError::Host);
    }
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_origins() {
        let url = Url::parse("https://IdP.example:8443/realms/x?y=1").unwrap();
        assert_eq!(url.host(), "idp.example");
        assert_eq!(url.authority(), "idp.example:8443");
        assert!(url.is_https() && url.has_query() && !url.is_loopback());
        for loopback in ["http://127.0.0.1:1/", "http://[::1]:80", "http://localhost"] {
            assert!(Url::parse(loopback).unwrap().is_loopback(), "{loopback}");
        }
        // A name that only looks like an address is somebody else's.
        assert!(
            !Url::parse("http://127.0.0.1.evil.example/")
                .unwrap()
                .is_loopback()
        );
        let same = |a, b| Url::parse(a).unwrap().same_origin(&Url::parse(b).unwrap());
        assert!(same("https://a.b/x", "https://A.B:443/y"));
        assert!(!same("https://a.b/", "http://a.b/"));
        assert!(!same("https://a.b/", "https://a.b:444/"));
        assert!(!same("https://a.b/", "https://a.b.c/"));
    }

    #[test]
    fn refused() {
        for (text, error) in [
            ("ftp://a", UrlError::Scheme),
            ("https://", UrlError::Host),
            ("https:///x", UrlError::Host),
            ("https://a..b/", UrlError::Host),
            ("https://u@h/", UrlError::UserInfo),
            ("https://good.example\\@evil/", UrlError::Character),
            ("https://a b", UrlError::Character),
            ("https://ä.example", UrlError::Character),
            ("https://a:0/", UrlError::Port),
            ("https://a:65536/", UrlError::Port),
            ("https://a:/", UrlError::Port),
            ("https://a:+1/", UrlError::Port),
            ("https://[::1", UrlError::Host),
            ("https://[::1]x", UrlError::Host),
            ("https://a/#b", UrlError::Fragment),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }
}
