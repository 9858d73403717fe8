//! Reads the keys of one mapping into settings, and keeps a list of every key that was asked for.
//!
//! One line of [`super::read`] a key is all there is: the same line reads it, checks it, gives it its default, lets
//! the environment override it and puts it into the list that the reference file is checked against.

use std::ops::RangeInclusive;
use std::path::Path;

use super::address::Listening;
use super::env::NAME;
use super::value::{Setting, Shape};
use crate::source::mapping::Mapping;
use crate::source::{Node, Report, Span, Value};

/// A key that the configuration knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// `limits.head_timeout`, `listeners.NAME.address`, `upstreams.NAME.url`.
    pub path: String,
    /// What its value looks like.
    pub shape: Shape,
    /// The default as one would write it; `None`: the key must be there.
    pub default: Option<String>,
}

/// What all sections of one reading share.
#[derive(Debug)]
pub(super) struct Reading<'r> {
    pub(super) report: &'r mut Report,
    /// What relative paths of the file are relative to.
    pub(super) base: &'r Path,
    pub(super) keys: Vec<Key>,
    /// What listens where, as far as it is read.
    pub(super) listening: Vec<Listening>,
}

impl<'r> Reading<'r> {
    pub(super) fn new(report: &'r mut Report, base: &'r Path) -> Self {
        Self {
            report,
            base,
            keys: Vec::new(),
            listening: Vec::new(),
        }
    }
}

/// One mapping of the configuration.
#[derive(Debug)]
pub(super) struct Section<'n, 'c, 'r> {
    mapping: Mapping<'n>,
    path: String,
    pub(super) reading: &'c mut Reading<'r>,
}

/// A section with a fault, which the report tells.
#[derive(Debug)]
pub(super) struct Faulty;

const EMPTY: &Node = &Node {
    span: Span {
        start: crate::source::Position { line: 1, column: 1 },
        end: crate::source::Position { line: 1, column: 1 },
    },
    value: Value::Map(Vec::new()),
};

impl<'n, 'c, 'r> Section<'n, 'c, 'r> {
    /// Reads `node`, which `what` names in messages, and reports keys that `read` did not ask for.
    pub(super) fn of<T>(
        node: &'n Node,
        what: &'static str,
        path: &str,
        reading: &'c mut Reading<'r>,
        read: impl FnOnce(&mut Section<'n, '_, 'r>) -> T,
    ) -> Option<T> {
        let mapping = Mapping::of(node, what, reading.report)?;
        let mut section = Section {
            mapping,
            path: path.to_owned(),
            reading,
        };
        let result = read(&mut section);
        section.mapping.finish(section.reading.report);
        Some(result)
    }

    /// Where the mapping stands.
    pub(super) fn span(&self) -> Span {
        self.mapping.span()
    }

    /// Where the value of a key stands, if it is written.
    pub(super) fn value_span(&self, key: &str) -> Option<Span> {
        self.mapping.value_span(key)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn known(&mut self, key: &str, shape: Shape, default: Option<String>) {
        let path = self.path_of(key);
        self.reading.keys.push(Key {
            path,
            shape,
            default,
        });
    }

    /// A key whose default is what `field` holds; says whether it is written.
    pub(super) fn set<T: Setting>(&mut self, key: &'static str, field: &mut T) -> bool {
        self.known(key, T::SHAPE, Some(field.text()));
        let Some(node) = self.mapping.take(key) else {
            return false;
        };
        if let Some(value) = T::read(node, key, self.reading) {
            *field = value;
        }
        true
    }

    /// The same, of which only a range makes sense.
    pub(super) fn set_within<T: Setting + PartialOrd>(
        &mut self,
        key: &'static str,
        range: &RangeInclusive<T>,
        field: &mut T,
    ) {
        self.known(key, T::SHAPE, Some(field.text()));
        if let Some(node) = self.mapping.take(key)
            && let Some(value) = T::read(node, key, self.reading)
            && self.check(key, node.span, range, &value)
        {
            *field = value;
        }
    }

    /// A key whose absence, or `word`, means [`None`].
    pub(super) fn set_or<T: Setting + PartialOrd>(
        &mut self,
        key: &'static str,
        word: &'static str,
        range: &RangeInclusive<T>,
        field: &mut Option<T>,
    ) {
        let text = field.as_ref().map_or_else(|| word.to_owned(), T::text);
        self.known(key, T::SHAPE, Some(text));
        let Some(node) = self.mapping.take(key) else {
            return;
        };
        if node.as_str() == Some(word) {
            *field = None;
        } else if let Some(value) = T::read(node, key, self.reading)
            && self.check(key, node.span, range, &value)
        {
            *field = Some(value);
        }
    }

    /// A key without a default that may be absent.
    pub(super) fn set_optional<T: Setting>(&mut self, key: &'static str, field: &mut Option<T>) {
        self.known(key, T::SHAPE, Some(String::new()));
        if let Some(node) = self.mapping.take(key)
            && let Some(value) = T::read(node, key, self.reading)
        {
            *field = Some(value);
        }
    }

    /// A key that must be there.
    pub(super) fn required<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        self.known(key, T::SHAPE, None);
        let node = self.mapping.required(key, self.reading.report)?;
        T::read(node, key, self.reading)
    }

    fn check<T: Setting + PartialOrd>(
        &mut self,
        key: &str,
        span: Span,
        range: &RangeInclusive<T>,
        value: &T,
    ) -> bool {
        let fine = range.contains(value);
        if !fine {
            self.reading.report.error(
                "out-of-range",
                span,
                format!(
                    "`{key}` is from {} to {}",
                    range.start().text(),
                    range.end().text()
                ),
                "write a value between these two, or leave the key out for its default",
            );
        }
        fine
    }

    /// A mapping of its own; absent is as good as empty.
    pub(super) fn section(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'n, '_, 'r>),
    ) {
        let path = self.path_of(key);
        let node = self.mapping.take(key).unwrap_or(EMPTY);
        Section::of(node, key, &path, self.reading, read);
    }

    /// A mapping of its own that may be absent.
    pub(super) fn optional_section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'n, '_, 'r>) -> Option<T>,
    ) -> Result<Option<T>, Faulty> {
        let path = self.path_of(key);
        let Some(node) = self.mapping.take(key) else {
            return Ok(None);
        };
        match Section::of(node, key, &path, self.reading, read).flatten() {
            Some(value) => Ok(Some(value)),
            None => Err(Faulty),
        }
    }

    /// A list of mappings.
    pub(super) fn items(
        &mut self,
        key: &'static str,
        what: &'static str,
        mut read: impl FnMut(&mut Section<'n, '_, 'r>),
    ) {
        let path = format!("{}.{NAME}", self.path_of(key));
        for node in self.mapping.list(key, self.reading.report) {
            Section::of(node, what, &path, self.reading, &mut read);
        }
    }

    /// A mapping of names to mappings.
    pub(super) fn named(
        &mut self,
        key: &'static str,
        what: &'static str,
        mut read: impl FnMut(&str, Span, &mut Section<'n, '_, 'r>),
    ) {
        let path = format!("{}.{NAME}", self.path_of(key));
        for entry in self.mapping.map(key, self.reading.report) {
            Section::of(&entry.value, what, &path, self.reading, |section| {
                read(&entry.key, entry.key_span, section);
            });
        }
    }
}
