//! Takes the keys out of a mapping, checks their types, and reports what is left as unknown keys.

use super::{Entry, Node, Report, Span, Value, nearest};

/// A mapping whose keys are taken one by one; [`Mapping::finish`] reports the rest.
#[derive(Debug)]
pub struct Mapping<'n> {
    what: &'static str,
    span: Span,
    entries: Vec<(&'n Entry, bool)>,
    asked: Vec<&'static str>,
}

impl<'n> Mapping<'n> {
    /// Begins to read `node` as a mapping; `what` names it in messages ("a role").
    pub fn of(node: &'n Node, what: &'static str, report: &mut Report) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            report.error(
                "wrong-type",
                node.span,
                format!("{what} is a mapping, and this is {}", node.kind()),
                "write `key: value`, one a line",
            );
            return None;
        };
        Some(Self {
            what,
            span: node.span,
            entries: entries.iter().map(|entry| (entry, false)).collect(),
            asked: Vec::new(),
        })
    }

    /// Where the whole mapping stands.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Where the value of a key stands, if there is one.
    pub fn value_span(&self, key: &str) -> Option<Span> {
        let (entry, _) = self.entries.iter().find(|(entry, _)| &*entry.key == key)?;
        (entry.value.value != Value::Null).then_some(entry.value.span)
    }

    /// The value of a key, if it is there (a YAML `key:` with nothing behind it counts as absent).
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.asked.push(key);
        let (entry, taken) = self
            .entries
            .iter_mut()
            .find(|(entry, _)| &*entry.key == key)?;
        *taken = true;
        (entry.value.value != Value::Null).then_some(&entry.value)
    }

    /// The value of a key that must be there.
    pub fn required(&mut self, key: &'static str, report: &mut Report) -> Option<&'n Node> {
        let found = self.take(key);
        if found.is_none() {
            report.error(
                "missing-key",
                self.span,
                format!("{} needs the key `{key}`", self.what),
                format!("add `{key}: …`"),
            );
        }
        found
    }

    /// A string.
    pub fn string(&mut self, key: &'static str, report: &mut Report) -> Option<(&'n str, Span)> {
        self.take(key).and_then(|node| string(node, key, report))
    }

    /// A string that must be there.
    pub fn required_string(
        &mut self,
        key: &'static str,
        report: &mut Report,
    ) -> Option<(&'n str, Span)> {
        self.required(key, report)
            .and_then(|node| string(node, key, report))
    }

    /// A list of strings; absent means empty.
    pub fn strings(&mut self, key: &'static str, report: &mut Report) -> Vec<(&'n str, Span)> {
        self.list(key, report)
            .iter()
            .filter_map(|node| string(node, key, report))
            .collect()
    }

    /// A list; absent means empty.
    pub fn list(&mut self, key: &'static str, report: &mut Report) -> &'n [Node] {
        match self.take(key) {
            None => &[],
            Some(Node {
                value: Value::List(items),
                ..
            }) => items,
            Some(node) => {
                report.error(
                    "wrong-type",
                    node.span,
                    format!("`{key}` is a list, and this is {}", node.kind()),
                    "write [a, b] or one `- a` a line",
                );
                &[]
            }
        }
    }

    /// The entries of a mapping; absent means empty.
    pub fn map(&mut self, key: &'static str, report: &mut Report) -> &'n [Entry] {
        match self.take(key) {
            None => &[],
            Some(Node {
                value: Value::Map(entries),
                ..
            }) => entries,
            Some(node) => {
                report.error(
                    "wrong-type",
                    node.span,
                    format!("`{key}` is a mapping, and this is {}", node.kind()),
                    format!(
                        "write `{key}: {{ name: value }}`, or one `name: value` a line below it"
                    ),
                );
                &[]
            }
        }
    }

    /// A boolean.
    pub fn boolean(&mut self, key: &'static str, report: &mut Report) -> Option<bool> {
        let node = self.take(key)?;
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        report.error(
            "wrong-type",
            node.span,
            format!("`{key}` is true or false, and this is {}", node.kind()),
            boolean_help(node, key),
        );
        None
    }

    /// A whole number within `range`.
    pub fn integer(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
        report: &mut Report,
    ) -> Option<u64> {
        let node = self.take(key)?;
        if let Value::Number(text) = &node.value
            && let Ok(value) = text.parse::<u64>()
            && range.contains(&value)
        {
            return Some(value);
        }
        report.error(
            "wrong-type",
            node.span,
            format!(
                "`{key}` is a whole number from {} to {}",
                range.start(),
                range.end()
            ),
            format!(
                "write `{key}: {}`, in digits and without quotes",
                range.start()
            ),
        );
        None
    }

    /// Reports every key that nobody took, with the nearest known name.
    pub fn finish(self, report: &mut Report) {
        for (entry, taken) in &self.entries {
            // A known key that is not taken stands there twice, which its reader has reported.
            if !taken && !self.asked.contains(&&*entry.key) {
                let help = match nearest(&entry.key, self.asked.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("{} has the keys {}", self.what, self.asked.join(", ")),
                };
                report.error(
                    "unknown-key",
                    entry.key_span,
                    format!("unknown key `{}`", entry.key),
                    help,
                );
            }
        }
    }
}

/// The text of a node that must be a string; `what` names it in the fault.
pub fn string<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<(&'n str, Span)> {
    match &node.value {
        Value::String(text) => Some((text, node.span)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => {
            let help = match node.value {
                Value::Number(_) | Value::Bool(_) => "put it into quotes",
                Value::List(_) => "write one text in place of the list",
                Value::Map(_) => "write one text in place of the mapping",
                Value::Null | Value::String(_) => "write a text here, or remove the key",
            };
            report.error(
                "wrong-type",
                node.span,
                format!("`{what}` is a string, and this is {}", node.kind()),
                help,
            );
            None
        }
    }
}

/// The text of a node that is digits in quotes, such as an account's id. Without quotes they are a number, which is
/// reported, and handed over all the same: whoever wrote them meant just these digits.
pub fn digits<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<(&'n str, Span)> {
    let Value::Number(text) = &node.value else {
        return string(node, what, report);
    };
    report.error(
        "wrong-type",
        node.span,
        format!("`{what}` is digits in quotes, and these stand without: they are a number"),
        format!("write \"{text}\""),
    );
    let are_digits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then_some((text, node.span))
}

/// How to mend a boolean that is none.
pub(crate) fn boolean_help(node: &Node, key: &str) -> String {
    let meant = match node.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("yes" | "on" | "true" | "y") => Some(true),
        Some("no" | "off" | "false" | "n") => Some(false),
        _ => None,
    };
    match meant {
        Some(meant) => format!("write `{key}: {meant}`, in just these letters and without quotes"),
        None => format!("write `{key}: true` or `{key}: false`, without quotes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::json;

    #[test]
    fn a_key_that_stands_twice_is_not_unknown() {
        let mut report = Report::default();
        let node = json::read(r#"{"path": 1, "path": 2, "pth": 3}"#, &mut report).unwrap();
        let mut map = Mapping::of(&node, "it", &mut report).unwrap();
        map.take("path");
        map.finish(&mut report);
        let ids: Vec<_> = report.faults().iter().map(|fault| fault.id).collect();
        assert_eq!(ids, ["duplicate-key", "unknown-key"]);
    }
}
