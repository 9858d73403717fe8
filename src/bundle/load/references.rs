//! Whom trust and resource policies name: in the bundle's own accounts they must exist, as IAM demands when a policy
//! is stored. A misspelt principal in a Deny would silently spare whom it was meant for.

use std::collections::HashSet;
use std::sync::Arc;

use super::Work;
use crate::arn::{AccountId, Arn};
use crate::bundle::layout;
use crate::bundle::read::document::{Doc, Named, Source};
use crate::bundle::read::principal::Who;

/// A policy that names principals.
#[derive(Debug)]
pub(super) struct Naming {
    /// The file that gives the policy, or refers to its file.
    pub(super) file: Arc<str>,
    /// The account of the role whose trust policy it is.
    pub(super) trust_of: Option<AccountId>,
    pub(super) source: Option<Source>,
    pub(super) doc: Arc<Doc>,
}

impl Naming {
    /// The file that the policy's text stands in.
    fn place(&self) -> String {
        match &self.source {
            Some(Source::File(reference)) => layout::resolve(&self.file, &reference.text)
                .unwrap_or_else(|| self.file.to_string()),
            Some(Source::Here(_)) | None => self.file.to_string(),
        }
    }
}

/// Who can be named.
struct Known {
    accounts: HashSet<AccountId>,
    /// ARNs of users and roles.
    arns: HashSet<Arc<str>>,
    roles: HashSet<(AccountId, Box<str>)>,
    providers: HashSet<String>,
}

impl Work<'_> {
    /// Checks all policies that name principals.
    pub(super) fn references(&mut self) {
        let parts = &self.parts;
        let users = parts.users.iter().map(|user| Arc::clone(&user.arn));
        let roles = parts.roles.iter().map(|role| Arc::clone(&role.arn));
        let known = Known {
            accounts: self.folders.values().copied().collect(),
            arns: users.chain(roles).collect(),
            roles: (parts.roles.iter())
                .map(|role| (role.account, role.name.clone()))
                .collect(),
            providers: (parts.providers.iter())
                .flat_map(|provider| {
                    let accounts = provider.trusted_in.iter();
                    accounts.map(|account| provider.arn(&self.partition, *account))
                })
                .collect(),
        };
        for naming in std::mem::take(&mut self.named) {
            let file = naming.place();
            for named in &naming.doc.principals {
                if named.federated {
                    self.federated(&file, naming.trust_of, named, &known);
                } else {
                    self.principal(&file, named, &known);
                }
            }
        }
    }

    fn principal(&mut self, file: &str, named: &Named, known: &Known) {
        let text = &*named.who.text;
        // Twelve digits and `*` name no one in particular; malformed ARNs are the document reader's affair.
        let Ok(arn) = Arn::parse(text) else {
            return;
        };
        let Some(account) = arn
            .account_id()
            .filter(|account| known.accounts.contains(account))
        else {
            return;
        };
        let last = arn.resource().rsplit('/').next().unwrap_or_default();
        let broken = |who| {
            let folder = if who == Who::User { "users" } else { "roles" };
            self.broken.contains(&(account, who, last.into()))
                || self.may_hold_in(account, &format!("{folder}/{last}.yaml"))
                || (self.permission_set_broken && last.starts_with("AWSReservedSSO_"))
        };
        let exists = match (arn.service(), arn.resource().split('/').next()) {
            ("iam", Some("user")) => known.arns.contains(text) || broken(Who::User),
            ("iam", Some("role")) => known.arns.contains(text) || broken(Who::Role),
            ("sts", Some("assumed-role")) => {
                let role: Box<str> = arn.resource().split('/').nth(1).unwrap_or_default().into();
                known.roles.contains(&(account, role.clone()))
                    || self.may_hold_in(account, &format!("roles/{role}.yaml"))
                    || (self.permission_set_broken && role.starts_with("AWSReservedSSO_"))
                    || self.broken.contains(&(account, Who::Role, role))
            }
            _ => true,
        };
        if !exists {
            let help = match self.guesses.near(text, known.arns.iter().map(|arn| &**arn)) {
                Some(arn) => format!("did you mean `{arn}`?"),
                None => "add it to the bundle, with its path in the ARN; paths are part of it"
                    .to_owned(),
            };
            let message = format!("`{text}` does not exist");
            self.error(file, "dangling-reference", named.who.span, message, help);
        }
    }

    fn federated(&mut self, file: &str, trust_of: Option<AccountId>, named: &Named, known: &Known) {
        let text = &*named.who.text;
        let Ok(arn) = Arn::parse(text) else {
            return;
        };
        if let (Some(own), Some(other)) = (trust_of, arn.account_id())
            && own != other
        {
            let message = format!("`{text}` is a provider of {other}, and the role is in {own}");
            let help = "a role names the provider of its own account; let the provider's `trusted_in` list that account";
            self.error(file, "foreign-reference", named.who.span, message, help);
            return;
        }
        if self.provider_broken || known.providers.contains(text) {
            return;
        }
        let help = match self.guesses.near(text, known.providers.iter().map(String::as_str)) {
            Some(arn) => format!("did you mean `{arn}`?"),
            None => "its file is identity-providers/NAME.yaml, the ARN ends with the issuer without https://, and `trusted_in` lists the account".to_owned(),
        };
        let message = format!("there is no identity provider `{text}`");
        self.error(file, "dangling-reference", named.who.span, message, help);
    }
}
