//! Reading what the AWS CLI printed, with the place of whatever is not as expected.

use crate::cli::output::Failed;
use crate::source::{Node, Report, Value, json};

/// A node of the file, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    file: &'a str,
    pub(super) node: &'a Node,
}

impl<'a> Item<'a> {
    pub(super) fn new(file: &'a str, node: &'a Node) -> Self {
        Self { file, node }
    }

    /// Something is wrong here.
    pub(super) fn failed(self, message: &str) -> Failed {
        let at = self.node.span.start;
        Failed(format!(
            "{}:{}:{}: {message}",
            self.file, at.line, at.column
        ))
    }

    /// A member, if it is there.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        let node = self.node.get(key)?;
        (node.value != Value::Null).then_some(Self { node, ..self })
    }

    /// A string that must be there.
    pub(super) fn text(self, key: &str) -> Result<&'a str, Failed> {
        let found = self.get(key).and_then(|item| item.node.as_str());
        found.ok_or_else(|| self.failed(&format!("`{key}`, a string, is missing")))
    }

    pub(super) fn maybe(self, key: &str) -> Result<Option<&'a str>, Failed> {
        let Some(item) = self.get(key) else {
            return Ok(None);
        };
        let text = item.node.as_str();
        text.map(Some).ok_or_else(|| {
            item.failed(&format!(
                "`{key}` is a string, and this is {}",
                item.node.kind()
            ))
        })
    }

    /// The items of a list, which may be absent.
    pub(super) fn list(self, key: &str) -> Result<Vec<Self>, Failed> {
        let Some(item) = self.get(key) else {
            return Ok(Vec::new());
        };
        let items = item.node.as_list();
        let items = items.ok_or_else(|| {
            item.failed(&format!(
                "`{key}` is a list, and this is {}",
                item.node.kind()
            ))
        })?;
        Ok(items.iter().map(|node| Self { node, ..self }).collect())
    }

    /// A policy document: an object, or its text as the API itself has it.
    pub(super) fn document(self, key: &str) -> Result<Node, Failed> {
        let item = self.get(key);
        let item = item.ok_or_else(|| self.failed(&format!("`{key}`, a policy, is missing")))?;
        let Some(text) = item.node.as_str() else {
            return Ok(item.node.clone());
        };
        let decoded = if text.trim_start().starts_with('{') {
            text.to_owned()
        } else {
            decode(text).ok_or_else(|| item.failed("this is no percent-encoded policy"))?
        };
        let mut report = Report::on(self.file);
        let node = json::read(&decoded, &mut report).filter(|_| !report.has_errors());
        node.ok_or_else(|| item.failed("this is no policy in JSON"))
    }
}

/// `%7B…%7D`
fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push(u8::try_from(high.saturating_mul(16).saturating_add(low)).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}
