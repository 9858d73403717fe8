//! JSON as tokens and key sets carry it, read strictly: duplicate members are refused at every level.
//!
//! `serde_json` alone keeps the last of two equal members; whoever else reads the token may keep the first, and then
//! two parties judge two tokens (RFC 8725, section 2.4; RFC 7519, section 4). Lists are kept as the texts of their
//! values, which is how mappings and conditions ask for them. Knows nothing of tokens.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(Box<str>),
    /// A list.
    List(List),
    /// Members in their written order; no name twice.
    Object(Vec<(Box<str>, Json)>),
}

/// A number, with the text that stands for it in names.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// Its text.
    pub text: Box<str>,
    /// Its value, to the precision of a double.
    pub value: f64,
    /// Its value, if it is whole.
    pub whole: Option<i64>,
}

/// A list. Lists and objects inside it have been read, and are not kept: nothing asks for them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct List {
    /// The texts of its scalar values.
    pub texts: Box<[Box<str>]>,
    /// Whether all values are texts.
    pub only_texts: bool,
}

impl Json {
    /// Reads one JSON value; nothing may follow it.
    ///
    /// # Errors
    /// When it is no JSON, or a member stands twice.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// A member of an object.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members()
            .iter()
            .find(|(member, _)| &**member == name)
            .map(|(_, value)| value)
    }

    /// The members of an object; nothing of anything else.
    pub fn members(&self) -> &[(Box<str>, Self)] {
        if let Self::Object(members) = self {
            members
        } else {
            &[]
        }
    }

    /// The text.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The texts of a scalar or a list; an object and `null` have none.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Null | Self::Object(_) => Vec::new(),
            Self::Bool(true) => vec!["true"],
            Self::Bool(false) => vec!["false"],
            Self::Number(number) => vec![&number.text],
            Self::Text(text) => vec![text],
            Self::List(list) => list.texts.iter().map(|text| &**text).collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "times are far below 2^53, and other numbers are used by their text"
    )]
    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(number(value.to_string(), value as f64, Some(value)))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "times are far below 2^53, and other numbers are used by their text"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(number(
            value.to_string(),
            value as f64,
            i64::try_from(value).ok(),
        ))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(number(value.to_string(), value, None))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut texts: Vec<Box<str>> = Vec::new();
        let mut only_texts = true;
        while let Some(item) = items.next_element::<Json>()? {
            only_texts &= matches!(item, Json::Text(_));
            match item {
                Json::Text(text) => texts.push(text),
                Json::Number(number) => texts.push(number.text),
                Json::Bool(value) => texts.push(if value { "true" } else { "false" }.into()),
                Json::Null | Json::List(_) | Json::Object(_) => {}
            }
        }
        Ok(Json::List(List {
            texts: texts.into(),
            only_texts,
        }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut members: Vec<(Box<str>, Json)> = Vec::new();
        while let Some((name, value)) = entries.next_entry()? {
            members.push((name, value));
        }
        if let Some(name) = twice(&members) {
            return Err(de::Error::custom(format_args!(
                "the member `{}` stands twice",
                name.chars().take(64).collect::<String>().escape_debug()
            )));
        }
        // Kept for long, where tokens are; a list has given back its spare room too.
        members.shrink_to_fit();
        Ok(Json::Object(members))
    }
}

fn number(text: String, value: f64, whole: Option<i64>) -> Json {
    Json::Number(Number {
        text: text.into(),
        value,
        whole,
    })
}

/// A name that stands twice.
fn twice(members: &[(Box<str>, Json)]) -> Option<&str> {
    let names = || members.iter().map(|(name, _)| &**name);
    // Few names: comparing them all is cheaper than hashing. Many: it would be quadratic, and who writes them is hostile.
    if members.len() <= 16 {
        return names()
            .enumerate()
            .find(|(at, name)| names().take(*at).any(|earlier| earlier == *name))
            .map(|(_, name)| name);
    }
    let mut seen = HashSet::with_capacity(members.len());
    names().find(|name| !seen.insert(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_members_are_refused_at_every_level() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"{"x":[{"a":1,"a":2}]}"#,
        ] {
            assert!(Json::read(text.as_bytes()).is_err(), "{text}");
        }
        let many: Vec<String> = (0..100).map(|n| format!("\"k{n}\":0")).collect();
        assert!(Json::read(format!("{{{}}}", many.join(",")).as_bytes()).is_ok());
        assert!(Json::read(format!("{{{},\"k7\":0}}", many.join(",")).as_bytes()).is_err());
    }

    #[test]
    fn lenient_json_is_refused() {
        for text in [
            "",
            "{} {}",
            "{}x",
            "{a:1}",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":NaN}",
            "{\"a\":+1}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\u{1}\"}",
            "\u{feff}{}",
            "{\"a\":1e999}",
            "// x\n{}",
        ] {
            assert!(Json::read(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Json::read(b"{\"a\":\"\xff\"}").is_err());
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(Json::read(deep.as_bytes()).is_err());
    }

    #[test]
    fn values_as_texts() {
        let json = Json::read(br#"{"n":12,"f":1.5,"l":["a",1,true,null,["x"]],"o":{}}"#).unwrap();
        let texts = |name| json.get(name).unwrap().texts();
        assert_eq!(texts("n"), ["12"]);
        assert_eq!(texts("f"), ["1.5"]);
        assert_eq!(texts("l"), ["a", "1", "true"]);
        assert!(texts("o").is_empty());
    }
}
