//! Operator names: `ForAllValues:StringNotLikeIfExists` taken apart. Names are compared without case.

use std::cmp::Ordering;

use crate::source::nearest;

/// How many of a multivalued key's values must satisfy the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// `ForAllValues:`
    ForAll,
    /// `ForAnyValue:`
    ForAny,
}

/// An order relation: request value to policy value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    pub(crate) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
        }
    }
}

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Test {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Relation),
    Date(Relation),
    Bool,
    Binary,
    Ip,
    Arn,
    Null,
}

/// An operator.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    /// As written.
    pub(crate) name: Box<str>,
    pub(crate) quantifier: Option<Quantifier>,
    pub(crate) test: Test,
    pub(crate) negated: bool,
    pub(crate) if_exists: bool,
}

const KNOWN: [(&str, Test, bool); 27] = [
    ("StringEquals", Test::StringEquals, false),
    ("StringNotEquals", Test::StringEquals, true),
    (
        "StringEqualsIgnoreCase",
        Test::StringEqualsIgnoreCase,
        false,
    ),
    (
        "StringNotEqualsIgnoreCase",
        Test::StringEqualsIgnoreCase,
        true,
    ),
    ("StringLike", Test::StringLike, false),
    ("StringNotLike", Test::StringLike, true),
    ("NumericEquals", Test::Numeric(Relation::Equal), false),
    ("NumericNotEquals", Test::Numeric(Relation::Equal), true),
    ("NumericLessThan", Test::Numeric(Relation::Less), false),
    (
        "NumericLessThanEquals",
        Test::Numeric(Relation::LessOrEqual),
        false,
    ),
    (
        "NumericGreaterThan",
        Test::Numeric(Relation::Greater),
        false,
    ),
    (
        "NumericGreaterThanEquals",
        Test::Numeric(Relation::GreaterOrEqual),
        false,
    ),
    ("DateEquals", Test::Date(Relation::Equal), false),
    ("DateNotEquals", Test::Date(Relation::Equal), true),
    ("DateLessThan", Test::Date(Relation::Less), false),
    (
        "DateLessThanEquals",
        Test::Date(Relation::LessOrEqual),
        false,
    ),
    ("DateGreaterThan", Test::Date(Relation::Greater), false),
    (
        "DateGreaterThanEquals",
        Test::Date(Relation::GreaterOrEqual),
        false,
    ),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::Binary, false),
    ("IpAddress", Test::Ip, false),
    ("NotIpAddress", Test::Ip, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnLike", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnNotLike", Test::Arn, true),
    ("Null", Test::Null, false),
];

impl Operator {
    /// Reads an operator's name.
    ///
    /// # Errors
    /// How to mend it.
    pub(crate) fn read(name: &str) -> Result<Self, String> {
        let (quantifier, rest) = match name.split_once(':') {
            None => (None, name),
            Some((word, rest)) if word.eq_ignore_ascii_case("ForAllValues") => {
                (Some(Quantifier::ForAll), rest)
            }
            Some((word, rest)) if word.eq_ignore_ascii_case("ForAnyValue") => {
                (Some(Quantifier::ForAny), rest)
            }
            Some(_) => {
                return Err(
                    "what stands before the colon is ForAllValues or ForAnyValue".to_owned(),
                );
            }
        };
        let stem = rest
            .len()
            .checked_sub("IfExists".len())
            .and_then(|at| rest.split_at_checked(at))
            .filter(|(_, suffix)| suffix.eq_ignore_ascii_case("IfExists"))
            .map(|(stem, _)| stem);
        let base = stem.unwrap_or(rest);
        let Some((_, test, negated)) = KNOWN
            .iter()
            .find(|(known, _, _)| known.eq_ignore_ascii_case(base))
        else {
            return Err(
                match nearest(base, KNOWN.iter().map(|(known, _, _)| *known)) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => "see \"IAM JSON policy elements: Condition operators\"".to_owned(),
                },
            );
        };
        if stem.is_some() && *test == Test::Null {
            return Err("Null asks for presence itself and takes no IfExists".to_owned());
        }
        Ok(Self {
            name: name.into(),
            quantifier,
            test: *test,
            negated: *negated,
            if_exists: stem.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_taken_apart() {
        let operator = Operator::read("foranyvalue:STRINGNOTLIKEifexists").unwrap();
        assert_eq!(operator.quantifier, Some(Quantifier::ForAny));
        assert_eq!(operator.test, Test::StringLike);
        assert!(operator.negated && operator.if_exists);
        for name in [
            "StringEqual",
            "Equals",
            "",
            "IfExists",
            "NullIfExists",
            "ForSome:Null",
            "StringEquals ",
        ] {
            assert!(Operator::read(name).is_err(), "{name}");
        }
        assert_eq!(
            Operator::read("StringEqual").unwrap_err(),
            "did you mean `StringEquals`?"
        );
    }
}
