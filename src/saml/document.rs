//! An XML document in which every element means one thing: a thin layer over `uppsala`.

use uppsala::{Element, NodeId, NodeKind, Parser};

use super::Fault;

/// SAML nests some ten deep.
const MAX_DEPTH: u32 = 40;

pub(super) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(super) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub(super) const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
pub(super) const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(super) const CANONICAL: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// The attributes that references may mean.
const IDS: [&str; 4] = ["ID", "Id", "id", "AssertionID"];

/// A document.
pub(super) struct Document<'t> {
    inner: uppsala::Document<'t>,
}

impl<'t> Document<'t> {
    /// Reads a text without a DTD.
    pub(super) fn parse(text: &'t str) -> Result<Self, Fault> {
        let parser = Parser::new()
            .with_forbid_dtd(true)
            .with_max_depth(MAX_DEPTH);
        let inner = parser
            .parse(text)
            .map_err(|error| Fault::invalid(format!("it is no XML without a DTD: {error}")))?;
        Ok(Self { inner })
    }

    /// Reads a text that must be nothing but elements and their texts. A comment splits a text in two for some readers
    /// and is nothing to a signature; the others are not what anybody signs.
    pub(super) fn parse_strictly(text: &'t str) -> Result<Self, Fault> {
        let document = Self::parse(text)?;
        for node in document.inner.descendants(document.inner.root()) {
            match document.inner.node_kind(node) {
                Some(NodeKind::Element(element)) => {
                    let doubtful = element.attributes.iter().any(|attribute| {
                        attribute.name.namespace_uri.is_some()
                            && IDS.contains(&&*attribute.name.local_name)
                    });
                    if doubtful {
                        return Err(Fault::invalid("an ID stands in a namespace"));
                    }
                }
                Some(NodeKind::Text(_)) => {}
                _ => {
                    return Err(Fault::invalid(
                        "it holds a comment, a processing instruction or a CDATA section",
                    ));
                }
            }
        }
        Ok(document)
    }

    pub(super) fn inner(&self) -> &uppsala::Document<'t> {
        &self.inner
    }

    /// The outermost element.
    pub(super) fn root(&self) -> Result<NodeId, Fault> {
        self.inner
            .document_element()
            .ok_or_else(|| Fault::invalid("it is empty"))
    }

    pub(super) fn is(&self, node: NodeId, (space, name): (&str, &str)) -> bool {
        self.element(node)
            .is_some_and(|element| element.name.matches(Some(space), name))
    }

    pub(super) fn element(&self, node: NodeId) -> Option<&Element<'t>> {
        self.inner.element(node)
    }

    /// The elements right below.
    pub(super) fn children(&self, node: NodeId) -> Vec<NodeId> {
        let all = self.inner.children_iter(node);
        all.filter(|child| self.element(*child).is_some()).collect()
    }

    /// The children of one name.
    pub(super) fn named(&self, node: NodeId, name: (&str, &str)) -> Vec<NodeId> {
        let mut children = self.children(node);
        children.retain(|child| self.is(*child, name));
        children
    }

    /// The only child of a name, if there is one.
    pub(super) fn maybe(&self, node: NodeId, name: (&str, &str)) -> Result<Option<NodeId>, Fault> {
        match self.named(node, name).as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _ => Err(Fault::invalid(format!("there are several {}", name.1))),
        }
    }

    /// The only child of a name.
    pub(super) fn one(&self, node: NodeId, name: (&str, &str)) -> Result<NodeId, Fault> {
        self.maybe(node, name)?
            .ok_or_else(|| Fault::invalid(format!("there is no {}", name.1)))
    }

    /// Every element of a name, wherever it stands.
    pub(super) fn anywhere(&self, name: (&str, &str)) -> Vec<NodeId> {
        let mut all = self.inner.descendants(self.inner.root());
        all.retain(|node| self.is(*node, name));
        all
    }

    /// An attribute that stands in no namespace.
    pub(super) fn attribute(&self, node: NodeId, name: &str) -> Option<&str> {
        let attributes = &self.element(node)?.attributes;
        let found = attributes.iter().find(|attribute| {
            attribute.name.namespace_uri.is_none() && *attribute.name.local_name == *name
        })?;
        Some(&found.value)
    }

    pub(super) fn required(&self, node: NodeId, name: &str) -> Result<&str, Fault> {
        self.attribute(node, name)
            .ok_or_else(|| Fault::invalid(format!("the attribute {name} is missing")))
    }

    /// The text of an element that holds nothing else.
    pub(super) fn text(&self, node: NodeId) -> Result<String, Fault> {
        let mut text = String::new();
        for child in self.inner.children_iter(node) {
            match self.inner.node_kind(child) {
                Some(NodeKind::Text(part)) => text.push_str(part),
                _ => {
                    return Err(Fault::invalid(
                        "there is more than text where a text is due",
                    ));
                }
            }
        }
        Ok(text.trim().to_owned())
    }
}
