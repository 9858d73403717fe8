//! The other way: a tree as JSON text, its members in their order.

use std::fmt::Write as _;

use super::is_number;
use crate::source::{Node, Value};

/// As JSON without white space.
pub fn written(node: &Node) -> String {
    let mut out = String::new();
    compact(node, &mut out);
    out
}

/// As JSON on many lines, indented by two.
pub fn pretty(node: &Node) -> String {
    let mut out = String::new();
    indented(node, 0, &mut out);
    out.push('\n');
    out
}

/// A text as a JSON string, which YAML reads as the same.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    string(text, &mut out);
    out
}

fn compact(node: &Node, out: &mut String) {
    match &node.value {
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                compact(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (at, entry) in entries.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                string(&entry.key, out);
                out.push(':');
                compact(&entry.value, out);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            scalar(&node.value, out);
        }
    }
}

fn indented(node: &Node, depth: usize, out: &mut String) {
    let (brackets, length) = match &node.value {
        Value::List(items) => (('[', ']'), items.len()),
        Value::Map(entries) => (('{', '}'), entries.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return scalar(&node.value, out);
        }
    };
    out.push(brackets.0);
    let deeper = depth.saturating_add(1);
    let line = |at: usize, out: &mut String| {
        out.push_str(if at > 0 { ",\n" } else { "\n" });
        out.push_str(&"  ".repeat(deeper));
    };
    for (at, item) in node.as_list().unwrap_or_default().iter().enumerate() {
        line(at, out);
        indented(item, deeper, out);
    }
    for (at, entry) in node.as_map().unwrap_or_default().iter().enumerate() {
        line(at, out);
        string(&entry.key, out);
        out.push_str(": ");
        indented(&entry.value, deeper, out);
    }
    if length > 0 {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    }
    out.push(brackets.1);
}

fn scalar(value: &Value, out: &mut String) {
    match value {
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(text) if is_number(text) => out.push_str(text),
        // A number that YAML alone can write.
        Value::Number(text) | Value::String(text) => string(text, out),
        Value::Null | Value::List(_) | Value::Map(_) => out.push_str("null"),
    }
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' || matches!(c, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}') => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Report, json};

    fn read(text: &str) -> Node {
        json::read(text, &mut Report::on("x")).unwrap()
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let text =
            r#"{"b":[1,-0.5e3,{}],"a":{"x":"\"\\\n\u0001é\u2028","y":[]},"n":null,"t":true}"#;
        assert_eq!(written(&read(text)), text);
        let pretty = pretty(&read(text));
        assert_eq!(written(&read(&pretty)), text);
        assert!(pretty.starts_with("{\n  \"b\": [\n    1,\n"), "{pretty}");
        assert!(pretty.contains("\"y\": []"), "{pretty}");
    }
}
