//! Groups, users and roles.

use std::collections::HashMap;
use std::sync::Arc;

use super::kept::{Made, bounds, holds};
use super::{Work, given_or_derived, is_broken, parsed, references::Naming};
use crate::arn::{AccountId, Arn};
use crate::bundle::layout::InAccount;
use crate::bundle::read::Read;
use crate::bundle::read::document::Use;
use crate::bundle::read::principal::{self, Raw, Who};
use crate::directory::{Group, Role, User};
use crate::policy::Kind;

/// Groups by account and name; `None`: its file has faults.
pub(super) type Groups = HashMap<(AccountId, Box<str>), Option<Arc<Group>>>;

impl Work<'_> {
    fn principal_file(&mut self, path: &Arc<str>, who: Who) -> Option<Arc<Read<Raw>>> {
        let file = self.files.get(path)?;
        let key = (Arc::clone(path), Box::default());
        let make = parsed(path, &file.text, |node, report| {
            principal::read(node, who, report)
        });
        let read = self.memos.principals.get(key, &file.hash, make);
        Some(self.taken(read))
    }

    /// Notes the id that a file gives.
    fn given(&mut self, path: &Arc<str>, read: &Read<Raw>, arn: &Arc<str>) {
        if let Some(given) = read.value.as_ref().and_then(|raw| raw.id.as_ref()) {
            self.given_ids
                .push((Arc::clone(path), given.clone(), Arc::clone(arn)));
        }
    }

    /// Makes the groups.
    pub(super) fn groups(&mut self) -> Groups {
        let mut groups = Groups::new();
        let former = std::mem::take(&mut self.memos.kept.groups);
        for (path, account, name) in self.in_accounts(InAccount::Group) {
            self.name(&format!("{account}/groups"), &path, name, 128);
            let made = self.group(&path, account, name, former.get(&path));
            if let Some((read, group)) = &made {
                self.given(&path, read, &group.arn);
                let kept = (Arc::clone(read), Arc::clone(group));
                self.memos.kept.groups.insert(path, kept);
                self.parts.groups.push(Arc::clone(group));
            }
            groups.insert((account, name.into()), made.map(|(_, group)| group));
        }
        groups
    }

    fn group(
        &mut self,
        path: &Arc<str>,
        account: AccountId,
        name: &str,
        former: Option<&Made<Group>>,
    ) -> Option<Made<Group>> {
        let read = self.principal_file(path, Who::Group)?;
        let raw = read.value.as_ref()?;
        let arn = Arn::group(&self.partition, account, &raw.path, name);
        let mut policies = self.managed(path, account, &raw.managed);
        policies.extend(self.inline(path, &raw.inline, Who::Group.inline_quota()));
        if let Some((old, group)) = former
            && Arc::ptr_eq(old, &read)
            && *group.arn == *arn.as_str()
            && holds(&group.policies, &policies)
        {
            return Some((read, Arc::clone(group)));
        }
        let group = Group {
            arn: arn.as_str().into(),
            id: given_or_derived(raw.id.as_ref(), Who::Group.id_prefix(), arn.as_str()),
            name: name.into(),
            path: raw.path.clone(),
            account,
            policies: self.sets.of(policies),
            created: raw.created.clone(),
        };
        Some((read, Arc::new(group)))
    }

    /// Makes the users.
    pub(super) fn users(&mut self, groups: &Groups) {
        let former = std::mem::take(&mut self.memos.kept.users);
        for (path, account, name) in self.in_accounts(InAccount::User) {
            self.name(&format!("{account}/users"), &path, name, 64);
            if let Some((read, user)) = self.user(&path, account, name, groups, former.get(&path)) {
                self.given(&path, &read, &user.arn);
                if is_broken(&read) {
                    self.broken.insert((account, Who::User, name.into()));
                }
                self.parts.users.push(Arc::clone(&user));
                self.memos.kept.users.insert(path, (read, user));
            } else {
                self.broken.insert((account, Who::User, name.into()));
            }
        }
    }

    fn user(
        &mut self,
        path: &Arc<str>,
        account: AccountId,
        name: &str,
        groups: &Groups,
        former: Option<&Made<User>>,
    ) -> Option<Made<User>> {
        let read = self.principal_file(path, Who::User)?;
        let raw = read.value.as_ref()?;
        let arn = Arn::user(&self.partition, account, &raw.path, name);
        let mut policies = self.managed(path, account, &raw.managed);
        policies.extend(self.inline(path, &raw.inline, Who::User.inline_quota()));
        let boundary = self.boundary(path, account, raw.boundary.as_ref());
        let member_of = self.member_of(path, account, raw, groups);
        if let Some((old, user)) = former
            && Arc::ptr_eq(old, &read)
            && *user.arn == *arn.as_str()
            && holds(&user.policies, &policies)
            && bounds(user.boundary.as_ref(), boundary.as_ref())
            && user.groups.len() == member_of.len()
            && (user.groups.iter().zip(&member_of)).all(|(old, new)| Arc::ptr_eq(old, new))
        {
            return Some((read, Arc::clone(user)));
        }
        let user = User {
            arn: arn.as_str().into(),
            id: given_or_derived(raw.id.as_ref(), Who::User.id_prefix(), arn.as_str()),
            name: name.into(),
            path: raw.path.clone(),
            account,
            tags: raw.tags.clone(),
            policies: self.sets.of(policies),
            groups: member_of,
            boundary: boundary.map(|policy| self.sets.of(vec![policy])),
            mfa_devices: raw.mfa_devices.clone(),
            bearer: raw.bearer,
            created: raw.created.clone(),
        };
        Some((read, Arc::new(user)))
    }

    fn member_of(
        &mut self,
        path: &str,
        account: AccountId,
        raw: &Raw,
        groups: &Groups,
    ) -> Vec<Arc<Group>> {
        let mut found = Vec::with_capacity(raw.groups.len());
        for reference in &raw.groups {
            match groups.get(&(account, reference.text.clone())) {
                Some(Some(group)) => found.push(Arc::clone(group)),
                Some(None) => {}
                None if self.may_hold_in(account, &format!("groups/{}.yaml", reference.text)) => {}
                None => {
                    let known = groups.keys().filter(|(owner, _)| *owner == account);
                    let help = match self
                        .guesses
                        .near(&reference.text, known.map(|(_, name)| &**name))
                    {
                        Some(name) => format!("did you mean `{name}`?"),
                        None => format!("add it as groups/{}.yaml of the account", reference.text),
                    };
                    let message = format!("there is no group `{}` in {account}", reference.text);
                    self.error(path, "dangling-reference", reference.span, message, help);
                }
            }
        }
        found
    }

    /// Makes the roles, all but those of permission sets.
    pub(super) fn roles(&mut self) {
        let former = std::mem::take(&mut self.memos.kept.roles);
        for (path, account, name) in self.in_accounts(InAccount::Role) {
            self.name(&format!("{account}/roles"), &path, name, 64);
            if let Some((read, role)) = self.role(&path, account, name, former.get(&path)) {
                self.given(&path, &read, &role.arn);
                if is_broken(&read) {
                    self.broken.insert((account, Who::Role, name.into()));
                }
                self.parts.roles.push(Arc::clone(&role));
                self.memos.kept.roles.insert(path, (read, role));
            } else {
                self.broken.insert((account, Who::Role, name.into()));
            }
        }
    }

    fn role(
        &mut self,
        path: &Arc<str>,
        account: AccountId,
        name: &str,
        former: Option<&Made<Role>>,
    ) -> Option<Made<Role>> {
        let read = self.principal_file(path, Who::Role)?;
        let raw = read.value.as_ref()?;
        let arn = Arn::role(&self.partition, account, &raw.path, name);
        let mut policies = self.managed(path, account, &raw.managed);
        policies.extend(self.inline(path, &raw.inline, Who::Role.inline_quota()));
        let boundary = self.boundary(path, account, raw.boundary.as_ref());
        let used = Use {
            kind: Kind::Trust,
            name: "trust-policy",
        };
        let trust = self.document(path, raw.trust.as_ref()?, used)?;
        self.named.push(Naming {
            file: Arc::clone(path),
            trust_of: Some(account),
            source: raw.trust.clone(),
            doc: Arc::clone(&trust),
        });
        let trust = Arc::clone(&trust.policy);
        if let Some((old, role)) = former
            && Arc::ptr_eq(old, &read)
            && *role.arn == *arn.as_str()
            && holds(&role.policies, &policies)
            && holds(&role.trust, std::slice::from_ref(&trust))
            && bounds(role.boundary.as_ref(), boundary.as_ref())
        {
            return Some((read, Arc::clone(role)));
        }
        let role = Role {
            arn: arn.as_str().into(),
            id: given_or_derived(raw.id.as_ref(), Who::Role.id_prefix(), arn.as_str()),
            name: name.into(),
            path: raw.path.clone(),
            account,
            tags: raw.tags.clone(),
            trust: self.sets.of(vec![trust]),
            policies: self.sets.of(policies),
            boundary: boundary.map(|policy| self.sets.of(vec![policy])),
            max_session_duration: raw.max_session_duration,
            bearer: raw.bearer,
            permission_set: None,
            created: raw.created.clone(),
            description: raw.description.clone(),
        };
        Some((read, Arc::new(role)))
    }
}
