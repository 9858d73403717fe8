//! A template with variables, its values and a text, and the same by plain substitution and the plainest matcher.
//!
//! Input: the end of a resource pattern (behind the fifth colon), the value of `${aws:username}`, the value of
//! `${k:v}`, and the end of a resource.

use serde_json::json;
use sidegate::policy::Verdict;
use sidegate::policy::context::Map;

use super::judge::{Token, lines, naive, statement, storable, tokens, verdict};

fn literal(text: &str) -> Vec<Token> {
    text.chars().map(Token::Literal).collect()
}

/// The pattern with its values put in as literal text; `None`: a value is missing, so it matches nothing.
/// `Err`: a form that is not known.
fn expand(pattern: &str, value: impl Fn(&str) -> Option<String>) -> Result<Option<Vec<Token>>, ()> {
    let mut out = tokens("arn:aws:x:::");
    let mut missing = false;
    let mut rest = pattern;
    while let Some(at) = rest.find("${") {
        out.extend(tokens(&rest[..at]));
        let inside = &rest[at + 2..];
        let Some(close) = inside.find('}') else {
            rest = &rest[at..];
            break;
        };
        let key = inside[..close].split(',').next().unwrap_or_default();
        if matches!(key, "*" | "?" | "$") && key.len() == close {
            out.extend(literal(key));
            rest = &inside[close + 1..];
            continue;
        }
        if key.is_empty() || key.contains(['$', '{', '*', '?', '\'']) || key.trim() != key {
            return Err(());
        }
        let mut default = None;
        rest = if key.len() == close {
            &inside[close + 1..]
        } else {
            let text = inside[key.len()..].strip_prefix(", '").ok_or(())?;
            let (text, behind) = text.split_once('\'').ok_or(())?;
            default = Some(text.to_owned());
            behind.strip_prefix('}').ok_or(())?
        };
        match value(&key.to_lowercase()).or(default) {
            Some(text) => out.extend(literal(&text)),
            None => missing = true,
        }
    }
    out.extend(tokens(rest));
    Ok((!missing).then_some(out))
}

pub(crate) fn target(input: &[u8]) {
    let Some([pattern, user, other, text]) = lines(input) else {
        return;
    };
    if input.len() > 1024 || !storable(pattern) {
        return;
    }
    let mut context = Map::new();
    context.set("aws:username", user).set("k:v", other);
    let value = |key: &str| match key {
        "aws:username" => Some(user.to_owned()),
        "k:v" => Some(other.to_owned()),
        _ => None,
    };
    let expanded = expand(pattern, value);
    let policies = statement(&json!({
        "Effect": "Allow", "Action": "*", "Resource": format!("arn:aws:x:::{pattern}"),
    }));
    let (Some(policies), Ok(expanded)) = (&policies, &expanded) else {
        assert!(policies.is_none() && expanded.is_err(), "{pattern}");
        return;
    };
    let resource = format!("arn:aws:x:::{text}");
    let allowed = verdict(policies, &resource, &context) == Verdict::Allowed;
    let expected = expanded
        .as_ref()
        .is_some_and(|tokens| naive(tokens, &resource));
    assert_eq!(allowed, expected, "{pattern} {resource}");
}
