//! Account folders, and what `account.yaml` says.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Work, first_line, parsed};
use crate::arn::AccountId;
use crate::bundle::layout::{self, InAccount, Place};
use crate::bundle::read;

impl Work<'_> {
    /// Finds the account folders and reads their `account.yaml`.
    pub(super) fn accounts(&mut self) {
        // Each folder with one of its files, and whether it has an account.yaml.
        let mut folders: BTreeMap<&str, (Arc<str>, bool)> = BTreeMap::new();
        let files = self.files;
        let unread = files.unread().filter(|(path, _)| !path.ends_with('/'));
        for (path, _) in files.iter().chain(unread) {
            let Some(rest) = path.strip_prefix("accounts/") else {
                continue;
            };
            let Some((folder, _)) = rest.split_once('/') else {
                continue;
            };
            let entry = folders
                .entry(folder)
                .or_insert_with(|| (Arc::clone(path), false));
            if matches!(
                layout::place(path),
                Place::InAccount(_, InAccount::Account, _)
            ) {
                *entry = (Arc::clone(path), true);
            }
        }
        let mut seen: HashMap<AccountId, &str> = HashMap::new();
        let mut aliases: HashMap<Box<str>, AccountId> = HashMap::new();
        for (folder, (path, described)) in folders {
            let Some((id, name)) = parts(folder) else {
                let message = format!("`{folder}` is no name of an account's folder");
                let help = "call it ID-NAME, like 555566667777-production";
                self.error(&path, "bad-folder", first_line(), message, help);
                continue;
            };
            if let Some(other) = seen.insert(id, folder) {
                let message = format!("the account {id} has two folders: `{other}` and `{folder}`");
                self.error(
                    &path,
                    "duplicate-account",
                    first_line(),
                    message,
                    "put them together",
                );
            }
            self.folders.insert(folder, id);
            if !described
                && self
                    .files
                    .may_hold(&format!("accounts/{folder}/account.yaml"))
            {
                continue;
            }
            if described {
                self.account(&path, id, &mut aliases);
            } else {
                let message = format!("the account {id} has no account.yaml");
                let help = format!(
                    "add accounts/{folder}/account.yaml with `id: \"{id}\"` and `name: {name}`"
                );
                self.error(&path, "missing-file", first_line(), message, help);
            }
        }
    }

    fn account(
        &mut self,
        path: &Arc<str>,
        id: AccountId,
        aliases: &mut HashMap<Box<str>, AccountId>,
    ) {
        let Some(file) = self.files.get(path) else {
            return;
        };
        let key = (Arc::clone(path), Box::default());
        let read = self.memos.accounts.get(
            key,
            &file.hash,
            parsed(path, &file.text, read::account::read),
        );
        let read = self.taken(read);
        let Some(raw) = &read.value else {
            return;
        };
        // The folder's NAME is for people's eyes; the id is what counts.
        if raw.account.id != id {
            let message = format!("the folder says that the account's id is {id}");
            let help = "rename the folder, or change this";
            self.error(path, "wrong-folder", raw.id_span, message, help);
        }
        if let Some(alias) = &raw.account.alias
            && let Some(other) = aliases.insert(alias.clone(), id)
        {
            let message = format!("the alias `{alias}` is that of {other} too");
            self.error(
                path,
                "duplicate-name",
                raw.alias_span,
                message,
                "aliases are unique: change one",
            );
        }
        self.parts.accounts.push(raw.account.clone());
    }
}

/// `555566667777-production`
fn parts(folder: &str) -> Option<(AccountId, &str)> {
    let (id, name) = folder.split_once('-')?;
    Some((AccountId::parse(id)?, name)).filter(|(_, name)| !name.is_empty())
}
