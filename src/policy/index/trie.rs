//! A radix tree: byte strings as keys, found all at once that a text begins with.

/// The tree.
#[derive(Debug)]
pub(crate) struct Trie<T> {
    nodes: Box<[Node<T>]>,
}

#[derive(Debug)]
struct Node<T> {
    /// What leads here from the parent.
    label: Box<[u8]>,
    value: Option<T>,
    /// The first bytes of the children's labels, and the children, in the same order.
    first: Box<[u8]>,
    children: Box<[u32]>,
}

impl<T> Trie<T> {
    /// Builds the tree from sorted keys without duplicates.
    pub(crate) fn build(entries: Vec<(&[u8], T)>) -> Self {
        let mut nodes = Vec::new();
        let mut entries: Vec<(&[u8], Option<T>)> = entries
            .into_iter()
            .map(|(key, value)| (key, Some(value)))
            .collect();
        grow(&mut nodes, &mut entries, 0, 0);
        Self {
            nodes: nodes.into(),
        }
    }

    /// Calls `each` with the value of every key that `text` begins with, shortest first, until it returns false.
    /// False if it did.
    pub(crate) fn along(&self, text: &[u8], mut each: impl FnMut(&T) -> bool) -> bool {
        let mut rest = text;
        let mut node = self.nodes.first();
        while let Some(here) = node {
            let Some(behind) = rest.strip_prefix(&*here.label) else {
                return true;
            };
            if let Some(value) = &here.value
                && !each(value)
            {
                return false;
            }
            rest = behind;
            node = self.next(here, rest);
        }
        true
    }

    /// The value of one key.
    pub(crate) fn at(&self, key: &[u8]) -> Option<&T> {
        let mut rest = key;
        let mut here = self.nodes.first()?;
        loop {
            rest = rest.strip_prefix(&*here.label)?;
            if rest.is_empty() {
                return here.value.as_ref();
            }
            here = self.next(here, rest)?;
        }
    }

    #[inline]
    fn next(&self, node: &Node<T>, rest: &[u8]) -> Option<&Node<T>> {
        let wanted = *rest.first()?;
        let at = node.first.iter().position(|first| *first == wanted)?;
        self.nodes.get(*node.children.get(at)? as usize)
    }
}

/// Adds the node for `entries`, which share their first `from` bytes; `depth` of them are said by the parents.
/// Returns its number.
fn grow<T>(
    nodes: &mut Vec<Node<T>>,
    entries: &mut [(&[u8], Option<T>)],
    depth: usize,
    from: usize,
) -> u32 {
    let number = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
    // Sorted keys have in common what the first and the last have in common. The root says nothing.
    let end = match (entries.first(), entries.last()) {
        (Some((first, _)), Some((last, _))) if from > 0 => {
            first.iter().zip(*last).take_while(|(a, b)| a == b).count()
        }
        _ => 0,
    };
    let label = entries
        .first()
        .and_then(|(key, _)| key.get(depth..end))
        .unwrap_or_default()
        .into();
    let own = usize::from(entries.first().is_some_and(|(key, _)| key.len() == end));
    let (own, mut rest) = entries.split_at_mut(own);
    let value = own.first_mut().and_then(|(_, value)| value.take());
    nodes.push(Node {
        label,
        value,
        first: Box::default(),
        children: Box::default(),
    });
    let mut first = Vec::new();
    let mut children = Vec::new();
    while let Some(byte) = rest.first().and_then(|(key, _)| key.get(end).copied()) {
        let count = rest
            .iter()
            .take_while(|(key, _)| key.get(end) == Some(&byte))
            .count();
        let (group, behind) = rest.split_at_mut(count);
        first.push(byte);
        children.push(grow(nodes, group, end, end.saturating_add(1)));
        rest = behind;
    }
    if let Some(node) = nodes.get_mut(number as usize) {
        node.first = first.into();
        node.children = children.into();
    }
    number
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn finds_what_a_scan_finds(keys in prop::collection::btree_set("[ab:]{0,6}", 0..24), text in "[ab:]{0,8}") {
            let keys: Vec<String> = keys.into_iter().collect();
            let entries = keys.iter().map(|key| (key.as_bytes(), key.clone())).collect();
            let trie = Trie::build(entries);
            let mut found = Vec::new();
            trie.along(text.as_bytes(), |key| { found.push(key.clone()); true });
            let mut scanned: Vec<String> = keys.iter().filter(|key| text.starts_with(&***key)).cloned().collect();
            scanned.sort_by_key(String::len);
            prop_assert_eq!(found, scanned);
            for key in &keys {
                prop_assert_eq!(trie.at(key.as_bytes()), Some(key));
            }
            if !keys.contains(&text) {
                prop_assert_eq!(trie.at(text.as_bytes()), None);
            }
        }
    }
}
