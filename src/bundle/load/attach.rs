//! What is attached to somebody: managed policies by name or ARN, inline ones, a boundary.

use std::sync::Arc;

use super::Work;
use crate::arn::{AccountId, Arn};
use crate::bundle::read::document::{Source, Use};
use crate::bundle::read::field::Reference;
use crate::bundle::read::principal::{Inline, Who};
use crate::directory::ManagedPolicy;
use crate::policy::{Kind, Policy};
use crate::source::{Report, Severity};

impl Work<'_> {
    /// Follows references to managed policies.
    pub(super) fn managed(
        &mut self,
        file: &str,
        account: AccountId,
        references: &[Reference],
    ) -> Vec<Arc<Policy>> {
        let mut found: Vec<Arc<ManagedPolicy>> = Vec::with_capacity(references.len());
        for reference in references {
            let Some(policy) = self.managed_one(file, account, reference) else {
                continue;
            };
            if found.iter().any(|other| Arc::ptr_eq(other, &policy)) {
                let message = format!("`{}` is attached twice", reference.text);
                self.error(
                    file,
                    "duplicate-reference",
                    reference.span,
                    message,
                    "a name and its ARN are the same: keep one",
                );
                continue;
            }
            found.push(policy);
        }
        found
            .iter()
            .map(|policy| Arc::clone(&policy.policy))
            .collect()
    }

    /// Follows the reference to a boundary.
    pub(super) fn boundary(
        &mut self,
        file: &str,
        account: AccountId,
        reference: Option<&Reference>,
    ) -> Option<Arc<Policy>> {
        let policy = self.managed_one(file, account, reference?)?;
        Some(Arc::clone(&policy.policy))
    }

    fn managed_one(
        &mut self,
        file: &str,
        account: AccountId,
        reference: &Reference,
    ) -> Option<Arc<ManagedPolicy>> {
        let found = self.managed_named(file, account, reference)?;
        self.used.managed(&found.policy);
        Some(found)
    }

    /// A bare name is one of the account's own policies or of the predefined ones; an ARN says which.
    fn managed_named(
        &mut self,
        file: &str,
        account: AccountId,
        reference: &Reference,
    ) -> Option<Arc<ManagedPolicy>> {
        let text = &*reference.text;
        if text.starts_with("arn:") {
            return self.managed_arn(file, account, reference);
        }
        let own = self.customers.get(&account).and_then(|all| all.get(text));
        let predefined = self.predefined.get(text);
        match (own, predefined) {
            (Some(policy), None) | (None, Some(policy)) => policy.clone(),
            (Some(_), Some(_)) => {
                let message =
                    format!("`{text}` is both a policy of the account and a predefined one");
                let help = format!(
                    "write the ARN: {} or {}",
                    Arn::policy(&self.partition, account.as_str(), "/", text),
                    Arn::policy(&self.partition, "aws", "/", text)
                );
                self.error(file, "ambiguous-reference", reference.span, message, help);
                None
            }
            (None, None)
                if self.may_hold(&format!("managed/{text}.json"))
                    || self.may_hold_in(account, &format!("policies/{text}.json")) =>
            {
                None
            }
            (None, None) => {
                let own = self
                    .customers
                    .get(&account)
                    .into_iter()
                    .flat_map(|all| all.keys());
                let known = own.chain(self.predefined.keys()).map(|name| &**name);
                let help = match self.guesses.near(text, known) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!(
                        "add it under policies/{text}.json of the account, or under managed/"
                    ),
                };
                let message = format!(
                    "there is no policy `{text}` in {account} or among the predefined ones"
                );
                self.error(file, "dangling-reference", reference.span, message, help);
                None
            }
        }
    }

    fn managed_arn(
        &mut self,
        file: &str,
        account: AccountId,
        reference: &Reference,
    ) -> Option<Arc<ManagedPolicy>> {
        let text = &*reference.text;
        let arn = match Arn::parse(text) {
            Ok(arn) => arn,
            Err(error) => {
                let message = format!("`{text}` is no ARN: {error}");
                let help = format!(
                    "write the policy's name, or its ARN: {}",
                    Arn::policy(&self.partition, account.as_str(), "/", "NAME")
                );
                self.error(file, "malformed-arn", reference.span, message, help);
                return None;
            }
        };
        let name = arn.resource().rsplit('/').next().unwrap_or_default();
        let found = match arn.account_id() {
            None => self.predefined.get(name),
            Some(owner) if owner == account => {
                self.customers.get(&owner).and_then(|all| all.get(name))
            }
            Some(owner) => {
                let message = format!("`{text}` is a policy of {owner}, and this is in {account}");
                self.error(
                    file,
                    "foreign-reference",
                    reference.span,
                    message,
                    "attach a policy of the same account",
                );
                return None;
            }
        };
        let help = match found {
            Some(None) => return None,
            None if self.may_hold_policy(arn.account_id(), name) => return None,
            Some(Some(policy)) if *policy.arn == *text => return Some(Arc::clone(policy)),
            Some(Some(policy)) => format!("did you mean `{}`?", policy.arn),
            None => self.no_such_policy(account, &arn, name),
        };
        let message = format!("there is no policy `{text}`");
        self.error(file, "dangling-reference", reference.span, message, help);
        None
    }

    fn may_hold_policy(&self, owner: Option<AccountId>, name: &str) -> bool {
        match owner {
            None => self.may_hold(&format!("managed/{name}.json")),
            Some(owner) => self.may_hold_in(owner, &format!("policies/{name}.json")),
        }
    }

    /// How to mend a reference to a policy that is not there.
    fn no_such_policy(&self, account: AccountId, arn: &Arn, name: &str) -> String {
        let own = arn
            .account_id()
            .and_then(|owner| self.customers.get(&owner));
        let known: Vec<&str> = match arn.account_id() {
            None => self.predefined.keys().map(|name| &**name).collect(),
            Some(_) => own.into_iter().flatten().map(|(name, _)| &**name).collect(),
        };
        match self.guesses.near(name, known.iter().copied()) {
            Some(near) => format!("did you mean the policy `{near}`?"),
            None if arn.account_id().is_none() => format!("add it as managed/{name}.json"),
            None => {
                let folder = (self.folders.iter()).find(|(_, known)| **known == account);
                let folder = folder.map_or("ID-NAME", |(folder, _)| folder);
                format!("add it as accounts/{folder}/policies/{name}.json")
            }
        }
    }

    /// Inline policies.
    pub(super) fn inline(
        &mut self,
        file: &str,
        inline: &[Inline],
        quota: usize,
    ) -> Vec<Arc<Policy>> {
        let mut policies = Vec::with_capacity(inline.len());
        let mut size = 0usize;
        for Inline { name, source, .. } in inline {
            let used = Use {
                kind: Kind::Identity,
                name,
            };
            if let Some(doc) = self.document(file, source, used) {
                size = size.saturating_add(doc.size);
                policies.push(Arc::clone(&doc.policy));
            }
        }
        if size > quota {
            let message = format!(
                "the inline policies have {size} characters together, and IAM stores {quota} at most"
            );
            self.too_large(file, message, "make some of them managed policies");
        }
        policies
    }

    fn too_large(&mut self, file: &str, message: String, help: &str) {
        let mut report = Report::on(file);
        let place = super::first_line();
        report.add(Severity::Warning, "quota", place, message, help);
        self.take(report);
    }

    /// The inline policy of a permission set.
    pub(super) fn inline_one(
        &mut self,
        file: &str,
        source: &Source,
        name: &str,
    ) -> Option<Arc<Policy>> {
        let used = Use {
            kind: Kind::Identity,
            name,
        };
        let doc = self.document(file, source, used)?;
        let quota = Who::Role.inline_quota();
        if doc.size > quota {
            let message = format!(
                "the inline policy has {} characters and becomes a role's, of which IAM stores {quota} at most",
                doc.size
            );
            self.too_large(file, message, "make a part of it a managed policy");
        }
        Some(Arc::clone(&doc.policy))
    }
}
