//! The request context: what conditions and policy variables ask for by key.
//!
//! The engine asks only for the keys that a policy names, so whoever judges requests can answer from what it has at
//! hand without building a map first: implement [`Context`]. [`Map`] is the ready-made one.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::net::IpAddr;

use crate::clock::Timestamp;

/// A value of a context key. Typed ones cost no text on the way; every operator takes every type, as if it had been
/// written as text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A single text.
    Text(&'a str),
    /// A multivalued key, with zero or more values.
    List(&'a [Box<str>]),
    /// A point in time, as text `2026-11-23T09:30:00Z`.
    Instant(Timestamp),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Bool(bool),
    /// An address.
    Ip(IpAddr),
}

impl Value<'_> {
    /// Hands over the value as text, made on the stack. A list has no single text: it is an empty one here, and whoever
    /// must tell it apart asks first.
    pub fn with_text<R>(&self, then: impl FnOnce(&str) -> R) -> R {
        let mut text = Short::default();
        // `Short` holds the longest of these: an IPv6 address of 45 characters.
        let _ = match self {
            Self::Text(text) => return then(text),
            Self::List(_) => Ok(()),
            Self::Instant(time) => write_instant(&mut text, time.seconds()),
            Self::Number(number) => write!(text, "{number}"),
            Self::Bool(value) => write!(text, "{value}"),
            Self::Ip(address) => write!(text, "{address}"),
        };
        then(text.as_str())
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ`, by the civil calendar (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn write_instant(out: &mut impl Write, seconds: i64) -> fmt::Result {
    let days = seconds.div_euclid(86_400);
    let second = seconds.rem_euclid(86_400);
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = day_of_era
        .saturating_sub(day_of_era / 1_460)
        .saturating_add(day_of_era / 36_524)
        .saturating_sub(day_of_era / 146_096)
        / 365;
    let day_of_year = day_of_era.saturating_sub(
        year_of_era
            .saturating_mul(365)
            .saturating_add(year_of_era / 4)
            .saturating_sub(year_of_era / 100),
    );
    // Months count from March here, so that the leap day is a year's last.
    let from_march = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    let day = day_of_year
        .saturating_sub(from_march.saturating_mul(153).saturating_add(2) / 5)
        .saturating_add(1);
    let month = if from_march < 10 {
        from_march.saturating_add(3)
    } else {
        from_march.saturating_sub(9)
    };
    let year = era
        .saturating_mul(400)
        .saturating_add(year_of_era)
        .saturating_add(i64::from(month <= 2));
    write!(
        out,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// A text of up to 64 bytes without heap.
struct Short {
    bytes: [u8; 64],
    length: usize,
}

impl Default for Short {
    fn default() -> Self {
        Self {
            bytes: [0; 64],
            length: 0,
        }
    }
}

impl Short {
    fn as_str(&self) -> &str {
        self.bytes
            .get(..self.length)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        let Some(room) = self.bytes.get_mut(self.length..end) else {
            return Err(fmt::Error);
        };
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// A letter in lower case: the one letter that Unicode's simple mapping has for it, wherever it stands in a word. The
/// full mapping has two for U+0130, and another final sigma than the one within.
pub fn lower(letter: char) -> char {
    if letter == '\u{130}' {
        return 'i';
    }
    letter.to_lowercase().next().unwrap_or(letter)
}

/// A name in lower case, letter by letter: so names of keys are compared.
pub fn folded(name: &str) -> Box<str> {
    if name.is_ascii() {
        return name.to_ascii_lowercase().into();
    }
    name.chars().map(lower).collect::<String>().into()
}

/// Where values come from.
pub trait Context {
    /// The value of `key`, which is given in lower case (key names are compared without case, tag keys included).
    /// `None`: the key is absent, which is a different thing from an empty value.
    fn get(&self, key: &str) -> Option<Value<'_>>;
}

/// A context that owns its values: for simulation, tests and embedding.
#[derive(Debug, Clone, Default)]
pub struct Map {
    values: HashMap<Box<str>, Owned>,
}

#[derive(Debug, Clone)]
enum Owned {
    One(Box<str>),
    Many(Box<[Box<str>]>),
}

impl Map {
    /// An empty context.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many keys have a value.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether no key has one.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Sets a single-valued key.
    pub fn set(&mut self, key: &str, value: impl Into<Box<str>>) -> &mut Self {
        self.values.insert(folded(key), Owned::One(value.into()));
        self
    }

    /// Sets a multivalued key.
    pub fn set_many<V: Into<Box<str>>>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = V>,
    ) -> &mut Self {
        let values = values.into_iter().map(Into::into).collect();
        self.values.insert(folded(key), Owned::Many(values));
        self
    }
}

impl Context for Map {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        Some(match self.values.get(key)? {
            Owned::One(value) => Value::Text(value),
            Owned::Many(values) => Value::List(values),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: Value<'_>) -> String {
        value.with_text(str::to_owned)
    }

    #[test]
    fn names_are_folded_letter_by_letter() {
        for (name, same) in [
            ("aws:SourceIp", "aws:sourceip"),
            ("k/ΣΑΣ", "K/σασ"),
            ("k/İ", "k/i"),
            ("k/ẞ", "k/ß"),
        ] {
            assert_eq!(folded(name), folded(same), "{name}");
            assert_eq!(folded(&folded(name)), folded(name), "{name}");
        }
        assert_ne!(folded("k/ß"), folded("k/ss"));
        let mut map = Map::new();
        map.set("aws:PrincipalTag/ΣΑΣ", "x");
        assert!(map.get(&folded("aws:principaltag/σασ")).is_some());
    }

    #[test]
    fn typed_values_as_text() {
        assert_eq!(text(Value::Number(i64::MIN)), "-9223372036854775808");
        assert_eq!(text(Value::Bool(true)), "true");
        assert_eq!(
            text(Value::Ip("::ffff:203.0.113.7".parse().unwrap())),
            "::ffff:203.0.113.7"
        );
        assert_eq!(
            text(Value::Instant(Timestamp::from_seconds(951_782_400))),
            "2000-02-29T00:00:00Z"
        );
    }

    proptest! {
        #[test]
        fn instants_are_written_as_the_clock_writes_them(seconds in -62_135_596_800i64..253_402_300_000) {
            let time = Timestamp::from_seconds(seconds);
            prop_assert_eq!(text(Value::Instant(time)), time.rfc3339());
        }
    }
}
