//! Answers in the query protocol's XML.

use std::fmt::Write as _;

use super::error::Error;

/// The members of a result, as XML.
#[derive(Debug, Default)]
pub(crate) struct Members(String);

#[cfg(test)]
impl Members {
    /// The XML.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Members {
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "<{name}>");
        escape(value, &mut self.0);
        let _ = write!(self.0, "</{name}>");
        self
    }

    pub(crate) fn maybe(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    pub(crate) fn inner(&mut self, name: &str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let _ = write!(self.0, "<{name}>");
        fill(self);
        let _ = write!(self.0, "</{name}>");
        self
    }

    /// How much it is by now.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }

    /// `<NAME>…</NAME>` of what was written before.
    pub(crate) fn whole(&mut self, name: &str, written: &Self) -> &mut Self {
        self.inner(name, |inner| inner.0.push_str(&written.0))
    }

    /// `<NAME><member>…</member>…</NAME>`
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.inner(name, |list| {
            for item in items {
                list.inner("member", |member| fill(member, item));
            }
        })
    }

    /// The same of texts.
    pub(crate) fn texts<T: AsRef<str>>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
    ) -> &mut Self {
        self.inner(name, |list| {
            for item in items {
                list.text("member", item.as_ref());
            }
        })
    }

    /// `<NAME><entry><key>…</key><value>…</value></entry>…</NAME>`
    pub(crate) fn map<K: AsRef<str>, V: AsRef<str>>(
        &mut self,
        name: &str,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> &mut Self {
        self.inner(name, |map| {
            for (key, value) in entries {
                map.inner("entry", |entry| {
                    entry
                        .text("key", key.as_ref())
                        .text("value", value.as_ref());
                });
            }
        })
    }

    pub(crate) fn number(&mut self, name: &str, value: usize) -> &mut Self {
        self.text(name, &value.to_string())
    }

    pub(crate) fn boolean(&mut self, name: &str, value: bool) -> &mut Self {
        self.text(name, if value { "true" } else { "false" })
    }
}

/// `<ActionResponse><ActionResult>…`
pub(crate) fn response(
    namespace: &str,
    action: &str,
    members: &Members,
    request_id: &str,
) -> String {
    let mut out = format!(
        "<{action}Response xmlns=\"{namespace}\"><{action}Result>{}</{action}Result>",
        members.0
    );
    let mut metadata = Members::default();
    metadata.inner("ResponseMetadata", |inner| {
        inner.text("RequestId", request_id);
    });
    out.push_str(&metadata.0);
    let _ = write!(out, "</{action}Response>");
    out
}

pub(crate) fn error(namespace: &str, error: &Error, request_id: &str) -> String {
    let mut members = Members::default();
    members.inner("Error", |inner| {
        inner
            .text("Type", error.kind())
            .text("Code", error.code)
            .text("Message", &error.message);
    });
    members.text("RequestId", request_id);
    format!(
        "<ErrorResponse xmlns=\"{namespace}\">{}</ErrorResponse>",
        members.0
    )
}

/// What XML 1.0 cannot say becomes U+FFFD.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_leave_their_place() {
        let mut members = Members::default();
        members.text("A", "</A><B a=\"1\">&\u{0}\r\n");
        assert_eq!(
            members.0,
            "<A>&lt;/A&gt;&lt;B a=&quot;1&quot;&gt;&amp;\u{fffd}&#13;\n</A>"
        );
    }
}
