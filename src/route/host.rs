//! Host names: as requests name them, and as services claim them.

use std::borrow::Cow;

use crate::source::{Node, Report, Value, mapping};

/// The longest name that DNS knows.
const MAX_NAME: usize = 253;

/// Which hosts a service serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// No `hosts` key: every host, as long as no other service names its own.
    Unsaid,
    /// `hosts: any`: every host that no other service names.
    Any,
    /// These.
    Listed(Box<[HostPattern]>),
}

/// One entry of `hosts`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// `orders.internal`
    Exact(Box<str>),
    /// `*.internal`, kept as `.internal`: one or more labels before it.
    Below(Box<str>),
}

impl Hosts {
    /// Reads the value of a `hosts` key: `any`, or a list of names.
    pub(in crate::route) fn read(node: Option<&Node>, report: &mut Report) -> Self {
        let Some(node) = node else {
            return Self::Unsaid;
        };
        let items = match &node.value {
            Value::String(word) if &**word == "any" => return Self::Any,
            Value::List(items) if !items.is_empty() => items,
            Value::List(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Map(_) => {
                report.error(
                    "bad-hosts",
                    node.span,
                    "`hosts` is a list of host names, or `any`",
                    "write hosts: [orders.internal, \"*.orders.internal\"] or hosts: any",
                );
                return Self::Unsaid;
            }
        };
        let mut patterns: Vec<HostPattern> = Vec::with_capacity(items.len());
        for item in items {
            let Some((text, span)) = mapping::string(item, "a host", report) else {
                continue;
            };
            let Some(pattern) = HostPattern::parse(text) else {
                report.error(
                    "bad-hosts",
                    span,
                    format!("`{text}` is no host name"),
                    "write it in lower case, without scheme, port and final dot; a `*.` may come first",
                );
                continue;
            };
            if patterns.contains(&pattern) {
                report.error(
                    "bad-hosts",
                    span,
                    format!("`{text}` is listed twice"),
                    "remove one of them",
                );
            } else {
                patterns.push(pattern);
            }
        }
        Self::Listed(patterns.into())
    }
}

impl HostPattern {
    fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        if normalise(name)? != name || name.contains('*') {
            return None;
        }
        Some(if name.len() == text.len() {
            Self::Exact(name.into())
        } else {
            Self::Below(format!(".{name}").into())
        })
    }
}

/// The name in a Host header or `:authority`: in lower case, without port and final dot. `None` when it is no name.
pub fn normalise(host: &str) -> Option<Cow<'_, str>> {
    if is_normal(host) {
        return Some(Cow::Borrowed(host));
    }
    let (name, port) = if host.starts_with('[') {
        let end = host.find(']')?.checked_add(1)?;
        host.split_at_checked(end)?
    } else {
        host.find(':')
            .and_then(|colon| host.split_at_checked(colon))
            .unwrap_or((host, ""))
    };
    if let Some(digits) = port.strip_prefix(':') {
        if digits.len() > 5 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    } else if !port.is_empty() {
        return None;
    }
    let is_name = if let Some(address) = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
        address.parse::<std::net::Ipv6Addr>().is_ok()
    } else {
        let labels = name.strip_suffix('.').unwrap_or(name);
        labels
            .split('.')
            .all(|label| (1..=63).contains(&label.len()) && label.bytes().all(is_label_byte))
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if !is_name || name.len() > MAX_NAME {
        return None;
    }
    Some(if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

/// Whether a name is as it would be made, as nearly all are: found in one look at its bytes.
fn is_normal(host: &str) -> bool {
    let mut label = 0_u8;
    for byte in host.bytes() {
        label = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' if label < 63 => label.saturating_add(1),
            b'.' if label > 0 => 0,
            _ => return false,
        };
    }
    label > 0 && host.len() <= MAX_NAME
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_requests() {
        for (host, name) in [
            ("orders.internal", Some("orders.internal")),
            ("Orders.Internal:8080", Some("orders.internal")),
            ("orders.internal.", Some("orders.internal")),
            ("orders.internal.:80", Some("orders.internal")),
            ("orders.internal:", Some("orders.internal")),
            ("127.0.0.1:9", Some("127.0.0.1")),
            ("[::1]:80", Some("[::1]")),
            ("[FE80::1]", Some("[fe80::1]")),
            ("localhost", Some("localhost")),
            ("a_b-c", Some("a_b-c")),
            ("", None),
            (".", None),
            ("a..b", None),
            ("a.b..", None),
            (".a", None),
            ("a:b", None),
            ("a:123456", None),
            ("a:80:80", None),
            ("a@b", None),
            ("a,b", None),
            ("a b", None),
            ("a/b", None),
            ("*.a", None),
            ("é", None),
            ("[::1", None),
            ("[::1]x", None),
            ("[::1]]", None),
            ("[x]", None),
            ("::1", None),
        ] {
            assert_eq!(normalise(host).as_deref(), name, "{host}");
        }
        assert!(normalise(&"a".repeat(64)).is_none());
        assert!(normalise(&"a.".repeat(127)).is_some());
        assert!(normalise(&"a.".repeat(128)).is_none());
    }

    #[test]
    fn names_of_services() {
        assert_eq!(
            HostPattern::parse("a.b"),
            Some(HostPattern::Exact("a.b".into()))
        );
        assert_eq!(
            HostPattern::parse("*.b"),
            Some(HostPattern::Below(".b".into()))
        );
        for bad in [
            "*", "*.", "a.*", "*.*.b", "A.b", "a.b:80", "a.b.", "", "http://a",
        ] {
            assert_eq!(HostPattern::parse(bad), None, "{bad}");
        }
    }
}
