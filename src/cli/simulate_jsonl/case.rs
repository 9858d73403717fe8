//! One case: request and policies, as the exchange format writes them.
//!
//! Lenient where the format leaves room (nulls, one document or a list of them), strict about what would change a
//! decision: a member of a wrong type is an error, never a default; [`strict`] refuses what no case can mean.

use std::sync::Arc;

use super::known::{Found, Known, Lookup};
use super::strict;
use crate::policy::context::Map;
use crate::policy::{Document, Kind, Layers, Policy, PolicySet, Principal, Request, ResourceKind};
use crate::source::{Node, Report, Severity, Value};

/// A case, ready to judge.
pub(super) struct Case {
    principal: Principal,
    action: Box<str>,
    resource: Box<str>,
    resource_account: Option<Box<str>>,
    context: Map,
    identity: PolicySet,
    boundary: Option<PolicySet>,
    session: Option<PolicySet>,
    scps: Vec<PolicySet>,
    rcps: Vec<PolicySet>,
    resource_policies: Option<PolicySet>,
    resource_kind: ResourceKind,
}

/// What is read, or why it cannot be.
pub(super) type Read<T> = Result<T, String>;

/// What came before this case, and where it has the same.
type Before<'b> = Option<(&'b mut Known, &'b Found<'b>)>;

/// The errors of a report, on one line.
pub(super) fn faults(report: &Report) -> String {
    let errors: Vec<String> = report
        .faults()
        .iter()
        .filter(|fault| fault.severity == Severity::Error)
        .take(5)
        .map(|fault| {
            let help = if fault.help.is_empty() {
                String::new()
            } else {
                format!(" ({})", fault.help)
            };
            format!(
                "column {}: {}{help}",
                fault.span.start.column, fault.message
            )
        })
        .collect();
    let place = if report.file().is_empty() {
        String::new()
    } else {
        format!("{}: ", report.file())
    };
    format!("{place}{}", errors.join("; "))
}

/// A member that is there and not null.
fn member<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    node.get(key).filter(|node| node.value != Value::Null)
}

fn required<'n>(node: &'n Node, path: &str, key: &str) -> Read<&'n Node> {
    member(node, key).ok_or_else(|| format!("{path}.{key} is missing"))
}

fn text<'n>(node: &'n Node, path: &str, key: &str) -> Read<Option<&'n str>> {
    match member(node, key) {
        None => Ok(None),
        Some(found) => match found.as_str() {
            Some(text) => Ok(Some(text)),
            None => Err(format!(
                "{path}.{key} is a string, and this is {}",
                found.kind()
            )),
        },
    }
}

fn required_text<'n>(node: &'n Node, path: &str, key: &str) -> Read<&'n str> {
    text(node, path, key)?.ok_or_else(|| format!("{path}.{key} is missing"))
}

impl Case {
    /// Reads a case; with what came before, its documents need not be in the tree.
    pub(super) fn read(node: &Node, mut known: Before<'_>) -> Read<Self> {
        if node.as_map().is_none() {
            return Err(format!("a case is an object, and this is {}", node.kind()));
        }
        strict::case(node)?;
        let request = required(node, "case", "request")?;
        strict::members(request, "request", &strict::REQUEST)?;
        let principal = principal(required(request, "request", "principal")?)?;
        let policies = required(node, "case", "policies")?;
        if policies.as_map().is_none() {
            return Err(format!(
                "policies is an object, and this is {}",
                policies.kind()
            ));
        }
        strict::members(policies, "policies", &strict::POLICIES)?;
        let resource_kind = match text(policies, "policies", "resourceKind")? {
            None | Some("resource") => ResourceKind::Resource,
            Some("trust") => ResourceKind::Trust,
            Some("mandatory") => ResourceKind::Mandatory,
            Some(other) => return Err(format!("policies.resourceKind `{other}` is unknown")),
        };
        let resource_document = if resource_kind == ResourceKind::Trust {
            Kind::Trust
        } else {
            Kind::Resource
        };
        Ok(Self {
            principal,
            action: strict::action(required_text(request, "request", "action")?)?.into(),
            resource: strict::resource(required_text(request, "request", "resource")?)?.into(),
            resource_account: text(request, "request", "resourceAccount")?
                .map(strict::account)
                .transpose()?
                .map(Into::into),
            context: context(member(request, "context"))?,
            identity: set(policies, "identity", Kind::Identity, &mut known)?.unwrap_or_default(),
            boundary: boundary(policies, &mut known)?,
            session: set(policies, "session", Kind::Session, &mut known)?,
            scps: levels(policies, "scps", Kind::Scp, &mut known)?,
            rcps: levels(policies, "rcps", Kind::Rcp, &mut known)?,
            resource_policies: set(policies, "resource", resource_document, &mut known)?,
            resource_kind,
        })
    }

    /// Hands over the request and its layers.
    pub(super) fn with_request<R>(&self, then: impl FnOnce(&Request<'_>, &Layers<'_>) -> R) -> R {
        let request = Request {
            principal: &self.principal,
            action: &self.action,
            resource: &self.resource,
            resource_account: self.resource_account.as_deref(),
            context: &self.context,
        };
        let identity = [&self.identity];
        let scps: Vec<&PolicySet> = self.scps.iter().collect();
        let rcps: Vec<&PolicySet> = self.rcps.iter().collect();
        let resource = self.resource_policies.as_ref();
        let layers = Layers {
            identity: &identity,
            boundary: self.boundary.as_ref(),
            session: self.session.as_ref(),
            scps: &scps,
            rcps: &rcps,
            resource: resource.as_slice(),
            resource_kind: self.resource_kind,
        };
        then(&request, &layers)
    }
}

fn principal(node: &Node) -> Read<Principal> {
    const PATH: &str = "request.principal";
    strict::members(node, PATH, &strict::PRINCIPAL)?;
    let kind = required_text(node, PATH, "type")?;
    let arn = |key: &str| -> Read<Arc<str>> { Ok(required_text(node, PATH, key)?.into()) };
    let account = || -> Read<Arc<str>> {
        if let Some(account) = text(node, PATH, "account")? {
            return Ok(account.into());
        }
        let arn = required_text(node, PATH, "arn")?;
        match arn.split(':').nth(4) {
            Some(account) if !account.is_empty() => Ok(account.into()),
            _ => Err(format!("{PATH}.account is missing")),
        }
    };
    Ok(match kind {
        "root" => {
            let account = account()?;
            let arn = match text(node, PATH, "arn")? {
                Some(arn) => arn.into(),
                None => format!("arn:aws:iam::{account}:root").into(),
            };
            Principal::Root { account, arn }
        }
        "user" => Principal::User {
            account: account()?,
            arn: arn("arn")?,
        },
        "assumed-role" => Principal::RoleSession {
            account: account()?,
            arn: arn("arn")?,
            role_arn: arn("roleArn")?,
        },
        "role" => Principal::Role {
            account: account()?,
            arn: match text(node, PATH, "arn")? {
                Some(arn) => arn.into(),
                None => arn("roleArn")?,
            },
        },
        "federated-user" => Principal::FederatedUser {
            account: account()?,
            arn: arn("arn")?,
            user_arn: arn("userArn")?,
        },
        "federated" => Principal::Federated {
            provider: arn("arn")?,
        },
        "service" => Principal::Service {
            name: arn("service")?,
        },
        "anonymous" => Principal::Anonymous,
        other => return Err(format!("{PATH}.type `{other}` is unknown")),
    })
}

/// One value of a context key as text.
fn scalar(node: &Node, key: &str) -> Read<Box<str>> {
    Ok(match &node.value {
        Value::String(text) | Value::Number(text) => text.clone(),
        Value::Bool(value) => value.to_string().into(),
        Value::Null | Value::List(_) | Value::Map(_) => {
            return Err(format!(
                "request.context `{key}` holds texts, numbers and booleans, and this is {}",
                node.kind()
            ));
        }
    })
}

fn context(node: Option<&Node>) -> Read<Map> {
    let mut map = Map::new();
    let Some(node) = node else {
        return Ok(map);
    };
    let Some(entries) = node.as_map() else {
        return Err(format!(
            "request.context is an object, and this is {}",
            node.kind()
        ));
    };
    for entry in entries {
        let before = map.len();
        match &entry.value.value {
            Value::Null => {
                return Err(format!(
                    "request.context `{}` is null: leave an absent key out; \"\" is an empty text, [] an empty list",
                    entry.key
                ));
            }
            Value::List(items) => {
                let values = items
                    .iter()
                    .map(|item| scalar(item, &entry.key))
                    .collect::<Read<Vec<_>>>()?;
                map.set_many(&entry.key, values);
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Map(_) => {
                map.set(&entry.key, scalar(&entry.value, &entry.key)?);
            }
        }
        if map.len() == before {
            return Err(format!(
                "request.context has `{}` twice, but for case: key names are compared without case",
                entry.key
            ));
        }
    }
    Ok(map)
}

/// A permissions boundary is one policy: what two of them would mean, the format does not say.
fn boundary(policies: &Node, known: &mut Before<'_>) -> Read<Option<PolicySet>> {
    let found = member(policies, "boundary");
    if let Some(items) = found.and_then(Node::as_list)
        && items.len() != 1
    {
        return Err(format!(
            "policies.boundary is one document, and this is a list of {}",
            items.len()
        ));
    }
    set(policies, "boundary", Kind::Boundary, known)
}

/// A document or a list of them, each bare or as `{"name": …, "document": …}`.
fn set(policies: &Node, key: &str, kind: Kind, known: &mut Before<'_>) -> Read<Option<PolicySet>> {
    member(policies, key)
        .map(|node| documents(node, key, kind, known).map(PolicySet::for_once))
        .transpose()
}

fn documents(
    node: &Node,
    path: &str,
    kind: Kind,
    known: &mut Before<'_>,
) -> Read<Vec<Arc<Policy>>> {
    match node.as_list() {
        Some(items) => items
            .iter()
            .enumerate()
            .map(|(number, item)| document(item, &format!("{path}[{number}]"), kind, known))
            .collect(),
        None => Ok(vec![document(node, path, kind, known)?]),
    }
}

fn document(node: &Node, path: &str, kind: Kind, known: &mut Before<'_>) -> Read<Arc<Policy>> {
    let (node, name) = match member(node, "document") {
        Some(inner) => {
            strict::wrapper(node, path)?;
            (inner, text(node, path, "name")?.unwrap_or(path))
        }
        None => (node, path),
    };
    let start = node.span.start;
    if let Some((known, found)) = known {
        match known.get(found, start, kind) {
            Lookup::Known(document) => return Ok(Arc::new(Policy::compile(&document, name))),
            Lookup::Other => return Err(String::new()),
            Lookup::Unknown => {}
        }
    }
    let mut report = Report::on(&format!("policies.{path}"));
    let Some(document) = Document::read(node, kind, &mut report) else {
        return Err(faults(&report));
    };
    if let Some((known, found)) = known {
        known.add(found, start, &document);
    }
    Ok(Arc::new(Policy::compile(&document, name)))
}

/// One list of documents a level.
fn levels(policies: &Node, key: &str, kind: Kind, known: &mut Before<'_>) -> Read<Vec<PolicySet>> {
    let Some(node) = member(policies, key) else {
        return Ok(Vec::new());
    };
    let Some(levels) = node.as_list() else {
        return Err(format!(
            "policies.{key} is a list of levels, and this is {}",
            node.kind()
        ));
    };
    levels
        .iter()
        .enumerate()
        .map(|(number, level)| {
            if level.as_list().is_none() {
                return Err(format!(
                    "policies.{key}[{number}] is the list of the documents of one level, and this is {}",
                    level.kind()
                ));
            }
            documents(level, &format!("{key}[{number}]"), kind, known).map(PolicySet::for_once)
        })
        .collect()
}
