//! AssumeRoleWithSAML: a role's session for an assertion. Unsigned: the trust policy alone decides.

mod keys;

use crate::arn::Arn;
use crate::directory::provider::{Kind, Provider};
use crate::directory::{Directory, Role};
use crate::outcome::Reason;
use crate::policy::{self, Layers, PolicySet, Principal, ResourceKind};
use crate::saml::{self, Assertion, Fault, Metadata};
use crate::sts::Mfa;
use crate::sts::token::{Federation, Tag};

use super::asked::{self, Asked};
use super::assume_role::{assumed, duration, of};
use super::call::{self, Call};
use super::error::Error;
use super::fields::{self, PRINCIPAL_ARN, ROLE_ARN, SAML_ASSERTION, SESSION_NAME, SOURCE_IDENTITY};
use super::xml::Members;
use keys::{SamlContext, Subject};

const PARAMETERS: [&str; 7] = [
    "RoleArn",
    "PrincipalArn",
    "SAMLAssertion",
    "PolicyArns.*.arn",
    "Policy",
    "DurationSeconds",
    "MinimumSessionTokenSize",
];

/// Attributes that AWS reads (IAM User Guide, "Configure SAML assertions for the authentication response").
const ROLE: &str = "https://aws.amazon.com/SAML/Attributes/Role";
const ROLE_SESSION_NAME: &str = "https://aws.amazon.com/SAML/Attributes/RoleSessionName";
const SESSION_DURATION: &str = "https://aws.amazon.com/SAML/Attributes/SessionDuration";
const SOURCE: &str = "https://aws.amazon.com/SAML/Attributes/SourceIdentity";
const TAG: &str = "https://aws.amazon.com/SAML/Attributes/PrincipalTag:";
const TRANSITIVE: &str = "https://aws.amazon.com/SAML/Attributes/TransitiveTagKeys";

pub(super) async fn run(call: &mut Call<'_>) -> Result<Members, Error> {
    let form = call.form;
    fields::only(form, &PARAMETERS)?;
    let arn = ROLE_ARN.required(form)?;
    let principal = PRINCIPAL_ARN.required(form)?;
    let encoded = SAML_ASSERTION.required(form)?;
    let mut asked = Asked {
        duration: fields::duration(form, 900..=43_200)?,
        ..Asked::default()
    };
    asked.read_policy(form)?;
    call.seen.names(arn);
    let directory = call.directory();
    let provider = provider(directory, principal)?;
    call.seen.provider = Some(std::sync::Arc::clone(&provider.name));
    let metadata = Metadata::read(provider.metadata().unwrap_or_default())
        .map_err(|fault| Error::internal().with_detail(fault.to_string()))?;
    let assertion =
        saml::verify(encoded, &metadata, provider, call.now()).map_err(|fault| refused(&fault))?;
    let not_allowed = |why: String| {
        let message = "Not authorized to perform sts:AssumeRoleWithSAML";
        Error::denied(Reason::RoleNotTrusted, message).with_detail(why)
    };
    if !offers(&assertion, arn, principal) {
        return Err(not_allowed(format!(
            "the assertion does not offer this role with {}",
            provider.name
        )));
    }
    let role = directory
        .role(arn)
        .filter(|role| Some(role.account) == account_of(principal))
        .ok_or_else(|| not_allowed("no such role in the provider's account".to_owned()))?;
    call.seen.account = Some(role.account);
    read(&assertion, &mut asked)?;
    let subject = Subject::of(&assertion, provider, role.account);
    let context = SamlContext {
        request: call.request,
        directory,
        role,
        provider: principal,
        subject: &subject,
        asked: &asked,
    };
    trusted(role, principal, &context, &asked).map_err(not_allowed)?;
    let name = asked.session_name.as_deref().unwrap_or_default();
    if call.is_revoked(role, name, assertion.issued_at) {
        return Err(Error {
            reason: Reason::RevokedCredential,
            ..invalid("what was issued then is revoked")
        });
    }
    asked.read_policy_arns(form, directory, role.account)?;
    let seconds = seconds(&assertion, asked.duration, role, call)?;
    let claims = subject.kept().map_err(|why| invalid(&why))?;
    if !call.parts.assertions.first(&assertion).await {
        let why = "it was used before, or nobody knows whether it was";
        return Err(refused(&Fault::Invalid(why.to_owned())));
    }
    let name = asked.session_name.clone().unwrap_or_default();
    let mut session = call.session(of(role, &name), seconds, asked);
    session.bearer = role.bearer;
    session.mfa = Mfa::Unknown;
    session.federation = Some(Federation {
        provider: principal.into(),
        issuer: "saml".into(),
        claims,
    });
    let issued = call.issue(session)?;
    let mut members = Members::default();
    call::credentials(&mut members, &issued);
    members
        .text("Audience", &assertion.recipient)
        .text("Issuer", &assertion.issuer)
        .text("NameQualifier", &subject.name_qualifier)
        .text("Subject", &assertion.subject)
        .text("SubjectType", &assertion.subject_type);
    assumed(&mut members, directory.partition(), role, &name);
    call::sizes(&mut members, &issued);
    members.maybe("SourceIdentity", issued.session.source_identity.as_deref());
    Ok(members)
}

/// The provider that an ARN names.
fn provider<'d>(directory: &'d Directory, arn: &str) -> Result<&'d Provider, Error> {
    let account = account_of(arn);
    let mut all = directory.providers().iter();
    let found = all.find(|provider| {
        provider.kind == Kind::Saml
            && account.is_some_and(|account| {
                provider.exists_in(account) && provider.arn(directory.partition(), account) == arn
            })
    });
    found
        .map(|provider| &**provider)
        .ok_or_else(|| invalid("Specified provider doesn't exist"))
}

fn account_of(arn: &str) -> Option<crate::arn::AccountId> {
    Arn::parse(arn).ok()?.account_id()
}

/// Whether a value of the attribute `Role` is the pair of role and provider, in either order.
fn offers(assertion: &Assertion, role: &str, provider: &str) -> bool {
    assertion.values(ROLE).iter().any(|value| {
        let parts = value.split_once(',');
        let parts = parts.map(|(one, other)| (one.trim(), other.trim()));
        parts == Some((role, provider)) || parts == Some((provider, role))
    })
}

/// What the assertion asks for.
fn read(assertion: &Assertion, asked: &mut Asked) -> Result<(), Error> {
    let name = only(assertion, ROLE_SESSION_NAME)?
        .ok_or_else(|| invalid("RoleSessionName is required in AuthnResponse"))?;
    let name = SESSION_NAME.check(name);
    asked.session_name = Some(
        name.map_err(|_| invalid("RoleSessionName is invalid"))?
            .into(),
    );
    if let Some(source) = only(assertion, SOURCE)? {
        let source = SOURCE_IDENTITY.check(source);
        asked.source_identity = Some(
            source
                .map_err(|_| invalid("SourceIdentity is invalid"))?
                .into(),
        );
    }
    if asked.duration.is_none()
        && let Some(seconds) = only(assertion, SESSION_DURATION)?
    {
        let seconds: Option<u32> = seconds.parse().ok();
        let seconds = seconds.filter(|seconds| (900..=43_200).contains(seconds));
        asked.duration = Some(seconds.ok_or_else(|| invalid("SessionDuration is invalid"))?);
    }
    let transitive = assertion.values(TRANSITIVE);
    let mut tags = Vec::new();
    for (key, values) in assertion.beginning(TAG) {
        let [value] = values else {
            return Err(invalid("a PrincipalTag has other than one value"));
        };
        tags.push(Tag {
            key: key.into(),
            value: value.clone(),
            transitive: transitive.iter().any(|found| asked::same(found, key)),
        });
    }
    asked.set_tags(tags, Vec::new())
}

/// The value of an attribute that has one at most.
fn only<'a>(assertion: &'a Assertion, name: &str) -> Result<Option<&'a str>, Error> {
    match assertion.values(name) {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => Err(invalid("an attribute has several values that has one")),
    }
}

/// Asks the role's trust policy, with the resource control policies over it.
fn trusted(
    role: &Role,
    provider: &str,
    context: &SamlContext<'_>,
    asked: &Asked,
) -> Result<(), String> {
    let principal = Principal::Federated {
        provider: provider.into(),
    };
    let rcps: Vec<&PolicySet> = context.directory.rcps(role.account).iter().collect();
    let layers = Layers {
        rcps: &rcps,
        resource: &[&role.trust],
        resource_kind: ResourceKind::Trust,
        ..Layers::default()
    };
    let wanted = [
        ("sts:AssumeRoleWithSAML", true),
        ("sts:TagSession", !asked.tags.is_empty()),
        ("sts:SetSourceIdentity", asked.source_identity.is_some()),
    ];
    for (action, needed) in wanted {
        let question = policy::Request {
            principal: &principal,
            action,
            resource: &role.arn,
            resource_account: Some(role.account.as_str()),
            context,
        };
        if needed && !policy::evaluate(&question, &layers).is_allowed() {
            return Err(format!(
                "the trust policy of {} does not allow {action}",
                role.arn
            ));
        }
    }
    Ok(())
}

/// As long as was asked for, and no longer than the provider's own session.
fn seconds(
    assertion: &Assertion,
    asked: Option<u32>,
    role: &Role,
    call: &Call<'_>,
) -> Result<u32, Error> {
    let seconds = duration(asked, role, false)?;
    let Some(end) = assertion.session_ends else {
        return Ok(seconds);
    };
    let left = end.since(call.now()).as_secs();
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    if left == 0 {
        return Err(refused(&Fault::Expired("its session is over".to_owned())));
    }
    Ok(seconds.min(left))
}

fn invalid(why: &str) -> Error {
    Error::new("InvalidIdentityToken", 400, Reason::InvalidClaims, why)
}

/// A failure of verification, in AWS's words; what exactly is wrong stands in the record alone.
fn refused(fault: &Fault) -> Error {
    let error = match fault {
        Fault::Invalid(_) => invalid("The SAML assertion that was passed could not be validated"),
        Fault::Expired(_) => Error::new(
            "ExpiredTokenException",
            400,
            Reason::ExpiredCredential,
            "Token must be redeemed within 5 minutes of issuance",
        ),
        Fault::Rejected(_) => Error::new(
            "IDPRejectedClaim",
            403,
            Reason::InvalidClaims,
            "The identity provider reported that authentication failed",
        ),
    };
    error.with_detail(fault.to_string())
}

#[cfg(test)]
mod tests;
