//! Parameters, checked against the limits of an API's model.

use super::error::Error;
use super::form::Form;

/// Letters of a kind of text.
pub(crate) type Letters = fn(char) -> bool;

/// `[\w+=,.@-]`
pub(crate) fn name_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

/// `[\w+=,.@:\/-]`
pub(crate) fn external_id_letter(c: char) -> bool {
    name_letter(c) || matches!(c, ':' | '/')
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`
pub(crate) fn tag_letter(c: char) -> bool {
    // Of white space, what is not a control character is \p{Z}.
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}

/// Tab, LF, CR and U+0020 to U+00FF.
pub(crate) fn policy_letter(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')
}

/// Whatever can be printed.
pub(crate) fn printable(c: char) -> bool {
    !c.is_control()
}

/// A parameter's model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    /// As AWS's messages call it.
    pub(crate) field: &'static str,
    pub(crate) least: usize,
    pub(crate) most: usize,
    pub(crate) letters: Letters,
}

/// A parameter of a model.
pub(crate) const fn model(
    name: &'static str,
    field: &'static str,
    (least, most): (usize, usize),
    letters: Letters,
) -> Model {
    Model {
        name,
        field,
        least,
        most,
        letters,
    }
}

impl Model {
    pub(crate) fn check<'f>(&self, value: &'f str) -> Result<&'f str, Error> {
        let length = value.chars().count();
        if length < self.least {
            let constraint = format!(
                "Member must have length greater than or equal to {}",
                self.least
            );
            return Err(Error::constraint(self.field, &constraint));
        }
        if length > self.most {
            let constraint = format!(
                "Member must have length less than or equal to {}",
                self.most
            );
            return Err(Error::constraint(self.field, &constraint));
        }
        if !value.chars().all(self.letters) {
            let constraint = "Member must satisfy the regular expression pattern of the API";
            return Err(Error::constraint(self.field, constraint));
        }
        Ok(value)
    }

    pub(crate) fn optional<'f>(&self, form: &'f Form) -> Result<Option<&'f str>, Error> {
        form.get(self.name)
            .map(|value| self.check(value))
            .transpose()
    }

    pub(crate) fn required<'f>(&self, form: &'f Form) -> Result<&'f str, Error> {
        match form.get(self.name) {
            Some(value) => self.check(value),
            None => Err(Error::constraint(self.field, "Member must not be null")),
        }
    }
}

/// Parameters that the action does not have, and members of lists that nobody would read, are refused: what is ignored
/// was meant. See [`Form::stray`] for how `known` is written.
pub(crate) fn only(form: &Form, known: &[&str]) -> Result<(), Error> {
    match form.stray(known) {
        None => Ok(()),
        Some(name) => {
            let name: String = name.chars().take(64).collect();
            Err(Error::validation(format!(
                "the parameter {} is not known to this action, or a list has none of the number before it",
                name.escape_debug()
            ))
            // People put secrets where something else belongs.
            .with_detail("a parameter that is not known to this action"))
        }
    }
}
