//! Parameters with the limits of AWS's API model (botocore, `sts/2011-06-15/service-2.json`).

use std::ops::RangeInclusive;

use super::error::Error;
use super::form::Form;
use crate::query_api::fields::{external_id_letter, model, name_letter, policy_letter, printable};
use crate::sts::seal::MAX_TEXT;

pub(super) use crate::query_api::fields::{Model, only, tag_letter};

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
pub(super) const PROVIDER_ID: Model = model("ProviderId", "providerId", (4, 2048), printable);
pub(super) const PROVIDER_ARN: Model = model("ProviderArn", "providerArn", (20, 2048), printable);
pub(super) const CONTEXT_ASSERTION: Model =
    model("ContextAssertion", "contextAssertion", (4, 2048), printable);
pub(super) const PRINCIPAL_ARN: Model =
    model("PrincipalArn", "principalArn", (20, 2048), printable);
pub(super) const SAML_ASSERTION: Model =
    model("SAMLAssertion", "sAMLAssertion", (4, 100_000), |c| {
        c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || matches!(c, '+' | '/' | '=')
    });
pub(super) const ENCODED_MESSAGE: Model =
    model("EncodedMessage", "encodedMessage", (1, 10_240), printable);

/// `MinimumSessionTokenSize`.
pub(super) fn least_token(form: &Form) -> Result<usize, Error> {
    let most = u32::try_from(MAX_TEXT).unwrap_or(u32::MAX);
    let found = integer(
        form,
        "MinimumSessionTokenSize",
        "minimumSessionTokenSize",
        0..=most,
    )?;
    Ok(usize::try_from(found.unwrap_or_default()).unwrap_or_default())
}

/// `DurationSeconds`, in the range that the model has.
pub(super) fn duration(form: &Form, range: RangeInclusive<u32>) -> Result<Option<u32>, Error> {
    integer(form, "DurationSeconds", "durationSeconds", range)
}

fn integer(
    form: &Form,
    name: &str,
    field: &str,
    range: RangeInclusive<u32>,
) -> Result<Option<u32>, Error> {
    let Some(text) = form.get(name) else {
        return Ok(None);
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(value) = text.parse::<u32>().ok().filter(|_| digits) else {
        return Err(Error::new(
            "MalformedInput",
            400,
            crate::outcome::Reason::MalformedRequest,
            format!("{name} is not a whole number"),
        ));
    };
    let bound = |which: &str, bound: &u32| {
        let constraint = format!("Member must have value {which} than or equal to {bound}");
        Error::constraint(field, &constraint)
    };
    if value < *range.start() {
        return Err(bound("greater", range.start()));
    }
    if value > *range.end() {
        return Err(bound("less", range.end()));
    }
    Ok(Some(value))
}
