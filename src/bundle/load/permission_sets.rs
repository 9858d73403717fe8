//! Permission sets: in each account that one is assigned to, it becomes a role.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Work, is_broken, parsed};
use crate::arn::{AccountId, Arn};
use crate::bundle::id;
use crate::bundle::layout::{self, Place};
use crate::bundle::read::document::{self, Use};
use crate::bundle::read::permission_set::{self, Raw};
use crate::bundle::read::principal::Who;
use crate::directory::provider::Target;
use crate::directory::{PermissionSetOf, Provider, Role, Tags};
use crate::policy::{Kind, Policy, PolicySet};
use crate::source::json;

/// The path of all roles that permission sets become.
const PATH: &str = "/aws-reserved/sso.amazonaws.com/";
/// Together with the role's prefix, the hash and two underscores it fits into a role's name.
const MAX_NAME: usize = 32;

impl Work<'_> {
    /// Makes the roles of permission sets.
    pub(super) fn permission_sets(&mut self) {
        let files = self.files;
        for (path, _) in files.iter() {
            let Place::PermissionSet(name) = layout::place(path) else {
                continue;
            };
            self.name("permission-sets", path, name, MAX_NAME);
            self.permission_set(path, name);
        }
    }

    fn permission_set(&mut self, path: &Arc<str>, name: &str) {
        let Some(file) = self.files.get(path) else {
            return;
        };
        let key = (Arc::clone(path), Box::default());
        let make = parsed(path, &file.text, permission_set::read);
        let read = self.memos.permission_sets.get(key, &file.hash, make);
        let read = self.taken(read);
        self.permission_set_broken |= is_broken(&read);
        let Some(raw) = &read.value else {
            return;
        };
        if !raw.assignments.is_empty() {
            self.used.assigned.insert(Arc::clone(path));
        }
        let provider = self.provider_of(path, raw);
        let mut accounts: BTreeMap<AccountId, Vec<Box<str>>> = BTreeMap::new();
        for assignment in &raw.assignments {
            let id = assignment.account;
            if !self.account_known(path, id, assignment.account_span) {
                continue;
            }
            if let Some(provider) = &provider
                && !provider.exists_in(id)
            {
                let message = format!("the provider `{}` is not trusted in {id}", provider.name);
                let help = format!(
                    "add \"{id}\" to `trusted_in` of identity-providers/{}.yaml",
                    provider.name
                );
                self.error(
                    path,
                    "dangling-reference",
                    assignment.account_span,
                    message,
                    help,
                );
                continue;
            }
            accounts
                .entry(id)
                .or_default()
                .push(assignment.group.clone());
        }
        let inline = raw
            .inline
            .as_ref()
            .and_then(|source| self.inline_one(path, source, permission_set::INLINE));
        let Some(provider) = provider else {
            self.permission_set_broken = true;
            return;
        };
        for (account, groups) in accounts {
            let mut policies = self.managed(path, account, &raw.managed);
            policies.extend(inline.clone());
            let boundary = self.boundary(path, account, raw.boundary.as_ref());
            let hash = id::hex(&id::hash(&format!("{name}/{account}")));
            let role_name = format!(
                "AWSReservedSSO_{name}_{}",
                hash.get(..16).unwrap_or_default()
            );
            self.name(&format!("{account}/roles"), path, &role_name, 64);
            let arn = Arn::role(&self.partition, account, PATH, &role_name);
            let Some(trust) = self.generated_trust(path, &provider, account, &groups) else {
                continue;
            };
            self.parts.roles.push(Arc::new(Role {
                arn: arn.as_str().into(),
                id: id::unique(Who::Role.id_prefix(), arn.as_str()),
                name: role_name.into(),
                path: PATH.into(),
                account,
                tags: Tags::new(),
                trust: PolicySet::new(vec![trust]),
                policies: self.sets.of(policies),
                boundary: boundary.map(|policy| self.sets.of(vec![policy])),
                max_session_duration: raw.session_duration,
                bearer: true,
                permission_set: Some(PermissionSetOf {
                    name: name.into(),
                    provider: (&*provider.name).into(),
                    groups,
                }),
                created: None,
                description: None,
            }));
        }
    }

    fn provider_of(&mut self, path: &str, raw: &Raw) -> Option<Arc<Provider>> {
        let wanted = &*raw.provider.text;
        let found = self
            .parts
            .providers
            .iter()
            .find(|found| *found.name == *wanted)
            .cloned();
        let Some(provider) = found else {
            if !self.provider_broken {
                let known = self.parts.providers.iter().map(|found| &*found.name);
                let help = match self.guesses.near(wanted, known) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("add identity-providers/{wanted}.yaml"),
                };
                let message = format!("there is no identity provider `{wanted}`");
                self.error(path, "dangling-reference", raw.provider.span, message, help);
            }
            return None;
        };
        let usable = match provider.map.target {
            Target::Role { .. } => provider.map.groups.is_some(),
            Target::User(_) | Target::Service(_) => false,
        };
        if !usable {
            let message = format!(
                "nobody can get this permission set: `{wanted}` maps no groups to role sessions"
            );
            let help = format!(
                "add `groups: \"{{claim:groups}}\"` to `map` of identity-providers/{wanted}.yaml, without `user`"
            );
            self.error(path, "dangling-reference", raw.provider.span, message, help);
            return None;
        }
        Some(provider)
    }

    /// Lets in the sessions of one provider whose mapped groups hold one of `groups`.
    fn generated_trust(
        &mut self,
        path: &Arc<str>,
        provider: &Provider,
        account: AccountId,
        groups: &[Box<str>],
    ) -> Option<Arc<Policy>> {
        let text = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Federated": provider.arn(&self.partition, account) },
                "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
                "Condition": { "ForAnyValue:StringEquals": { PermissionSetOf::GROUPS_KEY: groups } },
            }],
        })
        .to_string();
        let key = (Arc::clone(path), format!("trust {account}").into());
        let used = Use {
            kind: Kind::Trust,
            name: "trust-policy",
        };
        let read = self.memos.documents.get(key, &id::hash(&text), |report| {
            let node = json::read(&text, report)?;
            document::document(&node, None, used, report).map(Arc::new)
        });
        let read = self.taken(read);
        read.value.as_ref().map(|doc| Arc::clone(&doc.policy))
    }
}
