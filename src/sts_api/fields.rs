//! Parameters with the limits of AWS's API model (botocore, `sts/2011-06-15/service-2.json`).

use std::ops::RangeInclusive;

use super::error::Error;
use super::form::Form;

/// Letters of a kind of text.
pub(super) type Letters = fn(char) -> bool;

/// `[\w+=,.@-]`
pub(super) fn name_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

/// `[\w+=,.@:\/-]`
pub(super) fn external_id_letter(c: char) -> bool {
    name_letter(c) || matches!(c, ':' | '/')
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`
pub(super) fn tag_letter(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)
}

/// Tab, LF, CR and U+0020 to U+00FF.
pub(super) fn policy_letter(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')
}

/// Whatever can be printed.
pub(super) fn printable(c: char) -> bool {
    !c.is_control()
}

/// A parameter's model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    pub(super) name: &'static str,
    /// As AWS's messages call it.
    pub(super) field: &'static str,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) letters: Letters,
}

const fn model(
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

pub(super) const ROLE_ARN: Model = model("RoleArn", "roleArn", (20, 2048), printable);
pub(super) const SESSION_NAME: Model =
    model("RoleSessionName", "roleSessionName", (2, 64), name_letter);
pub(super) const EXTERNAL_ID: Model =
    model("ExternalId", "externalId", (2, 1224), external_id_letter);
pub(super) const SOURCE_IDENTITY: Model =
    model("SourceIdentity", "sourceIdentity", (2, 64), name_letter);
pub(super) const SERIAL_NUMBER: Model =
    model("SerialNumber", "serialNumber", (9, 256), external_id_letter);
pub(super) const TOKEN_CODE: Model =
    model("TokenCode", "tokenCode", (6, 6), |c| c.is_ascii_digit());
pub(super) const POLICY: Model = model("Policy", "policy", (1, 2048), policy_letter);
pub(super) const FEDERATED_NAME: Model = model("Name", "name", (2, 32), name_letter);
pub(super) const ACCESS_KEY: Model = model("AccessKeyId", "accessKeyId", (16, 128), |c| {
    c.is_ascii_alphanumeric() || c == '_'
});
pub(super) const WEB_TOKEN: Model = model(
    "WebIdentityToken",
    "webIdentityToken",
    (4, 20_000),
    printable,
);
pub(super) const PRINCIPAL_ARN: Model =
    model("PrincipalArn", "principalArn", (20, 2048), printable);
pub(super) const SAML_ASSERTION: Model =
    model("SAMLAssertion", "sAMLAssertion", (4, 100_000), |c| {
        c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || matches!(c, '+' | '/' | '=')
    });
pub(super) const ENCODED_MESSAGE: Model =
    model("EncodedMessage", "encodedMessage", (1, 10_240), printable);

impl Model {
    pub(super) fn check<'f>(&self, value: &'f str) -> Result<&'f str, Error> {
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

    pub(super) fn optional<'f>(&self, form: &'f Form) -> Result<Option<&'f str>, Error> {
        form.get(self.name)
            .map(|value| self.check(value))
            .transpose()
    }

    pub(super) fn required<'f>(&self, form: &'f Form) -> Result<&'f str, Error> {
        match form.get(self.name) {
            Some(value) => self.check(value),
            None => Err(Error::constraint(self.field, "Member must not be null")),
        }
    }
}

/// `DurationSeconds`, in the range that the model has.
pub(super) fn duration(form: &Form, range: RangeInclusive<u32>) -> Result<Option<u32>, Error> {
    let Some(text) = form.get("DurationSeconds") else {
        return Ok(None);
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(seconds) = text.parse::<u32>().ok().filter(|_| digits) else {
        return Err(Error::new(
            "MalformedInput",
            400,
            crate::outcome::Reason::MalformedRequest,
            "DurationSeconds is not a whole number",
        ));
    };
    if seconds < *range.start() {
        let constraint = format!(
            "Member must have value greater than or equal to {}",
            range.start()
        );
        return Err(Error::constraint("durationSeconds", &constraint));
    }
    if seconds > *range.end() {
        let constraint = format!(
            "Member must have value less than or equal to {}",
            range.end()
        );
        return Err(Error::constraint("durationSeconds", &constraint));
    }
    Ok(Some(seconds))
}

/// Parameters that the action does not have are refused: what is ignored was meant.
pub(super) fn only(form: &Form, known: &[&str]) -> Result<(), Error> {
    match form.unknown(known) {
        None => Ok(()),
        Some(name) => {
            let name: String = name.chars().take(64).collect();
            Err(Error::validation(format!(
                "the parameter {} is not known to this action",
                name.escape_debug()
            )))
        }
    }
}
