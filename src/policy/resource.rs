//! The Resource and NotResource elements: globs over the whole ARN, with variables behind the fifth colon.
//!
//! Decided here, where IAM's documentation is silent: `${…}` before the fifth colon is literal text (a warning says so),
//! and colons are counted as they stand.

use super::context::Context;
use super::variable::{Syntax, Template};

/// Resource or NotResource.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    /// NotResource.
    pub(crate) negated: bool,
    pub(crate) patterns: Box<[Template]>,
}

/// Reads one pattern. `variables`: the policy's version knows them.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(source: &str, variables: bool) -> Result<Template, String> {
    let (head, tail) = split(source);
    let plain = Syntax {
        variables: false,
        wildcards: true,
    };
    let open = Syntax {
        variables,
        wildcards: true,
    };
    Template::joined(source, &[(head, plain), (tail, open)])
}

/// Up to and with the fifth colon, and what is behind it.
pub(crate) fn split(source: &str) -> (&str, &str) {
    let fifth = source.match_indices(':').nth(4);
    let at = fifth.map_or(source.len(), |(at, _)| at.saturating_add(1));
    source.split_at_checked(at).unwrap_or((source, ""))
}

impl Resources {
    /// Whether the element covers a resource. A pattern whose variable has no value covers none.
    #[inline]
    pub(crate) fn cover(&self, resource: &str, context: &dyn Context) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.matches(resource, context))
            != self.negated
    }
}

#[cfg(test)]
mod tests {
    use super::super::context::Map;
    use super::*;

    fn covers(pattern: &str, resource: &str) -> bool {
        let mut context = Map::new();
        context.set("aws:username", "ann");
        Resources {
            negated: false,
            patterns: [read(pattern, true).unwrap()].into(),
        }
        .cover(resource, &context)
    }

    #[test]
    fn globs_over_the_whole_text() {
        assert!(covers("*", "*"));
        assert!(covers("arn:aws:sqs:*", "arn:aws:sqs:eu:1:q"));
        assert!(covers("arn:*:order/7", "arn:aws:orders::1:order/7"));
        assert!(covers("arn:aws:s3:::b/*", "arn:aws:s3:::b/c/d:e"));
        assert!(!covers("arn:aws:s3:::b/*", "arn:aws:s3:::B/c"));
        assert!(!covers("arn:aws:s3:::b/7", "arn:aws:s3:::b/*"));
    }

    #[test]
    fn variables_behind_the_fifth_colon() {
        assert!(covers(
            "arn:aws:s3:::b/${aws:username}/*",
            "arn:aws:s3:::b/ann/x"
        ));
        assert!(covers("arn:aws:s3:::${aws:username}", "arn:aws:s3:::ann"));
        assert!(!covers(
            "arn:aws:s3::${aws:username}:b",
            "arn:aws:s3::ann:b"
        ));
        assert!(covers(
            "arn:aws:s3::${aws:username}:b",
            "arn:aws:s3::${aws:username}:b"
        ));
        assert!(!covers("arn:aws:s3:::${aws:nobody}*", "arn:aws:s3:::x"));
    }
}
