//! What a role session is called and carries: its name, tags, source identity, groups and second factor.

use std::time::Duration;

use crate::authn::claims::Claims;
use crate::authn::identity::find_tag;
use crate::authn::json::Json;
use crate::authn::jwt::VerifiedToken;
use crate::authn::{hex, sha256};
use crate::clock::Timestamp;
use crate::directory::provider::{Mfa, Target};

/// IAM's limits (IAM User Guide, quotas; STS API Reference).
const MAX_NAME: usize = 64;
/// How far clocks may differ.
const LEEWAY: Duration = Duration::from_secs(30);
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

/// Claims that AWS itself reads, with these names.
const AWS_TAGS: &str = "https://aws.amazon.com/tags";
const AWS_SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

type Tags = Vec<(Box<str>, Box<str>)>;

/// A session that is asked for.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) name: Box<str>,
    pub(super) tags: Tags,
    pub(super) tag_keys: Vec<Box<str>>,
    pub(super) source_identity: Option<Box<str>>,
    /// The mapped groups, existing or not.
    pub(super) groups: Vec<Box<str>>,
}

impl Session {
    /// What the token asks for; else why it asks for nothing.
    pub(super) fn of(token: &VerifiedToken, groups: Vec<Box<str>>) -> Result<Self, String> {
        let Target::Role { session_name, .. } = &token.provider().map.target else {
            return Err("the provider maps users".to_owned());
        };
        let name = session_name
            .expand_one(&|path| token.claims().texts(path))
            .ok_or("`map.session_name` makes no single name of this token")?;
        Self::named(token, groups, session_name_of(&name))
    }

    /// The same under a name that whoever asks chose.
    pub(super) fn named(
        token: &VerifiedToken,
        groups: Vec<Box<str>>,
        name: Box<str>,
    ) -> Result<Self, String> {
        let (tags, source_identity) = match &token.provider().map.target {
            Target::Role {
                tags,
                source_identity,
                ..
            } => (tags.as_slice(), source_identity.as_ref()),
            Target::User(_) | Target::Service(_) => (&[][..], None),
        };
        let claims = token.claims();
        let values = |path: &_| claims.texts(path);
        let mut found: Tags = Vec::new();
        for (key, template) in tags {
            let mut made = template.expand(&values);
            match (made.pop(), made.is_empty()) {
                (None, _) => {}
                (Some(value), true) => found.push((key.clone(), value.into())),
                (Some(_), false) => return Err(format!("the tag `{key}` has several values")),
            }
        }
        claimed_tags(claims, &mut found)?;
        for (key, value) in &found {
            if !is_tag(key, MAX_TAG_KEY) || key.is_empty() || !is_tag(value, MAX_TAG_VALUE) {
                return Err(format!("the tag `{}` is none", key.escape_debug()));
            }
        }
        if found.len() > MAX_TAGS {
            return Err(format!("more than {MAX_TAGS} session tags"));
        }
        let source_identity = match source_identity {
            Some(template) => {
                let mut made = template.expand(&values);
                match (made.pop(), made.is_empty()) {
                    (Some(_), false) => return Err("several source identities".to_owned()),
                    (one, _) => one.map(Box::from),
                }
            }
            None => match claims.get(AWS_SOURCE_IDENTITY) {
                None => None,
                Some(Json::Text(text)) => Some(text.clone()),
                Some(_) => return Err(format!("`{AWS_SOURCE_IDENTITY}` is no text")),
            },
        };
        if let Some(text) = &source_identity
            && !is_name(text)
        {
            return Err(format!(
                "the source identity `{}` is none: 2 to {MAX_NAME} of A-Z a-z 0-9 + = , . @ _ -",
                text.escape_debug()
            ));
        }
        Ok(Self {
            name,
            tag_keys: found.iter().map(|(key, _)| key.clone()).collect(),
            tags: found,
            source_identity,
            groups,
        })
    }

    /// The session's tags, and those of the role that it does not override.
    pub(super) fn over(&self, stored: &[(Box<str>, Box<str>)]) -> Tags {
        let mut tags = self.tags.clone();
        for (key, value) in stored {
            if find_tag(&self.tags, &key.to_lowercase()).is_none() {
                tags.push((key.clone(), value.clone()));
            }
        }
        tags
    }
}

/// `https://aws.amazon.com/tags`: `{"principal_tags": {"Team": ["images"]}}`. A tag that the provider maps wins.
fn claimed_tags(claims: &Claims, tags: &mut Tags) -> Result<(), String> {
    let Some(claim) = claims.get(AWS_TAGS) else {
        return Ok(());
    };
    let principal_tags = match claim.get("principal_tags") {
        Some(Json::Object(members)) => members.as_slice(),
        None if matches!(claim, Json::Object(_)) => &[],
        _ => return Err(format!("`{AWS_TAGS}` is not as AWS defines it")),
    };
    let mapped = tags.len();
    for (key, value) in principal_tags {
        let folded = key.to_lowercase();
        let (from_map, from_claim) = tags.split_at(mapped);
        if find_tag(from_claim, &folded).is_some() {
            return Err(format!("the tag `{}` stands twice", key.escape_debug()));
        }
        if find_tag(from_map, &folded).is_some() {
            continue;
        }
        match value.texts().as_slice() {
            [one] => tags.push((key.clone(), (*one).into())),
            _ => {
                return Err(format!(
                    "the tag `{}` has no single value",
                    key.escape_debug()
                ));
            }
        }
    }
    Ok(())
}

/// IAM's letters of tags.
fn is_tag(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest
        && text.chars().all(|c| {
            c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
        })
        && !text
            .get(..4)
            .is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
}

fn is_name_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+=,.@_-".contains(c)
}

fn is_name(text: &str) -> bool {
    (2..=MAX_NAME).contains(&text.len()) && text.chars().all(is_name_letter)
}

/// A name that is none is made one, with a digest of the whole behind it, so that no two people merge.
fn session_name_of(text: &str) -> Box<str> {
    if is_name(text) {
        return text.into();
    }
    let mut digest = hex(&sha256(text.as_bytes()));
    digest.truncate(12);
    let room = MAX_NAME.saturating_sub(digest.len()).saturating_sub(1);
    let head: String = text
        .chars()
        .map(|c| if is_name_letter(c) { c } else { '-' })
        .take(room)
        .collect();
    format!("{head}-{digest}").into()
}

/// A token without `iat` counts as issued at time 0: whatever revokes by issue time revokes it.
pub(super) fn issued_at(token: &VerifiedToken) -> Timestamp {
    token
        .claims()
        .issued_at
        .unwrap_or(Timestamp::from_seconds(0))
}

/// Whether several factors were used, and when; nothing without a mapping.
pub(super) fn mfa(token: &VerifiedToken) -> (Option<bool>, Option<Timestamp>) {
    let Some(Mfa {
        claim,
        any_of,
        time,
    }) = &token.provider().map.mfa
    else {
        return (None, None);
    };
    let claims = token.claims();
    let used = claims
        .texts(claim)
        .iter()
        .any(|value| any_of.iter().any(|known| **known == **value));
    let Some(path) = time.as_ref().filter(|_| used) else {
        return (Some(used), None);
    };
    let at = claims.time(path);
    // Nobody was authenticated after the token was issued: such a time, or one that is none, vouches for nothing.
    let issued = claims.issued_at.map(|issued| issued.plus(LEEWAY));
    let ahead = at.zip(issued).is_some_and(|(at, issued)| at > issued);
    if ahead || (at.is_none() && claims.has(path)) {
        return (Some(false), None);
    }
    (Some(used), at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_names() {
        assert_eq!(
            &*session_name_of("alice@corp.example"),
            "alice@corp.example"
        );
        // 12 hexadecimal digits of SHA-256 of the whole.
        assert_eq!(&*session_name_of("a b"), "a-b-c8687a08aa5d");
        assert_eq!(&*session_name_of("x"), "x-2d711642b726");
        let long = "x".repeat(65);
        let made = session_name_of(&long);
        assert_eq!(made.len(), MAX_NAME);
        assert!(made.starts_with(&"x".repeat(51)));
        for pair in [
            ["a b", "a/b"],
            ["ä", "ö"],
            [&"y".repeat(70), &"y".repeat(71)],
        ] {
            let [one, other] = pair.map(session_name_of);
            assert!(is_name(&one) && is_name(&other), "{one} {other}");
            assert_ne!(one, other);
        }
    }

    #[test]
    fn letters_of_tags() {
        assert!(is_tag("Größe 1/2 a_b.c:d=e+f-g@h", 256));
        for text in ["a\nb", "a<b", "aws:x", "AWS:x", "a\u{0}"] {
            assert!(!is_tag(text, 256), "{text:?}");
        }
        assert!(!is_tag(&"x".repeat(257), 256));
    }
}
