//! Distinguished names as text (RFC 4514): one spelling each, in which no value can pass for two attributes.

use x509_parser::der_parser::asn1_rs::Any;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::authn::hex;

/// The attributes that have a name of their own, by object identifier, and the claim that holds their values.
const KNOWN: [(&str, &str, &str); 9] = [
    ("2.5.4.3", "CN", "cn"),
    ("2.5.4.6", "C", "c"),
    ("2.5.4.7", "L", "l"),
    ("2.5.4.8", "ST", "st"),
    ("2.5.4.9", "STREET", "street"),
    ("2.5.4.10", "O", "o"),
    ("2.5.4.11", "OU", "ou"),
    ("0.9.2342.19200300.100.1.25", "DC", "dc"),
    ("0.9.2342.19200300.100.1.1", "UID", "uid"),
];

/// The whole name, its most specific part first.
pub(super) fn text(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter()
        .map(|part| {
            let attributes: Vec<String> = part.iter().map(attribute).collect();
            attributes.join("+")
        })
        .collect();
    parts.reverse();
    parts.join(",")
}

/// The values of each known attribute that the name has, by the claim's name.
pub(super) fn values(name: &X509Name<'_>) -> Vec<(&'static str, Vec<String>)> {
    let mut found: Vec<(&'static str, Vec<String>)> = Vec::new();
    for attribute in name.iter_attributes() {
        let Some((.., claim)) = known(attribute) else {
            continue;
        };
        let Ok(value) = attribute.as_str() else {
            continue;
        };
        match found.iter_mut().find(|(name, _)| *name == claim) {
            Some((_, values)) => values.push(value.to_owned()),
            None => found.push((claim, vec![value.to_owned()])),
        }
    }
    found
}

fn known(
    attribute: &AttributeTypeAndValue<'_>,
) -> Option<(&'static str, &'static str, &'static str)> {
    let oid = attribute.attr_type().to_id_string();
    KNOWN.into_iter().find(|(known, ..)| *known == oid)
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let encoded = || format!("#{}", hex(&der(attribute.attr_value())));
    match known(attribute) {
        Some((_, name, _)) => {
            let value = attribute.as_str().map_or_else(|_| encoded(), escaped);
            format!("{name}={value}")
        }
        // Section 2.4: where the type has no name, the value is written as it is encoded.
        None => format!("{}={}", attribute.attr_type().to_id_string(), encoded()),
    }
}

fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (at, c) in value.chars().enumerate() {
        let edge = (c == ' ' && (at == 0 || at == last)) || (c == '#' && at == 0);
        if c == '\0' {
            text.push_str("\\00");
            continue;
        }
        if edge || "\"+,;<>\\".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// Tag, length and content again.
fn der(value: &Any<'_>) -> Vec<u8> {
    let tag = u8::try_from(value.tag().0).unwrap_or(0x1f);
    let length = value.data.len().to_be_bytes();
    let mut bytes = vec![tag];
    if let Ok(short @ 0..0x80) = u8::try_from(value.data.len()) {
        bytes.push(short);
    } else {
        let zeros = length.iter().take_while(|byte| **byte == 0).count();
        let digits = length.get(zeros..).unwrap_or_default();
        bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(0x7f));
        bytes.extend_from_slice(digits);
    }
    bytes.extend_from_slice(value.data);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_passes_for_two_attributes() {
        for (value, text) in [
            ("alice", "alice"),
            ("a, O=Evil", "a\\, O=Evil"),
            ("a+CN=b", "a\\+CN=b"),
            (" a ", "\\ a\\ "),
            ("#1", "\\#1"),
            ("a#", "a#"),
            ("a\\b\"c;<d>", "a\\\\b\\\"c\\;\\<d\\>"),
            ("a\0b", "a\\00b"),
            (" ", "\\ "),
            ("", ""),
            ("Ä", "Ä"),
        ] {
            assert_eq!(escaped(value), text);
        }
    }
}
