//! ARN operators: six colon-separated parts, each compared with its own glob; the sixth is the rest.
//!
//! A value that is one variable and nothing else becomes an ARN with the request: what it stands for is compared part by
//! part as it is, and does not parse if it is no ARN.

use super::super::context::Context;
use super::super::pattern::Piece;
use super::super::variable::{Syntax, Template, split_outside};
use super::Unreadable;
use super::values::Problem;

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
    /// One variable that stands for all of it.
    Variable(Template),
}

impl ArnPattern {
    /// Reads a pattern. Colons inside `${…}` do not separate. A bare `*` is every ARN.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str, variables: bool) -> Result<Self, Problem> {
        if text == "*" {
            return Ok(Self(Shape::Every));
        }
        let syntax = Syntax {
            variables,
            wildcards: true,
        };
        // Cut at the colons of a variable that is none, it would be told as something else.
        let whole = Template::read(text, syntax).map_err(Problem::Variable)?;
        if whole.is_variable() {
            return Ok(Self(Shape::Variable(whole)));
        }
        let templates = split_outside(text, 6, variables)
            .into_iter()
            .map(|part| Template::read(part, syntax).map_err(Problem::Variable))
            .collect::<Result<Vec<_>, _>>()?;
        match <Box<[Template; 6]>>::try_from(templates.into_boxed_slice()) {
            Ok(parts) => Ok(Self(Shape::Parts(parts))),
            Err(_) => Err(Problem::Value(
                "write the six parts of an ARN, arn:partition:service:region:account:resource, each with * and ? if need be, or \"*\", or one variable that stands for an ARN".to_owned(),
            )),
        }
    }

    /// Whether a request's ARN fits.
    ///
    /// # Errors
    /// The pattern is a variable, and stands for what is no ARN.
    pub(crate) fn matches(
        &self,
        value: &[&str; 6],
        context: &dyn Context,
    ) -> Result<bool, Unreadable> {
        match &self.0 {
            Shape::Every => Ok(true),
            Shape::Parts(parts) => Ok(parts
                .iter()
                .zip(value)
                .all(|(part, value)| part.matches(value, context))),
            Shape::Variable(template) => template
                .with_text(context, usize::MAX, |text| {
                    parts(text).map(|wanted| wanted == *value).ok_or(Unreadable)
                })
                .unwrap_or(Ok(false)),
        }
    }

    /// Whether it is one variable, which may stand for what is no ARN.
    pub(crate) fn is_variable(&self) -> bool {
        matches!(self.0, Shape::Variable(_))
    }

    /// The pieces of its six parts; `None` if it is one variable.
    pub(crate) fn pieces(&self) -> Option<Vec<Vec<Piece<'_>>>> {
        match &self.0 {
            Shape::Every => Some(vec![vec![Piece::Run]; 6]),
            Shape::Parts(parts) => Some(parts.iter().map(Template::pieces).collect()),
            Shape::Variable(_) => None,
        }
    }

    /// The keys of its variables.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let parts: &[Template] = match &self.0 {
            Shape::Every => &[],
            Shape::Parts(parts) => &**parts,
            Shape::Variable(template) => std::slice::from_ref(template),
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
        pattern.matches(&parts(value).unwrap(), &context).unwrap()
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
        for text in [
            "${aws:PrincipalArn}*",
            "x${aws:PrincipalArn}",
            "${a}${b}",
            "${*}",
        ] {
            let problem = ArnPattern::read(text, true).unwrap_err();
            assert!(matches!(problem, Problem::Value(_)), "{text}");
        }
        assert!(ArnPattern::read("${aws:PrincipalArn}", false).is_err());
        for text in ["${x:a,'b'}", "arn:aws:s3:::${}", "${x:a,'b:c:d:e:f:g'}"] {
            let problem = ArnPattern::read(text, true).unwrap_err();
            assert!(matches!(problem, Problem::Variable(_)), "{text}");
        }
    }

    #[test]
    fn a_variable_stands_for_a_whole_arn() {
        let bucket = "arn:aws:s3:::b/c:d";
        let judge = |pattern: &str, stands_for: Option<&str>| {
            let mut context = Map::new();
            if let Some(text) = stands_for {
                context.set("aws:SourceArn", text);
            }
            let pattern = ArnPattern::read(pattern, true).unwrap();
            pattern.matches(&parts(bucket).unwrap(), &context)
        };
        let variable = "${aws:SourceArn}";
        assert_eq!(judge(variable, Some(bucket)), Ok(true));
        assert_eq!(judge(variable, Some("arn:aws:s3:::b/c:D")), Ok(false));
        // Its stars are letters.
        assert_eq!(judge(variable, Some("arn:aws:s3:::*")), Ok(false));
        assert_eq!(judge(variable, None), Ok(false));
        for text in ["", "*", "b/c:d", "arn:aws:s3"] {
            assert_eq!(judge(variable, Some(text)), Err(Unreadable), "{text}");
        }
        let with_default = format!("${{aws:SourceArn, '{bucket}'}}");
        assert_eq!(judge(&with_default, None), Ok(true));
        assert_eq!(judge("${aws:SourceArn, 'x'}", None), Err(Unreadable));
    }
}
