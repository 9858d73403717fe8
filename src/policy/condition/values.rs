//! A condition's values, each parsed once when the policy is read, and the comparison of one request value with them.
//!
//! Several policy values are alternatives; the operator's sign is the caller's affair.

use super::super::context::{Context, Value, lower};
use super::super::pattern::Piece;
use super::super::variable::{Syntax, Template};
use super::arn::{ArnPattern, parts};
use super::date::Instant;
use super::ip::Range;
use super::numeric::{Decimal, Number};
use super::operator::{Relation, Test};
use super::{Unreadable, binary, ip};

/// The values of one condition.
#[derive(Debug, Clone)]
pub(crate) enum Values {
    /// Compared as text, with or without wildcards.
    Text(Box<[Template]>),
    /// Compared as text without case.
    TextIgnoreCase(Box<[Template]>),
    Numeric(Relation, Box<[Number]>),
    Date(Relation, Box<[Instant]>),
    /// Templates, since a variable may stand here.
    Bool(Box<[Template]>),
    Binary(Box<[Box<[u8]>]>),
    Ip(Box<[Range]>),
    Arn(Box<[ArnPattern]>),
    /// Whether an absent key matches, and whether a present one does.
    Null {
        absent: bool,
        present: bool,
    },
}

/// What a policy's value should have been.
#[derive(Debug)]
pub(crate) struct BadValue {
    pub(crate) at: usize,
    pub(crate) problem: Problem,
}

/// What is wrong with a value.
#[derive(Debug)]
pub(crate) enum Problem {
    /// It is none of what the operator compares.
    Value(String),
    /// A policy variable in it has none of the known forms.
    Variable(String),
}

fn each<T>(
    texts: &[Box<str>],
    mut read: impl FnMut(&str) -> Result<T, Problem>,
) -> Result<Box<[T]>, Vec<BadValue>> {
    let mut values = Vec::with_capacity(texts.len());
    let mut bad = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        match read(text) {
            Ok(value) => values.push(value),
            Err(problem) => bad.push(BadValue { at, problem }),
        }
    }
    if bad.is_empty() {
        Ok(values.into())
    } else {
        Err(bad)
    }
}

impl Values {
    /// Parses a policy's values. `variables`: the policy's version knows them.
    ///
    /// # Errors
    /// Every value that does not parse.
    pub(crate) fn read(
        test: Test,
        texts: &[Box<str>],
        variables: bool,
    ) -> Result<Self, Vec<BadValue>> {
        let templates = |wildcards| {
            each(texts, |text| {
                Template::read(
                    text,
                    Syntax {
                        variables,
                        wildcards,
                    },
                )
                .map_err(Problem::Variable)
            })
        };
        let or = |problem: &'static str| move || Problem::Value(problem.to_owned());
        Ok(match test {
            Test::StringEquals => Self::Text(templates(false)?),
            Test::StringEqualsIgnoreCase => Self::TextIgnoreCase(templates(false)?),
            Test::StringLike => Self::Text(templates(true)?),
            Test::Numeric(relation) => Self::Numeric(
                relation,
                each(texts, |text| {
                    Number::read(text).ok_or_else(or(
                        "a number is expected: digits, with a sign and a point if need be",
                    ))
                })?,
            ),
            Test::Date(relation) => Self::Date(
                relation,
                each(texts, |text| {
                    Instant::read(text).ok_or_else(or(
                        "a date is expected: 2026-11-23T09:30:00Z, 2026-11-23, or epoch seconds",
                    ))
                })?,
            ),
            Test::Bool => {
                let templates = templates(false)?;
                each(texts, |text| {
                    let open = templates.iter().any(|template| {
                        template.source() == text && template.keys().next().is_some()
                    });
                    (open || boolean(text).is_some())
                        .then_some(())
                        .ok_or_else(or("\"true\" or \"false\" is expected"))
                })?;
                Self::Bool(templates)
            }
            Test::Binary => Self::Binary(each(texts, |text| {
                binary::decode(text).ok_or_else(or("base64 is expected"))
            })?),
            Test::Ip => Self::Ip(each(texts, |text| {
                Range::read(text).ok_or_else(or(
                    "an address or a range is expected: 203.0.113.0/24, 2001:db8::/32",
                ))
            })?),
            Test::Arn => Self::Arn(each(texts, |text| ArnPattern::read(text, variables))?),
            Test::Null => {
                let wanted = each(texts, |text| {
                    boolean(text)
                        .ok_or_else(or("\"true\" (absent) or \"false\" (present) is expected"))
                })?;
                Self::Null {
                    absent: wanted.contains(&true),
                    present: wanted.contains(&false),
                }
            }
        })
    }

    /// Whether one request value matches one of the policy's values.
    pub(crate) fn any_matches(
        &self,
        value: Value<'_>,
        context: &dyn Context,
    ) -> Result<bool, Unreadable> {
        match self {
            Self::Text(templates) => Ok(value.with_text(|text| {
                templates
                    .iter()
                    .any(|template| template.matches(text, context))
            })),
            Self::TextIgnoreCase(templates) => Ok(value.with_text(|text| {
                templates.iter().any(|template| {
                    // Letters that differ in case alone may differ in length: between one and four bytes.
                    let most = text.len().saturating_mul(4);
                    template
                        .with_text(context, most, |wanted| same_without_case(wanted, text))
                        .unwrap_or(false)
                })
            })),
            Self::Numeric(relation, numbers) => value.with_text(|text| {
                let decimal = Decimal::read(text).ok_or(Unreadable)?;
                Ok(numbers.iter().any(|number| {
                    number
                        .order_of(&decimal)
                        .is_some_and(|order| relation.holds(order))
                }))
            }),
            Self::Date(relation, instants) => {
                let found = match value {
                    Value::Instant(time) => Instant::from_seconds(time.seconds()),
                    Value::Number(seconds) => Instant::from_seconds(seconds),
                    Value::Text(_) | Value::List(_) | Value::Bool(_) | Value::Ip(_) => {
                        value.with_text(Instant::read).ok_or(Unreadable)?
                    }
                };
                Ok(instants
                    .iter()
                    .any(|instant| relation.holds(found.cmp(instant))))
            }
            Self::Bool(templates) => {
                let found = match value {
                    Value::Bool(found) => found,
                    Value::Text(_)
                    | Value::List(_)
                    | Value::Instant(_)
                    | Value::Number(_)
                    | Value::Ip(_) => value.with_text(boolean).ok_or(Unreadable)?,
                };
                any(templates.iter().map(|template| {
                    // What a variable stands for comes from the request, and may not parse.
                    match template.with_text(context, "false".len(), boolean) {
                        Some(Some(wanted)) => Ok(wanted == found),
                        Some(None) => Err(Unreadable),
                        None => Ok(false),
                    }
                }))
            }
            Self::Binary(wanted) => {
                value.with_text(|text| binary::any_equal(text, wanted).ok_or(Unreadable))
            }
            Self::Ip(ranges) => {
                let found = match value {
                    Value::Ip(found) => found.to_canonical(),
                    Value::Text(_)
                    | Value::List(_)
                    | Value::Instant(_)
                    | Value::Number(_)
                    | Value::Bool(_) => value.with_text(ip::address).ok_or(Unreadable)?,
                };
                Ok(ranges.iter().any(|range| range.contains(found)))
            }
            Self::Arn(patterns) => value.with_text(|text| {
                let found = parts(text).ok_or(Unreadable)?;
                any(patterns
                    .iter()
                    .map(|pattern| pattern.matches(&found, context)))
            }),
            Self::Null { .. } => Ok(false),
        }
    }

    /// The values as patterns; `None` for those that are no texts with case.
    pub(crate) fn pieces(&self) -> Option<Vec<Vec<Piece<'_>>>> {
        if let Self::Text(templates) = self {
            Some(templates.iter().map(Template::pieces).collect())
        } else {
            None
        }
    }

    /// Whether a value may turn out not to parse in a request, which spoils the list where no other one matches.
    pub(crate) fn may_spoil(&self) -> bool {
        match self {
            Self::Bool(_) => true,
            Self::Arn(patterns) => patterns.iter().any(ArnPattern::is_variable),
            Self::Text(_)
            | Self::TextIgnoreCase(_)
            | Self::Numeric(..)
            | Self::Date(..)
            | Self::Binary(_)
            | Self::Ip(_)
            | Self::Null { .. } => false,
        }
    }

    /// Whether they are texts with a variable in each.
    pub(crate) fn are_variable_texts(&self) -> bool {
        match self {
            Self::Text(templates) | Self::TextIgnoreCase(templates) => {
                !templates.is_empty()
                    && (templates.iter()).all(|template| template.keys().next().is_some())
            }
            Self::Numeric(..)
            | Self::Date(..)
            | Self::Bool(_)
            | Self::Binary(_)
            | Self::Ip(_)
            | Self::Arn(_)
            | Self::Null { .. } => false,
        }
    }

    /// The keys of the variables in the values.
    pub(crate) fn keys(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Self::Text(templates) | Self::TextIgnoreCase(templates) | Self::Bool(templates) => {
                Box::new(templates.iter().flat_map(Template::keys))
            }
            Self::Arn(patterns) => Box::new(patterns.iter().flat_map(ArnPattern::keys)),
            Self::Numeric(..)
            | Self::Date(..)
            | Self::Binary(_)
            | Self::Ip(_)
            | Self::Null { .. } => Box::new(std::iter::empty()),
        }
    }
}

/// Whether one of the values matches. One that does not parse in this request settles nothing: the others are judged as
/// usual.
fn any(found: impl Iterator<Item = Result<bool, Unreadable>>) -> Result<bool, Unreadable> {
    let mut none = Ok(false);
    for matches in found {
        match matches {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(Unreadable) => none = Err(Unreadable),
        }
    }
    none
}

/// `true` or `false`, in any case.
fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Simple lower-casing, character by character.
pub(crate) fn same_without_case(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().map(lower).eq(b.chars().map(lower))
}
