//! Answers in the query protocol's XML.

use std::fmt::Write as _;

use super::error::Error;

/// STS's namespace.
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The members of a result, as XML.
#[derive(Debug, Default)]
pub(super) struct Members(String);

impl Members {
    pub(super) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "<{name}>");
        escape(value, &mut self.0);
        let _ = write!(self.0, "</{name}>");
        self
    }

    pub(super) fn maybe(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    pub(super) fn inner(&mut self, name: &str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let _ = write!(self.0, "<{name}>");
        fill(self);
        let _ = write!(self.0, "</{name}>");
        self
    }
}

/// `<ActionResponse><ActionResult>…`
pub(super) fn response(action: &str, members: &Members, request_id: &str) -> String {
    let mut out = format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{}</{action}Result>",
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

pub(super) fn error(error: &Error, request_id: &str) -> String {
    let mut members = Members::default();
    members.inner("Error", |inner| {
        inner
            .text("Type", error.kind())
            .text("Code", error.code)
            .text("Message", &error.message);
    });
    members.text("RequestId", request_id);
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\">{}</ErrorResponse>",
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
