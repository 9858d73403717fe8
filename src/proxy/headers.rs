//! Header fields on their way: those meant for one hop, those a client may not claim, those that are added.

use http::Version;
use http::header::{
    self, CONNECTION, HeaderMap, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    VIA,
};
use smallvec::SmallVec;

use crate::authn::sigv4::is_amz;
use crate::outcome::Reason;
use crate::proxy::forwarded;
use crate::route::header_fold;

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
/// Names that would be another header's to an upstream that reads `_`, `.` and the like as `-`; only such spellings are
/// removed.
const SPELLINGS: [&str; 10] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "dpop",
    "host",
    "transfer-encoding",
    "x-amz-security-token",
    "x-api-key",
];

type Names = SmallVec<[HeaderName; 8]>;

/// Which names are never taken from a client. Letters are compared without case, all other marks as `-`.
#[derive(Debug)]
pub struct Strip {
    exact: Vec<Box<str>>,
    prefixes: Vec<Box<str>>,
    /// Bytes that a listed name begins with.
    first: [bool; 256],
    /// Of names that nearly every request has, whether they are removed.
    usual: [bool; USUAL.len()],
}

/// Such names.
const USUAL: [&str; 4] = ["host", "user-agent", "accept", "accept-encoding"];

impl Strip {
    /// From names as they are configured.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut strip = Self {
            exact: Vec::new(),
            prefixes: Vec::new(),
            first: [false; 256],
            usual: [false; USUAL.len()],
        };
        for name in names.into_iter().chain(ALWAYS) {
            let (name, prefix) = match name.strip_suffix('*') {
                Some(prefix) => (prefix, true),
                None => (name, false),
            };
            let plain: String = name
                .bytes()
                .map(|byte| char::from(header_fold(byte)))
                .collect();
            if let Some(first) = plain.bytes().next().map(usize::from)
                && let Some(listed) = strip.first.get_mut(first)
            {
                *listed = true;
            }
            if prefix {
                strip.prefixes.push(plain.into());
            } else {
                strip.exact.push(plain.into());
            }
        }
        strip.usual = USUAL.map(|name| strip.finds(name.as_bytes()));
        strip
    }

    /// Whether a field of that name is removed.
    pub fn holds(&self, name: &HeaderName) -> bool {
        let [host, user_agent, accept, accept_encoding] = self.usual;
        match name.as_str() {
            "host" => host,
            "user-agent" => user_agent,
            "accept" => accept,
            "accept-encoding" => accept_encoding,
            name => self.finds(name.as_bytes()),
        }
    }

    fn finds(&self, name: &[u8]) -> bool {
        let Some(first) = name.first() else {
            return false;
        };
        if self.first.get(usize::from(header_fold(*first))) == Some(&true)
            && (self.exact.iter().any(|exact| same(name, exact))
                || self.prefixes.iter().any(|prefix| begins(name, prefix)))
        {
            return true;
        }
        name.iter()
            .any(|&byte| byte != b'-' && header_fold(byte) == b'-')
            && SPELLINGS.iter().any(|plain| same(name, plain))
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
            .all(|(&byte, plain)| header_fold(byte) == plain)
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
/// field that goes no further must not be what allowed the request. A credential that was named away, among them those
/// in `credentials`, would leave a request without one, so that is refused.
#[inline(never)]
pub fn take_hop(
    fields: &mut HeaderMap,
    version: Version,
    credentials: &[HeaderName],
) -> Result<Hop, Reason> {
    let mut hop = Hop::default();
    let found: Names = fields
        .keys()
        .filter(|name| is_for_one_hop(name))
        .cloned()
        .collect();
    hop.trailers = fields.get_all(TE).iter().flat_map(tokens).any(|token| {
        let name = token.split(|&byte| byte == b';').next().unwrap_or(token);
        name.trim_ascii().eq_ignore_ascii_case(b"trailers")
    });
    let mut named = Names::new();
    for token in fields.get_all(CONNECTION).iter().flat_map(tokens) {
        let name = HeaderName::from_bytes(token).map_err(|_| Reason::MalformedRequest)?;
        if makes_the_request(&name) || credentials.contains(&name) {
            return Err(Reason::MalformedRequest);
        }
        named.push(name);
    }
    if version == Version::HTTP_11 && named.contains(&UPGRADE) {
        hop.upgrade = fields.get(UPGRADE).cloned();
    }
    for name in found.iter().chain(&named) {
        fields.remove(name);
    }
    if let Some(wanted) = &hop.upgrade {
        // Routes say which protocols they allow, so the judge must see it; it goes when the request is sent.
        fields.insert(UPGRADE, wanted.clone());
    }
    Ok(hop)
}

/// Whether a request without such a field would be another one, or somebody else's.
fn makes_the_request(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(
        name,
        "host" | "content-length" | "authorization" | "dpop" | "x-api-key"
    ) || is_amz(name)
}

pub(super) fn is_for_one_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Whether an answer's lines say in one way only where it ends; a length said several times is said once then.
pub fn one_framing(fields: &mut HeaderMap) -> bool {
    let mut codings = fields
        .get_all(TRANSFER_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    // Another coding would reach the client undone and unnamed, as nobody here undoes it.
    let chunks = codings.next().is_none_or(is_chunked) && codings.next().is_none();
    let lengths = fields.get_all(header::CONTENT_LENGTH);
    let mut lengths = lengths.iter();
    let Some(length) = lengths.next().cloned() else {
        return chunks;
    };
    let is_number = !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit);
    let mut others = 0_usize;
    let same = lengths.all(|other| {
        others = others.saturating_add(1);
        *other == length
    });
    if others > 0 {
        fields.insert(header::CONTENT_LENGTH, length);
    }
    chunks && is_number && same
}

fn is_chunked(coding: &[u8]) -> bool {
    coding.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

/// Takes a cookie out of a head, and leaves the others.
pub fn take_cookie(fields: &mut HeaderMap, name: &str) {
    let is_it = |pair: &[u8]| {
        let key = pair.split(|&byte| byte == b'=').next();
        key.is_some_and(|key| key.trim_ascii() == name.as_bytes())
    };
    let pairs = |line: &HeaderValue| -> Vec<Vec<u8>> {
        let pairs = line.as_bytes().split(|&byte| byte == b';');
        pairs.map(|pair| pair.trim_ascii().to_vec()).collect()
    };
    let lines: Vec<HeaderValue> = fields.get_all(header::COOKIE).iter().cloned().collect();
    if !lines
        .iter()
        .any(|line| pairs(line).iter().any(|pair| is_it(pair)))
    {
        return;
    }
    fields.remove(header::COOKIE);
    for line in &lines {
        let mut left = pairs(line);
        left.retain(|pair| !is_it(pair));
        // What is left of a value is one.
        if let Ok(value) = HeaderValue::from_bytes(&left.join(&b"; "[..]))
            && !value.is_empty()
        {
            fields.append(header::COOKIE, value);
        }
    }
}

/// Removes the fields of an upstream's answer that are meant for the hop between it and us.
pub fn take_answer_hop(fields: &mut HeaderMap) {
    let mut found: Names = fields
        .keys()
        .filter(|name| {
            matches!(
                name.as_str(),
                "connection"
                    | "keep-alive"
                    | "proxy-connection"
                    | "te"
                    | "transfer-encoding"
                    | "upgrade"
            )
        })
        .cloned()
        .collect();
    let named = fields
        .get_all(CONNECTION)
        .iter()
        .flat_map(tokens)
        // The two that are usual; what stands under them is found by its name.
        .filter(|token| {
            !token.eq_ignore_ascii_case(b"keep-alive") && !token.eq_ignore_ascii_case(b"close")
        })
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .filter(|name| *name != header::CONTENT_LENGTH);
    found.extend(named);
    if fields.contains_key(TRANSFER_ENCODING) {
        // Chunks override a length, which then says nothing true (RFC 9112, 6.3).
        found.push(header::CONTENT_LENGTH);
    }
    for name in &found {
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

/// What of a client's fields may not go on.
#[derive(Debug, Clone, Copy)]
pub struct Cleaning<'a> {
    /// Names that are never taken from a client.
    pub strip: &'a Strip,
    /// Whether the peer may say where the request came from.
    pub believed: bool,
    /// Whether the client's credential goes on.
    pub credential: bool,
    /// Whether this is a preflight, with which neither credentials nor a body go on.
    pub preflight: bool,
}

impl Cleaning<'_> {
    /// Removes what may not go on, in one pass.
    pub fn remove(&self, fields: &mut HeaderMap) {
        let found: Names = fields
            .iter()
            .filter(|(name, value)| self.concerns(name, value))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &found {
            fields.remove(name);
        }
    }

    /// Whether a field may not go on.
    pub(super) fn concerns(&self, name: &HeaderName, value: &HeaderValue) -> bool {
        match name.as_str() {
            // Expect is answered here: the body is asked for as soon as the upstream takes it.
            "expect" | "upgrade" => true,
            "authorization" | "dpop" | "x-amz-security-token" => self.preflight || !self.credential,
            // Any other key is the application's own.
            "x-api-key" => {
                (self.preflight || !self.credential) && value.as_bytes().starts_with(b"sgk_")
            }
            "cookie" | "content-length" | "content-type" | "trailer" => self.preflight,
            "forwarded" => !self.believed,
            _ => self.strip.holds(name) || (!self.believed && forwarded::claims(name)),
        }
    }
}

/// Adds what the upstream learns about this hop.
pub fn add_hop(fields: &mut HeaderMap, hop: &Hop, version: Version) {
    if hop.trailers {
        fields.insert(TE, HeaderValue::from_static("trailers"));
    }
    fields.append(VIA, via(version));
}

/// What `Via` says of a client that spoke this version.
pub(super) fn via(version: Version) -> HeaderValue {
    HeaderValue::from_static(match version {
        Version::HTTP_2 => "2.0 sidegate",
        Version::HTTP_10 => "1.0 sidegate",
        _ => "1.1 sidegate",
    })
}

/// Writes a line of a head. Neither a name nor a value can hold an end of line: their types see to that.
pub(super) fn line(head: &mut Vec<u8>, name: &str, value: &HeaderValue) {
    let value = value.as_bytes();
    let both = name.len().saturating_add(value.len());
    head.reserve(both.saturating_add(4));
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

/// Whether a field may stand behind a body (RFC 9110, 6.5.1): not what says where a message ends, where it goes, who sent
/// it or how it is read; nor what a signature over the head would have had to cover.
fn may_trail(name: &HeaderName) -> bool {
    !is_for_one_hop(name)
        && !forwarded::claims(name)
        && !is_amz(name.as_str())
        && !matches!(
            name.as_str(),
            "authorization"
                | "cache-control"
                | "content-encoding"
                | "content-length"
                | "content-range"
                | "content-type"
                | "cookie"
                | "dpop"
                | "expect"
                | "host"
                | "max-forwards"
                | "set-cookie"
                | "trailer"
                | "via"
                | "x-api-key"
        )
}

/// Removes the trailers that may not go on.
pub(super) fn clean_trailers(trailers: &mut HeaderMap, strip: &Strip) {
    let found: Names = trailers
        .keys()
        .filter(|name| !may_trail(name) || strip.holds(name))
        .cloned()
        .collect();
    for name in found {
        trailers.remove(name);
    }
}

/// What is left of a line that announces trailers: names of which some will not be there are taken out of it.
pub(super) fn announced(
    value: &HeaderValue,
    strip: &Strip,
) -> Option<(HeaderValue, Vec<HeaderName>)> {
    let name = |token| HeaderName::from_bytes(token).ok();
    let names = tokens(value).filter_map(name);
    let names: Vec<HeaderName> = names
        .filter(|name| may_trail(name) && !strip.holds(name))
        .collect();
    if names.len() == tokens(value).count() {
        return Some((value.clone(), names));
    }
    let left: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    let left = HeaderValue::from_str(&left.join(", ")).ok()?;
    (!left.is_empty()).then_some((left, names))
}

/// Removes names from a Trailer announcement that will not be among the trailers.
pub fn announce_trailers(fields: &mut HeaderMap, strip: &Strip) {
    if !fields.contains_key(TRAILER) {
        return;
    }
    let kept: SmallVec<[HeaderValue; 2]> = fields
        .get_all(TRAILER)
        .iter()
        .filter_map(|value| announced(value, strip).map(|(line, _)| line))
        .collect();
    fields.remove(TRAILER);
    for value in kept {
        fields.append(TRAILER, value);
    }
}

#[cfg(test)]
mod tests;
