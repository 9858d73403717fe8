//! ARN operators: six colon-separated parts, each compared with its own glob; the sixth is the rest.

use super::super::context::Context;
use super::super::variable::{Syntax, Template, split_outside};

/// A request's ARN, cut into its six parts; `None` if it is no ARN.
pub(crate) fn parts(text: &str) -> Option<[&str; 6]> {
    let mut parts = [""; 6];
    let mut rest = text.splitn(6, ':');
    for part in &mut parts {
        *part = rest.next()?;
    }
    (parts.first() == Some(&"arn")).then_some(parts)
}

/// An ARN pattern of a policy.
#[derive(Debug, Clone)]
pub(crate) struct ArnPattern(Shape);

#[derive(Debug, Clone)]
enum Shape {
    Parts(Box<[Template; 6]>),
    /// A bare `*`: every ARN.
    Every,
}

impl ArnPattern {
    /// Reads a pattern. Colons inside `${…}` do not separate. A bare `*` is every ARN.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str, variables: bool) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self(Shape::Every));
        }
        let syntax = Syntax {
            variables,
            wildcards: true,
        };
        let templates = split_outside(text, 6, variables)
            .into_iter()
            .map(|part| Template::read(part, syntax))
            .collect::<Result<Vec<_>, _>>()?;
        match <Box<[Template; 6]>>::try_from(templates.into_boxed_slice()) {
            Ok(parts) => Ok(Self(Shape::Parts(parts))),
            Err(_) => Err(
                "write the six parts of an ARN, arn:partition:service:region:account:resource, each with * and ? if need be, or \"*\"".to_owned(),
            ),
        }
    }

    /// Whether a request's ARN fits.
    pub(crate) fn matches(&self, value: &[&str; 6], context: &dyn Context) -> bool {
        match &self.0 {
            Shape::Every => true,
            Shape::Parts(parts) => parts
                .iter()
                .zip(value)
                .all(|(part, value)| part.matches(value, context)),
        }
    }

    /// The keys of its variables.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let parts: &[Template] = match &self.0 {
            Shape::Every => &[],
            Shape::Parts(parts) => &**parts,
        };
        parts.iter().flat_map(Template::keys)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::context::Map;
    use super::*;

    fn fits(pattern: &str, value: &str) -> bool {
        let mut context = Map::new();
        context.set("aws:username", "a:b");
        let pattern = ArnPattern::read(pattern, true).unwrap();
        pattern.matches(&parts(value).unwrap(), &context)
    }

    #[test]
    fn stars_stay_in_their_part() {
        assert!(fits("arn:aws:s3:::b/*", "arn:aws:s3:::b/c:d"));
        assert!(fits("arn:*:s3:*:*:b", "arn:aws:s3:eu:1:b"));
        assert!(!fits("arn:aws:s3*:::b", "arn:aws:s3:x::b"));
        assert!(fits("*:*:*:*:*:*", "arn:aws:s3:::b"));
        assert!(fits("arn:aws:x:::${aws:username}", "arn:aws:x:::a:b"));
        assert!(!fits("arn:aws:S3:::b", "arn:aws:s3:::b"));
        assert!(fits("*", "arn:aws:s3:::b"));
    }

    #[test]
    fn what_is_no_arn() {
        for text in ["", "arn:aws:s3::b", "x:aws:s3:::b", "*"] {
            assert!(parts(text).is_none(), "{text}");
        }
        assert!(ArnPattern::read("arn:aws:*:b", true).is_err());
        assert!(ArnPattern::read("arn:*", true).is_err());
        assert!(ArnPattern::read("${aws:PrincipalArn}", true).is_err());
    }
}
