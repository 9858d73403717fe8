//! The organization: its tree, and the SCPs and RCPs of each level.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::{Work, first_line, parsed};
use crate::arn::AccountId;
use crate::bundle::id;
use crate::bundle::layout::{self, Place};
use crate::bundle::read::document::{self, Use};
use crate::bundle::read::field::Reference;
use crate::bundle::read::organization::{self, Attached, Raw, Tree, Unit};
use crate::bundle::read::{Read, document::Doc};
use crate::directory;
use crate::policy::{Kind, Policy, PolicySet};
use crate::source::{Report, Severity, Span, json};

const FILE: &str = "organization.yaml";
/// How many SCPs or RCPs a level has.
const COUNT_QUOTA: usize = 5;

/// The SCP that allows everything; built in.
const FULL: &str = "FullAWSAccess";
/// The RCP that allows everything; on every level, never detached, and known to the engine.
const RCP_FULL: &str = "RCPFullAWSAccess";
const FULL_TEXT: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// SCPs or RCPs by name; `None`: its file has faults, or it is known without one.
type Named = BTreeMap<Box<str>, Option<Arc<Policy>>>;

/// The way from the root down to a level.
#[derive(Clone, Default)]
struct Way {
    path: String,
    names: String,
    levels: Vec<directory::Level>,
    scps: Vec<Vec<Arc<Policy>>>,
    rcps: Vec<Vec<Arc<Policy>>>,
}

/// What the walk through the tree needs and gathers.
struct Walk {
    file: Arc<str>,
    scps: Named,
    rcps: Named,
    /// The root's id without its `r-`.
    root: Box<str>,
    ids: HashSet<Box<str>>,
    spans: HashMap<AccountId, Span>,
    places: BTreeMap<AccountId, directory::Place>,
}

impl Work<'_> {
    /// Reads `organization.yaml`, for the partition first of all.
    pub(super) fn organization_file(&mut self) -> Option<Arc<Read<Raw>>> {
        let (path, file) = self.files.get_key(FILE)?;
        let key = (Arc::clone(path), Box::default());
        let make = parsed(path, &file.text, organization::read);
        let read = self.memos.organization.get(key, &file.hash, make);
        let read = self.taken(read);
        if let Some(raw) = &read.value {
            self.partition = raw.partition.clone();
        } else if let Some(partition) = partition_line(&file.text) {
            // Every ARN of the bundle would seem wrong otherwise.
            self.partition = partition.into();
        }
        Some(read)
    }

    /// Makes the organization.
    pub(super) fn organization(&mut self, read: &Read<Raw>) {
        let Some(raw) = &read.value else {
            return;
        };
        let Some(tree) = &raw.tree else {
            self.unattached();
            return;
        };
        let derived = || {
            format!(
                "o-{}",
                id::base32(tree.management.as_str(), 10).to_lowercase()
            )
            .into()
        };
        let organization_id: Box<str> = tree.id.clone().unwrap_or_else(derived);
        let root = match &tree.root.id {
            Some(id) => id.text.strip_prefix("r-").unwrap_or_default().into(),
            None => id::base32(&organization_id, 4).to_lowercase().into(),
        };
        let mut walk = Walk {
            file: FILE.into(),
            scps: self.control_policies(Kind::Scp, tree, &organization_id),
            rcps: self.control_policies(Kind::Rcp, tree, &organization_id),
            root,
            ids: HashSet::new(),
            spans: HashMap::new(),
            places: BTreeMap::new(),
        };
        let way = Way {
            path: format!("{organization_id}/"),
            ..Way::default()
        };
        self.level(&tree.root, &way, &mut walk);
        for (folder, account) in self.folders.clone() {
            if !walk.places.contains_key(&account) && !raw.is_broken {
                let message =
                    format!("the account {account} ({folder}) has no place in the organization");
                let help = format!(
                    "add \"{account}\" to `accounts` of the root or of an organizational unit"
                );
                self.error(FILE, "missing-account", first_line(), message, help);
            }
        }
        if !walk.places.contains_key(&tree.management) && !raw.is_broken {
            let message = format!(
                "the management account {} has no place in the organization",
                tree.management
            );
            let help = "add it to `accounts` of the root";
            self.error(FILE, "missing-account", tree.management_span, message, help);
        }
        self.parts.organization = Some(directory::Organization {
            id: organization_id,
            management_account: tree.management,
            places: walk.places,
        });
    }

    /// The files under `scps/` or `rcps/`, and the built-in one.
    /// Without an organization no SCP and no RCP limits anybody: whoever wrote one meant otherwise.
    pub(super) fn unattached(&mut self) {
        if self.may_hold(FILE) {
            return;
        }
        let files = self.files;
        for (path, _) in files.iter() {
            if let Place::Scp(_) | Place::Rcp(_) = layout::place(path) {
                self.error(
                    path,
                    "missing-file",
                    first_line(),
                    "it limits nobody: there is no organization that it could be attached to",
                    "write organization.yaml with `management_account` and `root`, or remove this file",
                );
            }
        }
    }

    fn control_policies(&mut self, kind: Kind, tree: &Tree, organization_id: &str) -> Named {
        let (built_in, family) = if kind == Kind::Rcp {
            (RCP_FULL, "resource_control_policy")
        } else {
            (FULL, "service_control_policy")
        };
        let partition = self.partition.clone();
        let files = self.files;
        let mut named = Named::new();
        for (path, _) in files.iter() {
            let place = (kind, layout::place(path));
            let ((Kind::Scp, Place::Scp(name)) | (Kind::Rcp, Place::Rcp(name))) = place else {
                continue;
            };
            self.name(family, path, name, 128);
            if name == built_in {
                let message = format!("{built_in} is built in");
                self.error(
                    path,
                    "duplicate-name",
                    first_line(),
                    message,
                    "remove the file, or give it another name",
                );
                continue;
            }
            let arn = format!(
                "arn:{partition}:organizations::{}:policy/{organization_id}/{family}/{name}",
                tree.management
            );
            let used = Use { kind, name: &arn };
            let doc = self.document_file(path, used);
            named.insert(name.into(), doc.map(|doc| Arc::clone(&doc.policy)));
        }
        if kind == Kind::Scp {
            let arn = format!("arn:{partition}:organizations::aws:policy/{family}/p-{FULL}");
            if let Some(doc) = self.built_in(FULL_TEXT, Use { kind, name: &arn }) {
                named.insert(FULL.into(), Some(Arc::clone(&doc.policy)));
            }
        } else {
            named.insert(RCP_FULL.into(), None);
        }
        named
    }

    fn built_in(&mut self, text: &str, used: Use<'_>) -> Option<Arc<Doc>> {
        let key = (Arc::from("built-in"), used.name.into());
        let read = self.memos.documents.get(key, &id::hash(text), |report| {
            let node = json::read(text, report)?;
            document::document(&node, None, used, report).map(Arc::new)
        });
        read.0.value.as_ref().map(Arc::clone)
    }

    /// One level of the tree, and all below.
    fn level(&mut self, unit: &Unit, above: &Way, walk: &mut Walk) {
        let is_root = above.levels.is_empty();
        let names = format!("{}/{}", above.names, unit.name);
        let id: Box<str> = match &unit.id {
            Some(id) => id.text.clone(),
            None if is_root => format!("r-{}", walk.root).into(),
            None => format!("ou-{}-{}", walk.root, id::base32(&names, 8).to_lowercase()).into(),
        };
        if !walk.ids.insert(id.clone()) {
            let span = unit.id.as_ref().map_or_else(first_line, |id| id.span);
            let message = format!("another level has the id `{id}` too");
            self.error(
                FILE,
                "duplicate-id",
                span,
                message,
                "give it another one, or none",
            );
        }
        let mut way = above.clone();
        way.names = names;
        way.path.push_str(&id);
        way.path.push('/');
        way.levels.push(directory::Level {
            id,
            name: unit.name.clone(),
        });
        self.attach(&unit.attached, &mut way, walk);
        for leaf in &unit.accounts {
            if walk.spans.insert(leaf.id, leaf.span).is_some() {
                let message = format!("the account {} stands in the organization twice", leaf.id);
                self.error(
                    FILE,
                    "duplicate-account",
                    leaf.span,
                    message,
                    "an account has exactly one place",
                );
                continue;
            }
            self.account_known(FILE, leaf.id, leaf.span);
            let mut way = way.clone();
            way.levels.push(directory::Level {
                id: leaf.id.as_str().into(),
                name: leaf.id.as_str().into(),
            });
            self.attach(&leaf.attached, &mut way, walk);
            walk.places.insert(leaf.id, way.place());
        }
        for unit in &unit.units {
            self.level(unit, &way, walk);
        }
    }

    fn attach(&mut self, attached: &Attached, way: &mut Way, walk: &Walk) {
        let scps = match &attached.scps {
            Some(scps) => self.control(scps, &walk.scps, "scps"),
            None => walk.scps.get(FULL).into_iter().flatten().cloned().collect(),
        };
        let empty = attached.scps.as_ref().is_some_and(Vec::is_empty);
        if empty {
            let mut report = Report::on(&walk.file);
            let name = way.levels.last().map_or("", |level| &*level.name);
            let message = format!("nothing is allowed below `{name}`: `scps` is an empty list");
            let help = "write [FullAWSAccess], or leave `scps` out, for no limit";
            report.add(Severity::Warning, "empty-scps", first_line(), message, help);
            self.take(report);
        }
        way.scps.push(scps);
        let rcps = self.control(&attached.rcps, &walk.rcps, "rcps");
        way.rcps.push(rcps);
    }

    fn control(
        &mut self,
        references: &[Reference],
        known: &Named,
        folder: &str,
    ) -> Vec<Arc<Policy>> {
        let mut found = Vec::with_capacity(references.len());
        if let Some(first) = references.get(COUNT_QUOTA) {
            let mut report = Report::on(FILE);
            let message = format!(
                "AWS allows {COUNT_QUOTA} {folder} a level, and these are {}",
                references.len()
            );
            report.add(
                Severity::Warning,
                "quota",
                first.span,
                message,
                "put some together",
            );
            self.take(report);
        }
        for reference in references {
            self.used.attached(folder, &reference.text);
            match known.get(&reference.text) {
                Some(Some(policy)) => found.push(Arc::clone(policy)),
                Some(None) => {}
                None if self.may_hold(&format!("{folder}/{}.json", reference.text)) => {}
                None => {
                    let help = match self
                        .guesses
                        .near(&reference.text, known.keys().map(|name| &**name))
                    {
                        Some(name) => format!("did you mean `{name}`?"),
                        None => format!("add {folder}/{}.json", reference.text),
                    };
                    let message = format!("there is no `{}` under {folder}/", reference.text);
                    self.error(FILE, "dangling-reference", reference.span, message, help);
                }
            }
        }
        found
    }
}

/// The partition that a text with faults seems to name.
fn partition_line(text: &str) -> Option<&str> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("partition:"))?;
    let word = line.split('#').next().unwrap_or_default();
    let word = word.trim().trim_matches(['"', '\'']);
    (!word.is_empty()).then_some(word)
}

impl Way {
    fn place(self) -> directory::Place {
        let sets = |levels: Vec<Vec<Arc<Policy>>>| levels.into_iter().map(PolicySet::new).collect();
        let rcps = if self.rcps.iter().any(|level| !level.is_empty()) {
            sets(self.rcps)
        } else {
            Vec::new()
        };
        // The account itself is no part of the path: aws:PrincipalOrgPaths ends with its parent.
        directory::Place {
            path: self.path.into(),
            levels: self.levels,
            scps: sets(self.scps),
            rcps,
        }
    }
}
