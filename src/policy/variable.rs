//! Policy variables: `${key}`, `${key, 'default'}` and the escapes `${*}`, `${?}`, `${$}`.
//!
//! A text is cut into tokens when the policy is read, and a variable's value is put in as literal text when it is
//! judged: its `*` and `?` never become wildcards, and it is not scanned again. A variable without value and default
//! makes the whole template match nothing. Decided here, where IAM's documentation is silent: a multivalued key has
//! no single value, so its default stands in; an empty text is a value.

use super::context::{Context, Value, folded};
use super::pattern::{Builder, Pattern, Piece};

/// What is special in a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Syntax {
    /// `${…}` (Version 2012-10-17 only).
    pub(crate) variables: bool,
    /// `*` and `?`.
    pub(crate) wildcards: bool,
}

/// How variables are written, for who wrote one otherwise.
pub(crate) const FORMS: &str = "known are ${key}, ${key, 'default'}, ${*}, ${?} and ${$}";

/// Bytes of a text for people, with the request's values in, behind which no further piece is told.
const LONGEST_TOLD: usize = 10_000;

/// One piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Literal(Box<str>),
    Any,
    Run,
    Variable {
        /// In lower case.
        key: Box<str>,
        default: Option<Box<str>>,
    },
}

/// A text with wildcards and variables.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    source: Box<str>,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Fixed(Pattern),
    Open(Box<[Token]>),
    /// Two patterns, both of which must fit.
    Both(Box<[Pattern; 2]>),
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// What is wrong with a `${…}` that is none of the known forms.
    pub(crate) fn read(source: &str, syntax: Syntax) -> Result<Self, String> {
        Self::joined(source, &[(source, syntax)])
    }

    /// What fits both templates, unless one has variables: then it is the first.
    pub(crate) fn both(source: &str, [first, second]: [Self; 2]) -> Self {
        let form = match (first.form, second.form) {
            (Form::Fixed(first), Form::Fixed(second)) => Form::Both(Box::new([first, second])),
            (first, _) => first,
        };
        let source = source.into();
        Self { source, form }
    }

    /// Whether it fits less than its pieces say.
    pub(crate) fn is_both(&self) -> bool {
        matches!(self.form, Form::Both(_))
    }

    /// Reads a text whose parts differ in what is special.
    pub(crate) fn joined(source: &str, parts: &[(&str, Syntax)]) -> Result<Self, String> {
        let form = if (parts.iter()).any(|(part, syntax)| {
            syntax.variables && memchr::memchr(b'$', part.as_bytes()).is_some()
        }) {
            Self::open(parts)?
        } else {
            let mut builder = Builder::default();
            for (part, syntax) in parts {
                if syntax.wildcards {
                    builder.glob(part);
                } else {
                    builder.literal(part);
                }
            }
            Form::Fixed(builder.finish())
        };
        Ok(Self {
            source: source.into(),
            form,
        })
    }

    /// The form of parts that hold a `$`: of a variable, of an escape, or of nothing special.
    fn open(parts: &[(&str, Syntax)]) -> Result<Form, String> {
        let mut tokens = Vec::new();
        for (part, syntax) in parts {
            tokenise(part, *syntax, &mut tokens)?;
        }
        let open = tokens
            .iter()
            .any(|token| matches!(token, Token::Variable { .. }));
        Ok(if open {
            Form::Open(tokens.into())
        } else {
            let mut builder = Builder::default();
            for token in &tokens {
                match token {
                    Token::Literal(text) => builder.literal(text),
                    Token::Any => builder.any(),
                    Token::Run => builder.run(),
                    Token::Variable { .. } => {}
                }
            }
            Form::Fixed(builder.finish())
        })
    }

    /// As it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The keys of its variables, in lower case.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let tokens: &[Token] = match &self.form {
            Form::Fixed(_) | Form::Both(_) => &[],
            Form::Open(tokens) => tokens,
        };
        tokens.iter().filter_map(|token| match token {
            Token::Variable { key, .. } => Some(&**key),
            Token::Literal(_) | Token::Any | Token::Run => None,
        })
    }

    /// Whether it fits nothing: one of its variables has no value, if `is_null` says so of its key, and no default.
    pub(crate) fn is_null(&self, is_null: &dyn Fn(&str) -> bool) -> bool {
        let Form::Open(tokens) = &self.form else {
            return false;
        };
        (tokens.iter())
            .any(|token| matches!(token, Token::Variable { key, default: None } if is_null(key)))
    }

    /// Whether it is one variable, and nothing besides.
    pub(crate) fn is_variable(&self) -> bool {
        let Form::Open(tokens) = &self.form else {
            return false;
        };
        matches!(&**tokens, [Token::Variable { .. }])
    }

    /// Its pieces; of two patterns those of the first.
    pub(crate) fn pieces(&self) -> Vec<Piece<'_>> {
        let tokens = match &self.form {
            Form::Fixed(pattern) => return pattern.pieces(),
            Form::Both(patterns) => {
                let [first, _] = &**patterns;
                return first.pieces();
            }
            Form::Open(tokens) => tokens,
        };
        let mut pieces = Vec::with_capacity(self.source.len());
        for token in tokens {
            match token {
                Token::Literal(text) => pieces.extend(text.chars().map(Piece::Char)),
                Token::Variable { key, default } => {
                    pieces.push(Piece::Variable(key, default.as_deref()));
                }
                Token::Run if pieces.last() == Some(&Piece::Run) => {}
                Token::Run => pieces.push(Piece::Run),
                Token::Any if pieces.last() == Some(&Piece::Run) => {
                    // `*?` and `?*` mean the same; a pattern is the same however it is written.
                    pieces.pop();
                    pieces.extend([Piece::Any, Piece::Run]);
                }
                Token::Any => pieces.push(Piece::Any),
            }
        }
        pieces
    }

    /// The same with `*` in place of each variable.
    pub(crate) fn widened(&self) -> Self {
        let form = match &self.form {
            Form::Fixed(_) | Form::Both(_) => return self.clone(),
            Form::Open(tokens) => {
                let mut builder = Builder::default();
                for token in tokens {
                    match token {
                        Token::Literal(text) => builder.literal(text),
                        Token::Any => builder.any(),
                        Token::Run | Token::Variable { .. } => builder.run(),
                    }
                }
                Form::Fixed(builder.finish())
            }
        };
        Self {
            source: self.source.clone(),
            form,
        }
    }

    /// For people: the text with the request's values in, its wildcards as they are written. `None`: it has no variables.
    ///
    /// # Errors
    /// The key of a variable that has no value.
    pub(crate) fn told(&self, context: &dyn Context) -> Option<Result<String, &str>> {
        let Form::Open(tokens) = &self.form else {
            return None;
        };
        let mut text = String::new();
        let mut is_cut = false;
        for token in tokens {
            is_cut |= text.len() > LONGEST_TOLD;
            match token {
                Token::Literal(_) | Token::Any | Token::Run if is_cut => {}
                Token::Literal(literal) => text.push_str(literal),
                Token::Any => text.push('?'),
                Token::Run => text.push('*'),
                Token::Variable { key, default } => match (context.get(key), default) {
                    (Some(Value::List(_)) | None, Some(_)) if is_cut => {}
                    (Some(Value::List(_)) | None, Some(default)) => text.push_str(default),
                    (Some(Value::List(_)) | None, None) => return Some(Err(key)),
                    (Some(_), _) if is_cut => {}
                    (Some(value), _) => value.with_text(|value| text.push_str(value)),
                },
            }
        }
        if is_cut {
            text.push('…');
        }
        Some(Ok(text))
    }

    /// What every matching text begins with.
    pub(crate) fn prefix(&self) -> &[u8] {
        match &self.form {
            Form::Fixed(pattern) => pattern.prefix(),
            Form::Both(patterns) => {
                let [first, _] = &**patterns;
                first.prefix()
            }
            Form::Open(tokens) => match tokens.first() {
                Some(Token::Literal(text)) => text.as_bytes(),
                _ => b"",
            },
        }
    }

    /// Whether it matches every text.
    pub(crate) fn is_everything(&self) -> bool {
        matches!(&self.form, Form::Fixed(pattern) if pattern.is_everything())
    }

    /// Whether the whole of `text` fits. A variable without a value fits nothing.
    #[inline]
    pub(crate) fn matches(&self, text: &str, context: &dyn Context) -> bool {
        match &self.form {
            Form::Fixed(pattern) => pattern.matches(text),
            Form::Open(tokens) => {
                fill(tokens, context, text.len()).is_some_and(|pattern| pattern.matches(text))
            }
            Form::Both(patterns) => patterns.iter().all(|pattern| pattern.matches(text)),
        }
    }

    /// Hands over the text that the template stands for in this request; `None` if a variable has no value. Of what is
    /// longer than `most` bytes as much as shows that it is. Only for templates without wildcards.
    pub(crate) fn with_text<R>(
        &self,
        context: &dyn Context,
        most: usize,
        then: impl FnOnce(&str) -> R,
    ) -> Option<R> {
        match &self.form {
            Form::Fixed(pattern) => pattern.text().map(then),
            Form::Open(tokens) => fill(tokens, context, most)?.text().map(then),
            Form::Both(_) => None,
        }
    }
}

/// Puts the request's values in, until what fits is longer than `most` bytes: many variables of long values would take
/// memory without end, and no text of that length fits any more. That each variable has a value is looked at all the
/// same.
fn fill(tokens: &[Token], context: &dyn Context, most: usize) -> Option<Builder> {
    let mut builder = Builder::default();
    for token in tokens {
        if builder.least() > most {
            if let Token::Variable { key, default } = token
                && default.is_none()
                && matches!(context.get(key), Some(Value::List(_)) | None)
            {
                return None;
            }
            continue;
        }
        match token {
            Token::Literal(text) => builder.literal(text),
            Token::Any => builder.any(),
            Token::Run => builder.run(),
            Token::Variable { key, default } => match context.get(key) {
                Some(Value::List(_)) | None => builder.literal(default.as_deref()?),
                Some(value) => value.with_text(|text| builder.literal(text)),
            },
        }
    }
    Some(builder)
}

fn tokenise(text: &str, syntax: Syntax, tokens: &mut Vec<Token>) -> Result<(), String> {
    let mut literal = String::new();
    let mut rest = text;
    let mut variables = syntax.variables;
    while let Some(character) = rest.chars().next() {
        if variables && let Some(behind) = rest.strip_prefix("${") {
            let Some(inside) = variable(behind)? else {
                // No brace closes from here on: looking again at each `${` would be quadratic.
                variables = false;
                continue;
            };
            match inside.token {
                // An escape is literal text, and no wildcard.
                Token::Literal(escaped) => literal.push_str(&escaped),
                token @ (Token::Any | Token::Run | Token::Variable { .. }) => {
                    flush(&mut literal, tokens);
                    tokens.push(token);
                }
            }
            rest = inside.rest;
            continue;
        }
        match character {
            '*' if syntax.wildcards => {
                flush(&mut literal, tokens);
                tokens.push(Token::Run);
            }
            '?' if syntax.wildcards => {
                flush(&mut literal, tokens);
                tokens.push(Token::Any);
            }
            other => literal.push(other),
        }
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    flush(&mut literal, tokens);
    Ok(())
}

fn flush(literal: &mut String, tokens: &mut Vec<Token>) {
    if !literal.is_empty() {
        // Parts that are read one by one make one literal where they meet, so that the prefix is as long as can be.
        if let Some(Token::Literal(before)) = tokens.last_mut() {
            *before = format!("{before}{literal}").into();
        } else {
            tokens.push(Token::Literal(literal.as_str().into()));
        }
        literal.clear();
    }
}

struct Inside<'t> {
    token: Token,
    rest: &'t str,
}

/// Reads what stands behind `${`. `Ok(None)`: it is never closed, so it is literal text.
fn variable(text: &str) -> Result<Option<Inside<'_>>, String> {
    let Some(close) = text.find('}') else {
        return Ok(None);
    };
    let end = text.find(',').map_or(close, |comma| comma.min(close));
    let (key, behind) = text.split_at_checked(end).unwrap_or((text, ""));
    if behind.starts_with('}') && matches!(key, "*" | "?" | "$") {
        return Ok(Some(Inside {
            token: Token::Literal(key.into()),
            rest: behind.get(1..).unwrap_or_default(),
        }));
    }
    if key.is_empty() || key.contains(['$', '{', '*', '?', '\'']) {
        return Err(format!("`${{{key}` names no context key"));
    }
    if key.trim() != key {
        return Err(format!("`${{{key}}}`: no blanks stand around a key"));
    }
    let (default, rest) = if let Some(rest) = behind.strip_prefix('}') {
        (None, rest)
    } else {
        let parts = behind
            .strip_prefix(", '")
            .and_then(|inside| inside.split_once('\''))
            .and_then(|(default, rest)| Some((default, rest.strip_prefix('}')?)));
        let Some((default, rest)) = parts else {
            return Err(format!(
                "a default is written `${{{key}, 'text'}}`: comma, one space, single quotes"
            ));
        };
        (Some(default.into()), rest)
    };
    Ok(Some(Inside {
        token: Token::Variable {
            key: folded(key),
            default,
        },
        rest,
    }))
}

/// Cuts a text at colons that stand outside `${…}` (where variables are meant), into at most `parts` parts.
pub(crate) fn split_outside(text: &str, parts: usize, variables: bool) -> Vec<&str> {
    let mut cut = Vec::with_capacity(parts);
    let mut start = 0usize;
    let mut at = 0usize;
    let mut variables = variables;
    while let Some(rest) = text.get(at..) {
        if cut.len().saturating_add(1) >= parts {
            break;
        }
        if variables && let Some(behind) = rest.strip_prefix("${") {
            if let Ok(Some(inside)) = variable(behind) {
                at = text.len().saturating_sub(inside.rest.len());
                continue;
            }
            variables = false;
        }
        let Some(character) = rest.chars().next() else {
            break;
        };
        let next = at.saturating_add(character.len_utf8());
        if character == ':' {
            cut.push(text.get(start..at).unwrap_or_default());
            start = next;
        }
        at = next;
    }
    cut.push(text.get(start..).unwrap_or_default());
    cut
}

#[cfg(test)]
mod tests;
