//! Characters that steer a terminal, made visible. Knows nothing of where a text is shown.

use std::borrow::Cow;
use std::fmt::Write;

/// A text of others as a part of one line for people: characters that steer a terminal, that begin a new line or that
/// turn the direction of writing are shown as JSON writes them, `\u001b`.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The same of a text that has lines.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |character| matches!(character, '\n' | '\t'))
}

fn escaped(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let steers = |character: char| {
        let is_control = character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        is_control && !keep(character)
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_add(16));
    for character in text.chars() {
        if steers(character) {
            // All of them are of four digits; writing to a String cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_shown() {
        assert_eq!(one_line("a é \"\\"), "a é \"\\");
        assert_eq!(
            one_line("\u{1b}[2J\n\u{9b}\u{7f}\u{202e}"),
            r"\u001b[2J\u000a\u009b\u007f\u202e"
        );
        assert_eq!(lines("a\n\tb\r"), "a\n\tb\\u000d");
    }
}
