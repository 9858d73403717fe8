//! `NAME.yaml` beside a policy's `NAME.json`: path, id, description, tags and times.

use super::field::{self, Reference};
use crate::directory::{PolicyVersion, Tags};
use crate::source::mapping::Mapping;
use crate::source::{Node, Report};

/// What is said about a policy.
#[derive(Debug)]
pub(in crate::bundle) struct Raw {
    pub(in crate::bundle) path: Box<str>,
    pub(in crate::bundle) id: Option<Reference>,
    pub(in crate::bundle) description: Option<Box<str>>,
    pub(in crate::bundle) tags: Tags,
    pub(in crate::bundle) created: Option<Box<str>>,
    pub(in crate::bundle) updated: Option<Box<str>>,
    pub(in crate::bundle) attachable: bool,
    pub(in crate::bundle) version: PolicyVersion,
}

/// What IAM allows of a description.
const MAX_DESCRIPTION: usize = 1_000;

/// Reads the file.
pub(in crate::bundle) fn read(node: &Node, report: &mut Report) -> Option<Raw> {
    let mut map = Mapping::of(node, "what is said about a policy", report)?;
    let raw = Raw {
        path: field::path(&mut map, report),
        id: field::id(&mut map, "ANPA", report),
        description: description(&mut map, report),
        tags: field::tags(&mut map, report),
        created: field::time(&mut map, "created", report),
        updated: field::time(&mut map, "updated", report),
        attachable: map.boolean("attachable", report).unwrap_or(true),
        version: version(&mut map, report),
    };
    map.finish(report);
    Some(raw)
}

/// `version: v3` and `version_created`, which an import keeps; a bundle has no other version.
fn version(map: &mut Mapping<'_>, report: &mut Report) -> PolicyVersion {
    let created = field::time(map, "version_created", report);
    let mut version = PolicyVersion {
        created,
        ..PolicyVersion::default()
    };
    if let Some((text, span)) = map.string("version", report) {
        let digits = text.strip_prefix('v').filter(|digits| {
            (1..=9).contains(&digits.len())
                && !digits.starts_with('0')
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        if digits.is_some() {
            version.id = text.into();
        } else {
            let message = format!("`{text}` is no version of a policy");
            report.error("bad-version", span, message, "write it like v1");
        }
    }
    version
}

fn description(map: &mut Mapping<'_>, report: &mut Report) -> Option<Box<str>> {
    let (text, span) = map.string("description", report)?;
    if text.chars().count() > MAX_DESCRIPTION {
        let message = format!("a description has {MAX_DESCRIPTION} characters at most");
        report.error("too-long", span, message, "say it shorter");
        return None;
    }
    Some(text.into())
}
