//! Instants: the W3C profile of ISO 8601, or seconds since 1970.
//!
//! `YYYY-MM`, `YYYY-MM-DD`, then `THH:MM[:SS[.f]]` with `Z` or an offset `±HH:MM`. A bare number, four digits too, is
//! epoch seconds; it may have a sign and a fraction. A date without a time is midnight UTC. A fraction that
//! eighteen digits do not hold, and seconds that 64 bits do not hold, are no instants: rounded, they would be others.

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant {
    seconds: i64,
    /// In 10⁻¹⁸ seconds.
    fraction: u64,
}

/// What a second has of the smallest parts.
const SECOND: u64 = 1_000_000_000_000_000_000;

impl Instant {
    /// From whole epoch seconds.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        Self {
            seconds,
            fraction: 0,
        }
    }

    /// The instant behind it: there is none between the two.
    pub(crate) fn next(self) -> Option<Self> {
        if let Some(fraction) = self
            .fraction
            .checked_add(1)
            .filter(|fraction| *fraction < SECOND)
        {
            return Some(Self { fraction, ..self });
        }
        self.seconds.checked_add(1).map(Self::from_seconds)
    }

    /// As epoch seconds, exactly.
    pub(crate) fn epoch(self) -> String {
        if self.seconds < 0 && self.fraction > 0 {
            let whole = self.seconds.saturating_add(1).unsigned_abs();
            return format!("-{whole}.{:018}", SECOND.saturating_sub(self.fraction));
        }
        format!("{}.{:018}", self.seconds, self.fraction)
    }

    /// Reads a date or epoch seconds.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        if text.as_bytes().get(4) == Some(&b'-') && !text.starts_with(['-', '+']) {
            calendar(text)
        } else {
            epoch(text)
        }
    }
}

fn epoch(text: &str) -> Option<Instant> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, fraction_of(fraction)?),
        None => (digits, 0),
    };
    if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    if !negative {
        return Some(Instant {
            seconds: whole,
            fraction,
        });
    }
    Some(if fraction == 0 {
        Instant::from_seconds(whole.saturating_neg())
    } else {
        Instant {
            seconds: whole.saturating_neg().saturating_sub(1),
            fraction: SECOND.saturating_sub(fraction),
        }
    })
}

/// Digits behind the point, in 10⁻¹⁸; at least one digit.
fn fraction_of(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_end_matches('0');
    if digits.len() > 18 {
        return None;
    }
    Some(
        digits
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(18)
            .fold(0u64, |sum, digit| {
                sum.saturating_mul(10)
                    .saturating_add(u64::from(digit.saturating_sub(b'0')))
            }),
    )
}

fn calendar(text: &str) -> Option<Instant> {
    let year = number(text.get(..4)?)?;
    let (month, rest) = field(text.get(4..)?, '-')?;
    if !(1..=12).contains(&month) {
        return None;
    }
    if rest.is_empty() {
        return Some(Instant::from_seconds(midnight(year, month, 1)));
    }
    let (day, rest) = field(rest, '-')?;
    if day < 1 || day > days_in(year, month) {
        return None;
    }
    let start = midnight(year, month, day);
    if rest.is_empty() {
        return Some(Instant::from_seconds(start));
    }
    let (hour, rest) = field(rest, 'T')?;
    let (minute, mut rest) = field(rest, ':')?;
    let mut second = 0;
    let mut fraction = 0;
    if rest.starts_with(':') {
        (second, rest) = field(rest, ':')?;
        if let Some(behind) = rest.strip_prefix('.') {
            let length = behind.bytes().take_while(u8::is_ascii_digit).count();
            fraction = fraction_of(behind.get(..length)?)?;
            rest = behind.get(length..)?;
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = offset(rest)?;
    let seconds = start
        .saturating_add(hour.saturating_mul(3_600))
        .saturating_add(minute.saturating_mul(60))
        .saturating_add(second)
        .saturating_sub(offset);
    Some(Instant { seconds, fraction })
}

/// Seconds east of UTC.
fn offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let hours = number(text.get(1..3)?)?;
    let (minutes, rest) = field(text.get(3..)?, ':')?;
    if !rest.is_empty() || hours > 23 || minutes > 59 {
        return None;
    }
    Some(
        hours
            .saturating_mul(3_600)
            .saturating_add(minutes.saturating_mul(60))
            .saturating_mul(sign),
    )
}

/// A mark and two digits; also what follows.
fn field(text: &str, mark: char) -> Option<(i64, &str)> {
    let rest = text.strip_prefix(mark)?;
    Some((number(rest.get(..2)?)?, rest.get(2..)?))
}

fn number(digits: &str) -> Option<i64> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28i64.saturating_add(i64::from(is_leap(year))),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Epoch seconds of a day's begin (years 0 to 9999 of the proleptic Gregorian calendar).
fn midnight(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 {
        year.saturating_sub(1)
    } else {
        year
    };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let from_march = if month > 2 {
        month.saturating_sub(3)
    } else {
        month.saturating_add(9)
    };
    let day_of_year = (from_march.saturating_mul(153).saturating_add(2) / 5)
        .saturating_add(day)
        .saturating_sub(1);
    let day_of_era = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era / 4)
        .saturating_sub(year_of_era / 100)
        .saturating_add(day_of_year);
    era.saturating_mul(146_097)
        .saturating_add(day_of_era)
        .saturating_sub(719_468)
        .saturating_mul(86_400)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(text: &str) -> i64 {
        Instant::read(text).unwrap().seconds
    }

    #[test]
    fn forms() {
        assert_eq!(seconds("1970-01"), 0);
        assert_eq!(seconds("1970-01-02"), 86_400);
        assert_eq!(seconds("2026-11-23T09:30:00Z"), 1_795_426_200);
        assert_eq!(seconds("2026-11-23T09:30Z"), 1_795_426_200);
        assert_eq!(seconds("2026-11-23T10:30:00+01:00"), 1_795_426_200);
        assert_eq!(seconds("2026-11-23T04:00:00-05:30"), 1_795_426_200);
        assert_eq!(seconds("1795426200"), 1_795_426_200);
        assert_eq!(seconds("2026"), 2026);
        assert_eq!(seconds("-1"), -1);
        assert_eq!(seconds("2000-02-29"), 951_782_400);
        assert!(Instant::read("2026-11-23T09:30:00.25Z") > Instant::read("2026-11-23T09:30:00.1Z"));
        assert_eq!(
            Instant::read("2026-11-23T09:30:00.500Z"),
            Instant::read("1795426200.5")
        );
        assert!(Instant::read("-1.5") < Instant::read("-1"));
        assert_eq!(
            Instant::read("1.5"),
            Instant::read("1.50000000000000000000000")
        );
        assert_eq!(seconds("9223372036854775807"), i64::MAX);
        assert!(Instant::read("1.000000000000000001") < Instant::read("1.000000000000000002"));
    }

    #[test]
    fn what_is_no_instant() {
        for text in [
            "",
            "abc",
            "2026-13",
            "2026-00-01",
            "2026-02-29",
            "2026-1-1",
            "2026-11-23T09:30:00",
            "2026-11-23 09:30:00Z",
            "2026-11-23T9:30Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T09:30:60Z",
            "2026-11-23T09:30:00.Z",
            "2026-11-23T09:30:00+0100",
            "2026-11-23T09Z",
            "2026-11-23T",
            "2026-11-23T09:30:00z",
            "1e9",
            "9223372036854775808",
            "-9223372036854775809",
            "1.0000000000000000001",
            "2026-11-23T09:30:00.0000000000000000001Z",
            "1.",
            "-",
            "２０２６-01",
        ] {
            assert!(Instant::read(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn as_jiff_reads_it(at in -62_000_000_000i64..253_000_000_000) {
            let text = crate::clock::Timestamp::from_seconds(at).rfc3339();
            prop_assert_eq!(Instant::read(&text), Some(Instant::from_seconds(at)));
        }
    }
}
