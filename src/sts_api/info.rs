//! GetCallerIdentity, GetAccessKeyInfo and DecodeAuthorizationMessage: answers without a session.

use crate::arn::AccountId;
use crate::outcome::Reason;
use crate::sts::access_key;

use super::asked::Asked;
use super::call::{Call, Target};
use super::caller::Caller;
use super::error::Error;
use super::fields::{self, ACCESS_KEY, ENCODED_MESSAGE};
use super::xml::Members;

/// Needs no permission, and no policy stops it.
pub(super) fn caller_identity(call: &Call<'_>, caller: &Caller) -> Result<Members, Error> {
    fields::only(call.form, &[])?;
    let identity = &caller.identity;
    let mut members = Members::default();
    members
        .text("Arn", identity.principal.name())
        .text("UserId", &identity.user_id)
        .maybe("Account", identity.principal.account());
    Ok(members)
}

/// Whose an access key is, by the key's id.
pub(super) fn access_key_info(call: &mut Call<'_>, caller: &Caller) -> Result<Members, Error> {
    fields::only(call.form, &["AccessKeyId"])?;
    let id = ACCESS_KEY.required(call.form)?;
    let asked = Asked::default();
    call.authorize(caller, &["sts:GetAccessKeyInfo"], Target::Own("*"), &asked)?;
    let account = access_key::account(id).or_else(|| call.parts.access_keys.account(id));
    let Some(account) = account.filter(|account| call.directory().account(*account).is_some())
    else {
        // Without what was given: people mistake a key's secret for its id.
        return Err(Error::validation("no account has this access key"));
    };
    let mut members = Members::default();
    members.text("Account", account.as_str());
    Ok(members)
}

/// What a refusal kept from its client: for callers in the account of the resource or of who was refused.
pub(super) fn decode(call: &mut Call<'_>, caller: &Caller) -> Result<Members, Error> {
    fields::only(call.form, &["EncodedMessage"])?;
    let message = ENCODED_MESSAGE.required(call.form)?;
    let asked = Asked::default();
    let action = "sts:DecodeAuthorizationMessage";
    call.authorize(caller, &[action], Target::Own("*"), &asked)?;
    let invalid = |detail: &str| {
        Error::new(
            "InvalidAuthorizationMessageException",
            400,
            Reason::MalformedRequest,
            "The message is not an encoded authorization message of this service, or not of your account",
        )
        .with_detail(detail)
    };
    let text = call
        .parts
        .keys
        .open_message(message)
        .map_err(|error| invalid(&error.to_string()))?;
    let own = caller
        .identity
        .principal
        .account()
        .and_then(AccountId::parse);
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|_| invalid("its text is no JSON"))?;
    let accounts = value
        .get("accounts")
        .and_then(|accounts| accounts.as_array());
    let concerned = accounts.is_some_and(|accounts| {
        let mut accounts = accounts.iter().filter_map(|account| account.as_str());
        accounts.any(|account| own.is_some_and(|own| own.as_str() == account))
    });
    if !concerned {
        return Err(invalid("it is of other accounts"));
    }
    let mut members = Members::default();
    members.text("DecodedMessage", &text);
    Ok(members)
}
