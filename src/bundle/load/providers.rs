//! Identity providers.

use std::sync::Arc;

use super::Work;
use crate::arn::AccountId;
use crate::bundle::layout::{self, Place};
use crate::bundle::read;
use crate::directory::Provider;
use crate::source::{Node, Report, Value};

impl Work<'_> {
    /// Reads all identity providers.
    pub(super) fn providers(&mut self) {
        let files = self.files;
        for (path, text) in files.iter() {
            let Place::Provider(name) = layout::place(path) else {
                continue;
            };
            self.name("identity-providers", path, name, 128);
            let mut report = Report::on(path);
            let node = read::node(path, text, &mut report);
            let provider = node
                .as_ref()
                .and_then(|node| Provider::read(node, name, &mut report));
            let good = !report.has_errors();
            self.take(report);
            if let Some(node) = &node {
                self.provider_accounts(path, node);
            }
            match provider {
                Some(provider) if good => self.provider(path, provider, node.as_ref()),
                Some(_) | None => self.provider_broken = true,
            }
        }
    }

    fn provider(&mut self, path: &Arc<str>, mut provider: Provider, node: Option<&Node>) {
        if let Some(other) =
            (self.parts.providers.iter()).find(|other| other.issuer == provider.issuer)
        {
            let message = format!(
                "the issuer {} is that of `{}` too",
                provider.issuer, other.name
            );
            let span = node
                .and_then(|node| node.get("issuer"))
                .map(|node| node.span)
                .unwrap_or_default();
            self.error(
                path,
                "duplicate-issuer",
                span,
                message,
                "one file per issuer: put them together",
            );
        }
        if let Some(file) = provider.key_file().map(str::to_owned) {
            let span = node
                .and_then(|node| node.get("keys")?.get("file"))
                .map(|node| node.span)
                .unwrap_or_default();
            let resolved = layout::resolve(path, &file);
            let found = resolved
                .as_deref()
                .and_then(|found| self.files.get_key(found));
            if let Some((key_path, key_file)) = found {
                let mut report = Report::on(key_path);
                provider.attach_keys(&key_file.text, &mut report);
                self.referenced.insert(key_path.to_string());
                self.take(report);
            } else {
                let message = format!("there is no file `{file}` beside this one");
                self.error(
                    path,
                    "dangling-reference",
                    span,
                    message,
                    "add it to the bundle, or write an absolute path",
                );
            }
        }
        self.parts.providers.push(Arc::new(provider));
    }

    /// `account` and `trusted_in` name accounts of the bundle.
    fn provider_accounts(&mut self, path: &str, node: &Node) {
        let trusted = match node.get("trusted_in").map(|found| &found.value) {
            Some(Value::List(items)) => &items[..],
            _ => &[],
        };
        for node in node.get("account").into_iter().chain(trusted) {
            self.account_exists(path, node);
        }
    }

    /// That an account id which is well-formed has a folder.
    pub(super) fn account_exists(&mut self, path: &str, node: &Node) {
        let Some(id) = node.as_str().and_then(AccountId::parse) else {
            return;
        };
        self.account_known(path, id, node.span);
    }

    /// That an account has a folder.
    pub(super) fn account_known(
        &mut self,
        path: &str,
        id: AccountId,
        span: crate::source::Span,
    ) -> bool {
        let known = self.folders.values().any(|known| *known == id);
        if !known {
            let message = format!("there is no account {id}");
            let all = self.folders.values().map(AccountId::as_str);
            let help = match self.guesses.near(id.as_str(), all) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add accounts/{id}-NAME/account.yaml"),
            };
            self.error(path, "dangling-reference", span, message, help);
        }
        known
    }
}
