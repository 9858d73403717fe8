//! `map:` of a provider: which claims make the principal, and what else they say about it.

use crate::source::mapping::{Mapping, string};
use crate::source::{Entry, Node, Report, Value};

use super::template::{ClaimPath, Template};

/// IAM's limits of tags (IAM User Guide, quotas).
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;

/// How claims become a principal.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimMap {
    /// A user, or a role session.
    pub target: Target,
    /// The groups: of a user those that count as its own, of a role session those whose permission sets are open.
    pub groups: Option<Template>,
    /// What is known about multi-factor authentication; `None`: nothing, `aws:MultiFactorAuthPresent` is absent.
    pub mfa: Option<Mfa>,
}

/// What the claims name.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// An IAM user of the provider's account, by name or ARN.
    User(Template),
    /// A session of a role.
    Role {
        /// The candidates: role names or ARNs, before those of permission sets.
        roles: Vec<Template>,
        /// What the session is called.
        session_name: Template,
        /// Session tags.
        tags: Vec<(Box<str>, Template)>,
        /// The source identity.
        source_identity: Option<Template>,
    },
    /// A service acting on its own, by its name: of client certificates only.
    Service(Template),
}

/// Which claim tells that several factors were used.
#[derive(Debug, Clone, PartialEq)]
pub struct Mfa {
    /// The claim: a text or a list (`amr`).
    pub claim: ClaimPath,
    /// The values that mean yes.
    pub any_of: Vec<Box<str>>,
    /// The claim with the time of it, in seconds (`auth_time`).
    pub time: Option<ClaimPath>,
}

impl ClaimMap {
    /// Reads `map:` of a provider of client certificates, which may name services.
    pub(super) fn read_certificates(node: Option<&Node>, report: &mut Report) -> Option<Self> {
        let Some(service) = node.and_then(|node| node.get("service")) else {
            return Self::read(node, report);
        };
        let mut map = Mapping::of(node?, "`map`", report)?;
        let target = template(map.take("service"), "service", report).map(Target::Service);
        if let Some(Target::Service(template)) = &target
            && let Some(name) = template.literal()
            && !is_service(name)
        {
            report.error(
                "malformed-value",
                service.span,
                format!("`{name}` is no name of a service"),
                "write a domain name, like billing.internal.example",
            );
        }
        // A service has no session: nothing else can be said of it.
        map.finish(report);
        Some(Self {
            target: target?,
            groups: None,
            mfa: None,
        })
    }

    /// Reads `map:`; absent means role sessions by permission sets alone.
    pub(super) fn read(node: Option<&Node>, report: &mut Report) -> Option<Self> {
        let Some(node) = node else {
            return Some(Self {
                target: Target::Role {
                    roles: Vec::new(),
                    session_name: subject()?,
                    tags: Vec::new(),
                    source_identity: None,
                },
                groups: None,
                mfa: None,
            });
        };
        let mut map = Mapping::of(node, "`map`", report)?;
        let user = map.take("user");
        let role = map.take("role");
        let session_name = template(map.take("session_name"), "session_name", report);
        let groups = template(map.take("groups"), "groups", report);
        let tags = tags(map.map("tags", report), report);
        let source_identity = template(map.take("source_identity"), "source_identity", report);
        let mfa = map.take("mfa").and_then(|node| Mfa::read(node, report));
        let target = if let Some(user) = user {
            let only_roles = [
                ("role", role.is_some()),
                ("session_name", session_name.is_some()),
                ("tags", !tags.is_empty()),
                ("source_identity", source_identity.is_some()),
            ];
            for (key, present) in only_roles {
                if present {
                    report.error(
                        "conflicting-keys",
                        user.span,
                        format!("`user` and `{key}` exclude each other: a user has no session"),
                        format!("remove `{key}`, or write `role` in place of `user`"),
                    );
                }
            }
            template(Some(user), "user", report).map(Target::User)
        } else {
            let session_name = match session_name {
                Some(template) => Some(template),
                None => subject(),
            };
            session_name.map(|session_name| Target::Role {
                roles: roles(role, report),
                session_name,
                tags,
                source_identity,
            })
        };
        map.finish(report);
        Some(Self {
            target: target?,
            groups,
            mfa,
        })
    }
}

impl Mfa {
    fn read(node: &Node, report: &mut Report) -> Option<Self> {
        let mut map = Mapping::of(node, "`mfa`", report)?;
        let claim = map.required("claim", report);
        let claim = claim.and_then(|node| path(node, "claim", report));
        let any_of: Vec<Box<str>> = map
            .strings("any_of", report)
            .into_iter()
            .map(|(text, _)| text.into())
            .collect();
        if any_of.is_empty() {
            report.error(
                "missing-key",
                map.span(),
                "`mfa` needs the values that mean yes in `any_of`",
                "add `any_of: [mfa, otp]`",
            );
        }
        let time = map.take("time").and_then(|node| path(node, "time", report));
        map.finish(report);
        Some(Self {
            claim: claim?,
            any_of,
            time,
        })
    }
}

/// Whether a text can be a service's name: labels with dots between, at least two.
pub fn is_service(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    name.len() <= 253 && name.contains('.') && name.split('.').all(label)
}

fn subject() -> Option<Template> {
    Template::parse("{claim:sub}").ok()
}

fn template(node: Option<&Node>, key: &str, report: &mut Report) -> Option<Template> {
    let (text, span) = string(node?, key, report)?;
    match Template::parse(text) {
        Ok(template) => Some(template),
        Err(why) => {
            report.error(
                "malformed-template",
                span,
                format!("the template `{text}` cannot be read: {why}"),
                "write literal text and {claim:NAME}, as in \"{claim:realm_access.roles|strip:app-}\"",
            );
            None
        }
    }
}

fn path(node: &Node, key: &str, report: &mut Report) -> Option<ClaimPath> {
    let (text, span) = string(node, key, report)?;
    match ClaimPath::parse(text) {
        Ok(path) => Some(path),
        Err(why) => {
            report.error(
                "malformed-claim",
                span,
                format!("`{text}` is no claim: {why}"),
                "write the claim's name, a nested one with dots between: realm_access.roles",
            );
            None
        }
    }
}

/// `role:` is one template or a list of them.
fn roles(node: Option<&Node>, report: &mut Report) -> Vec<Template> {
    match node {
        None => Vec::new(),
        Some(Node {
            value: Value::List(items),
            ..
        }) => items
            .iter()
            .filter_map(|item| template(Some(item), "role", report))
            .collect(),
        Some(node) => template(Some(node), "role", report).into_iter().collect(),
    }
}

fn tags(entries: &[Entry], report: &mut Report) -> Vec<(Box<str>, Template)> {
    if let Some(entry) = entries.get(MAX_TAGS) {
        report.error(
            "too-many-tags",
            entry.key_span,
            format!("a session has {MAX_TAGS} tags at most"),
            "remove some",
        );
    }
    let mut seen: Vec<String> = Vec::new();
    let mut tags = Vec::new();
    for entry in entries {
        let folded = entry.key.to_lowercase();
        if entry.key.is_empty()
            || entry.key.chars().count() > MAX_TAG_KEY
            || folded.starts_with("aws:")
            || entry.key.chars().any(char::is_control)
        {
            report.error(
                "malformed-tag",
                entry.key_span,
                format!("`{}` is no tag key", entry.key),
                "a tag key has 1 to 128 characters and does not begin with `aws:`",
            );
            continue;
        }
        // Tag keys are compared without case, so two that differ in case alone are one.
        if seen.contains(&folded) {
            report.error(
                "duplicate-tag",
                entry.key_span,
                format!("the tag `{}` stands twice", entry.key),
                "tag keys are compared without case: keep one",
            );
            continue;
        }
        seen.push(folded);
        if let Some(template) = template(Some(&entry.value), &entry.key, report) {
            tags.push((entry.key.clone(), template));
        }
    }
    tags
}
