//! ARNs that IAM stores and that no resource or principal can have: a Deny that names one never fires.
//!
//! Looks at the text of one pattern: `*`, `?` and, where `variables` says so, `${…}` may stand for anything.

use super::warn;
use crate::policy::variable::{Syntax, Template, split_outside};
use crate::source::{Report, Severity, Span};

const ACCOUNT_HELP: &str =
    "write the account's twelve digits, nothing where the service's ARNs have no account, or *";

/// Warns of a pattern that can never match. A bare `*` is no ARN, and matches.
pub(super) fn check(text: &str, variables: bool, span: Span, report: &mut Report) {
    if text == "*" {
        return;
    }
    let parts = split_outside(text, 6, variables);
    if let [first, _, _, _, account, ..] = *parts.as_slice() {
        if first != "arn" && !open(first, variables) && !fits(first, "arn") {
            warn(
                report,
                "arn-never-matches",
                span,
                format!("`{text}` can never match: an ARN begins with `arn:`"),
                "write arn:partition:service:region:account:resource",
            );
        }
        if !open(account, variables) && !account_exists(account) {
            warn(
                report,
                "arn-never-matches",
                span,
                format!("`{text}` can never match: no account is `{account}`"),
                ACCOUNT_HELP,
            );
        }
    }
    if parts.get(5) == Some(&"") {
        warn(
            report,
            "arn-never-matches",
            span,
            format!("`{text}` can never match: it names no resource"),
            "write the resource behind the fifth colon, or * for every one",
        );
    }
    white_space(text, &parts, variables, span, report);
}

/// White space before the resource is in no ARN, nor is any but plain blanks in the resource: a blank there is matched
/// by a blank alone.
fn white_space(text: &str, parts: &[&str], variables: bool, span: Span, report: &mut Report) {
    let has = |part: &str, test: fn(char) -> bool| outside(part, variables).any(test);
    let head = parts.iter().take(5);
    let tail = parts.get(5).copied().unwrap_or_default();
    let blank = |c: char| c == ' ';
    if head.into_iter().any(|part| has(part, char::is_whitespace))
        || has(tail, |c| c.is_whitespace() && c != ' ')
    {
        warn(
            report,
            "arn-never-matches",
            span,
            format!("`{text}` can never match: no ARN has white space there"),
            "remove the white space",
        );
    } else if tail.starts_with(' ') || tail.ends_with(' ') {
        warn(
            report,
            "arn-white-space",
            span,
            format!("`{text}` has a blank at an end, and matches only what has it too"),
            "remove the blank",
        );
    } else if has(tail, blank) {
        report.add(
            Severity::Suggestion,
            "arn-white-space",
            span,
            format!("`{text}` holds a blank, and matches only what has one at that place"),
            "remove the blank, unless the resource's name has it",
        );
    }
}

/// Whether a variable stands in a part, which may then become anything.
fn open(part: &str, variables: bool) -> bool {
    variables && part.contains("${")
}

/// Whether an account that an ARN can have fits the pattern: none, `aws`, or twelve digits.
fn account_exists(pattern: &str) -> bool {
    if pattern.is_empty() {
        return true;
    }
    let digits = pattern
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '?')
        .count();
    let stars = pattern.chars().filter(|c| *c == '*').count();
    let is_digits = digits.saturating_add(stars) == pattern.chars().count()
        && (digits == 12 || (digits < 12 && stars > 0));
    is_digits || pattern == "*" || fits(pattern, "aws")
}

fn fits(pattern: &str, text: &str) -> bool {
    let syntax = Syntax {
        variables: false,
        wildcards: true,
    };
    Template::read(pattern, syntax)
        .is_ok_and(|template| template.matches(text, &crate::policy::context::Map::new()))
}

/// The characters that stand outside `${…}`, whose defaults may hold white space.
fn outside(part: &str, variables: bool) -> impl Iterator<Item = char> {
    let mut inside = false;
    let mut letters = part.chars().peekable();
    std::iter::from_fn(move || {
        loop {
            let letter = letters.next()?;
            if variables && !inside && letter == '$' && letters.peek() == Some(&'{') {
                inside = true;
            } else if inside {
                inside = letter != '}';
            } else {
                return Some(letter);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, variables: bool) -> Vec<(&'static str, Severity)> {
        let mut report = Report::on("t");
        check(text, variables, Span::default(), &mut report);
        (report.faults().iter())
            .map(|fault| (fault.id, fault.severity))
            .collect()
    }

    #[test]
    fn what_some_arn_may_be() {
        for text in [
            "*",
            "arn:*",
            "arn:aws:sqs:*",
            "arn:aws:sqs:eu",
            "arn:aws:s3:::bucket/*",
            "arn:aws:iam::111111111111:role/x",
            "arn:aws:iam::aws:policy/x",
            "arn:aws:iam::*:role/x",
            "arn:aws:iam::1111*:role/x",
            "arn:aws:iam::11111111111?:role/x",
            "arn:aws:iam::????????????:role/x",
            "arn:aws:iam::a?s:policy/x",
            "arn:aws:iam::${aws:PrincipalAccount}:role/x",
            "*:*:*:*:*:*",
            "arn:aws:s3:::b/${aws:username, 'no body'}/x",
        ] {
            assert_eq!(found(text, true), [], "{text}");
        }
    }

    #[test]
    fn what_no_arn_can_be() {
        for text in [
            "arn:aws:iam::12345:role/x",
            "arn:aws:iam::1111111111111:role/x",
            "arn:aws:iam::1111-1111-1111:role/x",
            "arn:aws:iam::production:role/x",
            "arn:aws:iam::12345?:role/x",
            "arn:aws:iam::11111111111111*:role/x",
            "arn:aws:iam::prod*:role/x",
            "arn:aws:iam:: :role/x",
            "arn:aws:iam::111111111111 :role/x",
            "arn:aws: s3:::bucket",
            "arn:aws:s3:::a\tb",
            "arn:aws:s3:::a\u{a0}b",
            "x:aws:s3:::bucket",
            "arn:aws:s3:::",
        ] {
            let found = found(text, true);
            assert!(
                !found.is_empty() && found.iter().all(|(id, _)| *id == "arn-never-matches"),
                "{text}: {found:?}"
            );
        }
        // To the language of 2008 a variable is text.
        assert_eq!(found("arn:aws:iam::${aws:x}:role/x", false).len(), 1);
    }

    #[test]
    fn blanks_in_a_resource() {
        let rare = Severity::Suggestion;
        assert_eq!(found("arn:aws:s3:::a b", true), [("arn-white-space", rare)]);
        for text in ["arn:aws:s3:::a ", "arn:aws:s3::: a"] {
            assert_eq!(found(text, true), [("arn-white-space", Severity::Warning)]);
        }
    }
}
