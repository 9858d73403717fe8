//! What is wrong at one place of a text, as one line, drawn for people, or as data.

use std::fmt;
use std::sync::Arc;

use super::{Position, Span};

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Could be said better.
    Suggestion,
    /// Works, and probably not as meant; with `--strict` an error.
    Warning,
    /// Grants more than is wise; with `--strict` an error.
    SecurityWarning,
    /// Refused.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Suggestion => "suggestion",
            Self::Warning => "warning",
            Self::SecurityWarning => "security warning",
            Self::Error => "error",
        })
    }
}

/// Something wrong at one place of one file, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// How bad it is.
    pub severity: Severity,
    /// Stable id in kebab case: `unknown-key`, `dangling-reference`, …
    pub id: &'static str,
    /// Path of the file, relative to the bundle; empty where there is no file.
    pub file: Arc<str>,
    /// Where in the file; not told of what has no lines.
    #[serde(skip_serializing_if = "Span::is_nowhere")]
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// How to mend it; never empty.
    pub help: String,
}

impl Fault {
    /// `file:line:column`; of what has no lines (a folder), the file alone.
    pub fn place(&self) -> String {
        let Position { line, column } = self.span.start;
        if self.span.is_nowhere() {
            self.file.to_string()
        } else {
            format!("{}:{line}:{column}", self.file)
        }
    }

    /// `file:line:column: error[id]: message (help)`, on one line.
    pub fn line(&self) -> String {
        let place = self.place();
        let place = if place.is_empty() {
            place
        } else {
            format!("{place}: ")
        };
        let help = if self.help.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.help)
        };
        format!(
            "{place}{}[{}]: {}{help}",
            self.severity, self.id, self.message
        )
    }

    /// Several lines for people: the message, the place, the line of `text` with a caret under the fault, the mend.
    pub fn render(&self, text: &str) -> String {
        let Span { start, end } = self.span;
        let mut out = format!(
            "{}[{}]: {}\n  --> {}\n",
            self.severity,
            self.id,
            self.message,
            self.place()
        );
        let index = (start.line as usize).saturating_sub(1);
        // `lines` has none for an empty text, nor for what is behind the last line's end.
        let is_end = !text.is_empty() && index == text.lines().count();
        let is_pointed = !self.span.is_nowhere() && self.span != Span::WHOLE_FILE;
        let source = text.lines().nth(index).or(is_end.then_some(""));
        if let Some(source) = source.filter(|_| is_pointed) {
            let number = start.line.to_string();
            let gutter = " ".repeat(number.len());
            let before = (start.column as usize).saturating_sub(1);
            let length = if end.line == start.line {
                end.column.saturating_sub(start.column) as usize
            } else {
                source.chars().count().saturating_sub(before)
            };
            // A very long line (a minified policy) is cut to a window around the fault.
            let skip = if before > 100 {
                before.saturating_sub(60)
            } else {
                0
            };
            let shown: String = without_logins(source)
                .chars()
                .skip(skip)
                .take(160)
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            let dots = if skip > 0 { "…" } else { "" };
            let indent = " ".repeat(
                before
                    .saturating_sub(skip)
                    .saturating_add(dots.chars().count()),
            );
            let carets = "^".repeat(length.clamp(1, 80));
            out.push_str(&format!(
                " {gutter} |\n {number} | {dots}{shown}\n {gutter} | {indent}{carets}\n"
            ));
        }
        if !self.help.is_empty() {
            out.push_str(&format!("  = help: {}\n", self.help));
        }
        out
    }
}

/// A line with stars for who logs in, where URLs hold that: `redis://me:password@host` is a fault that may hold a password.
fn without_logins(line: &str) -> String {
    let mut parts = line.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("://");
        let end = part
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
            .unwrap_or(part.len());
        let (url, rest) = part.split_at_checked(end).unwrap_or((part, ""));
        if let Some((login, host)) = url.rsplit_once('@') {
            out.extend(login.chars().map(|_| '*'));
            out.push('@');
            out.push_str(host);
        } else {
            out.push_str(url);
        }
        out.push_str(rest);
    }
    out
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Report;

    #[test]
    fn a_fault_of_a_whole_file_points_at_nothing() {
        let mut report = Report::on("a.yaml");
        report.error("x", Span::WHOLE_FILE, "nothing reads this", "remove it");
        report.error("y", Span::default(), "this is a folder", "remove it");
        let drawn = |at: usize| report.faults()[at].render("x: 1\n");
        assert_eq!(
            drawn(0),
            "error[x]: nothing reads this\n  --> a.yaml:1:1\n  = help: remove it\n"
        );
        assert_eq!(
            drawn(1),
            "error[y]: this is a folder\n  --> a.yaml\n  = help: remove it\n"
        );
        let told = |at: usize| serde_json::to_value(&report.faults()[at]).unwrap();
        assert_eq!(told(0)["span"]["start"]["line"], 1);
        assert_eq!(told(1).get("span"), None);
    }

    #[test]
    fn nobodys_login_is_drawn() {
        for (line, drawn) in [
            (
                r#"url: "redis://me:p/w@h:1/0" # a@b"#,
                r#"url: "redis://******@h:1/0" # a@b"#,
            ),
            (
                "a: http://h/x, b: 'https://ü:x@h'",
                "a: http://h/x, b: 'https://***@h'",
            ),
            ("no url, a@b", "no url, a@b"),
            ("://@", "://@"),
        ] {
            assert_eq!(without_logins(line), drawn);
        }
    }

    #[test]
    fn a_fault_is_drawn_with_a_caret() {
        let mut report = Report::on("a.yaml");
        let span = Span {
            start: Position { line: 2, column: 1 },
            end: Position { line: 2, column: 4 },
        };
        report.error(
            "unknown-key",
            span,
            "unknown key `tgs`",
            "did you mean `tags`?",
        );
        let drawn = report.faults()[0].render("x: 1\ntgs: 2\n");
        assert_eq!(
            drawn,
            "error[unknown-key]: unknown key `tgs`\n  --> a.yaml:2:1\n   |\n 2 | tgs: 2\n   | ^^^\n  = help: did you mean `tags`?\n"
        );
    }
}
