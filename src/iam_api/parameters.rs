//! The parameters of IAM's API, with the limits of its model.

use crate::query_api::error::Error;
use crate::query_api::fields::{
    Model, external_id_letter, model, name_letter, policy_letter, printable,
};
use crate::query_api::form::Form;

pub(super) const USER_NAME: Model = model("UserName", "userName", (1, 128), name_letter);
pub(super) const GROUP_NAME: Model = model("GroupName", "groupName", (1, 128), name_letter);
pub(super) const ROLE_NAME: Model = model("RoleName", "roleName", (1, 64), name_letter);
pub(super) const POLICY_NAME: Model = model("PolicyName", "policyName", (1, 128), name_letter);
pub(super) const POLICY_ARN: Model = model("PolicyArn", "policyArn", (20, 2048), printable);
pub(super) const ARN: Model = model("Arn", "arn", (20, 2048), printable);
pub(super) const PROVIDER_ARN: Model = model(
    "OpenIDConnectProviderArn",
    "openIDConnectProviderArn",
    (20, 2048),
    printable,
);
pub(super) const SAML_PROVIDER_ARN: Model =
    model("SAMLProviderArn", "sAMLProviderArn", (20, 2048), printable);
pub(super) const POLICY_SOURCE_ARN: Model =
    model("PolicySourceArn", "policySourceArn", (20, 2048), printable);
pub(super) const CALLER_ARN: Model = model("CallerArn", "callerArn", (1, 2048), printable);
pub(super) const RESOURCE_OWNER: Model =
    model("ResourceOwner", "resourceOwner", (1, 2048), printable);
pub(super) const RESOURCE_POLICY: Model = model(
    "ResourcePolicy",
    "resourcePolicy",
    (1, 131_072),
    policy_letter,
);
pub(super) const VERSION_ID: Model = model("VersionId", "versionId", (1, 64), |c| {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-')
});
pub(super) const JOB_ID: Model = model("JobId", "jobId", (36, 36), |c| {
    c.is_ascii_hexdigit() || c == '-'
});
pub(super) const ACCESS_KEY_ID: Model = model("AccessKeyId", "accessKeyId", (16, 128), |c| {
    c.is_ascii_alphanumeric() || c == '_'
});

pub(super) const PROVIDER_URL: Model = model("Url", "url", (1, 255), printable);
pub(super) const SAML_PROVIDER_NAME: Model = model("Name", "name", (1, 128), |c| {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
});
pub(super) const DEVICE_NAME: Model = model(
    "VirtualMFADeviceName",
    "virtualMFADeviceName",
    (1, 226),
    name_letter,
);
pub(super) const SERIAL_NUMBER: Model =
    model("SerialNumber", "serialNumber", (9, 256), external_id_letter);
pub(super) const SERVICE_NAMESPACE: Model =
    model("ServiceNamespace", "serviceNamespace", (1, 64), |c| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
    });

/// `PathPrefix`: `/` or `/a/…`.
pub(super) fn path_prefix(form: &Form) -> Result<&str, Error> {
    let Some(prefix) = form.get("PathPrefix") else {
        return Ok("/");
    };
    let good = prefix.starts_with('/')
        && prefix.len() <= 512
        && prefix.bytes().all(|byte| byte.is_ascii_graphic());
    if good {
        return Ok(prefix);
    }
    let constraint = "Member must begin with a slash and have 512 printable characters at most";
    Err(Error::constraint("pathPrefix", constraint))
}

/// One of a few words.
pub(super) fn word<'w>(
    form: &Form,
    name: &str,
    field: &str,
    words: &[&'w str],
) -> Result<Option<&'w str>, Error> {
    let Some(text) = form.get(name) else {
        return Ok(None);
    };
    let found = words.iter().find(|word| **word == text);
    match found {
        Some(word) => Ok(Some(word)),
        None => Err(Error::constraint(
            field,
            &format!("Member must satisfy enum value set: [{}]", words.join(", ")),
        )),
    }
}

/// `true` or `false`.
pub(super) fn flag(form: &Form, name: &str, field: &str) -> Result<bool, Error> {
    Ok(word(form, name, field, &["true", "false"])? == Some("true"))
}
