//! What a verified assertion says: for whom, to whom, when, and its attributes (SAML 2.0 Core, section 2; Profiles,
//! section 4.1.4).

use std::time::Duration;

use uppsala::NodeId;

use crate::clock::Timestamp;
use crate::directory::provider::Provider;

use super::document::{ASSERTION, Document, PROTOCOL};
use super::signature::Signed;
use super::{Fault, Metadata, WINDOW};

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
const FORMATS: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:";
const MAX_ATTRIBUTES: usize = 200;
const MAX_VALUES: usize = 500;

/// Names with their values.
type Attributes = Vec<(Box<str>, Vec<Box<str>>)>;

/// A verified assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Its ID.
    pub id: Box<str>,
    /// Who says it.
    pub issuer: Box<str>,
    /// Of whom: the NameID.
    pub subject: Box<str>,
    /// The kind of NameID: `persistent`, `transient`, or a URI.
    pub subject_type: Box<str>,
    /// The address that it was sent to.
    pub recipient: Box<str>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it is refused for its age alone.
    pub refused_from: Timestamp,
    /// When the provider's own session ends.
    pub session_ends: Option<Timestamp>,
    attributes: Attributes,
}

impl Assertion {
    /// The values of an attribute; none when it is absent.
    pub fn values(&self, name: &str) -> &[Box<str>] {
        let found = self.attributes.iter().find(|(known, _)| **known == *name);
        found.map_or(&[], |(_, values)| values)
    }

    /// The attributes whose names begin with `prefix`, without it.
    pub fn beginning<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a [Box<str>])> {
        let all = self.attributes.iter();
        all.filter_map(move |(name, values)| Some((name.strip_prefix(prefix)?, values.as_slice())))
    }
}

/// Reads the assertion of a response; `now` must be within its times, the provider's leeway granted.
pub(super) fn read(
    document: &Document<'_>,
    signed: &Signed,
    metadata: &Metadata,
    provider: &Provider,
    now: Timestamp,
) -> Result<Assertion, Fault> {
    let &Signed {
        response,
        assertion,
    } = signed;
    let times = Times {
        document,
        now,
        leeway: provider.leeway,
    };
    status(document, response)?;
    version(document, response)?;
    version(document, assertion)?;
    if let Some(destination) = document.attribute(response, "Destination") {
        addressed(provider, destination)?;
    }
    if let Some(issuer) = document.maybe(response, (ASSERTION, "Issuer"))? {
        issued_by(document, issuer, metadata)?;
    }
    issued_by(
        document,
        document.one(assertion, (ASSERTION, "Issuer"))?,
        metadata,
    )?;
    let issued_at = instant(document.required(assertion, "IssueInstant")?)?;
    times.fresh(issued_at)?;
    let subject = document.one(assertion, (ASSERTION, "Subject"))?;
    let name = document.one(subject, (ASSERTION, "NameID"))?;
    let recipient = confirmed(document, subject, provider, &times)?;
    let conditions = document.one(assertion, (ASSERTION, "Conditions"))?;
    conditions_hold(document, conditions, provider, &times)?;
    let statements = document.named(assertion, (ASSERTION, "AuthnStatement"));
    if statements.is_empty() {
        return Err(Fault::invalid(
            "it does not say how anybody was authenticated",
        ));
    }
    let mut session_ends = None;
    for statement in statements {
        if let Some(end) = times.not_over(statement, "SessionNotOnOrAfter")? {
            session_ends = Some(session_ends.map_or(end, |known: Timestamp| known.min(end)));
        }
    }
    let format = document.attribute(name, "Format").unwrap_or_default();
    let text = document.text(name)?;
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(Fault::invalid("its subject has no name"));
    }
    Ok(Assertion {
        id: document.required(assertion, "ID")?.into(),
        issuer: metadata.entity_id().into(),
        subject: text.into(),
        subject_type: format.strip_prefix(FORMATS).unwrap_or(format).into(),
        recipient,
        issued_at,
        refused_from: issued_at.plus(WINDOW).plus(provider.leeway),
        session_ends,
        attributes: attributes(document, assertion)?,
    })
}

fn status(document: &Document<'_>, response: NodeId) -> Result<(), Fault> {
    let status = document.one(response, (PROTOCOL, "Status"))?;
    let code = document.one(status, (PROTOCOL, "StatusCode"))?;
    if document.required(code, "Value")? == SUCCESS {
        return Ok(());
    }
    let why = "the identity provider reports that it could not authenticate anybody";
    Err(Fault::Rejected(why.to_owned()))
}

fn version(document: &Document<'_>, node: NodeId) -> Result<(), Fault> {
    if document.attribute(node, "Version") == Some("2.0") {
        return Ok(());
    }
    Err(Fault::invalid("it is not of SAML's version 2.0"))
}

fn issued_by(document: &Document<'_>, issuer: NodeId, metadata: &Metadata) -> Result<(), Fault> {
    let format = document.attribute(issuer, "Format");
    if format.is_none_or(|format| format == ENTITY)
        && document.text(issuer)? == metadata.entity_id()
    {
        return Ok(());
    }
    Err(Fault::invalid(
        "its issuer is not the one in the provider's metadata",
    ))
}

fn addressed(provider: &Provider, recipient: &str) -> Result<(), Fault> {
    if provider
        .recipients
        .iter()
        .any(|known| **known == *recipient)
    {
        return Ok(());
    }
    Err(Fault::invalid(
        "it was sent to an address that is not among the provider's recipients",
    ))
}

/// The confirmation that holds, and the address that it names.
fn confirmed(
    document: &Document<'_>,
    subject: NodeId,
    provider: &Provider,
    times: &Times<'_, '_>,
) -> Result<Box<str>, Fault> {
    let mut last = Fault::invalid("it has no confirmation of a bearer");
    for confirmation in document.named(subject, (ASSERTION, "SubjectConfirmation")) {
        if document.attribute(confirmation, "Method") != Some(BEARER) {
            continue;
        }
        let data = document.one(confirmation, (ASSERTION, "SubjectConfirmationData"))?;
        let recipient = document.required(data, "Recipient")?;
        let holds = addressed(provider, recipient)
            .and_then(|()| times.begun(data))
            .and_then(|()| times.not_over(data, "NotOnOrAfter"))
            .and_then(|end| end.ok_or_else(|| Fault::invalid("its confirmation never ends")));
        match holds {
            Ok(_) => return Ok(recipient.into()),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

/// Every condition must hold, so one that nobody here knows is none that holds.
fn conditions_hold(
    document: &Document<'_>,
    conditions: NodeId,
    provider: &Provider,
    times: &Times<'_, '_>,
) -> Result<(), Fault> {
    times.begun(conditions)?;
    times.not_over(conditions, "NotOnOrAfter")?;
    let mut restricted = false;
    for condition in document.children(conditions) {
        if document.is(condition, (ASSERTION, "AudienceRestriction")) {
            restricted = true;
            let mut accepted = false;
            for audience in document.named(condition, (ASSERTION, "Audience")) {
                let audience = document.text(audience)?;
                accepted |= provider.audiences.iter().any(|known| **known == *audience);
            }
            if !accepted {
                return Err(Fault::invalid("none of its audiences is the provider's"));
            }
        } else if !document.is(condition, (ASSERTION, "OneTimeUse"))
            && !document.is(condition, (ASSERTION, "ProxyRestriction"))
        {
            return Err(Fault::invalid("it has a condition that is not known"));
        }
    }
    if restricted {
        return Ok(());
    }
    Err(Fault::invalid("it is not restricted to any audience"))
}

fn attributes(document: &Document<'_>, assertion: NodeId) -> Result<Attributes, Fault> {
    let mut found: Attributes = Vec::new();
    for statement in document.named(assertion, (ASSERTION, "AttributeStatement")) {
        for attribute in document.named(statement, (ASSERTION, "Attribute")) {
            let name = document.required(attribute, "Name")?;
            if found.iter().any(|(known, _)| **known == *name) {
                let name: String = name.chars().take(100).collect();
                let why = format!("its attribute {} occurs twice", name.escape_debug());
                return Err(Fault::invalid(why));
            }
            let values = document.named(attribute, (ASSERTION, "AttributeValue"));
            if found.len() >= MAX_ATTRIBUTES || values.len() > MAX_VALUES {
                return Err(Fault::invalid("it has too many attributes"));
            }
            let texts: Result<_, _> = values
                .into_iter()
                .filter(|value| document.children(*value).is_empty())
                .map(|value| document.text(value).map(Into::into))
                .collect();
            found.push((name.into(), texts?));
        }
    }
    Ok(found)
}

struct Times<'d, 't> {
    document: &'d Document<'t>,
    now: Timestamp,
    leeway: Duration,
}

impl Times<'_, '_> {
    /// Issued within the window before now.
    fn fresh(&self, issued_at: Timestamp) -> Result<(), Fault> {
        if issued_at > self.now.plus(self.leeway) {
            return Err(Fault::invalid("it was issued in the future"));
        }
        if issued_at.plus(WINDOW).plus(self.leeway) <= self.now {
            return Err(Fault::Expired(
                "it was issued more than five minutes ago".to_owned(),
            ));
        }
        Ok(())
    }

    fn begun(&self, node: NodeId) -> Result<(), Fault> {
        let start = self.document.attribute(node, "NotBefore").map(instant);
        match start.transpose()? {
            Some(start) if start > self.now.plus(self.leeway) => {
                Err(Fault::invalid("it is not good yet"))
            }
            _ => Ok(()),
        }
    }

    fn not_over(&self, node: NodeId, attribute: &str) -> Result<Option<Timestamp>, Fault> {
        let end = self.document.attribute(node, attribute).map(instant);
        match end.transpose()? {
            Some(end) if end.plus(self.leeway) <= self.now => {
                Err(Fault::Expired("it is not good any more".to_owned()))
            }
            end => Ok(end),
        }
    }
}

/// An `xs:dateTime` with its zone, which SAML wants to be UTC.
pub(super) fn instant(text: &str) -> Result<Timestamp, Fault> {
    let time: Option<jiff::Timestamp> = text.parse().ok();
    time.map(|time| Timestamp::from_milliseconds(time.as_millisecond()))
        .ok_or_else(|| Fault::invalid("it has a time that is none"))
}
