//! Resource policies and tags.

use std::sync::Arc;

use super::{Work, parsed, references::Naming};
use crate::arn::AccountId;
use crate::bundle::layout::InAccount;
use crate::bundle::read::document::Use;
use crate::bundle::read::{Read, resource};
use crate::directory::Resource;
use crate::policy::{Kind, PolicySet};
use crate::source::Span;

/// Who has so many of them needs no more to see what is wrong.
const MAX_CLASHES: usize = 100;

/// A resource with where it was written.
struct Placed {
    file: Arc<str>,
    resource: Arc<Resource>,
    tags_span: Span,
}

impl Work<'_> {
    /// Reads all resource files.
    pub(super) fn resources(&mut self) {
        let mut placed = Vec::new();
        for (path, account, name) in self.in_accounts(InAccount::Resource) {
            self.name(&format!("{account}/resources"), &path, name, 128);
            let Some(file) = self.files.get(&path) else {
                continue;
            };
            let key = (Arc::clone(&path), Box::default());
            let make = parsed(&path, &file.text, |node, report| {
                resource::read(node, name, report)
            });
            let read = self.memos.resources.get(key, &file.hash, make);
            let read = self.taken(read);
            placed.extend(self.resource(path, account, name, &read));
        }
        self.tags_agree(&placed);
        self.parts.resources = placed.into_iter().map(|placed| placed.resource).collect();
    }

    fn resource(
        &mut self,
        path: Arc<str>,
        account: AccountId,
        name: &str,
        read: &Read<resource::Raw>,
    ) -> Option<Placed> {
        let raw = read.value.as_ref()?;
        let pattern = &raw.pattern;
        if pattern.account_id() != Some(account) {
            let message = format!("the ARN is not of the account {account}, whose folder this is");
            let help = format!(
                "write arn:{}:{}:{}:{account}:{}",
                pattern.partition(),
                pattern.service(),
                pattern.region(),
                pattern.resource()
            );
            self.error(&path, "wrong-folder", raw.pattern_span, message, help);
            return None;
        }
        if *pattern.partition() != *self.partition {
            let message = format!("the ARN is not of the partition {}", self.partition);
            self.error(
                &path,
                "malformed-arn",
                raw.pattern_span,
                message,
                "the partition stands in organization.yaml",
            );
            return None;
        }
        let name = format!("resource-policy:{name}");
        let used = Use {
            kind: Kind::Resource,
            name: &name,
        };
        let doc = match &raw.policy {
            Some(source) => Some(self.document(&path, source, used)?),
            None => None,
        };
        if let Some(doc) = &doc {
            self.named.push(Naming {
                file: Arc::clone(&path),
                trust_of: None,
                source: raw.policy.clone(),
                doc: Arc::clone(doc),
            });
        }
        let resource = Resource {
            name: name.into(),
            pattern: pattern.as_str().into(),
            account,
            tags: raw.tags.clone(),
            policy: doc.map(|doc| PolicySet::new(vec![Arc::clone(&doc.policy)])),
        };
        Some(Placed {
            file: path,
            resource: Arc::new(resource),
            tags_span: raw.tags_span,
        })
    }

    /// Two files that both reach some resource do not give it one tag with two values.
    fn tags_agree(&mut self, placed: &[Placed]) {
        let mut tagged: Vec<&Placed> = placed
            .iter()
            .filter(|placed| !placed.resource.tags.is_empty())
            .collect();
        // Two patterns can only meet when the literal beginning of one begins that of the other; sorted by it, those
        // that one may meet stand right behind it.
        let start = |placed: &&Placed| placed.resource.literal_start().to_owned();
        tagged.sort_by_cached_key(|placed| (start(placed), Arc::clone(&placed.file)));
        let mut clashes = Vec::new();
        for (at, first) in tagged.iter().enumerate() {
            let start = first.resource.literal_start();
            let followers = tagged.iter().skip(at.saturating_add(1));
            for second in
                followers.take_while(|other| other.resource.literal_start().starts_with(start))
            {
                if let Some(key) = clash(&first.resource, &second.resource)
                    && first.resource.overlaps(&second.resource)
                {
                    let message = format!(
                        "{} sets the tag `{key}` of the same resources differently",
                        first.file
                    );
                    clashes.push((Arc::clone(&second.file), second.tags_span, message));
                }
            }
            if clashes.len() > MAX_CLASHES {
                break;
            }
        }
        for (file, span, message) in clashes {
            let help = "let one file alone set it, or make the patterns disjoint";
            self.error(&file, "conflicting-tags", span, message, help);
        }
    }
}

/// A tag that both set, and differently.
fn clash<'a>(a: &'a Resource, b: &Resource) -> Option<&'a str> {
    a.tags
        .iter()
        .find(|(key, value)| {
            b.tags.iter().any(|(other, theirs)| {
                other.to_lowercase() == key.to_lowercase() && theirs != value
            })
        })
        .map(|(key, _)| &**key)
}
