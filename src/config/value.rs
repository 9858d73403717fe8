//! How single values are written: `10s`, `64KiB`, `host:port`, `10.0.0.0/8`, one of a few words.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::env;
use super::section::Reading;
use super::settings::{RedisUrl, RoleArn, Url, Urls};
use crate::arn::Arn;
use crate::directory::provider;
use crate::net::Address;
use crate::net::cidr::Cidr;
use crate::source::mapping::{boolean_help, string};
use crate::source::{Node, Report, Span, Value};
use crate::throttle::Rate;

/// What a key's value looks like, so that an environment variable can be read as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Number,
    /// A text of any kind.
    Text,
    /// A list of texts.
    List,
}

/// A type that a key's value can have.
pub(super) trait Setting: Sized {
    /// What it looks like.
    const SHAPE: Shape;

    /// Reads it; `None` when it is faulty (the report then says why).
    fn read(node: &Node, key: &str, reading: &mut Reading<'_>) -> Option<Self>;

    /// As one would write it.
    fn text(&self) -> String;
}

/// Reports that `key` is `what`, with an example.
fn wrong(node: &Node, key: &str, what: &str, example: &str, report: &mut Report) {
    report.error(
        "wrong-value",
        node.span,
        format!("`{key}` is {what}"),
        format!("like `{example}`"),
    );
}

/// Types that are read from a string alone.
macro_rules! from_text {
    ($type:ty, $what:literal, $example:literal, $parse:expr, $text:expr) => {
        impl Setting for $type {
            const SHAPE: Shape = Shape::Text;

            fn read(node: &Node, key: &str, reading: &mut Reading<'_>) -> Option<Self> {
                let parse: fn(&str) -> Option<Self> = $parse;
                let value = node.as_str().and_then(parse);
                if value.is_none() {
                    wrong(node, key, $what, $example, reading.report);
                }
                value
            }

            fn text(&self) -> String {
                let text: fn(&Self) -> String = $text;
                text(self)
            }
        }
    };
}

from_text!(
    Duration,
    "a time in ms, s, m or h",
    "10s",
    duration,
    |time| {
        let milliseconds = time.as_millis();
        match milliseconds {
            0 => "0s".to_owned(),
            whole if whole.is_multiple_of(3_600_000) => format!("{}h", whole / 3_600_000),
            whole if whole.is_multiple_of(1000) => format!("{}s", whole / 1000),
            whole => format!("{whole}ms"),
        }
    }
);
from_text!(
    Address,
    "an IP address with a port, or unix: and a path",
    "127.0.0.1:8080",
    |text| text.parse().ok(),
    ToString::to_string
);
from_text!(
    SocketAddr,
    "an IP address with a port",
    "0.0.0.0:9900",
    |text| text.parse().ok(),
    ToString::to_string
);
from_text!(
    Cidr,
    "an address, perhaps with the number of its leading bits that count; the others are 0",
    "10.0.0.0/8",
    |text| text.parse().ok(),
    ToString::to_string
);
from_text!(
    Url,
    "http:// or https://, a host and perhaps a port and no path; or unix: and a path",
    "http://127.0.0.1:3000",
    url,
    ToString::to_string
);
from_text!(
    RedisUrl,
    "redis:// or rediss:// (TLS), a host, perhaps a port, and perhaps / and the number of a database; who logs in has keys of its own",
    "redis://127.0.0.1:6379/0",
    redis_url,
    |url| url.0.to_string()
);
from_text!(
    RoleArn,
    "the ARN of a role",
    "arn:aws:iam::555566667777:role/reader",
    |text| {
        let arn = Arn::parse(text).ok()?;
        let is_role = arn.service() == "iam"
            && arn.account_id().is_some()
            && arn.resource().starts_with("role/");
        is_role.then(|| RoleArn(text.into()))
    },
    |arn| arn.0.to_string()
);
from_text!(
    provider::Url,
    "an https:// URL, or an http:// URL of this machine",
    "https://sts.example:9902",
    |text| {
        let url = provider::Url::parse(text).ok()?;
        (url.is_https() || url.is_loopback()).then_some(url)
    },
    |url| url.as_str().to_owned()
);
from_text!(
    Rate,
    "a number of requests and a time, from 1/1ms to 1000000/24h",
    "100/1s",
    |text| {
        let (count, per) = text.split_once('/')?;
        let plain = count.bytes().all(|byte| byte.is_ascii_digit());
        let count = plain.then(|| count.parse().ok())??;
        let per = duration(per)?;
        let good = (1..=1_000_000).contains(&count)
            && (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(&per);
        good.then_some(Rate { count, per })
    },
    |rate| format!("{}/{}", rate.count, rate.per.text())
);
from_text!(
    Name,
    "a name of letters, digits, single `_` and `-`, 64 at most",
    "ingress",
    |text| is_name(text).then(|| Self(text.into())),
    |name| name.0.to_string()
);
from_text!(
    HeaderPattern,
    "a header's name, perhaps with a `*` at its end",
    "X-Remote-User",
    |text| {
        let name = text.strip_suffix('*').unwrap_or(text);
        is_token(name).then(|| Self(text.to_ascii_lowercase().into()))
    },
    |pattern| pattern.0.to_string()
);
from_text!(
    Token,
    "a name as headers and cookies have it",
    "x-token",
    |text| is_token(text).then(|| Self(text.into())),
    |token| token.0.to_string()
);

/// RFC 9110's `token`.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.!#$%&'+^`|~".contains(&byte))
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// A name or an IPv4 address.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

fn url(text: &str) -> Option<Url> {
    if let Some(path) = text.strip_prefix("unix:") {
        return path.starts_with('/').then(|| Url::Unix(path.into()));
    }
    let (tls, rest) = match text.split_once("://")? {
        ("http", rest) => (false, rest),
        ("https", rest) => (true, rest),
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        match port {
            "" => (host, None),
            port => (host, Some(port.strip_prefix(':')?)),
        }
    } else {
        let (host, port) = match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        };
        if !is_host(host) {
            return None;
        }
        (host, port)
    };
    let port = match port {
        None if tls => 443,
        None => 80,
        Some(port) if is_port(port) => port.parse().ok()?,
        Some(_) => return None,
    };
    Some(Url::Http {
        tls,
        host: host.into(),
        port,
    })
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        && !text.contains("__")
        && !text.starts_with(['_', '-'])
        && !text.ends_with(['_', '-'])
}

/// The name of a listener or an upstream: such that an environment variable can hold it.
pub(super) struct Name(pub(super) Box<str>);

impl Name {
    /// Checks a name that stands as a key.
    pub(super) fn check(text: &str, span: Span, what: &str, report: &mut Report) -> Option<Self> {
        if is_name(text) {
            return Some(Self(text.into()));
        }
        report.error(
            "wrong-value",
            span,
            format!("{what} is of letters, digits, single `_` and `-`, 64 at most"),
            "like `app`",
        );
        None
    }
}

/// A header's name in lower case, with `*` at its end for any rest.
pub(super) struct HeaderPattern(pub(super) Box<str>);

/// The name of a header or a cookie.
pub(super) struct Token(pub(super) Box<str>);

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Size(pub(super) u64);

impl Size {
    /// From `least` to `most` bytes.
    pub(super) fn range(least: u64, most: u64) -> std::ops::RangeInclusive<Self> {
        Self(least)..=Self(most)
    }
}

const UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

from_text!(
    Size,
    "a size in B, KiB, MiB, GiB or TiB",
    "64KiB",
    |text| {
        UNITS.iter().find_map(|(unit, shift)| {
            let digits = text.strip_suffix(unit)?;
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let number: u64 = plain.then(|| digits.parse().ok())??;
            number.checked_mul(1_u64.checked_shl(*shift)?).map(Self)
        })
    },
    |size| {
        let unit = UNITS
            .iter()
            .find(|(_, shift)| size.0 != 0 && size.0.trailing_zeros() >= *shift);
        match unit {
            Some((unit, shift)) => format!("{}{unit}", size.0 >> shift),
            None => "0B".to_owned(),
        }
    }
);

impl Setting for Urls {
    const SHAPE: Shape = Shape::Text;

    fn read(node: &Node, key: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let urls = if node.as_list().is_some() {
            Vec::read(node, key, reading)?
        } else {
            vec![Url::read(node, key, reading)?]
        };
        if urls.is_empty() {
            wrong(
                node,
                key,
                "at least one URL",
                "http://127.0.0.1:3000",
                reading.report,
            );
            return None;
        }
        Some(Self(urls))
    }

    fn text(&self) -> String {
        match self.0.as_slice() {
            [one] => one.text(),
            several => {
                let texts: Vec<_> = several.iter().map(Setting::text).collect();
                format!("[{}]", texts.join(", "))
            }
        }
    }
}

impl Setting for PathBuf {
    const SHAPE: Shape = Shape::Text;

    fn read(node: &Node, key: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let (text, span) = string(node, key, reading.report)?;
        if text.is_empty() || text.contains('\0') {
            wrong(node, key, "a path", "./policies", reading.report);
            return None;
        }
        // What stands in the file is meant from where the file is; what stands in the environment, from where the
        // process is.
        if env::is_variable(span) {
            Some(PathBuf::from(text))
        } else {
            Some(reading.base.join(text))
        }
    }

    fn text(&self) -> String {
        self.display().to_string()
    }
}

impl Setting for bool {
    const SHAPE: Shape = Shape::Boolean;

    fn read(node: &Node, key: &str, reading: &mut Reading<'_>) -> Option<Self> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        let message = format!("`{key}` is true or false, and this is {}", node.kind());
        let help = boolean_help(node, key);
        reading.report.error("wrong-type", node.span, message, help);
        None
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

macro_rules! number {
    ($($type:ty)*) => {$(
        impl Setting for $type {
            const SHAPE: Shape = Shape::Number;

            fn read(node: &Node, key: &str, reading: &mut Reading<'_>) -> Option<Self> {
                if let Value::Number(text) = &node.value
                    && let Ok(value) = text.parse::<$type>()
                {
                    return Some(value);
                }
                wrong(node, key, "a whole number", "100", reading.report);
                None
            }

            fn text(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
number!(u32 usize);

impl<T: Setting> Setting for Vec<T> {
    const SHAPE: Shape = Shape::List;

    fn read(node: &Node, key: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let Some(items) = node.as_list() else {
            let message = format!("`{key}` is a list, and this is {}", node.kind());
            let help = "write [a, b] or one `- a` a line";
            reading.report.error("wrong-type", node.span, message, help);
            return None;
        };
        // All items are read before a faulty one is given up for: every fault at once.
        let read: Vec<_> = items
            .iter()
            .map(|item| T::read(item, key, reading))
            .collect();
        read.into_iter().collect()
    }

    fn text(&self) -> String {
        let items: Vec<_> = self.iter().map(T::text).collect();
        format!("[{}]", items.join(", "))
    }
}

/// Without a password, which would stand in every message that names it.
fn redis_url(text: &str) -> Option<RedisUrl> {
    let rest = text
        .strip_prefix("redis://")
        .or_else(|| text.strip_prefix("rediss://"))?;
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let letters = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    let is_number = database.len() <= 5 && database.bytes().all(|byte| byte.is_ascii_digit());
    let fine = !authority.is_empty() && authority.chars().all(letters) && is_number;
    fine.then(|| RedisUrl(text.into()))
}
