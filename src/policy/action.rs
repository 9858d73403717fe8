//! The Action and NotAction elements: `service:name` patterns, compared without case.
//!
//! Wildcards stand in the name; the service has none, except in a bare `*` and in `*:*`, which say the same.

use super::context::folded;
use super::pattern::{Builder, Pattern, Piece};

/// Action or NotAction.
#[derive(Debug, Clone)]
pub(crate) struct Actions {
    /// NotAction.
    pub(crate) negated: bool,
    pub(crate) patterns: Box<[ActionPattern]>,
}

/// One pattern.
#[derive(Debug, Clone)]
pub(crate) struct ActionPattern {
    /// As written.
    pub(crate) source: Box<str>,
    /// In lower case.
    pattern: Pattern,
}

impl ActionPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(source: &str) -> Result<Self, String> {
        let folded = Folded::new(source);
        let folded = folded.as_str();
        let mut builder = Builder::default();
        if matches!(folded, "*" | "*:*") {
            builder.run();
        } else {
            let Some((service, name)) = folded.split_once(':') else {
                return Err("an action is written service:Name".to_owned());
            };
            if service.is_empty() || name.is_empty() {
                return Err("neither the service nor the name of an action is empty".to_owned());
            }
            if name.contains(':') {
                return Err("an action holds one colon, between service and name".to_owned());
            }
            if service.contains(['*', '?']) {
                return Err(
                    "the service of an action takes no wildcards; every action is `*`".to_owned(),
                );
            }
            builder.glob(folded);
        }
        Ok(Self {
            source: source.into(),
            pattern: builder.finish(),
        })
    }

    /// Whether it matches an action, given in lower case.
    #[inline]
    pub(crate) fn matches(&self, action: &str) -> bool {
        self.pattern.matches(action)
    }

    /// What every matching action begins with, in lower case.
    pub(crate) fn prefix(&self) -> &[u8] {
        self.pattern.prefix()
    }

    /// Its pieces, in lower case.
    pub(crate) fn pieces(&self) -> Vec<Piece<'_>> {
        self.pattern.pieces()
    }

    /// Whether some action can match it: the names of actions hold letters, digits, `-`, `_` and `.`.
    pub(crate) fn is_possible(&self) -> bool {
        let (service, name) = self.source.split_once(':').unwrap_or(("", &self.source));
        let fits = |text: &str, more: &[u8]| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
        };
        self.is_everything() || (fits(service, b"-") && fits(name, b"-_.*?"))
    }

    /// Whether it is every action.
    pub(crate) fn is_everything(&self) -> bool {
        self.pattern.is_everything()
    }
}

impl Actions {
    /// Whether the element covers an action, given in lower case.
    #[inline]
    pub(crate) fn cover(&self, action: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(action)) != self.negated
    }
}

/// An action in lower case: as it came, if it was, or on the stack if it is of usual length.
pub(crate) enum Folded<'a> {
    As(&'a str),
    Made(smallvec::SmallVec<[u8; 128]>),
}

impl<'a> Folded<'a> {
    /// Folds an action's case.
    pub(crate) fn new(action: &'a str) -> Self {
        let is_folded = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
        if action.bytes().all(is_folded) {
            return Self::As(action);
        }
        Self::Made(if action.is_ascii() {
            let mut folded = smallvec::SmallVec::from_slice(action.as_bytes());
            folded.make_ascii_lowercase();
            folded
        } else {
            smallvec::SmallVec::from_slice(folded(action).as_bytes())
        })
    }

    /// The folded text.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::As(action) => action,
            Self::Made(folded) => std::str::from_utf8(folded).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, action: &str) -> bool {
        ActionPattern::read(pattern)
            .unwrap()
            .matches(Folded::new(action).as_str())
    }

    #[test]
    fn without_case_and_with_wildcards() {
        assert!(covers("S3:getobject", "s3:GetObject"));
        assert!(covers("s3:Get*", "S3:GETOBJECT"));
        assert!(covers("s3:*", "s3:GetObject"));
        assert!(!covers("s3:*", "s3x:GetObject"));
        assert!(covers("*", "s3:GetObject"));
        assert!(covers("*:*", "s3:GetObject"));
        assert!(covers("s3:Get?bject", "s3:GetObject"));
        assert!(!covers("s3:Get?", "s3:Get"));
    }

    #[test]
    fn what_is_no_action() {
        for text in [
            "",
            "s3",
            "s3*:Get",
            "*:Get",
            "s3:",
            ":Get",
            "?:x",
            "s3:s3:Get",
            "s3:*:x",
            "*:*:*",
        ] {
            assert!(ActionPattern::read(text).is_err(), "{text}");
        }
    }
}
