//! The layers of the source tree, as a test: a module may use what is below it, and nothing else.
//!
//! Reads the sources as text (tokens, so that comments and strings do not count) and looks at every path that begins
//! with `crate`, `super` or `std`. Modules named `tests` are free to use what they like. The tables below are the
//! architecture; a new top-level module is put into them first.

use std::fs;
use std::path::{Path, PathBuf};

/// From the top: a module may use any that stands in a lower row.
const ROWS: &[&[&str]] = &[
    &["main", "cli", "app", "config"],
    &["proxy", "sts_api", "iam_api", "query_api", "admin", "net"],
    &["gate", "analyze"],
    &[
        "authn",
        "sts",
        "state",
        "bundle",
        "saml",
        "audit",
        "metrics",
        "secret_file",
    ],
    &["directory", "policy", "route"],
    &["arn", "outcome", "clock", "secret", "source", "throttle"],
];

/// Within a row, only these.
const ASIDE: &[(&str, &str)] = &[
    ("main", "cli"),
    ("cli", "app"),
    ("cli", "config"),
    ("app", "config"),
    ("proxy", "net"),
    ("sts_api", "net"),
    ("sts_api", "iam_api"),
    ("sts_api", "query_api"),
    ("iam_api", "query_api"),
    ("authn", "sts"),
    ("authn", "state"),
    ("authn", "secret_file"),
    ("state", "secret_file"),
    ("bundle", "saml"),
    ("directory", "policy"),
];

/// Downward, and yet not: whoever judges returns facts, and the top records them.
const NEVER: &[(&str, &str)] = &[("gate", "audit"), ("gate", "metrics")];

/// Rows from here on are pure: no files, environment, sockets, threads, clocks, async or logging.
const PURE_FROM: usize = 4;

/// What pure modules may not name. `std::net` holds addresses too, which are plain values.
const IMPURE_STD: &[&str] = &["fs", "env", "net", "process", "thread", "io", "os"];
const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "hyper",
    "hyper_util",
    "http",
    "http_body",
    "rustls",
    "tokio_rustls",
    "socket2",
    "tracing",
    "notify",
    "prometheus",
    "clap",
    "rand",
    "uuid",
];
const CLOCKS: &[&str] = &["Instant", "SystemTime", "*"];
const ADDRESSES: &[&str] = &["IpAddr", "Ipv4Addr", "Ipv6Addr", "AddrParseError"];

/// The one pure module that reads the machine's clocks.
const CLOCK: &str = "clock";

/// The pieces of a source text that matter here.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    /// `::`
    Path,
    Sign(char),
}

/// Splits a source text; comments, strings, characters and lifetimes are left out.
fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = string(rest) {
            length
        } else if rest.starts_with("::") {
            tokens.push(Token::Path);
            2
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let (word, _) = rest.split_at(end.unwrap_or(rest.len()));
            tokens.push(Token::Word(word.to_owned()));
            word.len()
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            first.len_utf8()
        };
        rest = rest.split_at(skip).1;
    }
    tokens
}

fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (2, 1_u32);
    while depth > 0 {
        let rest = text.get(at..).unwrap_or_default();
        let Some(next) = rest.find(['/', '*']) else {
            return text.len();
        };
        at = at.saturating_add(next);
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with("/*") {
            depth = depth.saturating_add(1);
            at = at.saturating_add(2);
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at = at.saturating_add(2);
        } else {
            at = at.saturating_add(1);
        }
    }
    at
}

/// The length of the string, character or lifetime that `text` begins with.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "offsets into a text that is in memory"
)]
fn string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c"].iter().find(|prefix| {
        text.strip_prefix(**prefix)
            .is_some_and(|rest| rest.starts_with(['"', '#', '\'']))
    });
    let prefix = prefix.map_or(0, |prefix| prefix.len());
    let (before, rest) = text.split_at(prefix);
    let hashes = rest.chars().take_while(|c| *c == '#').count();
    if before.contains('r') {
        let body = rest.split_at(hashes).1.strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = body.find(&end)?;
        return Some(prefix + hashes + 1 + length + end.len());
    }
    if let Some(body) = rest.strip_prefix('"') {
        return Some(prefix + 1 + quoted(body, '"')?);
    }
    let body = rest.strip_prefix('\'')?;
    let mut characters = body.chars();
    let (first, second) = (characters.next()?, characters.next()?);
    if first == '\\' || second == '\'' {
        return Some(prefix + 1 + quoted(body, '\'')?);
    }
    // A lifetime: its name is no path.
    let name = body.find(|c: char| !c.is_alphanumeric() && c != '_');
    Some(1 + name.unwrap_or(body.len()))
}

/// Up to and with the closing quote.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "offsets into a text that is in memory"
)]
fn quoted(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    body.char_indices().find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at + 1)
    })
}

/// What a path goes on with: one name, or the first names of a group `{a, b::c, {d}}`; `*` for all.
fn heads(tokens: &[Token]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    match tokens {
        [Token::Word(word), rest @ ..] => {
            let mut path = vec![word.clone()];
            if let [Token::Path, Token::Word(next), ..] = rest {
                path.push(next.clone());
                found.push(path);
            } else if let [Token::Path, Token::Sign('{'), ..] = rest {
                for inner in heads(rest.split_at(1).1) {
                    let mut path = path.clone();
                    path.extend(inner);
                    found.push(path);
                }
            } else {
                found.push(path);
            }
        }
        [Token::Sign('{'), rest @ ..] => {
            let (mut depth, mut begins) = (1_u32, true);
            for (at, token) in rest.iter().enumerate() {
                if depth == 1 && begins && *token != Token::Sign('}') {
                    found.extend(heads(rest.split_at(at).1));
                }
                begins = depth == 1 && *token == Token::Sign(',');
                match token {
                    Token::Sign('{') => depth = depth.saturating_add(1),
                    Token::Sign('}') => depth = depth.saturating_sub(1),
                    Token::Word(_) | Token::Path | Token::Sign(_) => {}
                }
                if depth == 0 {
                    break;
                }
            }
        }
        [Token::Sign('*'), ..] => found.push(vec!["*".to_owned()]),
        _ => {}
    }
    found
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

fn may_use(from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    let pair = (from, to);
    match (row(from), row(to)) {
        (Some(upper), Some(lower)) if upper < lower => !NEVER.contains(&pair),
        (Some(upper), Some(lower)) => upper == lower && ASIDE.contains(&pair),
        _ => false,
    }
}

/// Everything in one file that breaks a rule. `path` is the file's module path: `["policy", "condition", "arn"]`.
fn faults(path: &[&str], source: &str) -> Vec<String> {
    let Some(module) = path.first() else {
        return Vec::new();
    };
    let Some(own_row) = row(module) else {
        return vec![format!("the module {module} stands in no row of this test")];
    };
    let pure = own_row >= PURE_FROM;
    let tokens = tokens(source);
    let mut faults = Vec::new();
    // Names of the blocks that are open; only those of modules have one.
    let mut blocks: Vec<Option<String>> = Vec::new();
    let mut opening = None;
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let rest = tokens.split_at(at).1;
        match rest {
            [Token::Word(word), Token::Word(name), Token::Sign('{'), ..] if word == "mod" => {
                opening = Some(name.clone());
            }
            [Token::Sign('{'), ..] => blocks.push(opening.take()),
            [Token::Sign('}'), ..] => {
                blocks.pop();
            }
            _ => {}
        }
        let inner: Vec<&str> = blocks.iter().flatten().map(String::as_str).collect();
        let in_tests = path.iter().chain(&inner).any(|name| *name == "tests");
        let Token::Word(word) = token else {
            continue;
        };
        if in_tests {
            continue;
        }
        if before == Some(&Token::Path) {
            // Whoever's clock it is: `Instant::now`, `Timestamp::now`.
            if pure && word == "now" && *module != CLOCK {
                faults.push(format!("{} is pure and reads a clock", path.join("::")));
            }
            continue;
        }
        let follows = || match rest {
            [_, Token::Path, rest @ ..] => heads(rest),
            _ => Vec::new(),
        };
        match word.as_str() {
            // The library, as the program sees it.
            "crate" | "sidegate" => {
                for head in follows() {
                    if let Some(to) = head.first().filter(|to| !may_use(module, to)) {
                        faults.push(format!("{} uses crate::{to}", path.join("::")));
                    }
                }
            }
            "super" => {
                let depth = path.len().saturating_add(inner.len());
                let climbs = rest
                    .chunks(2)
                    .take_while(
                        |pair| matches!(pair, [Token::Word(w), Token::Path] if w == "super"),
                    )
                    .count();
                if climbs >= depth {
                    faults.push(format!("{} leaves its module by super", path.join("::")));
                }
            }
            "std" if pure => {
                for head in follows() {
                    let names: Vec<&str> = head.iter().map(String::as_str).collect();
                    let impure = match names.as_slice() {
                        ["net", name, ..] => !ADDRESSES.contains(name),
                        ["time", name, ..] => CLOCKS.contains(name) && *module != CLOCK,
                        [name, ..] => IMPURE_STD.contains(name) || *name == "*",
                        [] => false,
                    };
                    if impure {
                        let name = names.join("::");
                        faults.push(format!("{} is pure and uses std::{name}", path.join("::")));
                    }
                }
            }
            name if pure && IMPURE_CRATES.contains(&name) && rest.get(1) == Some(&Token::Path) => {
                faults.push(format!("{} is pure and uses {name}", path.join("::")));
            }
            _ => {}
        }
    }
    faults
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_module_uses_only_what_is_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut all = Vec::new();
    let mut judged = 0;
    for file in &files {
        let relative = file.strip_prefix(&root).unwrap().with_extension("");
        let path: Vec<&str> = relative.iter().filter_map(|part| part.to_str()).collect();
        if path == ["lib"] {
            continue;
        }
        judged += 1;
        all.extend(faults(&path, &fs::read_to_string(file).unwrap()));
    }
    assert!(judged > 30, "the sources were not found");
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn every_module_of_the_library_stands_in_a_row() {
    let library =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for pair in tokens(&library).windows(2) {
        if let [Token::Word(word), Token::Word(name)] = pair
            && word == "mod"
        {
            assert!(
                row(name).is_some(),
                "the module {name} stands in no row of this test"
            );
        }
    }
}

#[test]
fn planted_edges_are_found() {
    for (path, source) in [
        (vec!["policy"], "use crate::gate::Gate;"),
        (
            vec!["policy", "condition"],
            "fn f() { crate::bundle::load() }",
        ),
        (vec!["route"], "use crate::policy::Policy;"),
        (vec!["policy"], "use crate::{arn, directory::User};"),
        (vec!["policy"], "use crate::{source::{Node, Span}, authn};"),
        (vec!["policy"], "use crate::*;"),
        (vec!["gate"], "use crate::audit::sink::Sink;"),
        (vec!["gate"], "use crate::metrics::Metrics;"),
        (vec!["net"], "use crate::config::Settings;"),
        (vec!["audit"], "use crate::metrics::Metrics;"),
        (vec!["main"], "fn main() { sidegate::app::run() }"),
        (vec!["policy"], "use super::gate;"),
        (vec!["policy", "action"], "use super::super::gate;"),
        (vec!["policy"], "mod inner { use super::super::gate; }"),
        (vec!["policy"], "pub(super) fn f() { super::gate::g() }"),
        (vec!["policy"], "use std::fs;"),
        (vec!["policy"], "use std::{fmt, env};"),
        (vec!["policy"], "use std::net::{IpAddr, TcpStream};"),
        (vec!["route"], "use std::{net::TcpListener};"),
        (vec!["route"], "fn f() { let _ = std::fs::read(\"x\"); }"),
        (vec!["directory"], "use std::time::{Duration, SystemTime};"),
        (
            vec!["directory"],
            "use std::time; fn f() { time::Instant::now(); }",
        ),
        (vec!["policy"], "fn f() { jiff::Timestamp::now(); }"),
        (vec!["source"], "use tokio::fs;"),
        (vec!["arn"], "fn f() { tracing::info!(\"x\"); }"),
        (vec!["novelty"], ""),
    ] {
        assert_ne!(faults(&path, source), [""; 0], "{path:?} {source}");
    }
}

#[test]
fn what_is_allowed_is_not_found() {
    for (path, source) in [
        (
            vec!["policy"],
            "use crate::{arn::Arn, source::{self, Node}};",
        ),
        (vec!["policy"], "use crate::policy::document;"),
        (vec!["directory"], "use crate::policy::Policy;"),
        (
            vec!["app"],
            "use crate::{audit, config::Settings, gate::Gate};",
        ),
        (vec!["main"], "fn main() { sidegate::cli::run() }"),
        (
            vec!["policy", "action"],
            "use super::document; pub(in super::super) fn f() {}",
        ),
        (
            vec!["policy"],
            "#[cfg(test)] mod tests { use super::*; use crate::bundle; use std::fs; }",
        ),
        (vec!["policy", "tests"], "use crate::bundle; use std::fs;"),
        (
            vec!["policy"],
            "// use crate::gate;\n/* crate::gate /* std::fs */ crate::gate */",
        ),
        (
            vec!["policy"],
            "const A: &str = \"crate::gate\\\" std::fs\"; const B: &str = r#\"use \"std::fs\"\"#;",
        ),
        (
            vec!["policy"],
            "fn f<'a>(c: char) -> bool { c == '\"' || c == '\\'' || b'\\\\' == b'{' }",
        ),
        (
            vec!["policy"],
            "use std::net::{IpAddr, Ipv4Addr}; use std::time::Duration;",
        ),
        (vec!["clock"], "use std::time::{Instant, SystemTime};"),
        (vec!["audit"], "use std::fs; use std::time::Instant;"),
    ] {
        assert_eq!(faults(&path, source), [""; 0], "{path:?} {source}");
    }
}
