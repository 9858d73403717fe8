//! What a configuration with faults still says about the bundle: from its tree, or where it has none from its lines.
//!
//! For `sidegate check` alone, which so tells the faults of both at once. No settings are made of it.

use std::path::{Path, PathBuf};

use super::{Known, env};
use crate::source::Node;

/// The variable that overrides the bundle's path.
const VARIABLE: &str = "SIDEGATE_BUNDLE__PATH";

/// What a tree says, in which variables stand already.
pub(super) fn from_node(root: &Node, base: &Path) -> Known {
    let path = root.get("bundle").and_then(|bundle| bundle.get("path"));
    let bundle = path.and_then(|node| {
        let text = node.as_str()?;
        path_of(
            text,
            if env::is_variable(node.span) {
                Path::new("")
            } else {
                base
            },
        )
    });
    let upstreams = match root.get("upstreams") {
        None => Some(Vec::new()),
        Some(node) => node.as_map().map(|entries| {
            (entries.iter())
                .map(|entry| entry.key.to_string())
                .collect()
        }),
    };
    Known { bundle, upstreams }
}

/// What lines say that make no tree.
pub(super) fn from_text(text: &str, base: &Path, variables: &[(String, String)]) -> Known {
    let variable = variables.iter().find(|(name, _)| name == VARIABLE);
    let bundle = match variable {
        Some((_, value)) => path_of(value, Path::new("")),
        None => written(text).and_then(|path| path_of(path, base)),
    };
    Known {
        bundle,
        upstreams: None,
    }
}

fn path_of(text: &str, base: &Path) -> Option<PathBuf> {
    (!text.is_empty() && !text.contains('\0')).then(|| base.join(text))
}

/// The value of `path` in what seems to be the section `bundle`, of YAML or of JSON.
fn written(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(|line| line.trim_end_matches([',', ' ']));
    let first = lines.find_map(|line| after_key(line, "bundle"))?;
    let is_flow = first.starts_with('{');
    let inside = first.strip_prefix('{').unwrap_or_default();
    if let Some(value) = inside.split(',').find_map(|part| after_key(part, "path")) {
        return value_of(value.trim_end_matches(['}', ' ']));
    }
    // The section ends at its bracket, or where nothing is indented.
    let ends = |line: &str| {
        if is_flow {
            inside.contains('}') || line.trim_start().starts_with('}')
        } else {
            !line.is_empty() && !line.starts_with([' ', '#'])
        }
    };
    lines
        .take_while(|line| !ends(line))
        .find_map(|line| after_key(line, "path"))
        .and_then(value_of)
}

/// What stands behind a key on its line.
fn after_key<'t>(line: &'t str, key: &str) -> Option<&'t str> {
    let line = line.trim_start();
    let line = line.strip_prefix('"').unwrap_or(line);
    let rest = line.strip_prefix(key)?;
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    rest.trim_start().strip_prefix(':').map(str::trim)
}

/// A value without its quotes and without a comment; none that has escapes.
fn value_of(text: &str) -> Option<&str> {
    let value = match text.chars().next()? {
        quote @ ('"' | '\'') => text.strip_prefix(quote)?.split(quote).next()?,
        _ => text.split(" #").next()?.trim_end(),
    };
    let is_plain = !value.is_empty() && !value.contains(['\\', '{', '}', '[', ']']);
    is_plain.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_read_from_lines_that_are_no_yaml() {
        for (text, path) in [
            ("bundle: { path: policies }\na: [", "/base/policies"),
            ("a: [\nbundle: {mode: x, path: \"p q\"}", "/base/p q"),
            (
                "bundle:\n  # where\n\n  path: ./p # here\na: [",
                "/base/./p",
            ),
            ("bundle:\n  path: '/etc/p'\n", "/etc/p"),
            ("{ \n  \"bundle\": {\n \"path\": \"p\",\n } x", "/base/p"),
            ("{\n  \"bundle\": { \"path\": \"p\" },\n  x", "/base/p"),
        ] {
            let known = from_text(text, Path::new("/base"), &[]);
            assert_eq!(known.bundle.as_deref(), Some(Path::new(path)), "{text}");
            let variable = [(VARIABLE.to_owned(), "other".to_owned())];
            let known = from_text(text, Path::new("/base"), &variable);
            assert_eq!(known.bundle.as_deref(), Some(Path::new("other")));
        }
        for text in [
            "",
            "bundle:",
            "bundle:\nlog:\n  path: p",
            "bundle: {}\n  path: p",
            "bundle: { path: \"a\\x41\" }",
            "bundle: { path: }",
            "path: p",
        ] {
            assert_eq!(
                from_text(text, Path::new("/base"), &[]).bundle,
                None,
                "{text}"
            );
        }
    }
}
