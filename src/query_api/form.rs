//! The parameters of a call: `application/x-www-form-urlencoded`, each name once.

use std::collections::BTreeMap;

/// More no call has: a simulation of many actions on many resources has the most.
const MAX_PARAMETERS: usize = 4_096;

/// What cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    #[error("the parameters are not form-urlencoded UTF-8")]
    Malformed,
    #[error("a parameter stands twice")]
    Twice,
    #[error("too many parameters")]
    TooMany,
}

/// Parameters, decoded.
#[derive(Debug, Default)]
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a body, or a query without the parameters of a presigned signature.
    pub(crate) fn parse(text: &[u8], is_query: bool) -> Result<Self, FormError> {
        let mut pairs = BTreeMap::new();
        for pair in text.split(|byte| *byte == b'&') {
            if pair.is_empty() {
                continue;
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            if is_query
                && name
                    .get(..6)
                    .is_some_and(|head| head.eq_ignore_ascii_case("x-amz-"))
            {
                continue;
            }
            if pairs.insert(name, value).is_some() {
                return Err(FormError::Twice);
            }
            if pairs.len() > MAX_PARAMETERS {
                return Err(FormError::TooMany);
            }
        }
        Ok(Self(pairs))
    }

    /// Parameters that are at hand.
    pub(crate) fn of(parameters: &[(&str, &str)]) -> Self {
        let pairs = parameters.iter();
        let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self(pairs.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `NAME.member.1`, `NAME.member.2`, …: as many as there are without a gap.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        (1..=MAX_PARAMETERS)
            .map_while(|number| self.get(&format!("{name}.member.{number}")))
            .collect()
    }

    /// `NAME.member.1.FIELD`, …, for each of the fields.
    pub(crate) fn structures<const N: usize>(
        &self,
        name: &str,
        fields: [&str; N],
    ) -> Vec<[Option<&str>; N]> {
        (1..=MAX_PARAMETERS)
            .map(|number| fields.map(|field| self.get(&format!("{name}.member.{number}.{field}"))))
            .take_while(|found| found.iter().any(Option::is_some))
            .collect()
    }

    /// Whether every parameter is one of `known`, or a member of such a list.
    pub(crate) fn unknown(&self, known: &[&str]) -> Option<&str> {
        let names = self.0.keys().map(String::as_str);
        let mut unknown = names.filter(|name| {
            let head = name.split('.').next().unwrap_or(name);
            !known.contains(&head) && !matches!(*name, "Action" | "Version")
        });
        unknown.next()
    }
}

fn decode(bytes: &[u8]) -> Result<String, FormError> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    let digit = |byte: Option<&u8>| {
        let digit = char::from(*byte?).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = digit(rest.next()).ok_or(FormError::Malformed)?;
                let low = digit(rest.next()).ok_or(FormError::Malformed)?;
                (high << 4) | low
            }
            other => *other,
        });
    }
    String::from_utf8(out).map_err(|_| FormError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_lists() {
        let text = b"Action=AssumeRole&Tags.member.1.Key=a%2Bb&Tags.member.1.Value=c+d&Tags.member.2.Key=e&\
            TransitiveTagKeys.member.1=x&TransitiveTagKeys.member.3=y&";
        let form = Form::parse(text, false).unwrap();
        assert_eq!(form.get("Action"), Some("AssumeRole"));
        assert_eq!(
            form.structures("Tags", ["Key", "Value"]),
            [[Some("a+b"), Some("c d")], [Some("e"), None]]
        );
        assert_eq!(form.list("TransitiveTagKeys"), ["x"]);
        assert_eq!(form.unknown(&["Tags", "TransitiveTagKeys"]), None);
        assert_eq!(form.unknown(&["Tags"]), Some("TransitiveTagKeys.member.1"));
    }

    #[test]
    fn what_is_refused() {
        for (text, error) in [
            (&b"a=%"[..], FormError::Malformed),
            (b"a=%zz", FormError::Malformed),
            (b"a=%ff", FormError::Malformed),
            (b"a=1&a=2", FormError::Twice),
            (b"a=1&%61=2", FormError::Twice),
        ] {
            assert_eq!(Form::parse(text, false).unwrap_err(), error);
        }
        let many: Vec<String> = (0..5_000).map(|number| format!("a{number}=1")).collect();
        let many = many.join("&");
        assert_eq!(
            Form::parse(many.as_bytes(), false).unwrap_err(),
            FormError::TooMany
        );
    }

    proptest::proptest! {
        #[test]
        fn reading_is_total(text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            if let Ok(form) = Form::parse(&text, false) {
                let _ = (form.list("Tags"), form.structures("Tags", ["Key", "Value"]), form.unknown(&[]));
            }
        }
    }

    #[test]
    fn a_signature_in_a_query_is_no_parameter() {
        let form = Form::parse(b"Action=x&X-Amz-Signature=1&x-amz-date=2", true).unwrap();
        assert_eq!(form.unknown(&[]), None);
    }
}
