//! What the texts of policies say that a decision does not need: where statements stand, which context keys they read as
//! they are written, and which services they grant.

use std::collections::{BTreeSet, HashSet};

use crate::source::{Node, Report, Span, json};

/// Context keys, each once, as the first who reads it writes it, and in that order.
#[derive(Debug, Default)]
pub(super) struct ContextKeys {
    all: Vec<String>,
    known: HashSet<String>,
    variables: usize,
}

impl ContextKeys {
    pub(super) fn add(&mut self, key: &str) {
        if self.known.insert(key.to_ascii_lowercase()) {
            self.all.push(key.to_owned());
        }
    }

    /// Adds those of others.
    pub(super) fn extend(&mut self, others: &Self) {
        self.variables = self.variables.saturating_add(others.variables);
        for key in &others.all {
            self.add(key);
        }
    }

    /// How many times a variable stands in a text.
    pub(super) fn variables(&self) -> usize {
        self.variables
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &String> {
        self.all.iter()
    }
}

/// A policy's text, read.
#[derive(Debug)]
pub(super) struct Text(Node);

impl Text {
    /// `None`: it is no JSON, which no text of a policy that was compiled is.
    pub(super) fn read(text: &str) -> Option<Self> {
        json::read(text, &mut Report::on("policy")).map(Self)
    }

    fn statements(&self) -> &[Node] {
        self.0.get("Statement").map_or(&[], one_or_many)
    }

    /// Where each statement stands.
    pub(super) fn spans(&self) -> Vec<Span> {
        self.statements().iter().map(|node| node.span).collect()
    }

    /// Adds the context keys that conditions and variables read.
    pub(super) fn context_keys(&self, keys: &mut ContextKeys) {
        let variables = self.0.get("Version").and_then(Node::as_str) == Some("2012-10-17");
        for statement in self.statements() {
            let operators = statement.get("Condition").and_then(Node::as_map);
            for entry in operators
                .unwrap_or_default()
                .iter()
                .flat_map(|operator| operator.value.as_map().unwrap_or_default())
            {
                keys.add(&entry.key);
                if variables {
                    in_texts(&entry.value, keys);
                }
            }
            for element in ["Resource", "NotResource"] {
                if let Some(node) = statement.get(element).filter(|_| variables) {
                    in_texts(node, keys);
                }
            }
        }
    }

    /// Adds the namespaces of the services that it grants something of, and of all `known` ones where it says `*`.
    pub(super) fn services(&self, known: &[&str], services: &mut BTreeSet<String>) {
        for statement in self.statements() {
            if statement.get("Effect").and_then(Node::as_str) != Some("Allow") {
                continue;
            }
            let actions = statement.get("Action").map_or(&[][..], one_or_many);
            let names = actions.iter().filter_map(Node::as_str);
            for name in names.chain(statement.get("NotAction").map(|_| "*")) {
                match name.split_once(':') {
                    Some((service, _)) if service != "*" => {
                        services.insert(service.to_lowercase());
                    }
                    _ => services.extend(known.iter().map(|name| (*name).to_owned())),
                }
            }
        }
    }
}

fn one_or_many(node: &Node) -> &[Node] {
    node.as_list().unwrap_or(std::slice::from_ref(node))
}

/// The keys of `${key}` and `${key, 'default'}`.
fn in_texts(node: &Node, keys: &mut ContextKeys) {
    for text in one_or_many(node).iter().filter_map(Node::as_str) {
        let mut rest = text;
        while let Some((_, behind)) = rest.split_once("${") {
            let Some((inner, behind)) = behind.split_once('}') else {
                break;
            };
            let key = inner.split(',').next().unwrap_or(inner).trim();
            if !matches!(key, "*" | "?" | "$" | "") {
                keys.add(key);
                keys.variables = keys.variables.saturating_add(1);
            }
            rest = behind;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": ["s3:Get*", "Orders:List"], "Resource": "arn:aws:s3:::b/${aws:username}/${*}${aws:PrincipalTag/a, 'x'}",
   "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}, "StringLike": {"AWS:username": ["${saml:sub}", "${open"]}}},
  {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}"#;

    #[test]
    fn keys_services_and_places() {
        let text = Text::read(TEXT).unwrap();
        let mut keys = ContextKeys::default();
        text.context_keys(&mut keys);
        assert_eq!(
            keys.all,
            [
                "aws:MultiFactorAuthPresent",
                "AWS:username",
                "saml:sub",
                "aws:PrincipalTag/a"
            ]
        );
        let mut services = BTreeSet::new();
        text.services(&["known"], &mut services);
        assert_eq!(services.iter().collect::<Vec<_>>(), ["orders", "s3"]);
        let spans = text.spans();
        assert_eq!((spans[0].start.line, spans[0].start.column), (2, 3));
        assert_eq!(spans[1].start.line, 4);
    }

    #[test]
    fn without_a_version_there_are_no_variables() {
        let text = TEXT.replace("2012-10-17", "2008-10-17");
        let mut keys = ContextKeys::default();
        Text::read(&text).unwrap().context_keys(&mut keys);
        assert_eq!(keys.all, ["aws:MultiFactorAuthPresent", "AWS:username"]);
        let mut services = BTreeSet::new();
        let all = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
        let known = ["iam", "orders"];
        Text::read(all).unwrap().services(&known, &mut services);
        assert_eq!(services.iter().collect::<Vec<_>>(), known.each_ref());
    }
}
