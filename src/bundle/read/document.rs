//! Policy documents: files of JSON, and mappings inside of YAML, which mean the same.

use std::sync::Arc;

use super::field::Reference;
use crate::policy::{Document, Form, Kind, Policy};
use crate::source::mapping::Mapping;
use crate::source::{Entry, Node, Report, Value, json};

/// A policy, compiled, with what is still to be checked about it.
#[derive(Debug)]
pub(in crate::bundle) struct Doc {
    pub(in crate::bundle) policy: Arc<Policy>,
    /// Whom it names under `Principal` and `NotPrincipal`.
    pub(in crate::bundle) principals: Vec<Named>,
    /// Characters, as IAM counts them: without white space between the values.
    pub(in crate::bundle) size: usize,
}

/// One value of a `Principal`.
#[derive(Debug, Clone)]
pub(in crate::bundle) struct Named {
    /// Under `Federated`, not `AWS`.
    pub(in crate::bundle) federated: bool,
    pub(in crate::bundle) who: Reference,
}

/// A document as a YAML file gives it.
#[derive(Debug, Clone)]
pub(in crate::bundle) enum Source {
    /// Written out.
    Here(Arc<Doc>),
    /// `{file: x.json}`
    File(Reference),
}

/// What a document is: how it is read, and how it is called in decisions.
#[derive(Debug, Clone, Copy)]
pub(in crate::bundle) struct Use<'u> {
    pub(in crate::bundle) kind: Kind,
    pub(in crate::bundle) name: &'u str,
}

impl Use<'_> {
    /// How such a document is kept, if this is its text.
    fn form<'t>(&self, text: Option<&'t str>) -> Form<'t> {
        if self.kind == Kind::Identity && self.name.starts_with("inline:") {
            Form::Inline
        } else {
            text.map_or(Form::Alone, Form::Written)
        }
    }
}

/// Reads a document that a YAML file gives.
pub(super) fn source(node: &Node, used: Use<'_>, report: &mut Report) -> Option<Source> {
    if let Some([Entry { key, .. }]) = node.as_map()
        && &**key == "file"
    {
        let mut map = Mapping::of(node, "a policy document", report)?;
        let (text, span) = map.required_string("file", report)?;
        return Some(Source::File(Reference {
            text: text.into(),
            span,
        }));
    }
    if let Some([entry]) = node.as_map()
        && entry.value.as_str().is_some_and(super::is_json)
    {
        let message = format!("unknown key `{}`", entry.key);
        let help = "did you mean `file`? a policy is written out, or `{ file: NAME.json }`";
        report.error("unknown-key", entry.key_span, message, help);
        return None;
    }
    document(node, None, used, report).map(|doc| Source::Here(Arc::new(doc)))
}

/// Reads a document, and of one that is a file of its own all of its text.
pub(in crate::bundle) fn document(
    node: &Node,
    text: Option<&str>,
    used: Use<'_>,
    report: &mut Report,
) -> Option<Doc> {
    let document = Document::read_as(node, used.kind, used.form(text), report)?;
    let mut principals = Vec::new();
    let statements = node.get("Statement").map_or(&[][..], one_or_many);
    for statement in statements {
        for key in ["Principal", "NotPrincipal"] {
            named(statement.get(key), &mut principals);
        }
    }
    let policy = Policy::compile(&document, used.name).with_text(&json::written(node));
    Some(Doc {
        policy: Arc::new(policy),
        principals,
        size: size(node),
    })
}

fn named(principal: Option<&Node>, out: &mut Vec<Named>) {
    for entry in principal.and_then(Node::as_map).unwrap_or_default() {
        let federated = match &*entry.key {
            "AWS" => false,
            "Federated" => true,
            _ => continue,
        };
        let values = one_or_many(&entry.value);
        out.extend(values.iter().filter_map(|value| {
            Some(Named {
                federated,
                who: Reference {
                    text: value.as_str()?.into(),
                    span: value.span,
                },
            })
        }));
    }
}

/// In policies a list of one may be written without brackets.
fn one_or_many(node: &Node) -> &[Node] {
    node.as_list().unwrap_or(std::slice::from_ref(node))
}

/// How long the document is as JSON without white space.
fn size(node: &Node) -> usize {
    let list = |lengths: &mut dyn Iterator<Item = usize>| {
        // A comma behind each but the last, and two brackets.
        lengths
            .fold(1usize, |sum, length| {
                sum.saturating_add(length).saturating_add(1)
            })
            .max(2)
    };
    match &node.value {
        Value::Null => 4,
        Value::Bool(value) => {
            if *value {
                4
            } else {
                5
            }
        }
        Value::Number(text) => text.len(),
        Value::String(text) => text.chars().count().saturating_add(2),
        Value::List(items) => list(&mut items.iter().map(size)),
        Value::Map(entries) => list(&mut entries.iter().map(|entry| {
            entry
                .key
                .chars()
                .count()
                .saturating_add(3)
                .saturating_add(size(&entry.value))
        })),
    }
}
