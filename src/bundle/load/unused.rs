//! What stands in the bundle and acts on nobody: whoever wrote an SCP that nothing attaches meant otherwise.
//!
//! An SCP or RCP limits the accounts below the levels that it is attached to, the management account aside: one that
//! limits none is a warning. A managed policy that nobody has, and a permission set that nobody is assigned, do no harm
//! (a session may still be given the policy by its ARN), so that they are suggestions.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Work, first_line};
use crate::bundle::layout::{self, Place};
use crate::directory::Organization;
use crate::policy::{Policy, PolicySet};
use crate::source::{Fault, Severity};

/// What was attached, assigned or limited somebody so far.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// Managed policies, by the addresses of their documents, which are held as long as the load goes on.
    managed: HashSet<usize>,
    /// Files of SCPs and RCPs that a level names.
    attached: HashSet<String>,
    /// Files of permission sets with assignments.
    pub(super) assigned: HashSet<Arc<str>>,
}

impl Used {
    /// Somebody has a managed policy, attached or as a boundary.
    pub(super) fn managed(&mut self, policy: &Arc<Policy>) {
        self.managed.insert(Arc::as_ptr(policy).addr());
    }

    /// A level has `folder/name.json` attached.
    pub(super) fn attached(&mut self, folder: &str, name: &str) {
        self.attached.insert(format!("{folder}/{name}.json"));
    }
}

impl Work<'_> {
    /// Tells of all of it.
    pub(super) fn unused(&mut self) {
        let limits = self.parts.organization.as_ref().map(limiting);
        let mut found: Vec<Fault> = Vec::new();
        for (path, policy) in &self.seen {
            let place = layout::place(path);
            let told = if matches!(place, Place::Scp(_)) {
                self.limits_nobody(path, policy, limits.as_ref(), "SCP", "scps")
            } else if matches!(place, Place::Rcp(_)) {
                self.limits_nobody(path, policy, limits.as_ref(), "RCP", "rcps")
            } else {
                None
            };
            found.extend(told);
        }
        for (path, policy) in &self.managed_files {
            // A file that another file refers to is an inline policy as well.
            if !self.used.managed.contains(&Arc::as_ptr(policy).addr())
                && !self.referenced.contains(&**path)
            {
                let message = "nobody has this policy, neither attached nor as a boundary";
                let help = "attach it by `managed_policies` or `permissions_boundary`, or remove the file; keep it if sessions are given it by PolicyArns";
                found.push(finding(
                    path,
                    Severity::Suggestion,
                    "unused-policy",
                    message,
                    help,
                ));
            }
        }
        for (path, place) in &self.places {
            if matches!(place, Place::PermissionSet(_)) && !self.used.assigned.contains(*path) {
                let message = "nobody is assigned this permission set, so it becomes no role";
                let help = "list a group and an account under `assignments`, or remove the file";
                let id = "unassigned-permission-set";
                found.push(finding(path, Severity::Suggestion, id, message, help));
            }
        }
        self.keep(found);
    }

    fn limits_nobody(
        &self,
        path: &str,
        policy: &Arc<Policy>,
        limits: Option<&HashSet<usize>>,
        kind: &str,
        key: &str,
    ) -> Option<Fault> {
        if limits.is_some_and(|limits| limits.contains(&Arc::as_ptr(policy).addr())) {
            return None;
        }
        let is_attached = self.used.attached.contains(path);
        let message = if is_attached {
            format!(
                "this {kind} limits nobody: no account but the management account is below the levels that have it"
            )
        } else {
            format!("this {kind} limits nobody: no level of the organization has it attached")
        };
        let help = if is_attached {
            "attach it to the root, or to a unit or account that it is meant for".to_owned()
        } else {
            format!(
                "add its name to `{key}` of the root, a unit or an account in organization.yaml, or remove the file"
            )
        };
        Some(finding(
            path,
            Severity::Warning,
            "unattached-policy",
            &message,
            &help,
        ))
    }
}

/// The SCPs and RCPs that limit some account, by the addresses of their policies.
fn limiting(organization: &Organization) -> HashSet<usize> {
    let limited = organization
        .places
        .iter()
        .filter(|(account, _)| **account != organization.management_account);
    limited
        .flat_map(|(_, place)| place.scps.iter().chain(&place.rcps))
        .flat_map(PolicySet::policies)
        .map(|policy| Arc::as_ptr(policy).addr())
        .collect()
}

fn finding(path: &str, severity: Severity, id: &'static str, message: &str, help: &str) -> Fault {
    Fault {
        severity,
        id,
        file: path.into(),
        span: first_line(),
        message: message.to_owned(),
        help: help.to_owned(),
    }
}
