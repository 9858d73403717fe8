//! Changes one entry of a YAML text that people write too: every other character stays, comments included.
//!
//! The entries are mappings in a list. Lines are added, replaced or taken out as text, in block and in flow style; then
//! the result is read again, and must say what the old text said with this one change and nothing else, or there is no
//! result. So a layout that is not understood is refused and never damaged. Knows nothing of what the entries mean.

mod layout;
#[cfg(test)]
mod tests;

use crate::source::{Entry, Node, Report, Span, Value};

use layout::Layout;

/// A value of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A text; written in double quotes.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
}

impl From<&str> for Item {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The keys and values of a new entry, in the order to be written.
pub type Fields<'f> = [(&'f str, Item)];

/// Why a text is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It has faults already.
    #[error("it is no YAML that can be read here")]
    Unreadable,
    /// There is no such entry.
    #[error("there is no such entry in it")]
    NoEntry,
    /// Its layout is not understood.
    #[error(
        "it is laid out in a way that cannot be changed without damage: write one key a line, indented with spaces, or change it by hand"
    )]
    Layout,
}

/// The entries of the list at `path`; none where there is no such list.
pub fn entries<'n>(root: &'n Node, path: &[&str]) -> &'n [Node] {
    let found = path.iter().try_fold(root, |node, key| node.get(key));
    found.and_then(Node::as_list).unwrap_or_default()
}

/// Adds an entry to the list at `path`, which is made where it is missing.
///
/// # Errors
/// See [`EditError`].
pub fn append(text: &str, path: &[&str], fields: &Fields<'_>) -> Result<String, EditError> {
    change(text, |root, layout| {
        let edited = layout.append(root, path, fields).ok_or(EditError::Layout)?;
        let mut expected = root.clone();
        let list = list_at(&mut expected, path).ok_or(EditError::Layout)?;
        let at = if edited.first { 0 } else { list.len() };
        list.insert(at, fields_node(fields));
        Ok((edited.text, expected))
    })
}

/// Sets a key of the entry `index` of the list at `path`; the key is added where it is missing.
///
/// # Errors
/// See [`EditError`].
pub fn set(
    text: &str,
    path: &[&str],
    index: usize,
    key: &str,
    item: &Item,
) -> Result<String, EditError> {
    change(text, |root, layout| {
        let entry = entries(root, path).get(index).ok_or(EditError::NoEntry)?;
        let edited = layout.set(entry, key, item).ok_or(EditError::Layout)?;
        let mut expected = root.clone();
        let list = list_at(&mut expected, path).ok_or(EditError::NoEntry)?;
        if let Some(Value::Map(entries)) = list.get_mut(index).map(|node| &mut node.value) {
            entries.retain(|entry| &*entry.key != key);
            entries.push(entry_of(key, item.node()));
        }
        Ok((edited, expected))
    })
}

/// Takes the entry `index` out of the list at `path`.
///
/// # Errors
/// See [`EditError`].
pub fn remove(text: &str, path: &[&str], index: usize) -> Result<String, EditError> {
    change(text, |root, layout| {
        let items = entries(root, path);
        let edited = layout.remove(items, index).ok_or(EditError::Layout)?;
        let mut expected = root.clone();
        let list = list_at(&mut expected, path).ok_or(EditError::NoEntry)?;
        if index < list.len() {
            list.remove(index);
        }
        Ok((edited, expected))
    })
}

fn change(
    text: &str,
    edit: impl FnOnce(&Node, &Layout<'_>) -> Result<(String, Node), EditError>,
) -> Result<String, EditError> {
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", text),
    };
    let root = read(body).ok_or(EditError::Unreadable)?;
    let (edited, expected) = edit(&root, &Layout::of(body))?;
    let found = read(&edited).ok_or(EditError::Layout)?;
    if same(&found, &expected) {
        Ok(format!("{mark}{edited}"))
    } else {
        Err(EditError::Layout)
    }
}

fn read(text: &str) -> Option<Node> {
    let mut report = Report::on("");
    let node = super::read(text, &mut report);
    node.filter(|_| !report.has_errors())
}

/// Whether two texts say the same: the order of keys does not count, and a list without items is as good as none.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Map(one), Value::Map(other)) => {
            let counts = |entries: &[Entry]| {
                let there = entries.iter().filter(|entry| !is_nothing(&entry.value));
                there.count()
            };
            let there = one.iter().filter(|entry| !is_nothing(&entry.value));
            counts(one) == counts(other)
                && there.into_iter().all(|entry| {
                    let mut others = other.iter();
                    let found = others.find(|found| found.key == entry.key);
                    found.is_some_and(|found| same(&entry.value, &found.value))
                })
        }
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (one_value, other_value) => {
            one_value == other_value || (is_nothing(one) && is_nothing(other))
        }
    }
}

/// Nothing, an empty list, or a mapping of such.
fn is_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.iter().all(|entry| is_nothing(&entry.value)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The list at `path`, made where it is missing; `None` where something else stands.
fn list_at<'n>(root: &'n mut Node, path: &[&str]) -> Option<&'n mut Vec<Node>> {
    let mut node = root;
    for key in path {
        if node.value == Value::Null {
            node.value = Value::Map(Vec::new());
        }
        let Value::Map(entries) = &mut node.value else {
            return None;
        };
        if !entries.iter().any(|entry| &*entry.key == *key) {
            entries.push(entry_of(key, bare(Value::Null)));
        }
        let mut entries = entries.iter_mut();
        node = &mut entries.find(|entry| &*entry.key == *key)?.value;
    }
    if node.value == Value::Null {
        node.value = Value::List(Vec::new());
    }
    if let Value::List(items) = &mut node.value {
        Some(items)
    } else {
        None
    }
}

fn bare(value: Value) -> Node {
    Node {
        span: Span::default(),
        value,
    }
}

fn entry_of(key: &str, value: Node) -> Entry {
    Entry {
        key: key.into(),
        key_span: Span::default(),
        value,
    }
}

fn fields_node(fields: &Fields<'_>) -> Node {
    let entries = fields.iter().map(|(key, item)| entry_of(key, item.node()));
    bare(Value::Map(entries.collect()))
}

impl Item {
    fn node(&self) -> Node {
        let text = |text: &String| bare(Value::String(text.as_str().into()));
        match self {
            Self::Text(value) => text(value),
            Self::Texts(values) => bare(Value::List(values.iter().map(text).collect())),
        }
    }

    /// As it is written, in one line. JSON's strings are YAML's.
    fn written(&self) -> String {
        let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
        match self {
            Self::Text(value) => quoted(value),
            Self::Texts(values) => {
                let values: Vec<String> = values.iter().map(quoted).collect();
                format!("[{}]", values.join(", "))
            }
        }
    }
}
