//! Numbers, compared as exact decimals: `10` is `10.0`, and no digit is ever rounded away.
//!
//! Digits with an optional sign and an optional point. Decided here, where IAM's documentation is silent: `.5` and `5.`
//! are numbers; exponents, white space, `NaN` and grouping are not.

use std::cmp::Ordering;

/// A decimal that borrows its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal<'t> {
    negative: bool,
    /// Without leading zeros.
    whole: &'t str,
    /// Without trailing zeros.
    fraction: &'t str,
}

impl<'t> Decimal<'t> {
    /// Reads a number.
    pub(crate) fn read(text: &'t str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        Some(Self {
            negative: negative && !(whole.is_empty() && fraction.is_empty()),
            whole,
            fraction,
        })
    }

    /// The exact order.
    pub(crate) fn compare(&self, other: &Decimal<'_>) -> Ordering {
        let magnitude = || {
            self.whole
                .len()
                .cmp(&other.whole.len())
                .then_with(|| self.whole.cmp(other.whole))
                .then_with(|| self.fraction.cmp(other.fraction))
        };
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => magnitude(),
            (true, true) => magnitude().reverse(),
        }
    }
}

/// A decimal that owns its text.
#[derive(Debug, Clone)]
pub(crate) struct Number(Box<str>);

impl Number {
    /// Reads a number.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Decimal::read(text).map(|_| Self(text.into()))
    }

    /// How `value` stands to this number.
    pub(crate) fn order_of(&self, value: &Decimal<'_>) -> Option<Ordering> {
        Decimal::read(&self.0).map(|number| value.compare(&number))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn order(a: &str, b: &str) -> Ordering {
        Decimal::read(a)
            .unwrap()
            .compare(&Decimal::read(b).unwrap())
    }

    #[test]
    fn exact_decimals() {
        assert_eq!(order("10", "10.0"), Ordering::Equal);
        assert_eq!(order("-0", "0"), Ordering::Equal);
        assert_eq!(order("+007", "7"), Ordering::Equal);
        assert_eq!(order("0.49", "0.5"), Ordering::Less);
        assert_eq!(order("-0.49", "-0.5"), Ordering::Greater);
        assert_eq!(order("9", "10"), Ordering::Less);
        assert_eq!(
            order("9007199254740993", "9007199254740992"),
            Ordering::Greater
        );
        assert_eq!(order(".5", "0.50"), Ordering::Equal);
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "", "-", ".", "+", "1e3", " 1", "1 ", "0x1", "1,000", "--1", "NaN", "1.2.3", "١",
        ] {
            assert!(Decimal::read(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn as_integers_in_hundredths(a in -100_000i64..100_000, b in -100_000i64..100_000) {
            let written = |n: i64| format!("{}{}.{:02}", if n < 0 { "-" } else { "" }, n.abs() / 100, n.abs() % 100);
            prop_assert_eq!(order(&written(a), &written(b)), a.cmp(&b));
        }
    }
}
