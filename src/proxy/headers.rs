//! Header fields on their way: those meant for one hop, those a client may not claim, those that are added.

use http::Version;
use http::header::{
    self, AUTHORIZATION, CONNECTION, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VIA,
};
use smallvec::SmallVec;

use crate::outcome::Reason;

/// Names that upstreams commonly trust for who is asking and for what; the default of what is stripped.
pub const STRIPPED: [&str; 18] = [
    "X-Remote-User",
    "X-Forwarded-User",
    "X-Auth-Request-*",
    "X-Authenticated-User",
    "X-User-Id",
    "X-Principal",
    "X-Jwt-Payload",
    "X-Amzn-Oidc-*",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Original-URL",
    "X-Original-Method",
    "X-Rewrite-URL",
    "X-Forwarded-Uri",
    "X-Forwarded-Prefix",
    "X-Envoy-Original-Path",
    "X-Accel-Redirect",
];

/// Never taken from a client, whatever the configuration says: our own names; what CGI would read as framing when
/// written with `_`; and `Proxy`, which CGI turns into an outgoing proxy.
const ALWAYS: [&str; 2] = ["X-Sidegate-*", "Proxy"];
/// Names that would be another header's to an upstream that reads `_` and `.` as `-`; only such spellings are removed.
const SPELLINGS: [&str; 8] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "transfer-encoding",
    "x-api-key",
];

type Names = SmallVec<[HeaderName; 8]>;

/// Which names are never taken from a client. Letters are compared without case, `_` and `.` as `-`.
#[derive(Debug)]
pub struct Strip {
    exact: Vec<Box<str>>,
    prefixes: Vec<Box<str>>,
    /// Bytes that a listed name begins with.
    first: [bool; 256],
}

impl Strip {
    /// From names as they are configured.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut strip = Self {
            exact: Vec::new(),
            prefixes: Vec::new(),
            first: [false; 256],
        };
        for name in names.into_iter().chain(ALWAYS) {
            let plain: String = name.bytes().map(|byte| char::from(fold(byte))).collect();
            if let Some(first) = plain.bytes().next().map(usize::from)
                && let Some(listed) = strip.first.get_mut(first)
            {
                *listed = true;
            }
            match plain.strip_suffix('*') {
                Some(prefix) => strip.prefixes.push(prefix.into()),
                None => strip.exact.push(plain.into()),
            }
        }
        strip
    }

    /// Whether a field of that name is removed.
    pub fn holds(&self, name: &HeaderName) -> bool {
        let name = name.as_str().as_bytes();
        let Some(first) = name.first() else {
            return false;
        };
        if self.first.get(usize::from(fold(*first))) == Some(&true)
            && (self.exact.iter().any(|exact| same(name, exact))
                || self.prefixes.iter().any(|prefix| begins(name, prefix)))
        {
            return true;
        }
        name.iter().any(|byte| matches!(byte, b'_' | b'.'))
            && SPELLINGS.iter().any(|plain| same(name, plain))
    }

    /// Removes every such field: from a head, or from trailers.
    pub fn remove(&self, fields: &mut HeaderMap) {
        let found: Names = fields
            .keys()
            .filter(|name| self.holds(name))
            .cloned()
            .collect();
        for name in found {
            fields.remove(name);
        }
    }
}

/// Lower case, with `_` and `.` as `-`.
fn fold(byte: u8) -> u8 {
    match byte {
        b'_' | b'.' => b'-',
        other => other.to_ascii_lowercase(),
    }
}

fn same(name: &[u8], plain: &str) -> bool {
    name.len() == plain.len() && begins(name, plain)
}

fn begins(name: &[u8], plain: &str) -> bool {
    name.len() >= plain.len()
        && name
            .iter()
            .zip(plain.bytes())
            .all(|(&byte, plain)| fold(byte) == plain)
}

/// What the fields of this hop said.
#[derive(Debug, Default)]
pub struct Hop {
    /// The client takes trailers.
    pub trailers: bool,
    /// The client asks for another protocol after this request.
    pub upgrade: Option<HeaderValue>,
}

/// Removes the fields that are meant for this hop only, and those that Connection names. Done before the judgement: a
/// field that goes no further must not be what allowed the request.
pub fn take_hop(fields: &mut HeaderMap, version: Version) -> Result<Hop, Reason> {
    let mut hop = Hop::default();
    if let Some(te) = fields.remove(TE) {
        hop.trailers = tokens(&te).any(|token| {
            let name = token.split(|&byte| byte == b';').next().unwrap_or(token);
            name.trim_ascii().eq_ignore_ascii_case(b"trailers")
        });
    }
    let mut upgrade_named = false;
    if fields.contains_key(CONNECTION) {
        let mut named = Names::new();
        for value in fields.get_all(CONNECTION) {
            for token in tokens(value) {
                upgrade_named |= token.eq_ignore_ascii_case(b"upgrade");
                let name = HeaderName::from_bytes(token).map_err(|_| Reason::MalformedRequest)?;
                if name == HOST || name == AUTHORIZATION || name == header::CONTENT_LENGTH {
                    // Without these the request would be another one.
                    return Err(Reason::MalformedRequest);
                }
                named.push(name);
            }
        }
        if upgrade_named && version == Version::HTTP_11 {
            hop.upgrade = fields.get(UPGRADE).cloned();
        }
        for name in named {
            fields.remove(name);
        }
        fields.remove(CONNECTION);
    }
    for name in [
        UPGRADE,
        TRANSFER_ENCODING,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        HeaderName::from_static("http2-settings"),
        header::PROXY_AUTHORIZATION,
        header::PROXY_AUTHENTICATE,
    ] {
        fields.remove(name);
    }
    if let Some(wanted) = &hop.upgrade {
        // Routes say which protocols they allow, so the judge must see it; it goes when the request is sent.
        fields.insert(UPGRADE, wanted.clone());
    }
    Ok(hop)
}

/// Removes the fields of an upstream's answer that are meant for the hop between it and us.
pub fn take_answer_hop(fields: &mut HeaderMap) {
    if fields.contains_key(CONNECTION) {
        let named: Names = fields
            .get_all(CONNECTION)
            .iter()
            .flat_map(tokens)
            .filter_map(|token| HeaderName::from_bytes(token).ok())
            .filter(|name| *name != header::CONTENT_LENGTH)
            .collect();
        for name in named {
            fields.remove(name);
        }
        fields.remove(CONNECTION);
    }
    for name in [
        TRANSFER_ENCODING,
        UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ] {
        fields.remove(name);
    }
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value
        .as_bytes()
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

/// Removes the client's credential.
pub fn remove_credential(fields: &mut HeaderMap) {
    for name in [
        AUTHORIZATION,
        HeaderName::from_static("dpop"),
        HeaderName::from_static("x-amz-security-token"),
    ] {
        fields.remove(name);
    }
    let name = HeaderName::from_static("x-api-key");
    if fields
        .get_all(&name)
        .iter()
        .any(|value| value.as_bytes().starts_with(b"sgk_"))
    {
        fields.remove(name);
    }
}

/// Removes what may not go along with a preflight: the client's other credentials, and all that describes a body.
pub fn remove_for_preflight(fields: &mut HeaderMap) {
    remove_credential(fields);
    for name in [
        header::COOKIE,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        TRAILER,
    ] {
        fields.remove(name);
    }
}

/// Adds what the upstream learns about this hop.
pub fn add_hop(fields: &mut HeaderMap, hop: &Hop, version: Version) {
    // We have answered it ourselves: the body is asked for as soon as the upstream takes it.
    fields.remove(EXPECT);
    fields.remove(UPGRADE);
    if hop.trailers {
        fields.insert(TE, HeaderValue::from_static("trailers"));
    }
    let via = match version {
        Version::HTTP_2 => "2.0 sidegate",
        Version::HTTP_10 => "1.0 sidegate",
        _ => "1.1 sidegate",
    };
    fields.append(VIA, HeaderValue::from_static(via));
}

/// Removes names from a Trailer announcement that will not be among the trailers.
pub fn announce_trailers(fields: &mut HeaderMap, strip: &Strip) {
    if !fields.contains_key(TRAILER) {
        return;
    }
    let kept: SmallVec<[HeaderValue; 2]> = fields
        .get_all(TRAILER)
        .iter()
        .filter(|value| {
            tokens(value)
                .all(|token| HeaderName::from_bytes(token).is_ok_and(|name| !strip.holds(&name)))
        })
        .cloned()
        .collect();
    fields.remove(TRAILER);
    for value in kept {
        fields.append(TRAILER, value);
    }
}

#[cfg(test)]
mod tests;
