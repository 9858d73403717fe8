//! The credential scope, `DATE/REGION/SERVICE/aws4_request`, and the time of a signature.

use std::fmt;

use crate::clock::Timestamp;

use super::SignatureError;

/// What a signature is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    date: Box<str>,
    region: Box<str>,
    service: Box<str>,
}

impl Scope {
    /// Reads `ACCESS-KEY/DATE/REGION/SERVICE/aws4_request`.
    pub(super) fn read(credential: &str) -> Result<(Box<str>, Self), SignatureError> {
        const FAULT: SignatureError =
            SignatureError::Malformed("Credential is not KEY/DATE/REGION/SERVICE/aws4_request");
        let mut parts = credential.split('/');
        let mut part = || parts.next().filter(|part| is_word(part)).ok_or(FAULT);
        let (key, date, region, service, end) = (part()?, part()?, part()?, part()?, part()?);
        if end != "aws4_request" || parts.next().is_some() {
            return Err(FAULT);
        }
        let scope = Self {
            date: date.into(),
            region: region.into(),
            service: service.into(),
        };
        Ok((key.into(), scope))
    }

    /// Eight digits.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The service's signing name.
    pub fn service(&self) -> &str {
        &self.service
    }

    pub(super) fn check(&self, region: &str, service: &str) -> Result<(), SignatureError> {
        if *self.region != *region {
            Err(SignatureError::Scope("region"))
        } else if *self.service != *service {
            Err(SignatureError::Scope("service"))
        } else {
            Ok(())
        }
    }

    /// Reads `20150830T123600Z`, which must be of the scope's day.
    pub(super) fn time(&self, stamp: &str) -> Result<Timestamp, SignatureError> {
        let time = read_stamp(stamp).ok_or(SignatureError::Malformed(
            "X-Amz-Date is not YYYYMMDDTHHMMSSZ",
        ))?;
        if stamp.get(..8) != Some(&*self.date) {
            return Err(SignatureError::Scope("day"));
        }
        Ok(time)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/aws4_request",
            self.date, self.region, self.service
        )
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn read_stamp(stamp: &str) -> Option<Timestamp> {
    let form = |(at, byte): (usize, u8)| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    if stamp.len() != 16 || !stamp.bytes().enumerate().all(form) {
        return None;
    }
    let part = |from: usize, to: usize| {
        stamp
            .get(from..to)
            .and_then(|part| part.parse::<i16>().ok())
    };
    let small = |from: usize, to: usize| part(from, to).and_then(|value| i8::try_from(value).ok());
    let time = jiff::civil::DateTime::new(
        part(0, 4)?,
        small(4, 6)?,
        small(6, 8)?,
        small(9, 11)?,
        small(11, 13)?,
        small(13, 15)?,
        0,
    );
    let zoned = time.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_seconds(zoned.timestamp().as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps() {
        let read = |text| read_stamp(text).map(Timestamp::seconds);
        assert_eq!(read("20150830T123600Z"), Some(1_440_938_160));
        for text in [
            "",
            "20150830T123600",
            "20150830 123600Z",
            "20151330T123600Z",
            "20150230T123600Z",
            "2015083OT123600Z",
            "20150830T243600Z",
            "+0150830T123600Z",
            "20150830T126000Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn credentials() {
        let (key, scope) =
            Scope::read("AKIDEXAMPLE/20150830/us-east-1/orders/aws4_request").unwrap();
        assert_eq!(&*key, "AKIDEXAMPLE");
        assert_eq!(scope.to_string(), "20150830/us-east-1/orders/aws4_request");
        assert!(scope.check("us-east-1", "orders").is_ok());
        assert!(scope.check("us-east-2", "orders").is_err());
        assert!(scope.check("us-east-1", "Orders").is_err());
        assert!(scope.time("20150831T000000Z").is_err());
        for text in [
            "",
            "AKID",
            "AKID/20150830/us-east-1/orders",
            "AKID/20150830/us-east-1/orders/aws4_requestx",
            "AKID/20150830/us-east-1/orders/aws4_request/",
            "/20150830/us-east-1/orders/aws4_request",
            "AK ID/20150830/us-east-1/orders/aws4_request",
            "AKID/20150830//orders/aws4_request",
        ] {
            assert!(Scope::read(text).is_err(), "{text}");
        }
    }
}
