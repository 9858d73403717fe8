//! Identity providers that roles trust: the details of an account hold their ARNs and nothing else.
//!
//! Each becomes a file that makes the ARN exist and lets nobody in: its keys are a file that is nowhere, or metadata that
//! expired long ago. Whoever completes it decides whose word counts.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};

use crate::arn::{AccountId, Arn};
use crate::source::Node;

use super::yaml::{list, map, text, yaml};

/// Names of providers are no longer.
const MAX_NAME: usize = 128;
/// What stands where nobody can know what belongs there; no token is meant for it.
const UNKNOWN: &str = "to-be-completed.invalid";
/// A certificate that was valid on one day of 1970, of a key that nobody has: metadata without any is none.
const NOBODYS: &str = "MIIBIDCBx6ADAgECAgEBMAoGCCqGSM49BAMCMBoxGDAWBgNVBAMMD3RvIGJlIGNvbXBsZXRlZDAeFw03MDAxMDEwMDAwMDBaFw03\
MDAxMDIwMDAwMDBaMBoxGDAWBgNVBAMMD3RvIGJlIGNvbXBsZXRlZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABKTiFNYPbY+Y\
ZNuB5MISwZYVeYGPjCzucTiwmMHLLQmB+ph5L6tzQTiP66QGjsds6F7O9QSicY6QmZ4dd1B2vVUwCgYIKoZIzj0EAwIDSAAwRQIg\
KvCod4UHrySzPKmVuP/Ol7dt/oywVKArNj/zwqHeiooCIQCQjuz8n2iX4w8Ll81XktTeMo8tarPKWwR9M4dO/3N91g==";

/// A provider of the account.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stub {
    saml: bool,
    /// What stands behind `oidc-provider/` or `saml-provider/`.
    name: String,
}

/// The providers of `account` that a trust policy names.
pub(super) fn named(trust: &Node, account: AccountId, found: &mut BTreeSet<Stub>) {
    let statements = trust.get("Statement").map_or(&[][..], one_or_many);
    let principals = statements
        .iter()
        .filter_map(|statement| statement.get("Principal")?.get("Federated"));
    for text in principals.flat_map(one_or_many).filter_map(Node::as_str) {
        let Ok(arn) = Arn::parse(text) else {
            continue;
        };
        if arn.service() != "iam" || arn.account_id() != Some(account) {
            continue;
        }
        let Some((kind, name)) = arn.resource().split_once('/') else {
            continue;
        };
        let stub = |saml| Stub {
            saml,
            name: name.to_owned(),
        };
        // A SAML provider's name becomes a file's as it is. What no file can be called is told when the bundle is read.
        let fits = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(letter);
        match kind {
            "oidc-provider" => {
                found.insert(stub(false));
            }
            "saml-provider" if fits => {
                found.insert(stub(true));
            }
            _ => {}
        }
    }
}

/// Letters of names.
fn letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+=,.@_-".contains(c)
}

fn one_or_many(node: &Node) -> &[Node] {
    node.as_list().unwrap_or(std::slice::from_ref(node))
}

impl Stub {
    /// The name, without case, of a file that can be called nothing else: a SAML provider's file is called as it is.
    pub(super) fn fixed(&self) -> Option<String> {
        self.saml.then(|| self.name.to_lowercase())
    }

    /// The file's name without `.yaml`.
    pub(super) fn stem(&self) -> String {
        if self.saml {
            return self.name.clone();
        }
        let stem = self.name.chars();
        let stem: String = stem.map(|c| if letter(c) { c } else { '-' }).collect();
        if stem == self.name && stem.len() <= MAX_NAME {
            return stem;
        }
        // Two names must not become one.
        let hash = digest(&SHA256, self.name.as_bytes());
        let mut name: String = stem.chars().take(MAX_NAME.saturating_sub(9)).collect();
        name.push('-');
        for byte in hash.as_ref().iter().take(4) {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }

    /// The files, by path, what is to be completed first. `name`: as none other is called.
    pub(super) fn files(&self, account: AccountId, name: &str) -> Vec<(String, String)> {
        let stem = super::account::stem(name);
        let path = format!("identity-providers/{stem}.yaml");
        let account = text(account.as_str());
        if self.saml {
            let metadata = format!("{stem}.xml");
            let about = yaml(&map([
                ("type", text("saml")),
                ("account", account),
                ("metadata", text(&metadata)),
                ("audiences", list([text(&format!("https://{UNKNOWN}/"))])),
                ("recipients", list([text(&format!("https://{UNKNOWN}/"))])),
            ]));
            let head = "# To be completed: roles of the account trust this provider, and the details of an account do not say what it is.\n\
                        # Until the metadata, audiences and recipients are its own, nobody is let in by it.\n";
            let metadata = (
                format!("identity-providers/{metadata}"),
                metadata_of_nobody(),
            );
            return vec![(path, format!("{head}{about}")), metadata];
        }
        let about = yaml(&map([
            ("type", text("oidc")),
            ("account", account),
            ("issuer", text(&format!("https://{}", self.name))),
            ("audiences", list([text(UNKNOWN)])),
            (
                "keys",
                map([("file", text(&format!("/{UNKNOWN}/{stem}.jwks.json")))]),
            ),
        ]));
        let head = "# To be completed: roles of the account trust this provider, and the details of an account do not say what it is.\n\
                    # Write whom its tokens are for (audiences), and `keys: { discovery: true }` or where else its keys are; until then\n\
                    # its tokens are refused.\n";
        vec![(path, format!("{head}{about}"))]
    }
}

fn metadata_of_nobody() -> String {
    format!(
        "<!-- To be completed: put the identity provider's own metadata in place of all this. -->\n\
         <EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"https://{UNKNOWN}/\" validUntil=\"1970-01-02T00:00:00Z\">\n\
         \x20 <IDPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\n\
         \x20   <KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"http://www.w3.org/2000/09/xmldsig#\"><X509Data><X509Certificate>{NOBODYS}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>\n\
         \x20 </IDPSSODescriptor>\n\
         </EntityDescriptor>\n"
    )
}
