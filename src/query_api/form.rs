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

    /// A parameter that is none of `known`, or a list's member that does not follow the one before it.
    ///
    /// A name stands for itself; with `*` for the members of a list (`Tags.*.Key` for `Tags.member.1.Key` and so on), and
    /// for the list alone where it is empty, as SDKs write it. What matches nothing would be ignored by whoever reads
    /// the list, a policy that is to restrict a session for one.
    pub(crate) fn stray(&self, known: &[&str]) -> Option<&str> {
        let known = known.iter().chain(&["Action", "Version"]);
        let fits = |name: &str, value: &str| {
            let mut known = known.clone();
            known.any(|known| stands_for(known, name, value))
        };
        let mut pairs = self.0.iter();
        let (name, _) = pairs.find(|(name, value)| !fits(name, value) || self.has_gap(name))?;
        Some(name)
    }

    /// Whether a number in the name does not follow the one before it.
    fn has_gap(&self, name: &str) -> bool {
        let mut head = String::with_capacity(name.len());
        for part in name.split('.') {
            if let Some(number) = number(part).filter(|number| *number > 1) {
                let before = format!("{head}{}", number.saturating_sub(1));
                let mut from = self.0.range(before.clone()..);
                // Nothing that may stand in a name is sorted between the two.
                let follows = from.next().is_some_and(|(next, _)| {
                    let rest = next.strip_prefix(&before);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                });
                if !follows {
                    return true;
                }
            }
            head.push_str(part);
            head.push('.');
        }
        false
    }
}

/// Whether a parameter of this name and value is what `known` stands for.
fn stands_for(known: &str, name: &str, value: &str) -> bool {
    let mut parts = name.split('.');
    for wanted in known.split('.') {
        let part = parts.next();
        let fits = if wanted == "*" {
            if part.is_none() {
                return value.is_empty();
            }
            part == Some("member") && parts.next().is_some_and(|part| number(part).is_some())
        } else {
            part == Some(wanted)
        };
        if !fits {
            return false;
        }
    }
    parts.next().is_none()
}

/// A member's number, written in the one way that readers of the list look for.
fn number(part: &str) -> Option<usize> {
    let digits = !part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit());
    let number: usize = part.parse().ok().filter(|_| digits)?;
    (number <= MAX_PARAMETERS).then_some(number)
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
            TransitiveTagKeys.member.1=x&TransitiveTagKeys.member.2=y&";
        let form = Form::parse(text, false).unwrap();
        assert_eq!(form.get("Action"), Some("AssumeRole"));
        assert_eq!(
            form.structures("Tags", ["Key", "Value"]),
            [[Some("a+b"), Some("c d")], [Some("e"), None]]
        );
        assert_eq!(form.list("TransitiveTagKeys"), ["x", "y"]);
        let tags = ["Tags.*.Key", "Tags.*.Value"];
        let all = [tags[0], tags[1], "TransitiveTagKeys.*"];
        assert_eq!(form.stray(&all), None);
        assert_eq!(form.stray(&tags), Some("TransitiveTagKeys.member.1"));
    }

    #[test]
    fn what_nobody_would_read_is_found() {
        let known = ["Policy", "Arns.*.arn", "Keys.*", "Entries.*.Values.*"];
        let stray = |text: &str| {
            let form = Form::parse(text.as_bytes(), false).unwrap();
            form.stray(&known).map(str::to_owned)
        };
        for good in [
            "Arns=&Keys=",
            "Arns.member.1.arn=a&Keys.member.1=",
            "Entries.member.1.Values=&Entries.member.2.Values.member.1=x",
            "Keys.member.1=a&Keys.member.2=b&Keys.member.3=c&Keys.member.4=d&Keys.member.5=e&Keys.member.6=f&\
             Keys.member.7=g&Keys.member.8=h&Keys.member.9=i&Keys.member.10=j&Keys.member.11=k",
        ] {
            assert_eq!(stray(&good.replace(' ', "")), None, "{good}");
        }
        for bad in [
            "Policy.member.1",
            "Policy.x",
            "policy",
            "Arns",
            "Arns.member.1",
            "Arns.member.1.Arn",
            "Arns.member.0.arn",
            "Arns.member.01.arn",
            "Arns.member.2.arn",
            "Arns.1.arn",
            "Arns.entry.1.arn",
            "Arns.member.1.arn.x",
            "Arns.member.99999.arn",
            "Keys.member.",
            "Keys.member.-1",
            "Keys",
            "Entries.member.2.Values.member.1",
            "Entries.member.1.Values.member.2",
        ] {
            assert_eq!(stray(&format!("{bad}=x")).as_deref(), Some(bad));
        }
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
                let _ = (form.list("Tags"), form.structures("Tags", ["Key", "Value"]), form.stray(&["Tags.*.Key"]));
            }
        }
    }

    proptest::proptest! {
        /// Whatever way lists are numbered, nothing is passed over in silence.
        #[test]
        fn what_is_not_stray_is_read(parts in proptest::collection::btree_set((0_u8..3, 0_u8..2, 0_u8..4, 0_u8..3), 0..7)) {
            let names = parts.iter().map(|(list, word, number, field)| {
                let list = ["Tags", "Keys", "keys"][usize::from(*list)];
                let word = ["member", "entry"][usize::from(*word)];
                let field = ["", ".Key", ".Value"][usize::from(*field)];
                format!("{list}.{word}.{number}{field}=x")
            });
            let text: Vec<String> = names.collect();
            let form = Form::parse(text.join("&").as_bytes(), false).unwrap();
            if form.stray(&["Tags.*.Key", "Tags.*.Value", "Keys.*"]).is_none() {
                let tags = form.structures("Tags", ["Key", "Value"]);
                let keys = form.list("Keys").len();
                let read = tags.iter().flatten().flatten().count().saturating_add(keys);
                proptest::prop_assert_eq!(read, text.len());
            }
        }
    }

    #[test]
    fn a_signature_in_a_query_is_no_parameter() {
        let form = Form::parse(b"Action=x&X-Amz-Signature=1&x-amz-date=2", true).unwrap();
        assert_eq!(form.stray(&[]), None);
    }
}
