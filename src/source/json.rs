//! A strict JSON reader (RFC 8259) that keeps places and refuses duplicate keys.
//!
//! `serde_json` keeps the last of two equal keys and no places: for a policy the first is a silent change of meaning.

mod seen;
mod write;

pub use write::{pretty, quoted, written};

use seen::Seen;

use super::{Entry, Node, Position, Report, Span, Value};

/// Nesting that no honest document reaches; recursion is bounded by it.
const MAX_DEPTH: u32 = 64;

/// How to mend a text that ends too early.
const TRUNCATED: &str =
    "the file is cut off, or a closing bracket or quote is missing: complete it";
/// How to mend half a character.
const SURROGATE: &str = "write the character itself, or both halves: \\ud83d\\ude00";

/// Reads one JSON text. Duplicate keys are reported, all of them; any other fault ends the reading.
/// `None` when the text is no JSON (the report then says why).
pub fn read(text: &str, report: &mut Report) -> Option<Node> {
    read_skipping(text, report, &mut |_, _| None)
}

/// Told what is left of the text where an object begins, and its place: how many bytes the object takes, if it is one
/// that was read before and is not needed again. It becomes an empty one.
pub type Skip<'s> = dyn FnMut(&str, Position) -> Option<usize> + 's;

/// The same, passing over objects that are known already.
pub fn read_skipping(text: &str, report: &mut Report, skip: &mut Skip<'_>) -> Option<Node> {
    let mut reader = Reader {
        text,
        at: 0,
        line: 1,
        counted: 0,
        column: 1,
        is_ascii: text.is_ascii(),
        report,
        skip,
    };
    reader.skip_white_space();
    if reader.at >= text.len() {
        reader.fail(
            "the file is empty",
            "write the JSON that belongs here, or remove the file",
        );
        return None;
    }
    if text.starts_with('\u{feff}') {
        let help = "save the file as UTF-8 without a byte order mark";
        reader.fail("a byte order mark stands before the text", help);
        return None;
    }
    let node = reader.value(0)?;
    reader.skip_white_space();
    if reader.at < text.len() {
        reader.fail(
            "only one value is expected, and more follows",
            "remove it; or is there a closing bracket too much before it?",
        );
        return None;
    }
    Some(node)
}

struct Reader<'t, 'r, 's> {
    text: &'t str,
    /// Byte offset of the next character.
    at: usize,
    line: u32,
    /// Byte offset up to which the line's characters are counted, and the column there. Counting each place from the
    /// start of its line would be quadratic in a document on one line.
    counted: usize,
    column: u32,
    /// Then every byte is a character, and there is nothing to count.
    is_ascii: bool,
    report: &'r mut Report,
    skip: &'r mut Skip<'s>,
}

impl Reader<'_, '_, '_> {
    fn position(&mut self) -> Position {
        if self.is_ascii {
            let before = self.at.saturating_sub(self.counted);
            return Position {
                line: self.line,
                column: (self.column).saturating_add(u32::try_from(before).unwrap_or(u32::MAX)),
            };
        }
        let characters = self.text.get(self.counted..self.at).map_or(0, |passed| {
            if passed.is_ascii() {
                passed.len()
            } else {
                passed.chars().count()
            }
        });
        self.counted = self.at;
        self.column = self
            .column
            .saturating_add(u32::try_from(characters).unwrap_or(u32::MAX));
        Position {
            line: self.line,
            column: self.column,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn skip_white_space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n')) = self.peek() {
            self.advance(1);
            if byte == b'\n' {
                self.line = self.line.saturating_add(1);
                self.counted = self.at;
                self.column = 1;
            }
        }
    }

    /// Reports a fault at the next character; in a text that ends too early, behind its last word.
    fn fail(&mut self, message: impl Into<String>, help: &str) {
        let start = if self.at >= self.text.len() {
            super::end_of(self.text)
        } else {
            self.position()
        };
        let end = Position {
            column: start.column.saturating_add(1),
            ..start
        };
        self.report
            .error("invalid-json", Span { start, end }, message, help);
    }

    fn value(&mut self, depth: u32) -> Option<Node> {
        if depth > MAX_DEPTH {
            self.fail(
                format!("nested deeper than {MAX_DEPTH} levels"),
                "no policy needs as many: is a bracket too much here?",
            );
            return None;
        }
        let start = self.position();
        let value = match self.peek() {
            Some(b'{') => match self.skipped(start) {
                Some(length) => {
                    self.advance(length);
                    Value::Map(Vec::new())
                }
                None => self.map(depth)?,
            },
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => {
                let help = self.value_help();
                self.fail("a value is expected here: an object, a list, a string in double quotes, a number, true, false or null", help);
                return None;
            }
            None => {
                self.fail("the text ends where a value is expected", TRUNCATED);
                return None;
            }
        };
        Some(Node {
            span: Span {
                start,
                end: self.position(),
            },
            value,
        })
    }

    /// How to mend what is no value.
    fn value_help(&self) -> &'static str {
        match self.peek() {
            Some(b']' | b'}') => "remove the comma before the closing bracket, or add the value",
            Some(b',') => "remove one of the commas, or add the value",
            Some(b'\'') => "JSON knows double quotes only",
            Some(b'/' | b'#') => "JSON has no comments: remove it, or say it in a Sid",
            Some(0xef) => "an invisible character may stand here: remove it",
            _ => "put a string into double quotes",
        }
    }

    fn skipped(&mut self, start: Position) -> Option<usize> {
        let rest = self.text.get(self.at..)?;
        (self.skip)(rest, start)
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        if self
            .text
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word))
        {
            self.advance(word.len());
            return Some(value);
        }
        self.fail(
            format!("`{word}` is expected here"),
            "write it in small letters and without quotes, or put a string into double quotes",
        );
        None
    }

    fn number(&mut self) -> Option<Value> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest
            .bytes()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .count();
        let number = rest.get(..length).unwrap_or_default();
        if !is_number(number) {
            self.fail(
                "this is no number that JSON knows",
                "write it like 12, -0.5 or 1e3, without a leading zero or plus, or put it into double quotes",
            );
            return None;
        }
        self.advance(length);
        Some(Value::Number(number.into()))
    }

    fn list(&mut self, depth: u32) -> Option<Value> {
        self.advance(1);
        let mut items = Vec::new();
        self.skip_white_space();
        if self.peek() == Some(b']') {
            self.advance(1);
            return Some(Value::List(items));
        }
        loop {
            self.skip_white_space();
            items.push(self.value(depth.saturating_add(1))?);
            if self.closes(b']', "a list")? {
                return Some(Value::List(items));
            }
        }
    }

    fn map(&mut self, depth: u32) -> Option<Value> {
        self.advance(1);
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = Seen::default();
        self.skip_white_space();
        if self.peek() == Some(b'}') {
            self.advance(1);
            return Some(Value::Map(entries));
        }
        loop {
            self.skip_white_space();
            let start = self.position();
            if self.peek() != Some(b'"') {
                let (message, help) = match self.peek() {
                    None => ("the text ends where a key is expected", TRUNCATED),
                    Some(b'}') => (
                        "a key in double quotes is expected here",
                        "remove the comma before the closing bracket",
                    ),
                    Some(b'/' | b'#') => (
                        "a key in double quotes is expected here",
                        "JSON has no comments: remove it, or say it in a Sid",
                    ),
                    Some(_) => (
                        "a key in double quotes is expected here",
                        "put the key into double quotes",
                    ),
                };
                self.fail(message, help);
                return None;
            }
            let key = self.string()?;
            let key_span = Span {
                start,
                end: self.position(),
            };
            self.skip_white_space();
            if self.peek() != Some(b':') {
                let help = if self.peek().is_none() {
                    TRUNCATED
                } else {
                    "write \"key\": value"
                };
                self.fail("a colon is expected here", help);
                return None;
            }
            self.advance(1);
            self.skip_white_space();
            let value = self.value(depth.saturating_add(1))?;
            if let Some(first) = seen.first_line(&entries, &key) {
                self.report.error(
                    "duplicate-key",
                    key_span,
                    format!("the key `{key}` stands here twice, first on line {first}"),
                    "keep one of them: which one would count is anyone's guess",
                );
            }
            entries.push(Entry {
                key,
                key_span,
                value,
            });
            if self.closes(b'}', "an object")? {
                return Some(Value::Map(entries));
            }
        }
    }

    /// Behind an item: a comma (false) or the closing bracket (true).
    fn closes(&mut self, bracket: u8, what: &str) -> Option<bool> {
        self.skip_white_space();
        match self.peek() {
            Some(b',') => {
                self.advance(1);
                Some(false)
            }
            Some(byte) if byte == bracket => {
                self.advance(1);
                Some(true)
            }
            Some(byte) => {
                let help = if matches!(byte, b'/' | b'#') {
                    "JSON has no comments: remove it, or say it in a Sid"
                } else {
                    "is a comma missing behind the value before, or a closing bracket?"
                };
                self.fail(
                    format!("a comma or the end of {what} is expected here"),
                    help,
                );
                None
            }
            None => {
                self.fail(format!("the text ends inside {what}"), TRUNCATED);
                None
            }
        }
    }

    fn string(&mut self) -> Option<Box<str>> {
        self.advance(1);
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest
                .bytes()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
                .unwrap_or(rest.len());
            let text = rest.get(..plain).unwrap_or_default();
            self.advance(plain);
            if out.is_empty() && self.peek() == Some(b'"') {
                self.advance(1);
                return Some(text.into());
            }
            out.push_str(text);
            match self.peek() {
                Some(b'"') => {
                    self.advance(1);
                    return Some(out.into_boxed_str());
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => {
                    self.fail(
                        "a control character, as it is, in a string",
                        "write it as an escape, like \\n; or is the closing quote missing?",
                    );
                    return None;
                }
                None => {
                    self.fail("the text ends inside a string", TRUNCATED);
                    return None;
                }
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        self.advance(1);
        let byte = self.peek();
        let plain = match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.advance(1);
                return self.unicode();
            }
            Some(_) | None => {
                self.fail(
                    "this escape is none that JSON knows",
                    "a backslash itself is written twice",
                );
                return None;
            }
        };
        self.advance(1);
        Some(plain)
    }

    fn unicode(&mut self) -> Option<char> {
        let high = self.hex4()?;
        let code = if (0xd800..0xdc00).contains(&high) {
            if self
                .text
                .get(self.at..)
                .is_none_or(|rest| !rest.starts_with("\\u"))
            {
                self.fail(
                    "half of a surrogate pair: its second half is expected here",
                    SURROGATE,
                );
                return None;
            }
            self.advance(2);
            let low = self.hex4()?;
            if !(0xdc00..0xe000).contains(&low) {
                self.fail(
                    "half of a surrogate pair without its second half",
                    SURROGATE,
                );
                return None;
            }
            ((high & 0x3ff) << 10 | (low & 0x3ff)).saturating_add(0x1_0000)
        } else {
            high
        };
        let character = char::from_u32(code);
        if character.is_none() {
            self.fail("half of a surrogate pair stands alone", SURROGATE);
        }
        character
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = self
            .text
            .get(self.at..self.at.saturating_add(4))
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            self.fail(
                "four hex digits are expected here",
                "write it like \\u00e9, or the character itself",
            );
            return None;
        };
        self.advance(4);
        Some(code)
    }
}

/// RFC 8259, section 6.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests;
