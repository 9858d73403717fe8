//! Texts that people write (bundle, configuration, policies), read so that every value knows its place.
//!
//! [`json`] and (with feature `server`) [`yaml`] read a text into a [`Node`] tree; [`mapping`] takes the keys out of a
//! mapping and reports the unknown ones; a [`Fault`] says what is wrong, where, and how to mend it. All faults of a
//! text are collected in a [`Report`], never only the first. Pure: reads no files.

pub mod json;
pub mod mapping;
mod visible;
#[cfg(feature = "server")]
pub mod yaml;

use std::fmt;
use std::sync::Arc;

pub use visible::{lines, one_line};

/// A place in a text: line and column, both from 1, columns counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
}

/// From `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Span {
    /// First character.
    pub start: Position,
    /// Behind the last character.
    pub end: Position,
}

impl Span {
    /// Of a fault that is a whole file's: its beginning, at which there is nothing to point.
    pub const WHOLE_FILE: Self = Self {
        start: Position { line: 1, column: 1 },
        end: Position { line: 1, column: 1 },
    };

    /// Whether it is no place at all: of what has no lines.
    pub fn is_nowhere(&self) -> bool {
        self.start.line == 0
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub value: Value,
}

/// What JSON and YAML can say, in the types that both share.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, or nothing at all in YAML.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written: `1`, `0.5`, `1e3`.
    Number(Box<str>),
    /// A string.
    String(Box<str>),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in its written order; keys are unique (a duplicate is a fault of the reader).
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Box<str>,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Node {
    /// What kind of value it is, in a reader's words: "a list", "a string", …
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::String(text) = &self.value {
            Some(text)
        } else {
            None
        }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        if let Value::List(items) = &self.value {
            Some(items)
        } else {
            None
        }
    }

    /// The entries of a mapping.
    pub fn as_map(&self) -> Option<&[Entry]> {
        if let Value::Map(entries) = &self.value {
            Some(entries)
        } else {
            None
        }
    }

    /// The value of a mapping's key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?
            .iter()
            .find(|entry| &*entry.key == key)
            .map(|entry| &entry.value)
    }
}

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

/// Who has so many faults in one text needs no more to mend it, and a text of millions of them shall not fill the memory.
const MAX_FAULTS: usize = 10_000;

/// The faults of one or many files, in the order in which they were found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    file: Arc<str>,
    faults: Vec<Fault>,
    broken: bool,
    /// Where values stand that were not read, which is reported.
    unread: Vec<Position>,
}

impl Report {
    /// An empty report on one file.
    pub fn on(file: &str) -> Self {
        Self {
            file: file.into(),
            faults: Vec::new(),
            broken: false,
            unread: Vec::new(),
        }
    }

    /// The file that new faults are of.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Adds an error.
    pub fn error(
        &mut self,
        id: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(Severity::Error, id, span, message, help);
    }

    /// Reports a value that is not read: what it then seems to be is no second fault. YAML alone has such.
    #[cfg(feature = "server")]
    fn unread(&mut self, id: &'static str, span: Span, message: String, help: &str) {
        self.error(id, span, message, help);
        if self.unread.len() < MAX_FAULTS {
            self.unread.push(span.start);
        }
    }

    /// Adds a fault of any severity. Of very many only the first are kept, an error always among them.
    pub fn add(
        &mut self,
        severity: Severity,
        id: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let help = help.into();
        #[cfg(test)]
        is_helpful(id, &help);
        if self.unread.contains(&span.start) {
            return;
        }
        let is_error = severity == Severity::Error;
        if self.faults.len() >= MAX_FAULTS && (self.broken || !is_error) {
            return;
        }
        self.broken |= is_error;
        self.faults.push(Fault {
            severity,
            id,
            file: Arc::clone(&self.file),
            span,
            message: message.into(),
            help,
        });
    }

    /// Takes over the faults of another report.
    pub fn append(&mut self, other: Self) {
        self.broken |= other.broken;
        self.faults.extend(other.faults);
    }

    /// All faults.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The faults, by value.
    pub fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// Whether any fault is an error.
    pub fn has_errors(&self) -> bool {
        self.broken
    }
}

/// Each fault says how it is mended; every unit test sees to it.
#[cfg(test)]
fn is_helpful(id: &str, help: &str) {
    assert!(!help.is_empty(), "{id}: how is it to be mended?");
}

/// Behind the last character of a text that is no white space: where a text that ends too early is to be completed.
pub(crate) fn end_of(text: &str) -> Position {
    let text = text.trim_end();
    let line = text.bytes().filter(|byte| *byte == b'\n').count();
    let last = text.rsplit('\n').next().unwrap_or_default();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
    Position {
        line: number(line),
        column: number(last.chars().count()),
    }
}

/// The one of `known` that is nearest to `word` by edit distance, if near enough to be a slip of the pen.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(far, _)| *far <= limit)
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, without case.
fn distance(a: &str, b: &str) -> usize {
    // Names are short; an unbounded word is no slip of the pen.
    if a.len() > 64 || b.len() > 64 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().flat_map(char::to_lowercase).enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, cb) in row.iter_mut().skip(1).zip(&b) {
            let cost = usize::from(ca != *cb);
            let value = diagonal
                .saturating_add(cost)
                .min(left.saturating_add(1))
                .min(cell.saturating_add(1));
            diagonal = *cell;
            *cell = value;
            left = value;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name() {
        let known = ["managed_policies", "inline_policies", "tags"];
        assert_eq!(nearest("manged_policies", known), Some("managed_policies"));
        assert_eq!(nearest("tag", known), Some("tags"));
        assert_eq!(nearest("zzz", known), None);
    }

    #[test]
    fn of_too_many_faults_an_error_is_kept() {
        let mut report = Report::on("a.yaml");
        for _ in 0..MAX_FAULTS + 5 {
            report.add(Severity::Warning, "w", Span::default(), "", "mend");
        }
        assert_eq!(report.faults().len(), MAX_FAULTS);
        assert!(!report.has_errors());
        report.error("e", Span::default(), "", "mend");
        report.error("e", Span::default(), "", "mend");
        assert!(report.has_errors());
        assert_eq!(report.into_faults().len(), MAX_FAULTS + 1);
    }

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
