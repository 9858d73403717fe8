//! How users, groups, roles and policies look in answers.

use std::fmt::Write as _;

use crate::clock::Timestamp;
use crate::directory::{Group, ManagedPolicy, Role, Tags, User};
use crate::policy::{Policy, PolicySet};
use crate::query_api::xml::Members;

/// What inline policies are called in decisions, before their names.
pub(super) const INLINE: &str = "inline:";

/// A time of the bundle; what it does not say is the beginning of time.
pub(super) fn date(time: Option<&str>) -> String {
    let parsed = time.and_then(|time| time.parse::<jiff::Timestamp>().ok());
    Timestamp::from_seconds(parsed.map_or(0, jiff::Timestamp::as_second)).rfc3339()
}

/// A policy's text, percent-encoded as RFC 3986 has it.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_mul(2));
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => {
                // Writing to a String cannot fail.
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

/// The managed policies of a set.
pub(super) fn managed(set: &PolicySet) -> impl Iterator<Item = &Policy> {
    let all = set.policies().iter().map(|policy| &**policy);
    all.filter(|policy| !policy.name().starts_with(INLINE))
}

/// The inline policies of a set, with their names.
pub(super) fn inline(set: &PolicySet) -> impl Iterator<Item = (&str, &Policy)> {
    let all = set.policies().iter();
    all.filter_map(|policy| Some((policy.name().strip_prefix(INLINE)?, &**policy)))
}

/// What stands behind the last slash of an ARN.
pub(super) fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

pub(super) fn tags(members: &mut Members, tags: &Tags) {
    members.list("Tags", tags, |member, (key, value)| {
        member.text("Key", key).text("Value", value);
    });
}

/// `<AttachedManagedPolicies>` or `<AttachedPolicies>`
pub(super) fn attached<'p>(
    members: &mut Members,
    name: &str,
    policies: impl IntoIterator<Item = &'p Policy>,
) {
    members.list(name, policies, |member, policy| {
        member
            .text("PolicyName", name_of(policy.name()))
            .text("PolicyArn", policy.name());
    });
}

pub(super) fn inline_list(members: &mut Members, name: &str, set: &PolicySet) {
    members.list(name, inline(set), |member, (name, policy)| {
        member
            .text("PolicyName", name)
            .text("PolicyDocument", &encoded(policy.text()));
    });
}

pub(super) fn boundary(members: &mut Members, boundary: Option<&PolicySet>) {
    let policy = boundary.and_then(|set| set.policies().first());
    if let Some(policy) = policy {
        members.inner("PermissionsBoundary", |inner| {
            inner
                // As IAM has it: its model says PermissionsBoundaryPolicy, its answers never did.
                .text("PermissionsBoundaryType", "Policy")
                .text("PermissionsBoundaryArn", policy.name());
        });
    }
}

/// What lists tell of a user.
pub(super) fn user(members: &mut Members, user: &User) {
    members
        .text("Path", &user.path)
        .text("UserName", &user.name)
        .text("UserId", &user.id)
        .text("Arn", &user.arn)
        .text("CreateDate", &date(user.created.as_deref()));
}

/// What everybody tells of a group.
pub(super) fn group(members: &mut Members, group: &Group) {
    members
        .text("Path", &group.path)
        .text("GroupName", &group.name)
        .text("GroupId", &group.id)
        .text("Arn", &group.arn)
        .text("CreateDate", &date(group.created.as_deref()));
}

/// What everybody tells of a role.
pub(super) fn role_head(members: &mut Members, role: &Role) {
    let trust = role.trust.policies().first();
    let trust = trust.map_or("", |policy| policy.text());
    members
        .text("Path", &role.path)
        .text("RoleName", &role.name)
        .text("RoleId", &role.id)
        .text("Arn", &role.arn)
        .text("CreateDate", &date(role.created.as_deref()))
        .text("AssumeRolePolicyDocument", &encoded(trust));
}

/// What lists tell of a role.
pub(super) fn role(members: &mut Members, role: &Role) {
    role_head(members, role);
    members
        .maybe("Description", role.description.as_deref())
        .text("MaxSessionDuration", &role.max_session_duration.to_string());
}

/// What everybody tells of a managed policy but its description and documents.
pub(super) fn policy(
    members: &mut Members,
    policy: &ManagedPolicy,
    attached: usize,
    bounds: usize,
) {
    let updated = policy.updated.as_deref().or(policy.created.as_deref());
    members
        .text("PolicyName", &policy.name)
        .text("PolicyId", &policy.id)
        .text("Arn", &policy.arn)
        .text("Path", &policy.path)
        .text("DefaultVersionId", &policy.version.id)
        .number("AttachmentCount", attached)
        .number("PermissionsBoundaryUsageCount", bounds)
        .boolean("IsAttachable", policy.attachable)
        .text("CreateDate", &date(policy.created.as_deref()))
        .text("UpdateDate", &date(updated));
}

/// One version of a policy, which is the only one.
pub(super) fn version(members: &mut Members, policy: &ManagedPolicy, document: bool) {
    let version = &policy.version;
    let created = version.created.as_deref();
    let created = created.or(policy.updated.as_deref());
    let created = created.or(policy.created.as_deref());
    if document {
        members.text("Document", &encoded(policy.policy.text()));
    }
    members
        .text("VersionId", &version.id)
        .boolean("IsDefaultVersion", true)
        .text("CreateDate", &date(created));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_documents() {
        assert_eq!(date(None), "1970-01-01T00:00:00Z");
        assert_eq!(
            date(Some("2013-10-14T20:32:24.5+02:00")),
            "2013-10-14T18:32:24Z"
        );
        assert_eq!(
            encoded(r#"{"a": "é*/~"}"#),
            "%7B%22a%22%3A%20%22%C3%A9%2A%2F~%22%7D"
        );
    }
}
