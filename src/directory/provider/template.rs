//! Templates that make names out of a token's claims: `corp-{claim:realm_access.roles|strip:app-}`.
//!
//! A template is literal text with any number of `{claim:PATH}` in it; `{{` and `}}` are the braces themselves. PATH is
//! names with dots between them, each a step into a nested claim; a name that holds other characters than letters,
//! digits, `_`, `-`, `/`, `:` and `@` stands in double quotes: `{claim:"https://idp.example/roles"}`. Filters follow
//! behind a bar:
//!
//! - `|strip:PREFIX` keeps the values that begin with PREFIX, without it, and drops all others, so that `app-admin`
//!   and somebody's `admin` do not become one.
//! - `|split` takes a text apart at white space (the claim `scope` is taken apart without asking).
//!
//! A claim that is a list makes one text for each of its values; a template of which two claims are lists makes none.
//! A claim that is absent or empty makes none either.

/// The way to a claim: one name a level.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimPath(Vec<Box<str>>);

impl ClaimPath {
    /// Reads `a.b."c.d"`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (path, rest) = Self::read(text)?;
        if rest.is_empty() {
            Ok(path)
        } else {
            Err(format!("`{rest}` does not belong into a claim's name"))
        }
    }

    /// The names, outermost first.
    pub fn names(&self) -> &[Box<str>] {
        &self.0
    }

    /// Reads as far as it goes, and returns what is left.
    fn read(text: &str) -> Result<(Self, &str), String> {
        let mut names = Vec::new();
        let mut rest = text;
        loop {
            let name = if let Some(quoted) = rest.strip_prefix('"') {
                let (name, after) = quoted
                    .split_once('"')
                    .ok_or_else(|| "a quoted claim name has no closing quote".to_owned())?;
                rest = after;
                name
            } else {
                let end = rest.find(|c: char| !plain(c)).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                rest = after;
                name
            };
            if name.is_empty() {
                return Err("a claim's name is empty".to_owned());
            }
            names.push(name.into());
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None => return Ok((Self(names), rest)),
            }
        }
    }
}

fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | ':' | '@')
}

/// A text with claims in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Claim(ClaimPath, Vec<Filter>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    Strip(Box<str>),
    Split,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            literal.push_str(before);
            if let Some(after) = brace.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else if let Some(inner) = brace.strip_prefix("{claim:") {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal).into()));
                }
                let (path, after) = ClaimPath::read(inner)?;
                let (filters, after) = filters(after)?;
                parts.push(Part::Claim(path, filters));
                rest = after;
            } else {
                return Err("a brace stands for itself only when doubled: `{{`".to_owned());
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        if parts.is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(Self { parts })
    }

    /// The text of one that holds no claim.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Every text that it makes. `values` answers with the values of a claim: none for an absent one.
    pub fn expand<'c>(&self, values: &dyn Fn(&ClaimPath) -> Vec<&'c str>) -> Vec<String> {
        let mut texts = vec![String::new()];
        for part in &self.parts {
            match part {
                Part::Literal(literal) => {
                    for text in &mut texts {
                        text.push_str(literal);
                    }
                }
                Part::Claim(path, filters) => {
                    let mut found = values(path);
                    for filter in filters {
                        found = filter.apply(found);
                    }
                    found.retain(|value| !value.is_empty());
                    texts = match (texts.as_mut_slice(), found.as_slice()) {
                        (_, []) => return Vec::new(),
                        (many, [one]) => {
                            for text in many {
                                text.push_str(one);
                            }
                            texts
                        }
                        ([prefix], many) => many
                            .iter()
                            .map(|value| format!("{prefix}{value}"))
                            .collect(),
                        // Two lists: which goes with which is nobody's guess.
                        _ => return Vec::new(),
                    };
                }
            }
        }
        texts
    }

    /// The text that it makes, if it makes exactly one.
    pub fn expand_one<'c>(&self, values: &dyn Fn(&ClaimPath) -> Vec<&'c str>) -> Option<String> {
        let mut texts = self.expand(values);
        let first = texts.pop()?;
        texts.is_empty().then_some(first)
    }
}

impl Filter {
    fn apply<'c>(&self, values: Vec<&'c str>) -> Vec<&'c str> {
        match self {
            Self::Strip(prefix) => values
                .into_iter()
                .filter_map(|value| value.strip_prefix(&**prefix))
                .collect(),
            Self::Split => values
                .into_iter()
                .flat_map(str::split_ascii_whitespace)
                .collect(),
        }
    }
}

/// Reads `|filter|filter}`.
fn filters(text: &str) -> Result<(Vec<Filter>, &str), String> {
    let (inside, after) = text
        .split_once('}')
        .ok_or_else(|| "`{claim:` has no closing `}`".to_owned())?;
    let mut filters = Vec::new();
    let mut words = inside.split('|');
    if let Some(stray) = words.next()
        && !stray.is_empty()
    {
        return Err(format!(
            "`{stray}` does not belong into a claim's name (put names with such characters into double quotes)"
        ));
    }
    for word in words {
        filters.push(match word.split_once(':') {
            Some(("strip", prefix)) if !prefix.is_empty() => Filter::Strip(prefix.into()),
            None if word == "split" => Filter::Split,
            _ => {
                return Err(format!(
                    "`{word}` is no filter: there are strip:PREFIX and split"
                ));
            }
        });
    }
    Ok((filters, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(template: &str) -> Vec<String> {
        let template = Template::parse(template).unwrap();
        template.expand(&|path| match path.names().join("/").as_str() {
            "sub" => vec!["alice"],
            "realm_access/roles" => vec!["app-admin", "app-dev", "admin"],
            "https://idp.example/groups" => vec!["x", "y"],
            "scp" => vec!["read write"],
            "empty" => vec![""],
            _ => vec![],
        })
    }

    #[test]
    fn texts_are_made() {
        assert_eq!(expand("role/{claim:sub}-x"), ["role/alice-x"]);
        assert_eq!(
            expand("{claim:realm_access.roles|strip:app-}"),
            ["admin", "dev"]
        );
        assert_eq!(
            expand("{claim:sub}:{claim:\"https://idp.example/groups\"}"),
            ["alice:x", "alice:y"]
        );
        assert_eq!(expand("{claim:scp|split}"), ["read", "write"]);
        assert_eq!(expand("{{{claim:sub}}}"), ["{alice}"]);
        assert_eq!(expand("fixed"), ["fixed"]);
    }

    #[test]
    fn absent_empty_and_doubly_listed_claims_make_nothing() {
        for template in [
            "x{claim:none}",
            "x{claim:empty}",
            "{claim:realm_access.roles}{claim:\"https://idp.example/groups\"}",
            "{claim:sub|strip:bob}",
        ] {
            assert!(expand(template).is_empty(), "{template}");
        }
    }

    #[test]
    fn one_text_or_none() {
        let one = |template: &str, values: &'static [&'static str]| {
            Template::parse(template)
                .unwrap()
                .expand_one(&|_| values.to_vec())
        };
        assert_eq!(one("{claim:a}", &["x"]), Some("x".to_owned()));
        assert_eq!(one("{claim:a}", &["x", "y"]), None);
        assert_eq!(one("{claim:a}", &[]), None);
    }

    #[test]
    fn malformed_templates() {
        for text in [
            "",
            "{",
            "}",
            "{claim:}",
            "{claim:a",
            "{claim:a.}",
            "{claim:.a}",
            "{claim:\"a}",
            "{x}",
            "{claim:a|}",
            "{claim:a|strip:}",
            "{claim:a|upper}",
            "{claim:a b}",
            "{claim:ä}",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
