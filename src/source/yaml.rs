//! A strict YAML 1.2 reader that keeps places and refuses what would make two readers see two different texts.
//!
//! Refused: duplicate keys, tags, anchors and aliases, keys that are not plain words, a second document, control
//! characters, and what is nested too deep or has too many values. Plain scalars are read by the core schema: `true`,
//! `null`, `~` and numbers are what they look like, and `yes`, `on` and dates are strings.

pub mod edit;
mod scalar;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput};

use super::{Entry, Node, Position, Report, Span, Value};

/// Nesting that no honest text reaches.
const MAX_DEPTH: usize = 64;
/// Scalars, lists and mappings of one text.
const MAX_NODES: usize = 1_000_000;
/// Bytes of one text.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Reads one YAML text; an empty one is [`Value::Null`]. Duplicate keys, tags and anchors are reported, all of them;
/// a text that is no YAML ends the reading. `None` when the text cannot be read to its end (the report says why).
pub fn read(text: &str, report: &mut Report) -> Option<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        let message = format!("larger than {} MiB", MAX_BYTES / (1024 * 1024));
        let start = Position { line: 1, column: 1 };
        let help = "split it into several files";
        report.error("too-large", Span { start, end: start }, message, help);
        return None;
    }
    if let Some(span) = unprintable(text) {
        report.error(
            "invalid-yaml",
            span,
            "a control character that YAML does not allow",
            "in a string in double quotes, write it as an escape like \\x07",
        );
        return None;
    }
    let mut builder = Builder {
        report,
        open: Vec::new(),
        root: None,
        nodes: 0,
        documents: 0,
    };
    let mut parser = Parser::new_from_str(text);
    builder.run(&mut parser, text)?;
    Some(builder.root.unwrap_or(Node {
        span: Span {
            start: Position { line: 1, column: 1 },
            end: Position { line: 1, column: 2 },
        },
        value: Value::Null,
    }))
}

const FEATURE: &str = "yaml-feature";
const WRITE_OUT: &str = "write the value out";

fn not_read(what: &str) -> String {
    format!("{what}: tags, anchors and aliases are not read here")
}

/// How to mend what the scanner refuses, by its words.
fn scan_help(problem: &str) -> &'static str {
    let about = |words: &[&str]| words.iter().any(|word| problem.contains(word));
    if about(&["tab"]) {
        "indent with spaces"
    } else if about(&["quoted scalar", "quote"]) {
        "is a closing quote missing? a quote inside is written '' or \\\""
    } else if about(&["flow", "','", "']'", "'}'", "bracket"]) {
        "is a comma or a closing bracket missing, or is a text with brackets, braces or commas without quotes?"
    } else if about(&["alias", "anchor", "tag", "directive"]) {
        "put a text that begins with & * ! or % into quotes"
    } else if about(&["reserved", "cannot start any token", "unexpected character"]) {
        "put a text that begins with @, % or ` into quotes"
    } else if about(&[
        "mapping values",
        "':'",
        "simple key",
        "block mapping",
        "key",
    ]) {
        "is the indentation the same as that of the keys beside it, and is a text that holds `: ` in quotes?"
    } else if about(&["escape"]) {
        "in double quotes a backslash itself is written twice; in single quotes it needs no escape"
    } else {
        "indent keys that belong together alike, with spaces, and put texts with special characters into quotes"
    }
}

/// The first character that YAML 1.2 does not count as printable. The parser would take a NUL for the end of the text,
/// and so drop what follows.
fn unprintable(text: &str) -> Option<Span> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{7e}' | '\u{85}' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..);
    let at = text.find(|c: char| !allowed(c))?;
    let before = text.get(..at).unwrap_or_default();
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |last| last.chars().count());
    let start = Position {
        line: number(line).saturating_add(1),
        column: number(column).saturating_add(1),
    };
    Some(Span {
        start,
        end: Position {
            column: start.column.saturating_add(1),
            ..start
        },
    })
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn position(marker: &Marker) -> Position {
    Position {
        line: number(marker.line()),
        column: number(marker.col()).saturating_add(1),
    }
}

fn place(span: &saphyr_parser::Span) -> Span {
    Span {
        start: position(&span.start),
        end: position(&span.end),
    }
}

/// A list or mapping that has begun and not yet ended.
enum Open {
    List {
        start: Position,
        items: Vec<Node>,
    },
    Map {
        start: Position,
        entries: Vec<Entry>,
        /// Key to the line where it stood first.
        seen: HashMap<Box<str>, u32>,
        key: Option<(Box<str>, Span)>,
    },
}

struct Builder<'r> {
    report: &'r mut Report,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
}

impl Builder<'_> {
    fn run(&mut self, parser: &mut Parser<'_, StrInput<'_>>, text: &str) -> Option<()> {
        while let Some(event) = parser.next_event() {
            match event {
                Ok((event, span)) => self.event(event, place(&span))?,
                Err(error) => {
                    self.scan_error(&error, text);
                    return None;
                }
            }
        }
        Some(())
    }

    fn scan_error(&mut self, error: &ScanError, text: &str) {
        // What ends too early is completed behind its last word, not on the empty line below.
        let start = position(error.marker()).min(super::end_of(text));
        let end = Position {
            column: start.column.saturating_add(1),
            ..start
        };
        let help = scan_help(error.info());
        self.report
            .error("invalid-yaml", Span { start, end }, error.info(), help);
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents = self.documents.saturating_add(1);
                if self.documents > 1 {
                    self.fail(span, "a second document begins here", "a file holds one");
                    return None;
                }
            }
            Event::Alias(_) => {
                self.report
                    .unread(FEATURE, span, not_read("an alias"), WRITE_OUT);
                self.value(Node {
                    span,
                    value: Value::Null,
                })?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                if anchor != 0 || tag.is_some() {
                    self.plain_only(span, if anchor != 0 { "an anchor" } else { "a tag" });
                }
                self.scalar(&text, style, span)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(span, anchor, tag.is_some())?;
                self.open.push(Open::List {
                    start: span.start,
                    items: Vec::new(),
                });
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(span, anchor, tag.is_some())?;
                self.open.push(Open::Map {
                    start: span.start,
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    key: None,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
        }
        Some(())
    }

    fn fail(&mut self, span: Span, message: &str, help: &str) {
        self.report.error("invalid-yaml", span, message, help);
    }

    /// Reports what is YAML and is not wanted here; the reading goes on.
    fn plain_only(&mut self, span: Span, what: &str) {
        self.report.error(FEATURE, span, not_read(what), WRITE_OUT);
    }

    fn begin(&mut self, span: Span, anchor: usize, tagged: bool) -> Option<()> {
        if anchor != 0 || tagged {
            self.plain_only(span, if anchor != 0 { "an anchor" } else { "a tag" });
        }
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            let help = "nothing here needs as many: is a bracket too much?";
            self.fail(span, &message, help);
            return None;
        }
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            let help = "put a key that holds brackets or braces into quotes";
            self.fail(span, "a key is a word, not a list or mapping", help);
            return None;
        }
        Some(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, span: Span) -> Option<()> {
        let plain = style == ScalarStyle::Plain;
        if let Some(Open::Map {
            seen,
            key: key @ None,
            ..
        }) = self.open.last_mut()
        {
            let name: Box<str> = text.into();
            if let Some(first) = seen.get(&name) {
                self.report.error(
                    "duplicate-key",
                    span,
                    format!("the key `{name}` stands here twice, first on line {first}"),
                    "keep one of them: which one would count is anyone's guess",
                );
            } else {
                seen.insert(name.clone(), span.start.line);
            }
            *key = Some((name, span));
            return Some(());
        }
        let value = if plain {
            scalar::plain(text)
        } else {
            Value::String(text.into())
        };
        self.value(Node { span, value })
    }

    /// Puts a finished value where it belongs.
    fn value(&mut self, node: Node) -> Option<()> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values");
            self.fail(node.span, &message, "split it into several files");
            return None;
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                let Some((key, key_span)) = key.take() else {
                    // Only an alias comes here without a key: it stands where a key belongs, and is reported.
                    *key = Some((Box::default(), node.span));
                    return Some(());
                };
                entries.push(Entry {
                    key,
                    key_span,
                    value: node,
                });
            }
        }
        Some(())
    }

    fn end(&mut self, span: Span) -> Option<()> {
        let (start, value) = match self.open.pop()? {
            Open::List { start, items } => (start, Value::List(items)),
            Open::Map { start, entries, .. } => (start, Value::Map(entries)),
        };
        let span = Span {
            start,
            end: span.end.max(start),
        };
        self.value(Node { span, value })
    }
}
