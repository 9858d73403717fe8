//! From an account's details to the files of a bundle.

use std::collections::{BTreeMap, BTreeSet};

use crate::arn::{AccountId, Arn};
use crate::cli::output::Failed;
use crate::source::json::pretty;
use crate::source::{Fault, Node, Report, Value, json};

use super::details::Item;
use super::provider::{self, Stub};
use super::yaml::{list, map, node, text, yaml};

/// The files of a bundle.
#[derive(Debug)]
pub(super) struct Written {
    /// Path and content; the path is relative and made of checked names.
    pub(super) files: BTreeMap<String, String>,
    /// `3 users, 2 groups, 1 role and 4 policies`
    pub(super) summary: String,
    /// Files that say less than is needed.
    pub(super) to_complete: Vec<String>,
}

/// Whose details they are.
#[derive(Debug, Clone)]
struct Owner {
    partition: String,
    account: AccountId,
}

/// Makes the bundle.
pub(super) fn bundle(input: &str, file: &str, name: &str) -> Result<Written, Failed> {
    let mut report = Report::on(file);
    let node = json::read(input, &mut report).filter(|_| !report.has_errors());
    let Some(node) = node else {
        let lines: Vec<String> = report.faults().iter().map(Fault::line).collect();
        return Err(Failed(lines.join("\n")));
    };
    let all = Item::new(file, &node);
    whole(all)?;
    let (users, groups) = (all.list("UserDetailList")?, all.list("GroupDetailList")?);
    let (roles, policies) = (all.list("RoleDetailList")?, all.list("Policies")?);
    let everything = [&users[..], &groups, &roles, &policies].concat();
    let owner = owner(all, &everything)?;
    let mut writer = Writer {
        files: BTreeMap::new(),
        folder: format!("accounts/{}-{name}", owner.account),
        owner,
        known: BTreeSet::new(),
        providers: BTreeSet::new(),
    };
    writer.account(all, name)?;
    for policy in &policies {
        writer.policy(*policy)?;
    }
    for user in &users {
        writer.user(*user)?;
    }
    for group in &groups {
        writer.group(*group)?;
    }
    for role in &roles {
        writer.role(*role)?;
    }
    let to_complete = writer.providers(all)?;
    let count = |number: usize, one: &str, many: &str| {
        format!("{number} {}", if number == 1 { one } else { many })
    };
    let summary = format!(
        "{}, {}, {} and {} of account {}",
        count(users.len(), "user", "users"),
        count(groups.len(), "group", "groups"),
        count(roles.len(), "role", "roles"),
        count(policies.len(), "policy", "policies"),
        writer.owner.account,
    );
    Ok(Written {
        files: writer.files,
        summary,
        to_complete,
    })
}

/// Part of an account would be another account: a Deny that is on the next page is lost.
fn whole(all: Item<'_>) -> Result<(), Failed> {
    let truncated = all.get("IsTruncated");
    let more = truncated.is_some_and(|item| item.node.value == Value::Bool(true));
    if more || all.get("NextToken").is_some() {
        return Err(all.failed(
            "this is one page of several: run `aws iam get-account-authorization-details` without --max-items and \
             --no-paginate",
        ));
    }
    let lists = [
        "UserDetailList",
        "GroupDetailList",
        "RoleDetailList",
        "Policies",
    ];
    if lists.iter().all(|key| all.get(key).is_none()) {
        return Err(
            all.failed("this is not what `aws iam get-account-authorization-details` prints")
        );
    }
    Ok(())
}

/// The one account that everything is of.
fn owner(all: Item<'_>, everything: &[Item<'_>]) -> Result<Owner, Failed> {
    let mut found: Option<Owner> = None;
    for item in everything {
        let arn = arn(*item, "Arn")?;
        let Some(account) = arn.account_id() else {
            continue;
        };
        match &found {
            Some(owner) if owner.account != account => {
                let message = format!(
                    "{arn} is not of account {}, as what stands before it",
                    owner.account
                );
                return Err(item.failed(&message));
            }
            Some(_) => {}
            None => {
                found = Some(Owner {
                    partition: arn.partition().to_owned(),
                    account,
                });
            }
        }
    }
    found.ok_or_else(|| all.failed("nothing in it says which account it is of"))
}

fn arn(item: Item<'_>, key: &str) -> Result<Arn, Failed> {
    let text = item.text(key)?;
    Arn::parse(text).map_err(|error| item.failed(&format!("`{key}`: {error}")))
}

/// A name that becomes a file's.
fn name<'a>(item: Item<'a>, key: &str) -> Result<&'a str, Failed> {
    let text = item.text(key)?;
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    if text.is_empty() || text.len() > 128 || !text.bytes().all(letters) {
        return Err(item.failed(&format!("`{}` is no name", text.escape_debug())));
    }
    Ok(text)
}

/// The file's name without its ending: one that begins with a dot would be passed over.
pub(super) fn stem(name: &str) -> String {
    let mark = if name.starts_with('.') { "%" } else { "" };
    format!("{mark}{name}")
}

struct Writer {
    files: BTreeMap<String, String>,
    /// The account's.
    folder: String,
    owner: Owner,
    /// ARNs of policies with a document.
    known: BTreeSet<String>,
    /// That trust policies name.
    providers: BTreeSet<Stub>,
}

/// `attachable: false`, of a policy that IAM attaches no more.
fn attachable(item: Item<'_>) -> Result<Option<(&'static str, Node)>, Failed> {
    match item.get("IsAttachable").map(|found| &found.node.value) {
        None | Some(Value::Bool(true)) => Ok(None),
        Some(Value::Bool(false)) => Ok(Some(("attachable", node(Value::Bool(false))))),
        Some(_) => Err(item.failed("`IsAttachable` is true or false")),
    }
}

/// An entry of a mapping, if there is something to say.
fn entry<'k>(key: &'k str, value: Option<&str>) -> Option<(&'k str, Node)> {
    value.map(|value| (key, text(value)))
}

impl Writer {
    fn put(&mut self, item: Item<'_>, path: String, content: String) -> Result<(), Failed> {
        match self.files.insert(path, content) {
            None => Ok(()),
            Some(_) => Err(item.failed("something else of this kind has the same name")),
        }
    }

    fn account(&mut self, all: Item<'_>, name: &str) -> Result<(), Failed> {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if name.is_empty() || name.len() > 50 || !name.bytes().all(letters) {
            return Err(Failed::new(
                "--name: an account is called by 1 to 50 letters, digits, - and _",
            ));
        }
        let id = self.owner.account;
        let organization = map([
            ("partition", text(&self.owner.partition)),
            ("management_account", text(id.as_str())),
            ("root", map([("accounts", list([text(id.as_str())]))])),
        ]);
        let account = map([("id", text(id.as_str())), ("name", text(name))]);
        self.put(all, "organization.yaml".to_owned(), yaml(&organization))?;
        self.put(all, format!("{}/account.yaml", self.folder), yaml(&account))
    }

    /// A managed policy: its default version.
    fn policy(&mut self, item: Item<'_>) -> Result<(), Failed> {
        let name = name(item, "PolicyName")?;
        let arn = arn(item, "Arn")?;
        let file = stem(name);
        let stem = match arn.account_id() {
            None => format!("managed/{file}"),
            Some(_) => format!("{}/policies/{file}", self.folder),
        };
        let default = item.text("DefaultVersionId")?;
        let versions = item.list("PolicyVersionList")?;
        let mut versions = versions.into_iter();
        let version = versions.find(|version| {
            let id = version.get("VersionId").and_then(|id| id.node.as_str());
            id == Some(default)
        });
        let Some(version) = version else {
            let message =
                format!("the default version {default} of {name} is not among its versions");
            return Err(item.failed(&message));
        };
        let about = [
            entry("path", item.maybe("Path")?),
            entry("id", item.maybe("PolicyId")?),
            entry("description", item.maybe("Description")?),
            entry("created", item.maybe("CreateDate")?),
            entry("updated", item.maybe("UpdateDate")?),
            attachable(item)?,
            entry("version", Some(default)),
            entry("version_created", version.maybe("CreateDate")?),
            Some(("tags", tags(item)?)),
        ];
        self.known.insert(arn.as_str().to_owned());
        let about = yaml(&map(about.into_iter().flatten()));
        self.put(
            item,
            format!("{stem}.json"),
            pretty(&version.document("Document")?),
        )?;
        self.put(item, format!("{stem}.yaml"), about)
    }

    fn user(&mut self, item: Item<'_>) -> Result<(), Failed> {
        let name = name(item, "UserName")?;
        let groups: Result<Vec<Node>, Failed> = item
            .list("GroupList")?
            .into_iter()
            .map(|group| {
                let name = group.node.as_str();
                name.map(text)
                    .ok_or_else(|| group.failed("this is no name of a group"))
            })
            .collect();
        let own = [("groups", list(groups?))];
        let content = self.entity(item, "UserId", "UserPolicyList", own.into())?;
        let path = format!("{}/users/{}.yaml", self.folder, stem(name));
        self.put(item, path, content)
    }

    fn group(&mut self, item: Item<'_>) -> Result<(), Failed> {
        let name = name(item, "GroupName")?;
        let content = self.entity(item, "GroupId", "GroupPolicyList", Vec::new())?;
        let path = format!("{}/groups/{}.yaml", self.folder, stem(name));
        self.put(item, path, content)
    }

    fn role(&mut self, item: Item<'_>) -> Result<(), Failed> {
        let name = name(item, "RoleName")?;
        let trust = item.document("AssumeRolePolicyDocument")?;
        provider::named(&trust, self.owner.account, &mut self.providers);
        let own = [("trust_policy", trust)];
        let content = self.entity(item, "RoleId", "RolePolicyList", own.into())?;
        let path = format!("{}/roles/{}.yaml", self.folder, stem(name));
        self.put(item, path, content)
    }

    /// The providers that were named; the files that are to be completed.
    fn providers(&mut self, all: Item<'_>) -> Result<Vec<String>, Failed> {
        let mut to_complete = Vec::new();
        let account = self.owner.account;
        let mut stems = BTreeSet::new();
        // Those of SAML come last: their names are their files' names, and the others make room.
        let stubs = std::mem::take(&mut self.providers);
        let taken: BTreeSet<String> = stubs.iter().filter_map(Stub::fixed).collect();
        for stub in &stubs {
            let mut stem = stub.stem();
            while stub.fixed().is_none()
                && (taken.contains(&stem.to_lowercase()) || !stems.insert(stem.to_lowercase()))
            {
                stem.push('_');
            }
            let files = stub.files(account, &stem);
            to_complete.extend(files.first().map(|(path, _)| path.clone()));
            for (path, content) in files {
                self.put(all, path, content)?;
            }
        }
        Ok(to_complete)
    }

    /// What users, groups and roles have alike.
    fn entity(
        &self,
        item: Item<'_>,
        id: &str,
        inline: &str,
        own: Vec<(&str, Node)>,
    ) -> Result<String, Failed> {
        let mut managed = Vec::new();
        for attached in item.list("AttachedManagedPolicies")? {
            managed.push(self.managed(attached, "PolicyArn")?);
        }
        let mut inlines = Vec::new();
        for policy in item.list(inline)? {
            let document = policy.document("PolicyDocument")?;
            inlines.push((policy.text("PolicyName")?, document));
        }
        let boundary = item.get("PermissionsBoundary");
        let boundary = boundary.map(|found| self.managed(found, "PermissionsBoundaryArn"));
        let mut entries: Vec<(&str, Node)> = [
            entry("path", item.maybe("Path")?),
            entry("id", item.maybe(id)?),
            entry("created", item.maybe("CreateDate")?),
        ]
        .into_iter()
        .flatten()
        .collect();
        entries.extend(own);
        entries.push(("managed_policies", list(managed)));
        entries.push(("inline_policies", map(inlines)));
        if let Some(boundary) = boundary {
            entries.push(("permissions_boundary", boundary?));
        }
        entries.push(("tags", tags(item)?));
        Ok(yaml(&map(entries)))
    }

    /// The ARN of a policy whose document is there too.
    fn managed(&self, item: Item<'_>, key: &str) -> Result<Node, Failed> {
        let arn = item.text(key)?;
        if !self.known.contains(arn) {
            let message = format!(
                "{arn} is attached, and its document is not in this file: print everything, without --filter"
            );
            return Err(item.failed(&message));
        }
        Ok(text(arn))
    }
}

fn tags(item: Item<'_>) -> Result<Node, Failed> {
    let mut tags = Vec::new();
    for tag in item.list("Tags")? {
        tags.push((tag.text("Key")?, text(tag.text("Value")?)));
    }
    Ok(map(tags))
}

#[cfg(test)]
mod tests;
