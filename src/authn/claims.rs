//! The claims of a token, typed: the registered ones checked for their types, the others by path.
//!
//! Reading claims proves nothing; who holds a `VerifiedToken` (see `jwt`) may believe them.

use crate::clock::Timestamp;
use crate::directory::provider::ClaimPath;
use crate::policy::context::{self, Value};

use super::json::{Json, List};

/// 9999-12-31T23:59:59Z: no time that a token means lies beyond.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// The claims of a token.
#[derive(Debug, Clone)]
pub struct Claims {
    /// `iss`.
    pub issuer: Box<str>,
    /// `aud`, at least one; none of a certificate.
    pub audiences: Vec<Box<str>>,
    /// `exp`.
    pub expires_at: Timestamp,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `iat`.
    pub issued_at: Option<Timestamp>,
    /// All of them.
    all: Json,
}

impl Claims {
    /// Takes over a token's payload.
    ///
    /// # Errors
    /// Says which claim is missing or of the wrong type.
    pub fn new(mut all: Json) -> Result<Self, &'static str> {
        let Json::Object(members) = &mut all else {
            return Err("the payload is no JSON object");
        };
        // `scope` is a list in one text (RFC 8693, section 4.2), `amr` is always a list.
        for (name, value) in members.iter_mut() {
            if let Json::Text(text) = value {
                let texts: Vec<Box<str>> = match &**name {
                    "scope" => text.split_ascii_whitespace().map(Into::into).collect(),
                    "amr" => vec![text.clone()],
                    _ => continue,
                };
                *value = Json::List(List {
                    texts: texts.into(),
                    only_texts: true,
                });
            }
        }
        let issuer = match all.get("iss") {
            Some(Json::Text(text)) => text.clone(),
            Some(_) => return Err("`iss` is no text"),
            None => return Err("`iss` is missing"),
        };
        let audiences = match all.get("aud") {
            Some(Json::Text(text)) => vec![text.clone()],
            Some(Json::List(list)) if list.only_texts => list.texts.to_vec(),
            Some(_) => return Err("`aud` is neither a text nor a list of texts"),
            None => return Err("`aud` is missing"),
        };
        if audiences.is_empty() {
            return Err("`aud` is empty");
        }
        let expires_at = time(&all, "exp", "`exp` is no time")?.ok_or("`exp` is missing")?;
        let not_before = time(&all, "nbf", "`nbf` is no time")?;
        let issued_at = time(&all, "iat", "`iat` is no time")?;
        for (name, fault) in [
            ("sub", "`sub` is no text"),
            ("azp", "`azp` is no text"),
            ("jti", "`jti` is no text"),
        ] {
            if all.get(name).is_some_and(|value| value.text().is_none()) {
                return Err(fault);
            }
        }
        Ok(Self {
            issuer,
            audiences,
            expires_at,
            not_before,
            issued_at,
            all,
        })
    }

    /// The names of a client certificate, which is for no audience.
    pub(super) fn of_certificate(
        issuer: &str,
        not_before: Timestamp,
        not_after: Timestamp,
        names: Vec<(Box<str>, Json)>,
    ) -> Self {
        Self {
            issuer: issuer.into(),
            audiences: Vec::new(),
            expires_at: not_after,
            not_before: Some(not_before),
            issued_at: Some(not_before),
            all: Json::Object(names),
        }
    }

    /// A top-level claim.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.all.get(name)
    }

    /// `sub`.
    pub fn subject(&self) -> Option<&str> {
        self.get("sub")?.text()
    }

    /// The claim at a path. Where others stand under the same names with dots between, flat or nested otherwise, none is
    /// believed: some issuers let their users choose a claim's name.
    pub fn at(&self, path: &ClaimPath) -> Option<&Json> {
        let found = self.written_at(path)?;
        let names = path.names();
        if names.len() == 1 && !names.iter().any(|name| name.contains('.')) {
            return Some(found);
        }
        let mut readings = Readings {
            found: Some(found),
            ..Readings::of(Json::get)
        };
        readings.look(&self.all, &names.join("."), 0);
        readings.only()
    }

    fn written_at(&self, path: &ClaimPath) -> Option<&Json> {
        path.names()
            .iter()
            .try_fold(&self.all, |value, name| value.get(name))
    }

    /// The texts of the claim at a path: none when it is absent.
    pub fn texts(&self, path: &ClaimPath) -> Vec<&str> {
        self.at(path).map(Json::texts).unwrap_or_default()
    }

    /// Whether there is such a claim, to be believed or not.
    pub fn has(&self, path: &ClaimPath) -> bool {
        self.written_at(path).is_some()
    }

    /// A claim as a time.
    pub fn time(&self, path: &ClaimPath) -> Option<Timestamp> {
        self.at(path).and_then(instant)
    }

    /// The claim that a condition key names after `ISSUER:`: in lower case, nested names with dots between. A claim
    /// whose own name holds dots is found too. Where the name can be read as several claims, none is believed; of two
    /// that differ in case only, the one that is written in lower case is.
    pub fn condition(&self, name: &str) -> Option<Value<'_>> {
        let mut readings = Readings::of(member);
        readings.look(&self.all, name, 0);
        Some(match readings.only()? {
            Json::Text(text) => Value::Text(text),
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match number.whole {
                Some(whole) => Value::Number(whole),
                None => Value::Text(&number.text),
            },
            Json::List(list) => Value::List(&list.texts),
            Json::Null | Json::Object(_) => return None,
        })
    }

    /// Roughly how many bytes they take, for bounding caches.
    pub fn weight(&self) -> usize {
        weight(&self.all)
            .saturating_add(self.issuer.len())
            .saturating_add(self.audiences.iter().map(|audience| audience.len()).sum())
            .saturating_add(size_of::<Self>())
    }
}

/// What a name with dots in it may stand for.
struct Readings<'j> {
    found: Option<&'j Json>,
    several: bool,
    member: fn(&'j Json, &str) -> Option<&'j Json>,
}

impl<'j> Readings<'j> {
    fn of(member: fn(&'j Json, &str) -> Option<&'j Json>) -> Self {
        Self {
            found: None,
            several: false,
            member,
        }
    }

    /// Each name that is a member itself, with the rest below it.
    fn look(&mut self, value: &'j Json, name: &str, depth: u32) {
        if depth > 8 {
            return;
        }
        let mut end = name.len();
        while let Some(head) = name.get(..end).filter(|head| !head.is_empty()) {
            if let Some(found) = (self.member)(value, head) {
                match name.get(end.saturating_add(1)..) {
                    None => self.add(found),
                    Some(rest) => self.look(found, rest, depth.saturating_add(1)),
                }
            }
            let Some(dot) = head.rfind('.') else {
                return;
            };
            end = dot;
        }
    }

    fn add(&mut self, reading: &'j Json) {
        match self.found {
            Some(found) => self.several |= !std::ptr::eq(found, reading),
            None => self.found = Some(reading),
        }
    }

    fn only(self) -> Option<&'j Json> {
        self.found.filter(|_| !self.several)
    }
}

fn member<'j>(value: &'j Json, folded: &str) -> Option<&'j Json> {
    if let Some(exact) = value.get(folded) {
        return Some(exact);
    }
    let mut same = value.members().iter().filter(|(name, _)| {
        if name.is_ascii() {
            name.eq_ignore_ascii_case(folded)
        } else {
            *context::folded(name) == *folded
        }
    });
    let (_, found) = same.next()?;
    same.next().is_none().then_some(found)
}

fn time(all: &Json, name: &str, fault: &'static str) -> Result<Option<Timestamp>, &'static str> {
    all.get(name)
        .map_or(Ok(None), |value| instant(value).map(Some).ok_or(fault))
}

/// A NumericDate (RFC 7519, section 2): seconds, which need not be whole.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the range is checked before, and fractions of a millisecond mean nothing"
)]
fn instant(value: &Json) -> Option<Timestamp> {
    let Json::Number(number) = value else {
        return None;
    };
    (0.0..=LAST_SECOND)
        .contains(&number.value)
        .then(|| Timestamp::from_milliseconds((number.value * 1000.0) as i64))
}

/// With what lies behind its pointers, and what an allocator takes for that.
fn weight(value: &Json) -> usize {
    let inside: usize = match value {
        Json::Null | Json::Bool(_) => 0,
        Json::Number(number) => allocated(&number.text),
        Json::Text(text) => allocated(text),
        Json::List(list) => list
            .texts
            .iter()
            .map(|text| allocated(text).saturating_add(size_of::<Box<str>>()))
            .sum(),
        Json::Object(members) => members
            .iter()
            .map(|(name, value)| allocated(name).saturating_add(weight(value)))
            .sum(),
    };
    inside.saturating_add(size_of::<(Box<str>, Json)>())
}

fn allocated(text: &str) -> usize {
    text.len()
        .checked_next_multiple_of(16)
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(more: &str) -> Result<Claims, &'static str> {
        let text = format!(r#"{{"iss":"https://i","aud":"a","exp":2000000000{more}}}"#);
        Claims::new(Json::read(text.as_bytes()).unwrap())
    }

    #[test]
    fn wrong_types_are_refused() {
        for text in [
            "[]",
            "{}",
            r#"{"iss":1,"aud":"a","exp":1}"#,
            r#"{"iss":"i","exp":1}"#,
            r#"{"iss":"i","aud":[],"exp":1}"#,
            r#"{"iss":"i","aud":["a",1],"exp":1}"#,
            r#"{"iss":"i","aud":{"a":1},"exp":1}"#,
            r#"{"iss":"i","aud":null,"exp":1}"#,
            r#"{"iss":"i","aud":"a"}"#,
            r#"{"iss":"i","aud":"a","exp":"2000000000"}"#,
            r#"{"iss":"i","aud":"a","exp":null}"#,
            r#"{"iss":"i","aud":"a","exp":true}"#,
            r#"{"iss":"i","aud":"a","exp":[2000000000]}"#,
            r#"{"iss":"i","aud":"a","exp":-1}"#,
            r#"{"iss":"i","aud":"a","exp":1e300}"#,
            r#"{"iss":"i","aud":"a","exp":1,"nbf":"1"}"#,
            r#"{"iss":"i","aud":"a","exp":1,"iat":"1"}"#,
            r#"{"iss":"i","aud":"a","exp":1,"sub":1}"#,
        ] {
            assert!(
                Claims::new(Json::read(text.as_bytes()).unwrap()).is_err(),
                "{text}"
            );
        }
        assert_eq!(
            claims(r#","nbf":1.5"#).unwrap().not_before,
            Some(Timestamp::from_milliseconds(1500))
        );
    }

    #[test]
    fn conditions_find_nested_claims_in_any_case() {
        let claims = claims(
            r#","realm_access":{"roles":["a","b"]},"Team":"x","https://h.example/r":"y","n":5,"scope":"r w","amr":"otp",
                "Two":"1","tWo":"2","a.b":{"c.d":true},"f":1.5"#,
        )
        .unwrap();
        let list = |name| match claims.condition(name) {
            Some(Value::List(texts)) => texts.iter().map(|text| &**text).collect(),
            _ => vec![],
        };
        assert_eq!(list("realm_access.roles"), ["a", "b"]);
        assert_eq!(list("scope"), ["r", "w"]);
        assert_eq!(list("amr"), ["otp"]);
        assert_eq!(claims.condition("team"), Some(Value::Text("x")));
        assert_eq!(
            claims.condition("https://h.example/r"),
            Some(Value::Text("y"))
        );
        assert_eq!(claims.condition("n"), Some(Value::Number(5)));
        assert_eq!(claims.condition("f"), Some(Value::Text("1.5")));
        assert_eq!(claims.condition("a.b.c.d"), Some(Value::Bool(true)));
        for absent in ["two", "realm_access", "realm_access.x", "", ".", "a.b."] {
            assert_eq!(claims.condition(absent), None, "{absent}");
        }
    }

    /// Whoever may choose a claim's name must not put it in another's place.
    #[test]
    fn of_several_readings_none_is_believed() {
        const NESTED: &str = r#","kubernetes.io":{"namespace":"shop","pod":{"name":"p"}}"#;
        let name = "kubernetes.io.namespace";
        let path = |text| ClaimPath::parse(text).unwrap();
        let (nested, flat) = (
            path("\"kubernetes.io\".namespace"),
            path("\"kubernetes.io.namespace\""),
        );
        let one = claims(NESTED).unwrap();
        assert_eq!(one.condition(name), Some(Value::Text("shop")));
        assert_eq!(one.texts(&nested), ["shop"]);
        assert_eq!(one.texts(&path("\"kubernetes.io\".pod.name")), ["p"]);
        for more in [
            r#","kubernetes.io.namespace":"else""#,
            r#","kubernetes.io.namespace":null"#,
            r#","kubernetes":{"io":{"namespace":"else"}}"#,
            r#","kubernetes":{"io.namespace":"else"}"#,
        ] {
            let two = claims(&format!("{NESTED}{more}")).unwrap();
            assert_eq!(two.condition(name), None, "{more}");
            assert!(two.texts(&nested).is_empty(), "{more}");
            assert!(two.texts(&flat).is_empty(), "{more}");
            assert!(two.has(&nested), "{more}");
            // What is beside them is not concerned.
            assert_eq!(two.texts(&path("\"kubernetes.io\".pod.name")), ["p"]);
            assert_eq!(
                two.condition("kubernetes.io.pod.name"),
                Some(Value::Text("p"))
            );
        }
        let two = claims(&format!("{NESTED},\"Kubernetes.io.Namespace\":\"else\"")).unwrap();
        assert_eq!(two.condition(name), None, "in any case");
    }
}
