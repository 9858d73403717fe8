//! The signature in a header: `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::{ALGORITHM, Raw, Scope, SignatureError, Unproven, payload, unhex};

pub(super) fn find(raw: &Raw<'_>) -> Result<Option<Unproven>, SignatureError> {
    let Some(text) = only(raw.headers, AUTHORIZATION.as_str())? else {
        return Ok(None);
    };
    let Some((scheme, rest)) = text.split_once(' ') else {
        return Ok(None);
    };
    if !scheme.eq_ignore_ascii_case(ALGORITHM) {
        return Ok(None);
    }
    let mut credential = None;
    let mut signed = None;
    let mut signature = None;
    for field in rest.split(',') {
        let (name, value) = field
            .trim_matches(' ')
            .split_once('=')
            .ok_or(SignatureError::Malformed("a field without a value"))?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed,
            "Signature" => &mut signature,
            _ => return Err(SignatureError::Malformed("an unknown field")),
        };
        if slot.replace(value).is_some() {
            return Err(SignatureError::Malformed("a field stands twice"));
        }
    }
    let credential = credential.ok_or(SignatureError::Malformed("no Credential"))?;
    let signed = signed.ok_or(SignatureError::Malformed("no SignedHeaders"))?;
    let signature = signature
        .and_then(unhex)
        .ok_or(SignatureError::Malformed("no Signature of 64 hex digits"))?;
    let (access_key, scope) = Scope::read(credential)?;
    let stamp =
        only(raw.headers, "x-amz-date")?.ok_or(SignatureError::Malformed("no X-Amz-Date"))?;
    Ok(Some(Unproven {
        time: scope.time(stamp)?,
        stamp: stamp.into(),
        access_key,
        scope,
        expires: None,
        session_token: only(raw.headers, "x-amz-security-token")?.map(Into::into),
        signed_headers: signed_headers(signed)?,
        payload: payload(raw)?,
        signature,
    }))
}

/// Names in lower case, sorted, each once.
pub(super) fn signed_headers(text: &str) -> Result<Vec<Box<str>>, SignatureError> {
    let names: Vec<&str> = text.split(';').collect();
    let sorted = names.windows(2).all(|pair| match pair {
        [one, next] => one < next,
        _ => true,
    });
    let letters = |name: &&str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase())
    };
    if !sorted || !names.iter().all(letters) {
        return Err(SignatureError::Malformed(
            "SignedHeaders are not in lower case and sorted, each once",
        ));
    }
    Ok(names.into_iter().map(Into::into).collect())
}

/// The value of a header that may stand once.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(SignatureError::Malformed("a header stands twice"));
    }
    value
        .to_str()
        .map(Some)
        .map_err(|_| SignatureError::Malformed("a header is no visible ASCII"))
}
