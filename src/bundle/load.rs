//! Puts the files of a bundle together: finds what each is, follows every reference, reports every fault.

mod accounts;
mod attach;
mod guesses;
mod kept;
mod lints;
mod organization;
mod permission_sets;
mod policies;
mod principals;
mod providers;
mod references;
mod resources;
mod routes;
mod sets;
#[cfg(test)]
mod tests;
mod unused;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::change::Listing;
use super::files::Files;
use super::layout::{self, InAccount, Place};
use super::read::{self, Memo};
use super::{Snapshot, id};
use crate::arn::AccountId;
use crate::directory::{Directory, ManagedPolicy, Parts};
use crate::policy::Policy;
use crate::route::Table;
use crate::source::{Fault, Node, Position, Report, Severity, Span};

/// Who has so many faults in a bundle needs no more to see that it is broken.
const MAX_FAULTS: usize = 50_000;

/// How a bundle is judged.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The upstreams that routes may name; `None`: any.
    pub known_upstreams: Option<Vec<String>>,
    /// Warnings are errors.
    pub strict: bool,
}

/// Loads bundles, one after the other, and keeps what did not change in between.
#[derive(Debug, Default)]
pub struct Loader {
    memos: Memos,
}

/// What was read from files before.
#[derive(Debug, Default)]
struct Memos {
    organization: Memo<read::organization::Raw>,
    accounts: Memo<read::account::Raw>,
    principals: Memo<read::principal::Raw>,
    policies: Memo<read::policy_about::Raw>,
    permission_sets: Memo<read::permission_set::Raw>,
    resources: Memo<read::resource::Raw>,
    documents: Memo<Arc<read::document::Doc>>,
    kept: kept::Kept,
    found: lints::Found,
}

impl Loader {
    /// Loads a bundle.
    ///
    /// # Errors
    /// Every fault of the bundle, warnings included, when at least one is an error.
    pub fn load(&mut self, files: &Files, options: &Options) -> Result<Snapshot, Vec<Fault>> {
        self.memos.turn();
        let mut work = Work::new(files, options, &mut self.memos);
        let routes = work.run();
        let parts = std::mem::take(&mut work.parts);
        let (remade, denies) = (work.remade, work.denies);
        let mut faults = work.faults;
        self.memos.settle();
        if options.strict {
            for fault in &mut faults {
                if matches!(
                    fault.severity,
                    Severity::Warning | Severity::SecurityWarning
                ) {
                    fault.severity = Severity::Error;
                }
            }
        }
        faults.sort_by(|a, b| {
            (&a.file, a.span.start, a.id, &a.message).cmp(&(
                &b.file,
                b.span.start,
                b.id,
                &b.message,
            ))
        });
        faults.dedup();
        let failed = (faults.iter()).any(|fault| fault.severity == Severity::Error);
        let Some(routes) = routes.filter(|_| !failed) else {
            return Err(faults);
        };
        Ok(Snapshot {
            digest: files.digest(),
            directory: Directory::new(parts),
            routes,
            faults,
            files: Arc::new(Listing::of(files)),
            denies,
            remade,
        })
    }
}

impl Memos {
    fn turn(&mut self) {
        self.organization.turn();
        self.accounts.turn();
        self.principals.turn();
        self.policies.turn();
        self.permission_sets.turn();
        self.resources.turn();
        self.documents.turn();
    }

    fn settle(&mut self) {
        self.organization.settle();
        self.accounts.settle();
        self.principals.settle();
        self.policies.settle();
        self.permission_sets.settle();
        self.resources.settle();
        self.documents.settle();
    }
}

/// One load on its way. Something that is `known` and holds `None` has a file with faults: it is no dangling
/// reference to name it, and the load fails anyway.
struct Work<'w> {
    files: &'w Files,
    /// What each file is, by its path.
    places: Vec<(&'w Arc<str>, Place<'w>)>,
    options: &'w Options,
    memos: &'w mut Memos,
    faults: Vec<Fault>,
    /// Where values of the wrong type stand: file, line and column.
    mistyped: HashSet<(Arc<str>, u32, u32)>,
    /// Whether one of them is an error.
    broken_at_all: bool,
    remade: usize,
    denies: usize,
    partition: Box<str>,
    /// Files that other files refer to.
    referenced: HashSet<String>,
    /// Account folders by name.
    folders: BTreeMap<&'w str, AccountId>,
    /// Names by what they are names of, in lower case, with the file.
    names: HashMap<String, Arc<str>>,
    /// Predefined managed policies by name.
    predefined: BTreeMap<Box<str>, Option<Arc<ManagedPolicy>>>,
    /// Customer-managed policies by account and name.
    customers: HashMap<AccountId, BTreeMap<Box<str>, Option<Arc<ManagedPolicy>>>>,
    /// Every policy with the file that its text stands in.
    seen: Vec<(Arc<str>, Arc<Policy>)>,
    /// Managed policies with their files.
    managed_files: Vec<(Arc<str>, Arc<Policy>)>,
    /// What acts on somebody.
    used: unused::Used,
    /// The sets of policies made so far.
    sets: sets::Sets,
    /// Whom policies name, to be checked when everybody is known.
    named: Vec<references::Naming>,
    /// Users and roles whose files have faults.
    broken: HashSet<(AccountId, read::principal::Who, Box<str>)>,
    /// Ids that files give, with the ARNs of what has them.
    given_ids: Vec<(Arc<str>, read::field::Reference, Arc<str>)>,
    /// A permission set's file has faults, so that not all its roles are known.
    permission_set_broken: bool,
    /// A provider's file has faults, so that what names providers cannot be checked.
    provider_broken: bool,
    /// What `did you mean` may still cost.
    guesses: guesses::Guesses,
    parts: Parts,
}

impl<'w> Work<'w> {
    fn new(files: &'w Files, options: &'w Options, memos: &'w mut Memos) -> Self {
        Self {
            files,
            places: (files.iter())
                .map(|(path, _)| (path, layout::place(path)))
                .collect(),
            options,
            memos,
            faults: files.faults().to_vec(),
            mistyped: HashSet::new(),
            broken_at_all: !files.faults().is_empty(),
            remade: 0,
            denies: 0,
            partition: "aws".into(),
            referenced: HashSet::new(),
            folders: BTreeMap::new(),
            names: HashMap::new(),
            predefined: BTreeMap::new(),
            customers: HashMap::new(),
            seen: Vec::new(),
            managed_files: Vec::new(),
            used: unused::Used::default(),
            sets: sets::Sets::default(),
            named: Vec::new(),
            broken: HashSet::new(),
            given_ids: Vec::new(),
            permission_set_broken: false,
            provider_broken: false,
            guesses: guesses::Guesses::default(),
            parts: Parts::default(),
        }
    }

    fn run(&mut self) -> Option<Table> {
        if self.files.is_empty() {
            if self.faults.is_empty() {
                let mut report = Report::on("");
                let help =
                    "a bundle has at least one account and one route; `sidegate demo` shows one";
                report.error(
                    "empty-bundle",
                    Span::default(),
                    "the bundle holds no files",
                    help,
                );
                self.take(report);
            }
            return None;
        }
        self.provider_broken = self.files.may_hold_folder("identity-providers/");
        self.permission_set_broken = self.files.may_hold_folder("permission-sets/");
        let tree = self.organization_file();
        self.accounts();
        self.policies();
        let groups = self.groups();
        self.users(&groups);
        self.roles();
        self.providers();
        self.permission_sets();
        self.resources();
        match tree {
            Some(tree) => self.organization(&tree),
            None => self.unattached(),
        }
        let routes = self.routes();
        self.references();
        self.ids();
        self.strangers();
        // What is broken is mended first: findings about the rest would only hide it.
        let broken = |fault: &Fault| fault.severity == Severity::Error;
        if !self.faults.iter().any(broken) {
            self.denies = self.seen.iter().map(|(_, policy)| policy.denies()).sum();
            self.unused();
            self.lints(routes.as_ref());
        }
        self.parts.partition = std::mem::take(&mut self.partition);
        routes
    }

    /// The files of one kind in all account folders, with their accounts and names.
    fn in_accounts(&self, wanted: InAccount) -> Vec<(Arc<str>, AccountId, &'w str)> {
        self.places
            .iter()
            .filter_map(|(path, place)| {
                let Place::InAccount(folder, what, name) = *place else {
                    return None;
                };
                let account = self.folders.get(folder).filter(|_| what == wanted)?;
                Some((Arc::clone(path), *account, name))
            })
            .collect()
    }

    /// Takes over the faults of a report.
    fn take(&mut self, report: Report) {
        self.keep(report.into_faults());
    }

    /// Keeps faults: of very many the first, an error always among them.
    fn keep(&mut self, faults: impl IntoIterator<Item = Fault>) {
        for fault in faults {
            let is_error = fault.severity == Severity::Error;
            if self.faults.len() < MAX_FAULTS || (is_error && !self.broken_at_all) {
                self.broken_at_all |= is_error;
                if fault.id == "wrong-type" {
                    let Position { line, column } = fault.span.start;
                    self.mistyped
                        .insert((Arc::clone(&fault.file), line, column));
                }
                self.faults.push(fault);
            }
        }
    }

    /// An error at one place of one file.
    fn error(
        &mut self,
        file: &str,
        id: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let Position { line, column } = span.start;
        // What is of the wrong type is mended first: whether there is such a thing, then, is a second thought.
        if !self.mistyped.is_empty() && self.mistyped.contains(&(file.into(), line, column)) {
            return;
        }
        let mut report = Report::on(file);
        report.error(id, span, message, help);
        self.take(report);
    }

    /// Takes over what was read from a file.
    fn taken<T>(&mut self, (read, new): (Arc<read::Read<T>>, bool)) -> Arc<read::Read<T>> {
        self.keep(read.faults.iter().cloned());
        self.remade = self.remade.saturating_add(usize::from(new));
        read
    }

    /// Ids that files give are unique.
    fn ids(&mut self) {
        let mut seen: HashMap<&str, Vec<&Arc<str>>> = HashMap::new();
        let parts = &self.parts;
        let all = (parts.users.iter().map(|user| (&user.id, &user.arn)))
            .chain(parts.groups.iter().map(|group| (&group.id, &group.arn)))
            .chain(parts.roles.iter().map(|role| (&role.id, &role.arn)))
            .chain(
                parts
                    .policies
                    .iter()
                    .map(|policy| (&policy.id, &policy.arn)),
            );
        for (id, arn) in all {
            seen.entry(id).or_default().push(arn);
        }
        let mut twice = Vec::new();
        for (file, given, arn) in &self.given_ids {
            let others = seen.get(&*given.text).into_iter().flatten();
            if let Some(other) = others.into_iter().find(|other| ***other != *arn) {
                let message = format!("{other} has the id {} too", given.text);
                twice.push((Arc::clone(file), given.span, message));
            }
        }
        for (file, span, message) in twice {
            let help = "an id is nobody else's: give one of them another `id`, or none";
            self.error(&file, "duplicate-id", span, message, help);
        }
    }

    /// Files that nothing reads: what somebody wrote there would silently not count.
    fn strangers(&mut self) {
        let strangers: Vec<Arc<str>> = self
            .places
            .iter()
            .filter(|(path, place)| *place == Place::Other && !self.referenced.contains(&***path))
            .map(|(path, _)| Arc::clone(path))
            .collect();
        let perhaps = self.perhaps_named();
        for path in strangers {
            let name = path.rsplit('/').next().unwrap_or(&path);
            if perhaps.as_ref().is_none_or(|names| names.contains(name)) {
                continue;
            }
            self.error(
                &path,
                "unknown-file",
                first_line(),
                "nothing reads this file",
                layout::help(&path),
            );
        }
    }

    /// The names of files in texts with faults, whose references were perhaps not followed; `None` where any file may be
    /// named, for there are texts that nobody could read.
    fn perhaps_named(&self) -> Option<HashSet<&'w str>> {
        let nothing_known =
            |(file, text): (&Arc<str>, &str)| text.is_empty() && !read::is_json(file);
        if self.files.has_lost_some() || self.files.unread().any(nothing_known) {
            return None;
        }
        let files = self.files;
        let faulty: HashSet<&str> = (self.faults.iter())
            .filter(|fault| fault.severity == Severity::Error)
            .map(|fault| &*fault.file)
            .collect();
        let read = faulty.into_iter().filter_map(|file| files.text(file));
        let unread = files.unread().map(|(_, text)| text);
        let is_end = |c: char| c.is_whitespace() || "/\"',:;[]{}".contains(c);
        Some(
            read.chain(unread)
                .flat_map(|text| text.split(is_end))
                .collect(),
        )
    }

    /// Whether a file that is named and was not read is there all the same.
    fn may_hold(&self, path: &str) -> bool {
        self.files.may_hold(path)
    }

    /// The same for a file in an account's folder.
    fn may_hold_in(&self, account: AccountId, path: &str) -> bool {
        let mut folders = self.folders.iter().filter(|(_, id)| **id == account);
        folders.any(|(folder, _)| self.may_hold(&format!("accounts/{folder}/{path}")))
    }
}

/// Reads one file of YAML (or JSON, by its name) and hands the tree on.
fn parsed<T>(
    path: &str,
    text: &str,
    make: impl FnOnce(&Node, &mut Report) -> Option<T>,
) -> impl FnOnce(&mut Report) -> Option<T> {
    move |report| {
        let node = read::node(path, text, report)?;
        make(&node, report)
    }
}

/// For faults of a whole file.
fn first_line() -> Span {
    Span::WHOLE_FILE
}

/// An id that is given, or derived from the ARN.
fn given_or_derived(given: Option<&read::field::Reference>, prefix: &str, arn: &str) -> Box<str> {
    given.map_or_else(|| id::unique(prefix, arn), |given| given.text.clone())
}

/// Whether a file has an error.
fn is_broken<T>(read: &read::Read<T>) -> bool {
    (read.faults.iter()).any(|fault| fault.severity == Severity::Error)
}
