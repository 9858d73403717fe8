//! `users/NAME.yaml`, `groups/NAME.yaml`, `roles/NAME.yaml`.

use std::sync::Arc;

use super::document::{Source, Use, source};
use super::field::{self, Reference, is_name};
use crate::directory::Tags;
use crate::policy::Kind;
use crate::source::mapping::Mapping;
use crate::source::{Node, Report, Severity};

/// What the file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::bundle) enum Who {
    User,
    Group,
    Role,
}

impl Who {
    fn what(self) -> &'static str {
        match self {
            Self::User => "a user",
            Self::Group => "a group",
            Self::Role => "a role",
        }
    }

    pub(in crate::bundle) fn id_prefix(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Group => "AGPA",
            Self::Role => "AROA",
        }
    }

    /// Characters of all inline policies together (IAM User Guide, quotas).
    pub(in crate::bundle) fn inline_quota(self) -> usize {
        match self {
            Self::User => 2_048,
            Self::Group => 5_120,
            Self::Role => 10_240,
        }
    }
}

/// A user, group or role as its file gives it.
#[derive(Debug)]
pub(in crate::bundle) struct Raw {
    pub(in crate::bundle) path: Box<str>,
    pub(in crate::bundle) id: Option<Reference>,
    pub(in crate::bundle) created: Option<Box<str>>,
    pub(in crate::bundle) tags: Tags,
    pub(in crate::bundle) managed: Vec<Reference>,
    pub(in crate::bundle) inline: Vec<Inline>,
    pub(in crate::bundle) boundary: Option<Reference>,
    pub(in crate::bundle) groups: Vec<Reference>,
    pub(in crate::bundle) mfa_devices: Vec<Box<str>>,
    pub(in crate::bundle) trust: Option<Source>,
    pub(in crate::bundle) max_session_duration: u32,
    pub(in crate::bundle) bearer: bool,
    pub(in crate::bundle) description: Option<Box<str>>,
}

/// One entry of `inline_policies`.
#[derive(Debug)]
pub(in crate::bundle) struct Inline {
    /// As decisions call it: `inline:NAME`.
    pub(in crate::bundle) name: Arc<str>,
    pub(in crate::bundle) source: Source,
}

/// IAM's quotas for what may be attached.
const MANAGED_QUOTA: usize = 10;
const GROUPS_QUOTA: usize = 10;
const MFA_QUOTA: usize = 8;

/// Reads the file.
pub(in crate::bundle) fn read(node: &Node, who: Who, report: &mut Report) -> Option<Raw> {
    let mut map = Mapping::of(node, who.what(), report)?;
    let path = field::path(&mut map, report);
    let id = field::id(&mut map, who.id_prefix(), report);
    let created = field::time(&mut map, "created", report);
    let managed = field::references(&mut map, "managed_policies", report);
    over(&managed, MANAGED_QUOTA, "managed policies", report);
    let inline = inline(&mut map, report);
    let mut raw = Raw {
        path,
        id,
        created,
        tags: Tags::new(),
        managed,
        inline,
        boundary: None,
        groups: Vec::new(),
        mfa_devices: Vec::new(),
        trust: None,
        max_session_duration: 3_600,
        bearer: true,
        description: None,
    };
    if who != Who::Group {
        raw.tags = field::tags(&mut map, report);
        raw.boundary = map
            .string("permissions_boundary", report)
            .map(|(text, span)| Reference {
                text: text.into(),
                span,
            });
        raw.bearer = map.boolean("bearer", report).unwrap_or(true);
    }
    match who {
        Who::User => {
            raw.groups = field::references(&mut map, "groups", report);
            over(&raw.groups, GROUPS_QUOTA, "groups", report);
            let devices = field::references(&mut map, "mfa_devices", report);
            over(&devices, MFA_QUOTA, "MFA devices", report);
            for device in devices {
                if device_ok(&device.text) {
                    raw.mfa_devices.push(device.text);
                } else {
                    report.error(
                        "malformed-arn",
                        device.span,
                        format!("`{}` is no MFA device", device.text),
                        "write its ARN, like arn:aws:iam::123456789012:mfa/alice",
                    );
                }
            }
        }
        Who::Group => {}
        Who::Role => {
            let used = Use {
                kind: Kind::Trust,
                name: "trust-policy",
            };
            raw.trust = map
                .required("trust_policy", report)
                .and_then(|node| source(node, used, report));
            if let Some(seconds) = map.integer("max_session_duration", 3_600..=43_200, report) {
                raw.max_session_duration = u32::try_from(seconds).unwrap_or(3_600);
            }
            let description = map.string("description", report);
            raw.description = description.map(|(text, _)| text.into());
        }
    }
    map.finish(report);
    Some(raw)
}

/// An ARN of a device, or the serial number of a hardware one.
fn device_ok(text: &str) -> bool {
    match text.strip_prefix("arn:") {
        Some(_) => crate::arn::Arn::parse(text)
            .is_ok_and(|arn| arn.service() == "iam" && arn.resource().starts_with("mfa/")),
        None => text.len() >= 9 && is_name(text, 256),
    }
}

fn over(list: &[Reference], most: usize, what: &str, report: &mut Report) {
    if let Some(first) = list.get(most) {
        report.add(
            Severity::Warning,
            "quota",
            first.span,
            format!("IAM allows {most} {what}, and these are {}", list.len()),
            "remove some",
        );
    }
}

/// `inline_policies: {NAME: DOC}`.
pub(super) fn inline(map: &mut Mapping<'_>, report: &mut Report) -> Vec<Inline> {
    let mut found: Vec<Inline> = Vec::new();
    for entry in map.map("inline_policies", report) {
        if !is_name(&entry.key, 128) {
            report.error(
                "bad-name",
                entry.key_span,
                format!("`{}` is no name of a policy", entry.key),
                "a name has 1 to 128 letters, digits and +=,.@_-",
            );
            continue;
        }
        let name: Arc<str> = format!("inline:{}", entry.key).into();
        if found
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(&name))
        {
            report.error(
                "duplicate-name",
                entry.key_span,
                format!("another inline policy is called `{}` too", entry.key),
                "names are compared without case: rename one",
            );
        }
        let used = Use {
            kind: Kind::Identity,
            name: &name,
        };
        if let Some(source) = source(&entry.value, used, report) {
            found.push(Inline { name, source });
        }
    }
    found
}
