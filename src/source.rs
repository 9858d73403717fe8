//! Texts that people write (bundle, configuration, policies), read so that every value knows its place.
//!
//! [`json`] and (with feature `server`) [`yaml`] read a text into a [`Node`] tree; [`mapping`] takes the keys out of a
//! mapping and reports the unknown ones; a [`Fault`] says what is wrong, where, and how to mend it. All faults of a
//! text are collected in a [`Report`], never only the first. Pure: reads no files.

mod fault;
pub mod json;
pub mod mapping;
mod nearest;
mod report;
mod visible;
#[cfg(feature = "server")]
pub mod yaml;

pub use fault::{Fault, Severity};
pub use nearest::nearest;
pub use report::Report;
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
