//! What is known about the global condition keys: which hold many values.

/// Keys that the documentation calls multivalued, in lower case.
const MULTIVALUED: [&str; 10] = [
    "aws:calledvia",
    "aws:principalorgpaths",
    "aws:principalservicenameslist",
    "aws:resourceorgpaths",
    "aws:sourceorgpaths",
    "aws:tagkeys",
    "aws:vpceorgpaths",
    "sts:transitivetagkeys",
    "dynamodb:attributes",
    "dynamodb:leadingkeys",
];

/// Whether a key (in lower case) holds many values; `None` for keys that only their service knows.
pub(crate) fn is_multivalued(key: &str) -> Option<bool> {
    if MULTIVALUED.contains(&key) {
        return Some(true);
    }
    key.starts_with("aws:").then_some(false)
}
