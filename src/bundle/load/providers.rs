//! Identity providers.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::Work;
use crate::arn::AccountId;
use crate::bundle::layout::{self, Place};
use crate::bundle::read;
use crate::directory::Provider;
use crate::directory::provider::Kind;
use crate::saml::Metadata;
use crate::source::{Node, Report, Span, Value};

impl Work<'_> {
    /// Reads all identity providers.
    pub(super) fn providers(&mut self) {
        let files = self.files;
        let mut issuers = Vec::new();
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
                self.provider_issuer(path, node, &mut issuers);
            }
            match provider {
                Some(provider) if good => self.provider(path, provider, node.as_ref()),
                Some(_) | None => self.provider_broken = true,
            }
        }
        self.provider_authorities();
        self.provider_tokens();
    }

    /// An opaque token does not say whose it is. It is shown to nobody but its issuer, who could use it otherwise.
    fn provider_tokens(&mut self) {
        let providers = self.parts.providers.clone();
        for (at, provider) in providers.iter().enumerate() {
            let Some(introspection) = &provider.introspection else {
                continue;
            };
            let other = providers.iter().take(at).find(|other| {
                let theirs = other.introspection.as_ref();
                theirs.is_some_and(|theirs| theirs.overlaps(introspection))
            });
            if let Some(other) = other {
                let message = format!(
                    "an opaque token could be this provider's as well as {}'s",
                    other.name
                );
                self.error(
                    &format!("identity-providers/{}.yaml", provider.name),
                    "ambiguous-tokens",
                    Span::default(),
                    message,
                    "give both `introspection.token_prefix`, of which neither begins with the other",
                );
            }
        }
    }

    /// Where several providers take certificates of one kind, each must say which authorities speak for it: else those
    /// of one could issue certificates in the name of another.
    fn provider_authorities(&mut self) {
        for kind in [Kind::Spiffe, Kind::X509] {
            let all = || {
                self.parts
                    .providers
                    .iter()
                    .filter(|found| found.kind == kind)
            };
            if all().count() < 2 {
                continue;
            }
            let without = all().filter(|found| found.authorities().is_none());
            let names: Vec<String> = without.map(|found| found.name.to_string()).collect();
            for name in names {
                self.error(
                    &format!("identity-providers/{name}.yaml"),
                    "missing-key",
                    Span::WHOLE_FILE,
                    "several providers take client certificates, and this one does not say whose are its own",
                    "add `authorities: FILE.pem`, the only authorities that may vouch for it",
                );
            }
        }
    }

    fn provider(&mut self, path: &Arc<str>, mut provider: Provider, node: Option<&Node>) {
        if let Some(file) = provider.key_file().map(str::to_owned) {
            let span = node
                .and_then(|node| {
                    node.get("authorities")
                        .or_else(|| node.get("metadata"))
                        .or_else(|| node.get("keys")?.get("file"))
                })
                .map(|node| node.span)
                .unwrap_or_default();
            let resolved = layout::resolve(path, &file);
            let found = resolved
                .as_deref()
                .and_then(|found| self.files.get_key(found));
            if let Some((key_path, key_file)) = found {
                let mut report = Report::on(key_path);
                provider.attach_keys(&key_file.text, &mut report);
                if let Some(metadata) = provider.metadata()
                    && let Err(fault) = Metadata::read(metadata)
                {
                    report.error(
                        "malformed-keys",
                        Span::WHOLE_FILE,
                        format!("this is no metadata of an identity provider: {fault}"),
                        "write what the identity provider offers as its SAML 2.0 metadata",
                    );
                }
                if let Some(authorities) = provider.authorities() {
                    check_authorities(authorities, &mut report);
                }
                self.referenced.insert(key_path.to_string());
                self.take(report);
            } else if !resolved.is_some_and(|path| self.may_hold(&path)) {
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

    /// One file per issuer. Roles name a provider by its issuer's host and path, so it is those that stand only once;
    /// conditions do so in any case.
    fn provider_issuer<'n>(
        &mut self,
        path: &'n Arc<str>,
        node: &Node,
        known: &mut Vec<(String, &'n str, Span)>,
    ) {
        let Some((text, span)) = node
            .get("issuer")
            .or_else(|| node.get("trust_domain"))
            .and_then(|node| Some((node.as_str()?, node.span)))
        else {
            return;
        };
        let place = text.split_once("://").map_or(text, |(_, place)| place);
        if let Some((_, other, first)) = known
            .iter()
            .find(|(known, ..)| known.eq_ignore_ascii_case(place))
        {
            let at = first.start;
            let message = format!(
                "the issuer {text} is that of {other}:{}:{} too",
                at.line, at.column
            );
            let help = "one file per issuer: put them together";
            self.error(path, "duplicate-issuer", span, message, help);
        } else {
            known.push((place.to_owned(), path, span));
        }
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
    pub(super) fn account_known(&mut self, path: &str, id: AccountId, span: Span) -> bool {
        let known = self.folders.values().any(|known| *known == id)
            || self.files.may_hold_folder(&format!("accounts/{id}-"));
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

/// That a file holds certificates of authorities, each whole: half a file must not pass for a whole one.
fn check_authorities(text: &str, report: &mut Report) {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        if let Err(why) = added {
            report.error(
                "malformed-keys",
                Span::WHOLE_FILE,
                format!("a certificate in it cannot be read: {why}"),
                "write certificates in PEM, one behind the other",
            );
            return;
        }
    }
    if roots.is_empty() {
        report.error(
            "malformed-keys",
            Span::WHOLE_FILE,
            "no certificate is in it",
            "write certificates in PEM, one behind the other",
        );
    }
}
