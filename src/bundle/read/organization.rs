//! `organization.yaml`: a tree of levels with accounts as its leaves.

use super::field::{self, Reference};
use crate::arn::AccountId;
use crate::source::mapping::Mapping;
use crate::source::{Node, Report, Span, Value};

/// The file as it is written.
#[derive(Debug)]
pub(in crate::bundle) struct Raw {
    pub(in crate::bundle) partition: Box<str>,
    pub(in crate::bundle) tree: Option<Tree>,
    /// An account or a unit of the tree could not be read: its accounts may have their places there.
    pub(in crate::bundle) is_broken: bool,
}

/// The organization itself.
#[derive(Debug)]
pub(in crate::bundle) struct Tree {
    pub(in crate::bundle) id: Option<Box<str>>,
    pub(in crate::bundle) management: AccountId,
    pub(in crate::bundle) management_span: Span,
    pub(in crate::bundle) root: Unit,
}

/// The root or an organizational unit.
#[derive(Debug)]
pub(in crate::bundle) struct Unit {
    pub(in crate::bundle) name: Box<str>,
    pub(in crate::bundle) id: Option<Reference>,
    pub(in crate::bundle) attached: Attached,
    pub(in crate::bundle) accounts: Vec<Leaf>,
    pub(in crate::bundle) units: Vec<Unit>,
    /// An account or a unit in it, or below, could not be read.
    pub(in crate::bundle) has_lost_some: bool,
}

/// An account in the tree.
#[derive(Debug)]
pub(in crate::bundle) struct Leaf {
    pub(in crate::bundle) id: AccountId,
    pub(in crate::bundle) span: Span,
    pub(in crate::bundle) attached: Attached,
}

/// What is attached to a level.
#[derive(Debug, Default)]
pub(in crate::bundle) struct Attached {
    /// `None`: not written, which means FullAWSAccess.
    pub(in crate::bundle) scps: Option<Vec<Reference>>,
    pub(in crate::bundle) rcps: Vec<Reference>,
}

/// AWS Organizations nests units five deep under the root.
const MAX_DEPTH: usize = 5;

/// Reads the file.
pub(in crate::bundle) fn read(node: &Node, report: &mut Report) -> Option<Raw> {
    let mut map = Mapping::of(node, "the organization", report)?;
    let partition = map.string("partition", report).and_then(|(text, span)| {
        let good = !text.is_empty()
            && text.len() <= 32
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !good {
            let message = format!("`{text}` is no partition");
            report.error(
                "bad-name",
                span,
                message,
                "write `aws`, or small letters, digits and hyphens",
            );
        }
        good.then_some(text)
    });
    let id = map.string("id", report);
    let management = map.take("management_account");
    let root = map.take("root");
    // All or nothing: a tree without a management account would put it under its own SCPs.
    for (missing, key) in [
        (management.is_none(), "management_account"),
        (root.is_none(), "root"),
    ] {
        if missing && (id.is_some() || management.is_some() || root.is_some()) {
            report.error(
                "missing-key",
                map.span(),
                format!("an organization needs the key `{key}`"),
                "without an organization, leave out `id`, `management_account` and `root` together",
            );
        }
    }
    let id = id.and_then(|(text, span)| checked_id(text, span, "o-", 4, report));
    let root = root.and_then(|node| unit(node, None, 0, report));
    map.finish(report);
    let management =
        management.and_then(|node| field::account_node(node, "management_account", report));
    let is_broken = root.as_ref().is_none_or(|root| root.has_lost_some);
    let tree = match (management, root) {
        (Some((management, management_span)), Some(root)) => Some(Tree {
            id,
            management,
            management_span,
            root,
        }),
        _ => None,
    };
    Some(Raw {
        partition: partition.unwrap_or("aws").into(),
        tree,
        is_broken,
    })
}

fn checked_id(
    text: &str,
    span: Span,
    prefix: &str,
    least: usize,
    report: &mut Report,
) -> Option<Box<str>> {
    let good = text.strip_prefix(prefix).is_some_and(|rest| {
        (least..=64).contains(&rest.len())
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    });
    if !good {
        report.error(
            "bad-id",
            span,
            format!("`{text}` is no id of this kind"),
            format!("it begins with {prefix}, and small letters and digits follow; without `id` one is derived"),
        );
    }
    good.then(|| text.into())
}

/// `parent` is the name of the level above; the root has none.
fn unit(node: &Node, parent: Option<&str>, depth: usize, report: &mut Report) -> Option<Unit> {
    if depth > MAX_DEPTH {
        let message = format!("organizational units are nested at most {MAX_DEPTH} deep");
        let help = "move it one level up, or put units together";
        report.error("too-deep", node.span, message, help);
        return None;
    }
    let what = if parent.is_none() {
        "the root"
    } else {
        "an organizational unit"
    };
    let mut map = Mapping::of(node, what, report)?;
    let name = match parent {
        None => Some("Root"),
        Some(_) => map
            .required_string("name", report)
            .filter(|(text, span)| {
                let good = !text.is_empty()
                    && text.chars().count() <= 128
                    && !text.chars().any(char::is_control)
                    && !text.contains('/');
                if !good {
                    report.error(
                        "bad-name",
                        *span,
                        "this is no name of an organizational unit",
                        "a name has 1 to 128 characters, without slashes",
                    );
                }
                good
            })
            .map(|(text, _)| text),
    };
    let prefix = if parent.is_none() { "r-" } else { "ou-" };
    let id = map.string("id", report).and_then(|(text, span)| {
        let text = checked_id(text, span, prefix, 4, report)?;
        Some(Reference { text, span })
    });
    let attached = attached(node, &mut map, report);
    let listed = map.list("accounts", report);
    let accounts: Vec<Leaf> = (listed.iter())
        .filter_map(|node| leaf(node, report))
        .collect();
    let mut has_lost_some = accounts.len() < listed.len();
    let mut units: Vec<Unit> = Vec::new();
    for node in map.list("organizational_units", report) {
        let Some(unit) = unit(
            node,
            Some(name.unwrap_or_default()),
            depth.saturating_add(1),
            report,
        ) else {
            has_lost_some = true;
            continue;
        };
        has_lost_some |= unit.has_lost_some;
        if units
            .iter()
            .any(|other| other.name.to_lowercase() == unit.name.to_lowercase())
        {
            report.error(
                "duplicate-name",
                node.span,
                format!(
                    "another organizational unit here is called `{}` too",
                    unit.name
                ),
                "names are compared without case: rename one",
            );
        }
        units.push(unit);
    }
    map.finish(report);
    Some(Unit {
        name: name?.into(),
        id,
        attached,
        accounts,
        units,
        has_lost_some,
    })
}

fn leaf(node: &Node, report: &mut Report) -> Option<Leaf> {
    if let Value::Map(_) = node.value {
        let mut map = Mapping::of(node, "an account", report)?;
        let id = field::required_account(&mut map, "id", report);
        let attached = attached(node, &mut map, report);
        map.finish(report);
        let (id, span) = id?;
        return Some(Leaf { id, span, attached });
    }
    let (id, span) = field::account_node(node, "accounts", report)?;
    Some(Leaf {
        id,
        span,
        attached: Attached::default(),
    })
}

fn attached(node: &Node, map: &mut Mapping<'_>, report: &mut Report) -> Attached {
    // `scps:` with nothing behind it counts as not written; `scps: []` is a list with nothing in it.
    let written = node
        .get("scps")
        .is_some_and(|found| found.value != Value::Null);
    let scps = Some(field::references(map, "scps", report)).filter(|_| written);
    Attached {
        scps,
        rcps: field::references(map, "rcps", report),
    }
}
