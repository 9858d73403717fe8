//! `sidegate routes METHOD URL`: which route, action, resource and context an HTTP request becomes.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::uri::PathAndQuery;
use serde_json::json;

use crate::cli::output::{self, Failed, Format, Outcome};
use crate::outcome::Reason;
use crate::route::{Asked, Match, MatchKind, is_grpc};

/// Arguments of `routes`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// GET, POST, …
    method: String,
    /// The request's URL, like `https://orders.internal/orders/7`, or a path alone where the host does not matter.
    url: String,
    /// A request header, like 'Content-Type: application/grpc'. May be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The bundle: a folder, a bundle.yaml or a .tar.gz.
    #[arg(short, long, value_name = "PATH", default_value = "policies")]
    bundle: PathBuf,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `routes`: 0 when a route matches, 1 when none does.
pub fn run(arguments: &Arguments) -> Outcome {
    let method = &arguments.method;
    if method.is_empty()
        || !method
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    {
        return Err(Failed(format!("`{method}` is no HTTP method")));
    }
    let snapshot = output::load(&arguments.bundle)?;
    let (host, path, query) = split(&arguments.url)?;
    if !is_readable(path, query) {
        let message =
            "a character of the path or the query may not stand there as it is: write it as %XX";
        return refuse(arguments.format, Reason::MalformedRequest, message);
    }
    let headers = arguments
        .headers
        .iter()
        .map(|header| {
            let parts = header
                .split_once(':')
                .map(|(name, value)| (name.trim(), value.trim()));
            parts
                .ok_or_else(|| Failed::new(format!("`{header}` is no header: write 'Name: value'")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let kind = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let asked = Asked {
        method: &arguments.method,
        host,
        path,
        query,
        headers: &headers.as_slice(),
        grpc: is_grpc(&arguments.method, kind.map(|(_, value)| *value)),
    };
    match snapshot.routes.resolve(&asked) {
        Ok(matched) => {
            output::print(&match arguments.format {
                Format::Table => table(&matched),
                Format::Json => data(&matched),
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Err(refused) => refuse(arguments.format, refused.reason(), &refused.to_string()),
    }
}

/// Prints what such a request is told.
fn refuse(format: Format, reason: Reason, message: &str) -> Outcome {
    let (status, code) = (reason.status(), reason.code());
    output::print(&match format {
        Format::Table => format!("{status} {code}: {message}\n"),
        Format::Json => {
            let answer = json!({"status": status, "code": code, "reason": reason.label(), "message": message});
            format!("{answer}\n")
        }
    })?;
    Ok(ExitCode::from(1))
}

/// Whether the parser of requests takes the target at all.
fn is_readable(path: &str, query: Option<&str>) -> bool {
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    PathAndQuery::try_from(target).is_ok()
}

/// Host, path and query, byte for byte: a URL library would rewrite them.
fn split(url: &str) -> Result<(Option<&str>, &str, Option<&str>), Failed> {
    if let Some((before, fragment)) = url.split_once('#') {
        return Err(Failed(format!(
            "`#{fragment}` is a fragment, which clients keep to themselves: ask for `{before}` (sent all the same, over HTTP/1, it is refused with 400)"
        )));
    }
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let (host, target) = match rest {
        None if url.starts_with('/') => (None, url),
        None => {
            return Err(Failed::new(format!(
                "`{url}` is no URL: write https://HOST/PATH, or /PATH"
            )));
        }
        Some(rest) => match rest.find(['/', '?']) {
            Some(at) => {
                let (host, target) = rest.split_at_checked(at).unwrap_or((rest, ""));
                (
                    Some(host),
                    if target.starts_with('?') { "/" } else { target },
                )
            }
            None => (Some(rest), "/"),
        },
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    Ok((host, path, query))
}

fn table(matched: &Match<'_>) -> String {
    let kind = match matched.kind {
        MatchKind::Route => matched.route.map_or("", crate::route::Route::label),
        MatchKind::Generic => "generic fallback",
        MatchKind::Preflight => "preflight, forwarded without a decision",
    };
    let service = matched.service;
    let mut out = String::new();
    let mut row = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name:<10} {value}");
    };
    row("service", service.name());
    row("route", kind);
    row("action", &matched.action);
    for arn in &matched.resources {
        row("resource", arn);
    }
    row("path", matched.path.as_str());
    for (key, value) in &matched.tags {
        row("tag", &format!("{key} = {value}"));
    }
    for (key, value) in &matched.context {
        row("context", &format!("{key} = {value}"));
    }
    row("upstream", &service.upstream().name);
    out
}

fn data(matched: &Match<'_>) -> String {
    let pairs = |pairs: &[(&str, String)]| -> serde_json::Map<String, serde_json::Value> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect()
    };
    let data = json!({
        "service": matched.service.name(),
        "route": matched.route.map(crate::route::Route::label),
        "action": matched.action,
        "resources": matched.resources.as_slice(),
        "path": matched.path.as_str(),
        "resourceTags": pairs(&matched.tags),
        "context": pairs(&matched.context),
        "upstream": matched.service.upstream().name,
    });
    format!("{data:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_parser_takes_is_not_routed() {
        for (path, query, taken) in [
            ("/a", None, true),
            ("/a/%2e%3C", Some("x=%3E&y='{}'"), true),
            ("/a<b", None, false),
            ("/a`b", None, false),
            ("/a", Some("x=\""), false),
            ("/a", Some("x=<y>"), false),
            ("/a b", None, false),
        ] {
            assert_eq!(is_readable(path, query), taken, "{path} {query:?}");
        }
    }

    #[test]
    fn urls_are_split_and_not_rewritten() {
        assert_eq!(
            split("https://a.b:80/x/%2e?y=1?2").unwrap(),
            (Some("a.b:80"), "/x/%2e", Some("y=1?2"))
        );
        assert_eq!(split("/x").unwrap(), (None, "/x", None));
        assert_eq!(split("http://a").unwrap(), (Some("a"), "/", None));
        assert!(split("ftp://a/b").is_err());
        for url in ["https://a/b#frag", "https://a#frag", "/b?x=1#frag"] {
            let Err(Failed(message)) = split(url) else {
                panic!("{url}");
            };
            assert!(message.contains("`#frag` is a fragment"), "{message}");
        }
    }
}
