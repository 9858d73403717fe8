//! What a route matches: `METHOD[,METHOD] PATH`, `ANY PATH` or `grpc PATH`.
//!
//! A path is written in its canonical form; a parameter `{name}` is a whole segment, and `{name..}` comes last and
//! takes at least one segment. Literals are kept decoded, because that is how segments are compared: `/admin!` and
//! `/admin%21` are one path to an upstream, so they are one path here.

use crate::route::path::{CanonicalPath, decode};
use crate::source::{Report, Span};

/// Bounds the depth of the tree of routes.
const MAX_SEGMENTS: usize = 64;

/// The methods of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Methods {
    /// `GET,HEAD`
    Listed(Box<[Box<str>]>),
    /// `ANY`
    Any,
    /// `grpc`: POST with content-type `application/grpc…`.
    Grpc,
}

/// One segment of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::route) enum Segment {
    /// Matches itself; decoded.
    Literal(Box<str>),
    /// `{name}`: any one segment that is not empty.
    Parameter,
    /// `{name..}`: everything from here.
    Rest,
}

/// A parsed `match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub(in crate::route) methods: Methods,
    pub(in crate::route) segments: Box<[Segment]>,
    /// The parameters' names, in the order of their segments.
    pub(in crate::route) parameters: Box<[Box<str>]>,
    text: Box<str>,
}

/// Segments, and the names of the parameters among them.
type Path = (Box<[Segment]>, Box<[Box<str>]>);

impl Template {
    /// Reads a `match`, reporting every fault in it.
    pub(in crate::route) fn read(text: &str, span: Span, report: &mut Report) -> Option<Self> {
        let Some((methods, path)) = text.split_once(' ') else {
            report.error(
                "bad-match",
                span,
                format!("`{text}` is no match"),
                "write METHOD[,METHOD] PATH, ANY PATH or grpc PATH, as in: GET,HEAD /orders/{id}",
            );
            return None;
        };
        if let Some(listed) = methods.strip_suffix(',') {
            report.error(
                "bad-match",
                span,
                format!("a blank stands behind the comma of `{text}`"),
                format!(
                    "write the methods without blanks: {listed},{}",
                    path.trim_start()
                ),
            );
            return None;
        }
        let methods = Methods::read(methods, span, report);
        let path = Self::read_path(path, span, report);
        let (methods, (segments, parameters)) = (methods?, path?);
        Some(Self {
            methods,
            segments,
            parameters,
            text: text.into(),
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The methods.
    pub fn methods(&self) -> &Methods {
        &self.methods
    }

    fn read_path(path: &str, span: Span, report: &mut Report) -> Option<Path> {
        let mut fault = |message: String, help: &str| {
            report.error("bad-match", span, message, help);
        };
        let mut segments = Vec::new();
        let mut parameters: Vec<Box<str>> = Vec::new();
        // The path with every parameter replaced by a letter must be canonical.
        let mut plain = String::with_capacity(path.len());
        let mut sound = true;
        let Some(inner) = path.strip_prefix('/') else {
            fault(
                format!("the path `{path}` does not begin with /"),
                "write METHOD /PATH",
            );
            return None;
        };
        let count = inner.split('/').count();
        if count > MAX_SEGMENTS {
            let message = format!("the path has {count} segments, more than {MAX_SEGMENTS}");
            fault(message, "end it with {rest..}, which takes any number");
            return None;
        }
        for (at, written) in inner.split('/').enumerate() {
            plain.push('/');
            let Some(name) = written.strip_prefix('{').and_then(|n| n.strip_suffix('}')) else {
                if written.contains(['{', '}']) {
                    sound = false;
                    fault(
                        format!("`{written}`: a parameter is a whole segment"),
                        "write /{name}/ between two slashes",
                    );
                }
                plain.push_str(written);
                segments.push(Segment::Literal(decode(written).into()));
                continue;
            };
            plain.push('x');
            let (name, rest) = match name.strip_suffix("..") {
                Some(name) => (name, true),
                None => (name, false),
            };
            if !is_name(name) {
                sound = false;
                fault(
                    format!(
                        "`{written}`: a parameter's name is letters, digits, - and _, and begins with a letter"
                    ),
                    "name it like {id}",
                );
            }
            if rest && at.saturating_add(1) != count {
                sound = false;
                let message = format!("`{written}` takes everything from there, so it comes last");
                fault(
                    message,
                    "move it to the end, or write {name} for one segment",
                );
            }
            if parameters.iter().any(|known| &**known == name) {
                sound = false;
                let message = format!("the path has two parameters `{name}`");
                fault(message, "give one of them another name");
            }
            if RESERVED.contains(&name) {
                sound = false;
                fault(
                    format!("`{{{name}}}` stands for the service's own {name}"),
                    "give the parameter another name",
                );
            }
            parameters.push(name.into());
            segments.push(if rest {
                Segment::Rest
            } else {
                Segment::Parameter
            });
        }
        if !sound {
            return None;
        }
        match CanonicalPath::new(&plain) {
            Ok(canonical) if canonical.as_str() == plain => {
                Some((segments.into(), parameters.into()))
            }
            Ok(canonical) => {
                fault(
                    format!(
                        "the path `{path}` is not in its canonical form, so nothing matches it"
                    ),
                    &format!("with x for each parameter it is {canonical}"),
                );
                None
            }
            Err(error) => {
                fault(
                    format!("nothing matches the path `{path}`: {error}"),
                    "write it as a request would bring it, other characters as %XX",
                );
                None
            }
        }
    }
}

/// What `{name}` means in a resource when it is no path parameter.
pub(in crate::route) const RESERVED: [&str; 4] = ["partition", "account", "region", "service"];

impl Methods {
    fn read(text: &str, span: Span, report: &mut Report) -> Option<Self> {
        match text {
            "ANY" => return Some(Self::Any),
            "grpc" => return Some(Self::Grpc),
            _ => {}
        }
        let mut methods: Vec<Box<str>> = Vec::new();
        let mut sound = true;
        for method in text.split(',') {
            let (message, help) = if matches!(method, "ANY" | "grpc") {
                (
                    format!("`{method}` stands alone"),
                    format!("write {method} in place of the whole list, or leave it out"),
                )
            } else if matches!(method, "CONNECT" | "TRACE") {
                (
                    format!("{method} is never forwarded"),
                    "remove it".to_owned(),
                )
            } else if method.is_empty() {
                (
                    format!("a method is missing in `{text}`"),
                    "name one between each two commas, and none before or behind: GET,HEAD"
                        .to_owned(),
                )
            } else if !is_method(method) {
                (
                    format!("`{method}` is no HTTP method"),
                    format!("did you mean {}?", method.to_ascii_uppercase()),
                )
            } else if methods.iter().any(|known| &**known == method) {
                (
                    format!("{method} is listed twice"),
                    "remove one of them".to_owned(),
                )
            } else {
                methods.push(method.into());
                continue;
            };
            report.error("bad-match", span, message, help);
            sound = false;
        }
        sound.then(|| Self::Listed(methods.into()))
    }

    /// Whether requests with this method can match.
    pub fn includes(&self, method: &str) -> bool {
        match self {
            Self::Listed(methods) => methods.iter().any(|known| &**known == method),
            Self::Any => true,
            Self::Grpc => method == "POST",
        }
    }
}

/// An HTTP method in capitals: methods are compared with case, actions without.
pub(in crate::route) fn is_method(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.len() <= 32
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// A parameter's name.
pub(in crate::route) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Template, Vec<String>> {
        let mut report = Report::on("r.yaml");
        let template = Template::read(text, Span::default(), &mut report);
        let faults: Vec<_> = report
            .into_faults()
            .into_iter()
            .map(|fault| fault.message)
            .collect();
        assert_eq!(template.is_some(), faults.is_empty(), "{text}: {faults:?}");
        template.ok_or(faults)
    }

    #[test]
    fn templates() {
        let template = read("GET,HEAD /a/{b}/c%20d/{rest..}").unwrap();
        assert_eq!(
            *template.segments,
            [
                Segment::Literal("a".into()),
                Segment::Parameter,
                Segment::Literal("c d".into()),
                Segment::Rest
            ]
        );
        assert_eq!(*template.parameters, ["b", "rest"].map(Box::<str>::from));
        assert!(template.methods.includes("HEAD") && !template.methods.includes("POST"));
        assert_eq!(
            *read("ANY /").unwrap().segments,
            [Segment::Literal("".into())]
        );
        assert_eq!(
            *read("grpc /p.S/M").unwrap().segments,
            [Segment::Literal("p.S".into()), Segment::Literal("M".into())]
        );
        assert_eq!(read("ANY /a/").unwrap().segments.len(), 2);
        assert!(read("PROPFIND,M-SEARCH /a").is_ok());
    }

    #[test]
    fn bad_templates_tell_every_fault() {
        for (text, count) in [
            ("GET", 1),
            ("/a", 1),
            ("GET  /a", 1),
            ("GET a", 1),
            ("get /a", 1),
            ("GET, HEAD /a", 1),
            ("GET,,HEAD /a", 1),
            (",GET /a", 1),
            ("GET, /a", 1),
            ("GET,GET /a", 1),
            ("ANY,GET /a", 1),
            ("TRACE /a", 1),
            ("connect,TRACE /{a", 3),
            ("GET /a{b}", 1),
            ("GET /{a}.json", 1),
            ("GET /{}", 1),
            ("GET /{a b}", 1),
            ("GET /{1}", 1),
            ("GET /{a..}/b", 1),
            ("GET /{..}", 1),
            ("GET /{a}/{a}", 1),
            ("GET /{account}", 1),
            ("GET /a//b", 1),
            ("GET /a/../b", 1),
            ("GET /%61", 1),
            ("GET /a%2fb", 1),
            ("GET /é", 1),
            ("GET /a?b", 1),
            ("GET /a;b", 1),
        ] {
            assert_eq!(read(text).unwrap_err().len(), count, "{text}");
        }
        assert!(read(&format!("GET {}", "/a".repeat(65))).is_err());
    }
}
