//! AssumeRoleWithWebIdentity: a role's session for a provider's token. Unsigned: the trust policy alone decides.

use http::{HeaderMap, HeaderValue, header};

use crate::arn::Arn;
use crate::authn::mapping::{WebIdentity, web_identity};
use crate::authn::{Authentication, Failure, Presented, Verified};
use crate::clock::Timestamp;
use crate::outcome::Reason;
use crate::sts::Mfa;
use crate::sts::token::{Federation, Tag};

use super::asked::Asked;
use super::assume_role::{assumed, duration, of};
use super::call::{self, Call};
use super::error::Error;
use super::fields::{self, PROVIDER_ID, ROLE_ARN, SESSION_NAME, WEB_TOKEN};
use super::form::Form;
use super::xml::Members;

const PARAMETERS: [&str; 8] = [
    "RoleArn",
    "RoleSessionName",
    "WebIdentityToken",
    "ProviderId",
    "PolicyArns.*.arn",
    "Policy",
    "DurationSeconds",
    "MinimumSessionTokenSize",
];

pub(super) async fn run(call: &mut Call<'_>) -> Result<Members, Error> {
    let form = call.form;
    fields::only(form, &PARAMETERS)?;
    let arn = ROLE_ARN.required(form)?;
    let name = SESSION_NAME.required(form)?;
    let text = WEB_TOKEN.required(form)?;
    let mut asked = Asked {
        session_name: Some(name.into()),
        duration: fields::duration(form, 900..=43_200)?,
        ..Asked::default()
    };
    asked.read_policy(form)?;
    no_other_provider(form)?;
    call.seen.names(arn);
    let mut headers = HeaderMap::new();
    let value = HeaderValue::try_from(format!("Bearer {text}"));
    headers.insert(
        header::AUTHORIZATION,
        value.map_err(|_| invalid_token("it is no token"))?,
    );
    let directory = call.directory();
    let presented = Presented::of_headers(&headers, directory.providers());
    let token = match call.parts.authenticator.authenticate(&presented).await {
        Ok(Authentication::Verified(Verified::Token(token))) => token,
        Ok(_) => return Err(invalid_token("it is no provider's token")),
        Err(failure) => return Err(refused(&failure)),
    };
    let provider = token.provider();
    call.seen.provider = Some(std::sync::Arc::clone(&provider.name));
    let not_allowed = || {
        let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
        Error::denied(Reason::RoleNotTrusted, message)
    };
    let account = Arn::parse(arn).ok().and_then(|arn| arn.account_id());
    if !account.is_some_and(|account| provider.exists_in(account)) {
        let why = "its provider is not trusted in the role's account";
        return Err(invalid_token(why));
    }
    let role = directory
        .role(arn)
        .ok_or_else(|| not_allowed().with_detail("no such role"))?;
    call.seen.account = Some(role.account);
    let issued_at = token.claims().issued_at;
    if call.is_revoked(role, name, issued_at.unwrap_or(Timestamp::from_seconds(0))) {
        return Err(Error {
            reason: Reason::RevokedCredential,
            ..invalid_token("what was issued then is revoked")
        });
    }
    let found = web_identity(&token, directory, role, name, asked.duration, &call.request);
    let found = found.map_err(|failure| unsuited(failure, not_allowed()))?;
    asked.read_policy_arns(form, directory, role.account)?;
    let seconds = duration(asked.duration, role, false)?;
    let WebIdentity {
        tags,
        transitive,
        source_identity,
        mfa_present,
        mfa_at,
        provider_arn,
        subject,
        audience,
        claims,
    } = found;
    let tags = tags.into_iter().map(|(key, value)| {
        let is_transitive = transitive
            .iter()
            .any(|found| super::asked::same(found, &key));
        Tag {
            key,
            value,
            transitive: is_transitive,
        }
    });
    asked.set_tags(tags.collect(), Vec::new())?;
    asked.source_identity = source_identity;
    let mut session = call.session(of(role, name), seconds, asked);
    session.bearer = role.bearer;
    session.mfa = match (mfa_present, mfa_at) {
        (None, _) => Mfa::Unknown,
        (Some(false), _) => Mfa::No,
        (Some(true), at) => Mfa::Yes(at),
    };
    session.federation = Some(Federation {
        provider: provider_arn.clone(),
        issuer: provider.host_and_path().into(),
        claims,
    });
    let issued = call.issue(session)?;
    let mut members = Members::default();
    call::credentials(&mut members, &issued);
    members
        .text("SubjectFromWebIdentityToken", &subject)
        .text("Audience", &audience)
        .text("Provider", &provider_arn);
    assumed(&mut members, directory.partition(), role, name);
    call::sizes(&mut members, &issued);
    members.maybe("SourceIdentity", issued.session.source_identity.as_deref());
    Ok(members)
}

/// `ProviderId`, which AWS knows for access tokens of OAuth 2.0: there is no provider of any here.
fn no_other_provider(form: &Form) -> Result<(), Error> {
    match PROVIDER_ID.optional(form)? {
        None => Ok(()),
        Some(id) => Err(invalid_token(&format!(
            "ProviderId is for providers of OAuth 2.0 access tokens, and {} is none that is known here; leave it out for \
             OpenID Connect",
            id.escape_debug()
        ))
        .with_detail("ProviderId is given, and is none that is known here")),
    }
}

/// What a session cannot hold is told; who may not have one learns nothing.
fn unsuited(failure: Failure, not_allowed: Error) -> Error {
    if failure.reason == Reason::InvalidClaims {
        invalid_token(&failure.detail)
    } else {
        not_allowed.with_detail(failure.detail)
    }
}

fn invalid_token(why: &str) -> Error {
    Error::new(
        "InvalidIdentityToken",
        400,
        Reason::InvalidClaims,
        format!("The web identity token that was passed could not be validated: {why}"),
    )
}

/// A failure of verification, in AWS's words; what exactly is wrong stands in the record alone.
fn refused(failure: &Failure) -> Error {
    let reason = failure.reason;
    let error = if reason == Reason::ExpiredCredential {
        Error::new(
            "ExpiredTokenException",
            400,
            reason,
            "Token expired: the web identity token that was passed is expired",
        )
    } else if reason == Reason::ProviderUnavailable {
        Error::new(
            "IDPCommunicationError",
            400,
            reason,
            "The identity provider's keys cannot be fetched; try again",
        )
    } else {
        let why = if reason == Reason::WrongAudience {
            "Incorrect token audience"
        } else {
            "it is not valid"
        };
        Error {
            reason,
            ..invalid_token(why)
        }
    };
    error.with_detail(&*failure.detail)
}
