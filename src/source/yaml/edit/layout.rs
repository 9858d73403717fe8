//! Where things stand in a text: lines, indentation, brackets; and the text with lines put in or taken out.
//!
//! Every function gives `None` for a layout that it does not know.

use std::ops::Range;

use crate::source::{Node, Position, Value};

use super::{Fields, Item};

/// Indentation of a level.
const STEP: usize = 2;

/// A text, and where its lines begin.
pub(super) struct Layout<'t> {
    text: &'t str,
    /// Offsets of the lines' first bytes.
    lines: Vec<usize>,
    /// What ends a line here.
    end: &'static str,
}

/// A text with an entry more.
pub(super) struct Appended {
    pub(super) text: String,
    /// The new entry stands first in its list, otherwise last.
    pub(super) first: bool,
}

impl<'t> Layout<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at.saturating_add(1));
        Self {
            text,
            lines: std::iter::once(0).chain(ends).collect(),
            end: if text.contains("\r\n") { "\r\n" } else { "\n" },
        }
    }

    pub(super) fn append(
        &self,
        root: &Node,
        path: &[&str],
        fields: &Fields<'_>,
    ) -> Option<Appended> {
        let at_end = |text| Appended { text, first: false };
        if root.value == Value::Null {
            let lines = block(0, path, fields);
            return self.insert_behind(usize::MAX, &lines).map(at_end);
        }
        let mut map = root;
        let mut rest = path;
        while let [key, below @ ..] = rest {
            let entries = map.as_map()?;
            let entry = entries.iter().find(|entry| &*entry.key == *key);
            let Some(entry) = entry else {
                return self.append_key(root, map, rest, fields);
            };
            let indent = column(entry.key_span.start);
            match &entry.value.value {
                Value::Null if !self.is_flow(map) => {
                    let lines = block(indent.saturating_add(STEP), below, fields);
                    let line = line(entry.key_span.end);
                    return self.insert_behind(line, &lines).map(at_end);
                }
                Value::Map(_) if !below.is_empty() => {
                    map = &entry.value;
                    rest = below;
                }
                Value::List(items) if below.is_empty() => {
                    return self.append_to(&entry.value, items, map, indent, fields);
                }
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::List(_)
                | Value::Map(_) => return None,
            }
        }
        None
    }

    /// Adds an entry to the list that stands in `map` behind a key with this indentation.
    fn append_to(
        &self,
        list: &Node,
        items: &[Node],
        map: &Node,
        indent: usize,
        fields: &Fields<'_>,
    ) -> Option<Appended> {
        let at_end = |text| Appended { text, first: false };
        match items.last() {
            Some(item) if !self.is_flow(list) => {
                let (indent, _) = self.dash(item)?;
                let added = block(indent, &[], fields);
                let number = self.last_line(item)?;
                self.insert_behind(number, &added).map(at_end)
            }
            None if !self.is_flow(map) => {
                let added = block(indent.saturating_add(STEP), &[], fields);
                self.in_place_of_empty(list, &added).map(at_end)
            }
            found => {
                let comma = if found.is_some() { ", " } else { "" };
                let entry = format!("{}{comma}", flow(fields));
                let at = self.offset(list.span.start)?.checked_add(1)?;
                let text = self.replace(at..at, &entry)?;
                Some(Appended { text, first: true })
            }
        }
    }

    /// Adds the keys `path` to a mapping, with one entry below them.
    fn append_key(
        &self,
        root: &Node,
        map: &Node,
        path: &[&str],
        fields: &Fields<'_>,
    ) -> Option<Appended> {
        let text = if self.is_flow(map) {
            let empty = map.as_map()?.is_empty();
            let keys: Vec<String> = path.iter().map(|key| format!("\"{key}\": ")).collect();
            let opening = keys.join("{ ");
            let closing = " }".repeat(path.len().saturating_sub(1));
            let comma = if empty { "" } else { "," };
            let keys = format!(" {opening}[ {} ]{closing}{comma}", flow(fields));
            let at = self.offset(map.span.start)?.checked_add(1)?;
            self.replace(at..at, &keys)?
        } else if std::ptr::eq(root, map) {
            self.insert_behind(usize::MAX, &block(0, path, fields))?
        } else {
            let first = map.as_map()?.first()?;
            let lines = block(column(first.key_span.start), path, fields);
            self.insert_behind(self.last_line(map)?, &lines)?
        };
        Some(Appended { text, first: false })
    }

    pub(super) fn set(&self, entry: &Node, key: &str, item: &Item) -> Option<String> {
        let entries = entry.as_map()?;
        if let Some(found) = entries.iter().find(|found| &*found.key == key) {
            return self.replace(self.range(&found.value)?, &item.written());
        }
        let first = entries.first()?;
        if self.is_flow(entry) {
            let at = self.offset(first.key_span.start)?;
            return self.replace(at..at, &format!("{key}: {}, ", item.written()));
        }
        let indent = " ".repeat(column(first.key_span.start));
        let line = format!("{indent}{key}: {}", item.written());
        self.insert_behind(self.last_line(&first.value)?, &[line])
    }

    pub(super) fn remove(&self, items: &[Node], index: usize) -> Option<String> {
        let item = items.get(index)?;
        if let Some((_, first)) = self.dash(item) {
            let last = self.last_line(item)?;
            let start = *self.lines.get(first)?;
            let end = self.line_start(last.checked_add(1)?);
            return self.replace(start..end, "");
        }
        let Range { start, end } = self.range(item)?;
        let behind = self.text.get(end..)?;
        let (start, end) = if let Some(more) = behind.trim_start().strip_prefix(',') {
            let more = more.trim_start_matches(' ');
            (start, self.text.len().checked_sub(more.len())?)
        } else {
            let before = self.text.get(..start)?.trim_end();
            (before.strip_suffix(',').map_or(start, str::len), end)
        };
        self.replace(start..end, "")
    }

    /// The offset of a place.
    fn offset(&self, place: Position) -> Option<usize> {
        let start = *self.lines.get(line(place))?;
        let rest = self.text.get(start..)?;
        let mut letters = rest.char_indices().map(|(at, _)| at);
        let within = letters.nth(column(place)).unwrap_or(rest.len());
        start.checked_add(within)
    }

    /// Where a value stands that can be replaced: a scalar in one line, or something in brackets.
    fn range(&self, node: &Node) -> Option<Range<usize>> {
        let start = self.offset(node.span.start)?;
        let rest = self.text.get(start..)?;
        let length = match rest.as_bytes().first()? {
            // The parser's ends reach over the blanks and comments behind.
            b'"' | b'\'' => quoted(rest)?,
            b'[' | b'{' => bracketed(rest)?,
            _ => {
                let word = node.as_str()?;
                rest.starts_with(word).then_some(word.len())?
            }
        };
        Some(start..start.checked_add(length)?)
    }

    fn is_flow(&self, node: &Node) -> bool {
        let start = self.offset(node.span.start);
        let rest = start.and_then(|start| self.text.get(start..));
        // A list without indentation begins, for the parser, with its first item.
        let bracket = if node.as_list().is_some() { '[' } else { '{' };
        rest.is_some_and(|rest| rest.starts_with(bracket))
    }

    /// The line (from 0) on which a node ends.
    fn last_line(&self, node: &Node) -> Option<usize> {
        if !self.is_flow(node) {
            match &node.value {
                Value::Map(entries) => {
                    let entry = entries.last()?;
                    return if entry.value.value == Value::Null {
                        Some(line(entry.key_span.end))
                    } else {
                        self.last_line(&entry.value)
                    };
                }
                Value::List(items) => return self.last_line(items.last()?),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let start = self.offset(node.span.start)?;
        let end = match self.range(node) {
            Some(range) => range.end,
            None => self.offset(node.span.end)?,
        };
        let own = self.text.get(start..end)?.trim_end();
        let breaks = own.matches('\n').count();
        line(node.span.start).checked_add(breaks)
    }

    /// The indentation and line of the dash that an item of a block list stands behind.
    fn dash(&self, item: &Node) -> Option<(usize, usize)> {
        let number = line(item.span.start);
        let start = *self.lines.get(number)?;
        let before = self.text.get(start..self.offset(item.span.start)?)?;
        let indent = before.trim_end().strip_suffix('-')?;
        indent
            .bytes()
            .all(|byte| byte == b' ')
            .then_some((indent.len(), number))
    }

    /// The offset of a line, or the text's end.
    fn line_start(&self, number: usize) -> usize {
        self.lines.get(number).copied().unwrap_or(self.text.len())
    }

    /// Puts lines behind the line `number`, or at the end.
    fn insert_behind(&self, number: usize, lines: &[String]) -> Option<String> {
        let at = self.line_start(number.saturating_add(1));
        let before = self.text.get(..at)?;
        let mut added = String::new();
        if !before.is_empty() && !before.ends_with('\n') {
            added.push_str(self.end);
        }
        for line in lines {
            added.push_str(line);
            added.push_str(self.end);
        }
        self.replace(at..at, &added)
    }

    /// Puts lines behind the line of an empty `[]`, which goes.
    fn in_place_of_empty(&self, list: &Node, lines: &[String]) -> Option<String> {
        let Range { start, end } = self.range(list)?;
        let without = self.replace(start..end, "")?;
        Layout::of(&without).insert_behind(line(list.span.start), lines)
    }

    fn replace(&self, range: Range<usize>, with: &str) -> Option<String> {
        let before = self.text.get(..range.start)?;
        let behind = self.text.get(range.end..)?;
        Some(format!("{before}{with}{behind}"))
    }
}

/// The lines of an entry below the keys `path`.
fn block(mut indent: usize, path: &[&str], fields: &Fields<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for key in path {
        lines.push(format!("{}{key}:", " ".repeat(indent)));
        indent = indent.saturating_add(STEP);
    }
    for (at, (key, item)) in fields.iter().enumerate() {
        let lead = if at == 0 { "- " } else { "  " };
        let indent = " ".repeat(indent);
        lines.push(format!("{indent}{lead}{key}: {}", item.written()));
    }
    lines
}

/// An entry in one line.
fn flow(fields: &Fields<'_>) -> String {
    let fields = fields
        .iter()
        .map(|(key, item)| format!("\"{key}\": {}", item.written()));
    format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
}

/// The length of the quoted text that `rest` begins with.
fn quoted(rest: &str) -> Option<usize> {
    let mut letters = rest.char_indices();
    let (_, quote) = letters.next()?;
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            let behind = rest.get(at.checked_add(1)?..)?;
            // '' is a quote within.
            if quote == '\'' && behind.starts_with(quote) {
                letters.next();
            } else {
                return at.checked_add(1);
            }
        } else if letter == '\\' && quote == '"' {
            letters.next();
        }
    }
    None
}

/// The length of what `rest` begins with, up to the closing bracket.
fn bracketed(rest: &str) -> Option<usize> {
    let (mut depth, mut at, mut before) = (0_u32, 0_usize, ' ');
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        let letter = tail.chars().next()?;
        let mut length = letter.len_utf8();
        let begins = before.is_whitespace() || matches!(before, '[' | '{' | ',' | ':');
        match letter {
            '[' | '{' => depth = depth.checked_add(1)?,
            ']' | '}' => depth = depth.checked_sub(1)?,
            '"' | '\'' if begins => length = quoted(tail)?,
            '#' if before.is_whitespace() => length = tail.find('\n')?,
            _ => {}
        }
        before = letter;
        at = at.checked_add(length)?;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn line(place: Position) -> usize {
    usize::try_from(place.line.saturating_sub(1)).unwrap_or(usize::MAX)
}

fn column(place: Position) -> usize {
    usize::try_from(place.column.saturating_sub(1)).unwrap_or(usize::MAX)
}
