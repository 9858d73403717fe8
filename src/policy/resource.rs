//! The Resource and NotResource elements: globs over the whole ARN, with variables behind the fifth colon.
//!
//! An incomplete ARN (`arn:aws:sqs`) is completed with wildcards where IAM does so, in identity-based policies, and
//! refused elsewhere: as it stands it matches nothing, and a Deny so written would never fire. For the same reason
//! what is neither `*` nor an ARN is refused, and a variable before the fifth colon. Decided here, where IAM's
//! documentation is silent: boundaries are completed too; a `*` that ends the text reaches over all missing parts; one
//! within an incomplete ARN may be meant so too, since patterns are globs over the whole text, and covers what either
//! reading does (`arn:aws:s3:*/secret`, any resource of S3 that ends so; `arn:aws:sqs:*:111111111111`, any queue of that
//! account); in the NotResource of a Deny, which is to spare no more than is surely meant, what both do.

use super::context::Context;
use super::variable::{FORMS, Syntax, Template};

/// Resource or NotResource.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    /// NotResource.
    pub(crate) negated: bool,
    pub(crate) patterns: Box<[Template]>,
}

/// Why a pattern is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) id: &'static str,
    pub(crate) message: String,
    pub(crate) help: &'static str,
}

/// What becomes of an ARN that lacks parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completion {
    /// It is refused.
    None,
    /// It is completed. One with a `*` within covers what either reading does.
    Either,
    /// It is completed. One with a `*` within covers what both readings do: a Deny spares no more.
    Both,
}

const SHAPE: &str = "write arn:partition:service:region:account:resource, or \"*\"";

/// Reads one pattern; what is covered by any of the templates is covered by it. `variables`: the policy's version knows
/// them.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(
    source: &str,
    variables: bool,
    completion: Completion,
) -> Result<Vec<Template>, Problem> {
    if source != "*" {
        check(source, variables)?;
    }
    let Some(whole) = completed(source) else {
        return Ok(vec![template(source, source, variables)?]);
    };
    if completion == Completion::None {
        return Err(Problem {
            id: "incomplete-arn",
            message: format!(
                "`{source}` is an incomplete ARN, which only identity-based policies complete"
            ),
            help: SHAPE,
        });
    }
    if !source.contains('*') {
        return Ok(vec![template(source, &whole, variables)?]);
    }
    let readings = [
        template(&whole, &whole, variables)?,
        template(source, source, variables)?,
    ];
    Ok(match completion {
        Completion::Both => vec![Template::both(source, readings)],
        Completion::None | Completion::Either => readings.into(),
    })
}

fn template(source: &str, whole: &str, variables: bool) -> Result<Template, Problem> {
    let (head, tail) = split(whole);
    let plain = Syntax {
        variables: false,
        wildcards: true,
    };
    let open = Syntax {
        variables,
        wildcards: true,
    };
    Template::joined(source, &[(head, plain), (tail, open)]).map_err(|message| Problem {
        id: "bad-variable",
        message,
        help: FORMS,
    })
}

/// Refuses what is no ARN.
fn check(source: &str, variables: bool) -> Result<(), Problem> {
    let refuse = |id, message, help| Err(Problem { id, message, help });
    let mut parts = source.splitn(6, ':');
    let (arn, partition, service) = (parts.next(), parts.next(), parts.next());
    // `arn:*` names no service: its star reaches over that part too.
    let open_end = service.is_none() && partition.is_some_and(|text| text.ends_with('*'));
    if arn != Some("arn")
        || partition.is_none_or(str::is_empty)
        || (service.is_none_or(str::is_empty) && !open_end)
    {
        return refuse("resource-no-arn", format!("`{source}` is no ARN"), SHAPE);
    }
    let (head, _) = split(source);
    if variables && memchr::memchr(b'$', head.as_bytes()).is_some() && head.contains("${") {
        return refuse(
            "variable-in-arn",
            "a policy variable stands before the fifth colon".to_owned(),
            "variables stand in an ARN's resource part only",
        );
    }
    if service.is_some_and(|service| memchr::memchr2(b'*', b'?', service.as_bytes()).is_some()) {
        return refuse(
            "wildcard-in-service",
            "the service of an ARN takes no wildcards".to_owned(),
            "write one ARN for each service, or \"*\"",
        );
    }
    Ok(())
}

/// What IAM makes of an ARN that lacks parts; `None`: it has all of them, or a `*` at its end stands for the rest.
pub(crate) fn completed(source: &str) -> Option<String> {
    let missing = 5usize.saturating_sub(source.bytes().filter(|byte| *byte == b':').count());
    (missing > 0 && !source.ends_with('*')).then(|| format!("{source}{}", ":*".repeat(missing)))
}

/// Up to and with the fifth colon, and what is behind it.
fn split(source: &str) -> (&str, &str) {
    let fifth = memchr::memchr_iter(b':', source.as_bytes()).nth(4);
    let at = fifth.map_or(source.len(), |at| at.saturating_add(1));
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
            patterns: read(pattern, true, Completion::Either).unwrap().into(),
        }
        .cover(resource, &context)
    }

    #[test]
    fn globs_over_the_whole_text() {
        assert!(covers("*", "*"));
        assert!(covers("arn:aws:sqs:*", "arn:aws:sqs:eu:1:q"));
        assert!(covers(
            "arn:*:orders::*:order/7",
            "arn:aws:orders::1:order/7"
        ));
        assert!(covers("arn:*", "arn:aws:orders::1:order/7"));
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
        assert!(!covers("arn:aws:s3:::${aws:nobody}*", "arn:aws:s3:::x"));
    }

    #[test]
    fn incomplete_arns_are_completed_or_refused() {
        let queue = "arn:aws:sqs:eu:111111111111:orders";
        for pattern in [
            "arn:aws:sqs",
            "arn:aws:sqs:eu",
            "arn:aws:sqs:eu:111111111111",
            "arn:aws:sqs:e?:111111111111",
        ] {
            assert!(covers(pattern, queue), "{pattern}");
            let refused = read(pattern, true, Completion::None).unwrap_err();
            assert_eq!(refused.id, "incomplete-arn", "{pattern}");
        }
        assert!(covers("arn:*:sqs", queue));
        assert!(!covers("arn:aws:sq", queue));
        assert!(!covers("arn:aws:sqs:us", queue));
        for pattern in ["arn:aws:sqs:*", "arn:aws:sqs:eu:*", "arn:*"] {
            assert!(covers(pattern, queue), "{pattern}");
            assert!(read(pattern, true, Completion::None).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn a_star_within_an_incomplete_arn_crosses_its_colons() {
        let object = "arn:aws:s3:::b/secret";
        for pattern in [
            "arn:aws:s3:*/secret",
            "arn:aws:s3:*secret",
            "arn:aws:s3:*:b/secret",
            "arn:aws:s3::*b/secret",
            "arn:aws:s3:*:*secret",
            "arn:aws:s3:*:?/secret",
        ] {
            assert!(covers(pattern, object), "{pattern}");
            assert!(!covers(pattern, "arn:aws:s3:::b/open"), "{pattern}");
            let refused = read(pattern, true, Completion::None).unwrap_err();
            assert_eq!(refused.id, "incomplete-arn", "{pattern}");
        }
        assert!(!covers("arn:aws:s3:*/secret", "arn:aws:sqs:::b/secret"));
        let queue = "arn:aws:sqs:eu-1:111111111111:orders";
        for pattern in [
            "arn:aws:sqs:*:111111111111",
            "arn:aws:sqs:eu-*:111111111111",
            "arn:aws:sqs:eu-1:*11",
            "arn:aws:sqs:e*-1",
            "arn:*:sqs:eu-*:*1",
        ] {
            assert!(covers(pattern, queue), "{pattern}");
            assert!(
                !covers(pattern, "arn:aws:sqs:us-2:222222222222:orders"),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_deny_spares_what_both_readings_of_an_incomplete_arn_cover() {
        let denies = |pattern: &str, resource: &str| {
            Resources {
                negated: true,
                patterns: read(pattern, true, Completion::Both).unwrap().into(),
            }
            .cover(resource, &Map::new())
        };
        let queues = "arn:aws:sqs:*:111111111111";
        // By the completed reading alone, by the one over the whole text alone, by both, by none.
        assert!(denies(queues, "arn:aws:sqs:eu:111111111111:orders"));
        assert!(denies(queues, "arn:aws:sqs:eu:222222222222:x:111111111111"));
        assert!(!denies(
            queues,
            "arn:aws:sqs:eu:111111111111:x:111111111111"
        ));
        assert!(denies(queues, "arn:aws:sqs:eu:222222222222:orders"));
        for (pattern, resource) in [
            ("arn:aws:sqs:eu", "arn:aws:sqs:eu:111111111111:orders"),
            ("arn:aws:sqs:*", "arn:aws:sqs:eu:111111111111:orders"),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x"),
        ] {
            assert!(!denies(pattern, resource), "{pattern}");
        }
    }

    #[test]
    fn what_is_refused() {
        for (pattern, id) in [
            ("logs/a.txt", "resource-no-arn"),
            ("", "resource-no-arn"),
            ("**", "resource-no-arn"),
            ("?", "resource-no-arn"),
            ("*logs*", "resource-no-arn"),
            ("arn", "resource-no-arn"),
            ("arn:aws", "resource-no-arn"),
            ("arn:aws:", "resource-no-arn"),
            ("arn:aws::::x", "resource-no-arn"),
            ("${aws:PrincipalArn}", "resource-no-arn"),
            ("arn:aws:s*:::x", "wildcard-in-service"),
            ("arn:aws:?3:::x", "wildcard-in-service"),
            ("arn:aws:*", "wildcard-in-service"),
            ("arn:aws:s3:${aws:username}::x", "variable-in-arn"),
            ("arn:aws:s3::${aws:username}:x", "variable-in-arn"),
            ("arn:aws:s3:::${}", "bad-variable"),
        ] {
            let refused = read(pattern, true, Completion::Either).unwrap_err();
            assert_eq!(refused.id, id, "{pattern}");
        }
        // To the language of 2008 it is text.
        assert!(read("arn:aws:s3:${aws:username}::x", false, Completion::Either).is_ok());
    }
}
