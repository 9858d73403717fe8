//! Values that a route makes from a request: resource ARNs, tags and context values.
//!
//! `arn:{partition}:orders::{account}:order/{id}`, `{path:customer}`, `web-{header:X-Channel}`. What never changes is
//! put in when the bundle is read; at a request only the parts that come from it are filled in, decoded and taken
//! literally.

use smallvec::SmallVec;

use crate::route::path::{decode, decode_for_arn};
use crate::route::template::{Template, is_name};
use crate::source::{Report, Span};

/// What fills a place in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::route) enum Part {
    /// As it is.
    Literal(Box<str>),
    /// The path parameter with this index.
    Path(usize),
    /// The query parameter of this name.
    Query(Box<str>),
    /// The header of this name, in lower case.
    Header(Box<str>),
}

/// A value with places to fill.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::route) struct ValueTemplate {
    pub(in crate::route) parts: SmallVec<[Part; 2]>,
}

/// What `{partition}` and its like stand for.
#[derive(Debug, Clone, Copy)]
pub(in crate::route) struct Constants<'a> {
    pub(in crate::route) partition: &'a str,
    pub(in crate::route) account: &'a str,
    pub(in crate::route) region: &'a str,
    pub(in crate::route) service: &'a str,
}

/// What a value may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::route) enum Sources {
    /// Path parameters and literals.
    Path,
    /// Query parameters and headers too.
    Request,
}

/// Headers that carry credentials, describe the connection or are removed on the way: what policy would see of them
/// is not what the upstream sees.
const UNREADABLE_HEADERS: [&str; 16] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "dpop",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
    "x-amz-security-token",
];

impl ValueTemplate {
    /// Reads a value, reporting every fault in it.
    pub(in crate::route) fn read(
        text: &str,
        span: Span,
        template: &Template,
        constants: &Constants<'_>,
        sources: Sources,
        report: &mut Report,
    ) -> Option<Self> {
        let mut value = Self::default();
        let mut sound = true;
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            let (literal, from) = rest.split_at_checked(open)?;
            value.push_literal(literal);
            let inner = from
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'))
                .filter(|(name, _)| !name.contains('{'));
            let Some((name, behind)) = inner else {
                report.error(
                    "bad-value",
                    span,
                    format!("`{text}` has a brace without its partner"),
                    "write {name} or {path:name}",
                );
                return None;
            };
            rest = behind;
            if literal.ends_with('$') {
                report.error(
                    "bad-value",
                    span,
                    format!("`${{{name}}}` is a policy variable, and belongs into a policy"),
                    "a route's value is made of path parameters, as in {id}",
                );
                sound = false;
                continue;
            }
            match part(name, template, constants, sources) {
                Ok(Part::Literal(text)) => value.push_literal(&text),
                Ok(part) => value.parts.push(part),
                Err((message, help)) => {
                    report.error("bad-value", span, message, help);
                    sound = false;
                }
            }
        }
        value.push_literal(rest);
        sound.then_some(value)
    }

    fn push_literal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Part::Literal(last)) = self.parts.last_mut() {
            *last = format!("{last}{text}").into();
        } else {
            self.parts.push(Part::Literal(text.into()));
        }
    }

    /// Puts the segments into their places. Values from query and header come from `other`; `None` from it makes the
    /// whole value absent.
    pub(in crate::route) fn fill<'s>(
        &self,
        captured: &[&'s str],
        other: &mut dyn FnMut(&Part) -> Option<String>,
    ) -> Option<String> {
        self.fill_with(captured, decode, other)
    }

    /// An ARN: path parameters alone, and a kept `%2F` stays as it is.
    pub(in crate::route) fn fill_arn(&self, captured: &[&str]) -> String {
        self.fill_with(captured, decode_for_arn, &mut |_| None)
            .unwrap_or_default()
    }

    fn fill_with<'s>(
        &self,
        captured: &[&'s str],
        decode: fn(&'s str) -> std::borrow::Cow<'s, str>,
        other: &mut dyn FnMut(&Part) -> Option<String>,
    ) -> Option<String> {
        let mut out = String::with_capacity(96);
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Path(index) => out.push_str(&decode(captured.get(*index)?)),
                Part::Query(_) | Part::Header(_) => out.push_str(&other(part)?),
            }
        }
        Some(out)
    }
}

fn part(
    name: &str,
    template: &Template,
    constants: &Constants<'_>,
    sources: Sources,
) -> Result<Part, (String, String)> {
    let constant = match name {
        "partition" => Some(constants.partition),
        "account" => Some(constants.account),
        "region" => Some(constants.region),
        "service" => Some(constants.service),
        _ => None,
    };
    if let Some(text) = constant {
        return Ok(Part::Literal(text.into()));
    }
    let (source, name) = name.split_once(':').unwrap_or(("path", name));
    match source {
        "path" => template
            .parameters
            .iter()
            .position(|known| &**known == name)
            .map(Part::Path)
            .ok_or_else(|| {
                let help = if template.parameters.is_empty() {
                    format!("`{}` has none", template.as_str())
                } else {
                    format!("it has {}", template.parameters.join(", "))
                };
                (format!("the path has no parameter `{name}`"), help)
            }),
        "query" | "header" if sources == Sources::Path => Err((
            format!("`{{{source}:{name}}}`: only path parameters and literals may stand here"),
            "what names a resource comes from its path; put other values into `context`".to_owned(),
        )),
        "query" if !name.is_empty() => Ok(Part::Query(name.into())),
        "header" if is_name(name) => {
            let name = name.to_ascii_lowercase();
            let folded = name.replace('_', "-");
            if UNREADABLE_HEADERS.contains(&&*folded) || folded.starts_with("x-sidegate-") {
                return Err((
                    format!("the header `{name}` is not for routes to read"),
                    "it carries a credential or belongs to the connection".to_owned(),
                ));
            }
            Ok(Part::Header(name.into()))
        }
        _ => Err((
            format!("`{{{source}:{name}}}` is nothing that a route can read"),
            "write {name}, {path:name}, {query:name} or {header:name}".to_owned(),
        )),
    }
}
