//! Identity providers that exist in the caller's account.

use std::sync::Arc;

use crate::directory::Provider;
use crate::directory::provider::Kind;
use crate::query_api::error::Error;
use crate::query_api::fields;
use crate::query_api::xml::Members;

use super::page::{self, Page};
use super::parameters::{PROVIDER_ARN, SAML_PROVIDER_ARN};
use super::{Answer, Call, view};

impl<'a> Call<'a> {
    /// The account's providers of a kind, with their ARNs.
    pub(super) fn providers(&self, kind: Kind) -> Result<Vec<(String, &'a Arc<Provider>)>, Error> {
        let (directory, account) = (self.directory(), self.account()?);
        let all = directory.providers().iter();
        Ok(all
            .filter(|provider| provider.kind == kind && provider.exists_in(account))
            .map(|provider| (provider.arn(directory.partition(), account), provider))
            .collect())
    }
}

pub(super) fn list_oidc(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[])?;
    call.authorize(&call.arn("oidc-provider/*")?, None)?;
    let mut members = Members::default();
    members.list(
        "OpenIDConnectProviderList",
        call.providers(Kind::Oidc)?,
        |member, (arn, _)| {
            member.text("Arn", &arn);
        },
    );
    Ok(members)
}

pub(super) fn get_oidc(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["OpenIDConnectProviderArn"])?;
    let wanted = PROVIDER_ARN.required(call.form)?;
    call.authorize(wanted, None)?;
    let all = call.providers(Kind::Oidc)?;
    let Some((_, provider)) = all.iter().find(|(arn, _)| arn == wanted) else {
        let message = format!(
            "OpenIDConnect Provider not found for arn {}",
            wanted.escape_debug()
        );
        return Err(Error::no_such_entity(message));
    };
    let url = provider.issuer.strip_prefix("https://");
    let mut members = Members::default();
    members
        .text("Url", url.unwrap_or(&provider.issuer))
        .texts("ClientIDList", &provider.audiences)
        .texts("ThumbprintList", std::iter::empty::<&str>())
        .text("CreateDate", &view::date(None))
        .list("Tags", std::iter::empty::<()>(), |_, ()| {});
    Ok(members)
}

/// `ListOpenIDConnectProviderTags`, `ListSAMLProviderTags`: a provider has none.
pub(super) fn tags(call: &mut Call<'_>, kind: Kind) -> Answer {
    let parameter = match kind {
        Kind::Saml => SAML_PROVIDER_ARN,
        Kind::Oidc | Kind::Spiffe | Kind::X509 => PROVIDER_ARN,
    };
    fields::only(
        call.form,
        &[&[parameter.name][..], &page::PARAMETERS].concat(),
    )?;
    Page::read(call.form)?;
    let wanted = parameter.required(call.form)?;
    call.authorize(wanted, None)?;
    if !call.providers(kind)?.iter().any(|(arn, _)| arn == wanted) {
        let message = format!("Provider not found for arn {}", wanted.escape_debug());
        return Err(Error::no_such_entity(message));
    }
    let mut members = Members::default();
    members.inner("Tags", |_| {}).boolean("IsTruncated", false);
    Ok(members)
}

pub(super) fn list_saml(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &[])?;
    call.authorize(&call.arn("saml-provider/*")?, None)?;
    let mut members = Members::default();
    members.list(
        "SAMLProviderList",
        call.providers(Kind::Saml)?,
        |member, (arn, _)| {
            member
                .text("Arn", &arn)
                .text("CreateDate", &view::date(None));
        },
    );
    Ok(members)
}

pub(super) fn get_saml(call: &mut Call<'_>) -> Answer {
    fields::only(call.form, &["SAMLProviderArn"])?;
    let wanted = SAML_PROVIDER_ARN.required(call.form)?;
    call.authorize(wanted, None)?;
    let all = call.providers(Kind::Saml)?;
    let Some((_, provider)) = all.iter().find(|(arn, _)| arn == wanted) else {
        let message = format!("SAML provider not found for arn {}", wanted.escape_debug());
        return Err(Error::no_such_entity(message));
    };
    let mut members = Members::default();
    members
        .text(
            "SAMLMetadataDocument",
            provider.metadata().unwrap_or_default(),
        )
        .text("CreateDate", &view::date(None))
        .list("Tags", std::iter::empty::<()>(), |_, ()| {});
    Ok(members)
}
