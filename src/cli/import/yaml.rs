//! A tree as YAML that people like to edit: blocks, with every string in double quotes.

use crate::source::json::{quoted, written};
use crate::source::{Entry, Node, Span, Value};

/// A tree's node without a place.
pub(super) fn node(value: Value) -> Node {
    Node {
        span: Span::default(),
        value,
    }
}

pub(super) fn text(text: &str) -> Node {
    node(Value::String(text.into()))
}

pub(super) fn list(items: impl IntoIterator<Item = Node>) -> Node {
    node(Value::List(items.into_iter().collect()))
}

/// A mapping, of which empty lists and mappings are left out.
pub(super) fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Node)>) -> Node {
    let entries = entries.into_iter().filter(|(_, node)| !is_empty(node));
    let entries = entries.map(|(key, value)| Entry {
        key: key.into(),
        key_span: Span::default(),
        value,
    });
    node(Value::Map(entries.collect()))
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Map(entries) => entries.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The tree as YAML.
pub(super) fn yaml(node: &Node) -> String {
    let mut out = String::new();
    block(node, 0, &mut out);
    out
}

fn block(node: &Node, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => {
            for entry in entries {
                out.push_str(&indent);
                key(&entry.key, out);
                out.push(':');
                behind(&entry.value, depth, out);
            }
        }
        Value::List(items) if !items.is_empty() => {
            for item in items {
                let mut inner = String::new();
                block(item, depth.saturating_add(1), &mut inner);
                out.push_str(&indent);
                out.push_str("- ");
                out.push_str(inner.trim_start_matches(' '));
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::List(_)
        | Value::Map(_) => {
            out.push_str(&written(node));
            out.push('\n');
        }
    }
}

/// What stands behind a key: on its line, or below it.
fn behind(node: &Node, depth: usize, out: &mut String) {
    let nested = matches!(&node.value, Value::Map(_) | Value::List(_)) && !is_empty(node);
    if nested {
        out.push('\n');
        block(node, depth.saturating_add(1), out);
    } else {
        out.push(' ');
        out.push_str(&written(node));
        out.push('\n');
    }
}

/// A key; in quotes where YAML might take it for something else.
fn key(text: &str, out: &mut String) {
    let mut bytes = text.bytes();
    let word = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.len() > 3
        && !["true", "false", "null"].contains(&text.to_ascii_lowercase().as_str());
    // Short words may be `no`, `on`, `y`; our own short keys are none of them.
    if word || text == "id" || text == "Sid" || text == "AWS" {
        out.push_str(text);
    } else {
        out.push_str(&quoted(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Report, json};

    fn json(text: &str) -> Node {
        json::read(text, &mut Report::on("x")).unwrap()
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for text in [
            r##"{"trust_policy":{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":["a:b","c:*"]},{"Effect":"Deny","Condition":{"Bool":{"aws:x":true,"NO":"off","y":"1e3"}}}]},"tags":{"on":"yes","#":": \"\\\n","long key":"~"}}"##,
            r#"{"path":"/","list":[[1,2],[],{}],"number":1.5}"#,
        ] {
            let tree = json(text);
            let text_yaml = yaml(&tree);
            let mut report = Report::on("x");
            let read = crate::source::yaml::read(&text_yaml, &mut report);
            let read = read.unwrap_or_else(|| panic!("{text_yaml}\n{:?}", report.faults()));
            assert_eq!(written(&read), text, "{text_yaml}");
        }
    }
}
