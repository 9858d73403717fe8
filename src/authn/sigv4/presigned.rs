//! The signature in the query: a presigned request.

use std::time::Duration;

use crate::authn::percent::decode;

use super::canonical::parameters;
use super::header::signed_headers;
use super::{
    ALGORITHM, Payload, Raw, Scope, SignatureError, Unproven, payload, read_payload, unhex,
};

/// Seven days, as in AWS.
const MAX_EXPIRES: u64 = 604_800;

const NAMES: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];

/// A query without the parameters of a presigned credential; `None`: nothing is left.
pub fn without_credential(query: &str) -> Option<String> {
    let is_kept = |pair: &&str| {
        let name = decode(pair.split('=').next().unwrap_or_default());
        !NAMES.iter().any(|known| known.as_bytes() == name)
    };
    let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

pub(super) fn find(raw: &Raw<'_>) -> Result<Option<Unproven>, SignatureError> {
    let mut found: [Option<String>; 8] = Default::default();
    for (name, value) in parameters(raw.query.unwrap_or_default()) {
        let name = decode(name);
        let Some(at) = NAMES
            .iter()
            .position(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        else {
            continue;
        };
        // Another spelling is one that some reader takes for it and another does not.
        if NAMES.get(at).map(|known| known.as_bytes()) != Some(name.as_slice()) {
            return Err(SignatureError::Malformed(
                "a parameter's name in another case",
            ));
        }
        let value = String::from_utf8(decode(value))
            .map_err(|_| SignatureError::Malformed("a parameter is no text"))?;
        if let Some(slot) = found.get_mut(at)
            && slot.replace(value).is_some()
        {
            return Err(SignatureError::Malformed("a parameter stands twice"));
        }
    }
    let [
        algorithm,
        credential,
        stamp,
        expires,
        signed,
        signature,
        session_token,
        content,
    ] = found;
    if [&algorithm, &credential, &signature]
        .iter()
        .all(|part| part.is_none())
    {
        return Ok(None);
    }
    if algorithm.as_deref() != Some(ALGORITHM) {
        return Err(SignatureError::Malformed("another X-Amz-Algorithm"));
    }
    let credential = credential.ok_or(SignatureError::Malformed("no X-Amz-Credential"))?;
    let (access_key, scope) = Scope::read(&credential)?;
    let stamp = stamp.ok_or(SignatureError::Malformed("no X-Amz-Date"))?;
    let expires = expires
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|seconds| (1..=MAX_EXPIRES).contains(seconds))
        .ok_or(SignatureError::Malformed(
            "X-Amz-Expires is not from 1 to 604800",
        ))?;
    let signature = signature
        .and_then(|text| unhex(&text))
        .ok_or(SignatureError::Malformed(
            "no X-Amz-Signature of 64 hex digits",
        ))?;
    let signed = signed.ok_or(SignatureError::Malformed("no X-Amz-SignedHeaders"))?;
    let payload = match (payload(raw)?, content) {
        (said, None) => said,
        (Payload::Undeclared, Some(text)) => read_payload(&text)?,
        (_, Some(_)) => {
            return Err(SignatureError::Malformed(
                "x-amz-content-sha256 stands in the head and in the query",
            ));
        }
    };
    Ok(Some(Unproven {
        time: scope.time(&stamp)?,
        stamp: stamp.into(),
        access_key,
        scope,
        expires: Some(Duration::from_secs(expires)),
        session_token: session_token.map(Into::into),
        signed_headers: signed_headers(&signed)?,
        payload,
        signature,
    }))
}
