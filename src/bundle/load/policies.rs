//! Managed policies: predefined ones under `managed/`, customers' under `accounts/…/policies/`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Work, first_line, given_or_derived, is_broken, parsed};
use crate::arn::{AccountId, Arn};
use crate::bundle::layout::{self, InAccount, Place};
use crate::bundle::read::document::{self, Doc, Source, Use};
use crate::bundle::read::field::is_name;
use crate::bundle::read::{self, is_json};
use crate::directory::ManagedPolicy;
use crate::policy::Kind;

impl Work<'_> {
    /// Reads all managed policies.
    pub(super) fn policies(&mut self) {
        let files = self.files;
        for (path, _) in files.iter() {
            if let Place::Managed(name) = layout::place(path) {
                self.name("managed", path, name, 128);
                let policy = self.managed_policy(path, None, name);
                self.predefined.insert(name.into(), policy);
            }
        }
        for (path, account, name) in self.in_accounts(InAccount::Policy) {
            self.name(&format!("{account}/policies"), &path, name, 128);
            let policy = self.managed_policy(&path, Some(account), name);
            self.customers
                .entry(account)
                .or_default()
                .insert(name.into(), policy);
        }
        self.lonely_about();
        self.parts.policies = (self.predefined.values())
            .chain(self.customers.values().flat_map(BTreeMap::values))
            .flatten()
            .cloned()
            .collect();
    }

    /// Checks a name that a file's own name gives: its characters, and that no other of its kind has it.
    pub(super) fn name(&mut self, scope: &str, path: &Arc<str>, name: &str, longest: usize) {
        if !is_name(name, longest) {
            let message = format!("`{name}` is no name");
            let help =
                format!("a name has 1 to {longest} letters, digits and +=,.@_-: rename the file");
            self.error(path, "bad-name", first_line(), message, help);
        }
        let key = format!("{scope}/{}", name.to_lowercase());
        if let Some(other) = self.names.insert(key, Arc::clone(path)) {
            let message = format!("{other} has the same name, but for case");
            let help = "names are compared without case: rename one";
            self.error(path, "duplicate-name", first_line(), message, help);
        }
    }

    fn managed_policy(
        &mut self,
        path: &Arc<str>,
        account: Option<AccountId>,
        name: &str,
    ) -> Option<Arc<ManagedPolicy>> {
        let beside: Arc<str> =
            format!("{}.yaml", path.strip_suffix(".json").unwrap_or(path)).into();
        let about = self.files.get_key(&beside);
        let is_unread = about.is_none() && self.may_hold(&beside);
        let about = about.map(|(path, file)| {
            let key = (Arc::clone(path), Box::default());
            let read = self.memos.policies.get(
                key,
                &file.hash,
                parsed(path, &file.text, read::policy_about::read),
            );
            self.taken(read)
        });
        let about_broken = is_unread || about.as_ref().is_some_and(|read| is_broken(read));
        let about = about.as_ref().and_then(|read| read.value.as_ref());
        let owner = account.as_ref().map_or("aws", AccountId::as_str);
        let policy_path = about.map_or("/", |about| &*about.path);
        let arn = Arn::policy(&self.partition, owner, policy_path, name);
        let used = Use {
            kind: Kind::Identity,
            name: arn.as_str(),
        };
        let doc = self.document_file(path, used)?;
        // Its path may be another than it seems, so nobody can say which ARN is its own.
        if about_broken {
            return None;
        }
        if let Some(given) = about.and_then(|about| about.id.as_ref()) {
            self.given_ids
                .push((beside, given.clone(), arn.as_str().into()));
        }
        let made = ManagedPolicy {
            arn: arn.as_str().into(),
            id: given_or_derived(
                about.and_then(|about| about.id.as_ref()),
                "ANPA",
                arn.as_str(),
            ),
            name: name.into(),
            path: policy_path.into(),
            account,
            description: about.and_then(|about| about.description.clone()),
            tags: about.map(|about| about.tags.clone()).unwrap_or_default(),
            created: about.and_then(|about| about.created.clone()),
            updated: about.and_then(|about| about.updated.clone()),
            attachable: about.is_none_or(|about| about.attachable),
            version: about.map(|about| about.version.clone()).unwrap_or_default(),
            policy: Arc::clone(&doc.policy),
        };
        let file = (Arc::clone(path), Arc::clone(&doc.policy));
        self.managed_files.push(file);
        Some(Arc::new(made))
    }

    /// A NAME.yaml beside no NAME.json.
    fn lonely_about(&mut self) {
        let lonely: Vec<Arc<str>> = self
            .files
            .iter()
            .map(|(path, _)| path)
            .filter(|path| {
                matches!(
                    layout::place(path),
                    Place::ManagedAbout | Place::InAccount(_, InAccount::PolicyAbout, _)
                )
            })
            .filter(|path| {
                path.strip_suffix(".yaml").is_some_and(|stem| {
                    let policy = format!("{stem}.json");
                    self.files.text(&policy).is_none() && !self.may_hold(&policy)
                })
            })
            .cloned()
            .collect();
        for path in lonely {
            let help = "the policy itself stands in NAME.json beside it";
            self.error(
                &path,
                "dangling-reference",
                first_line(),
                "this describes a policy that does not exist",
                help,
            );
        }
    }

    /// A policy document in a file of its own.
    pub(super) fn document_file(&mut self, path: &Arc<str>, used: Use<'_>) -> Option<Arc<Doc>> {
        let file = self.files.get(path)?;
        let key = (
            Arc::clone(path),
            format!("{:?} {}", used.kind, used.name).into(),
        );
        let read = self.memos.documents.get(key, &file.hash, |report| {
            let node = read::node(path, &file.text, report)?;
            let doc = document::document(&node, Some(&file.text), used, report)?;
            Some(Arc::new(doc))
        });
        let read = self.taken(read);
        let doc = read.value.as_ref()?;
        self.seen.push((Arc::clone(path), Arc::clone(&doc.policy)));
        Some(Arc::clone(doc))
    }

    /// A policy document that a YAML file gives, wherever it is.
    pub(super) fn document(
        &mut self,
        from: &str,
        source: &Source,
        used: Use<'_>,
    ) -> Option<Arc<Doc>> {
        let reference = match source {
            Source::Here(doc) => {
                self.seen.push((from.into(), Arc::clone(&doc.policy)));
                return Some(Arc::clone(doc));
            }
            Source::File(reference) => reference,
        };
        let Some(path) = layout::resolve(from, &reference.text) else {
            let message = format!("`{}` leads out of the bundle", reference.text);
            let help = "a file is named relative to the folder of this one";
            self.error(from, "dangling-reference", reference.span, message, help);
            return None;
        };
        self.referenced.insert(path.clone());
        let Some((path, _)) = self.files.get_key(&path) else {
            if self.may_hold(&path) {
                return None;
            }
            let help = self
                .guesses
                .near(
                    &path,
                    self.files
                        .iter()
                        .map(|(path, _)| &**path)
                        .filter(|path| is_json(path)),
                )
                .map_or_else(
                    || {
                        format!(
                            "add it there, or name another file, relative to the folder of {from}"
                        )
                    },
                    |name| format!("did you mean `{name}`?"),
                );
            self.error(
                from,
                "dangling-reference",
                reference.span,
                format!("there is no file `{path}`"),
                help,
            );
            return None;
        };
        let path = Arc::clone(path);
        self.document_file(&path, used)
    }
}
