//! The context keys of an assertion (IAM User Guide, "Available keys for SAML-based AWS STS federation").

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::arn::AccountId;
use crate::directory::provider::Provider;
use crate::directory::{Directory, Role};
use crate::gate::context::RequestFacts;
use crate::policy::context::{Context, Value};
use crate::saml::Assertion;
use crate::sts_api::asked::Asked;

/// In bytes; all of them must fit into a session token beside everything else.
const MAX_KEPT: usize = 2048;
/// Those that conditions on the session may read too.
const KEPT: [&str; 6] = ["aud", "doc", "iss", "namequalifier", "sub", "sub_type"];

/// Keys by the attributes that they are read from, in lower case.
const ATTRIBUTES: [(&str, &str); 32] = [
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "edupersonaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.2", "edupersonnickname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.3", "edupersonorgdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.4", "edupersonorgunitdn"),
    (
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.5",
        "edupersonprimaryaffiliation",
    ),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "edupersonprincipalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.7", "edupersonentitlement"),
    (
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.8",
        "edupersonprimaryorgunitdn",
    ),
    (
        "urn:oid:1.3.6.1.4.1.5923.1.1.1.9",
        "edupersonscopedaffiliation",
    ),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "edupersontargetedid"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.11", "edupersonassurance"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.2", "eduorghomepageuri"),
    (
        "urn:oid:1.3.6.1.4.1.5923.1.2.1.3",
        "eduorgidentityauthnpolicyuri",
    ),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.4", "eduorglegalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.5", "eduorgsuperioruri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.6", "eduorgwhitepagesuri"),
    ("urn:oid:2.5.4.3", "cn"),
    ("urn:oid:2.5.4.4", "surname"),
    ("urn:oid:2.5.4.42", "givenname"),
    ("urn:oid:2.5.4.45", "x500uniqueidentifier"),
    ("urn:oid:0.9.2342.19200300.100.1.1", "uid"),
    ("urn:oid:0.9.2342.19200300.100.1.3", "mail"),
    ("urn:oid:0.9.2342.19200300.100.1.45", "organizationstatus"),
    (
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
        "name",
    ),
    ("http://schemas.xmlsoap.org/claims/CommonName", "commonname"),
    (
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
        "givenname",
    ),
    (
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
        "surname",
    ),
    (
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
        "mail",
    ),
    (
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid",
        "primarygroupsid",
    ),
    (
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/primarysid",
        "primarysid",
    ),
    ("urn:oid:0.9.2342.19200300100.1.1", "uid"),
    ("urn:oid:0.9.2342.19200300100.1.3", "mail"),
];

/// Values by their names.
type Keys = Vec<(Box<str>, Vec<Box<str>>)>;

/// Of whom an assertion is, by the names that conditions have for it behind `saml:`.
#[derive(Debug)]
pub(super) struct Subject {
    keys: Keys,
    pub(super) name_qualifier: String,
}

impl Subject {
    pub(super) fn of(assertion: &Assertion, provider: &Provider, account: AccountId) -> Self {
        let doc = format!("{account}/{}", provider.name);
        // AWS: Base64 ( SHA1 ( issuer + account + "/" + friendly name ) )
        let qualified = format!("{}{doc}", assertion.issuer);
        let name_qualifier =
            STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, qualified.as_bytes()));
        let mut keys: Keys = Vec::new();
        let own = [
            ("aud", &*assertion.recipient),
            ("doc", &doc),
            ("iss", &assertion.issuer),
            ("namequalifier", &name_qualifier),
            ("sub", &assertion.subject),
            ("sub_type", &assertion.subject_type),
        ];
        for (name, value) in own {
            if !value.is_empty() {
                keys.push((name.into(), vec![value.into()]));
            }
        }
        for (attribute, name) in ATTRIBUTES {
            let values = assertion.values(attribute);
            if !values.is_empty() && !keys.iter().any(|(known, _)| **known == *name) {
                keys.push((name.into(), values.to_vec()));
            }
        }
        Self {
            keys,
            name_qualifier,
        }
    }

    /// What the session's own conditions may read.
    ///
    /// # Errors
    /// Why the session cannot hold it: without it a Deny would not find what it denies.
    pub(super) fn kept(&self) -> Result<Keys, String> {
        let all = self.keys.iter();
        let kept = all.filter(|(name, _)| KEPT.contains(&&**name));
        let whole = kept.map(|(name, values)| {
            let long = values.iter().find(|value| value.len() > MAX_KEPT);
            match long {
                Some(long) => Err(format!(
                    "The SAML assertion that was passed cannot make a session: `saml:{name}` has {} bytes, and a session \
                     keeps {MAX_KEPT} at most",
                    long.len()
                )),
                None => Ok((name.clone(), values.clone())),
            }
        });
        whole.collect()
    }
}

/// The whole context of one decision.
#[derive(Debug)]
pub(super) struct SamlContext<'a> {
    pub(super) request: RequestFacts<'a>,
    pub(super) directory: &'a Directory,
    pub(super) role: &'a Role,
    pub(super) provider: &'a str,
    pub(super) subject: &'a Subject,
    pub(super) asked: &'a Asked,
}

impl Context for SamlContext<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        if let Some(name) = key.strip_prefix("saml:") {
            let (name, values) = self
                .subject
                .keys
                .iter()
                .find(|(known, _)| **known == *name)?;
            return match values.as_slice() {
                [one] if !name.starts_with("edu") => Some(Value::Text(one)),
                several => Some(Value::List(several)),
            };
        }
        match key {
            "aws:federatedprovider" => Some(Value::Text(self.provider)),
            "aws:resourceaccount" => Some(Value::Text(self.role.account.as_str())),
            "aws:resourceorgid" => self
                .directory
                .organization_path(self.role.account)
                .and(self.directory.organization_id())
                .map(Value::Text),
            _ => match key.strip_prefix("aws:resourcetag/") {
                Some(tag) => {
                    let mut tags = self.role.tags.iter();
                    let (_, value) = tags.find(|(name, _)| name.to_lowercase() == tag)?;
                    Some(Value::Text(value))
                }
                None => self
                    .request
                    .get(key)
                    .or_else(|| self.asked.context_value(key)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_session_cannot_keep_is_refused() {
        let of = |name: &str, value: String| {
            let keys = vec![(name.into(), vec![value.into()])];
            let name_qualifier = String::new();
            let subject = Subject {
                keys,
                name_qualifier,
            };
            subject.kept()
        };
        for name in KEPT {
            let kept = of(name, "x".repeat(MAX_KEPT)).unwrap();
            assert_eq!(kept[0].1[0].len(), MAX_KEPT);
            let why = of(name, "x".repeat(MAX_KEPT + 1)).unwrap_err();
            assert!(why.contains(&format!("`saml:{name}`")), "{why}");
        }
        assert_eq!(of("cn", "x".repeat(MAX_KEPT + 1)), Ok(Vec::new()));
    }
}
