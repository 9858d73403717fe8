//! Routes: every service, and what it refers to: an account, an upstream, identity providers, an OpenAPI file.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::Arc;

use super::Work;
use crate::bundle::layout::{self, Place};
use crate::bundle::read;
use crate::route::{Service, Table};
use crate::source::{Fault, Node, Report};

impl Work<'_> {
    /// Reads all route files and makes the table.
    pub(super) fn routes(&mut self) -> Option<Table> {
        let files = self.files;
        let mut services = Vec::new();
        for (path, text) in files.iter() {
            let Place::Routes(name) = layout::place(path) else {
                continue;
            };
            self.name("routes", path, name, 128);
            let mut report = Report::on(path);
            let node = read::node(path, text, &mut report);
            let used = RefCell::new(Vec::new());
            let is_unread = Cell::new(false);
            let openapi = |name: &str| {
                let path = layout::resolve(path, name)?;
                let Some(text) = files.text(&path).map(str::to_owned) else {
                    is_unread.set(files.may_hold(&path));
                    return None;
                };
                used.borrow_mut().push(path);
                Some(text)
            };
            let service = node
                .as_ref()
                .and_then(|node| Service::read(node, &self.partition, &openapi, &mut report));
            // The document is there and could not be read, which is told already.
            let told = |fault: &Fault| is_unread.get() && fault.id == "dangling-reference";
            let faults = report.into_faults();
            self.keep(faults.into_iter().filter(|fault| !told(fault)));
            self.referenced.extend(used.into_inner());
            if let (Some(service), Some(node)) = (service, node) {
                self.service(path, &service, &node);
                services.push(service);
            }
        }
        let mut report = Report::default();
        let table = Table::build(services, &mut report);
        self.take(report);
        table
    }

    fn service(&mut self, path: &Arc<str>, service: &Service, node: &Node) {
        self.account_known(path, service.account(), service.account_span());
        let upstream = service.upstream();
        if let Some(known) = &self.options.known_upstreams
            && !known.iter().any(|name| **name == *upstream.name)
        {
            let help = match self
                .guesses
                .near(&upstream.name, known.iter().map(String::as_str))
            {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!(
                    "add it to `upstreams` of the configuration; there are: {}",
                    known.join(", ")
                ),
            };
            let message = format!("there is no upstream `{}`", upstream.name);
            self.error(path, "dangling-reference", upstream.span, message, help);
        }
        if self.provider_broken {
            return;
        }
        let all = &self.parts.providers;
        let mut accepted: Vec<_> = all.iter().collect();
        let mut faults = Vec::new();
        if let Some(wanted) = service.providers() {
            accepted.retain(|known| {
                wanted
                    .iter()
                    .any(|reference| *reference.name == *known.name)
            });
            for reference in wanted {
                if all.iter().any(|known| *known.name == *reference.name) {
                    continue;
                }
                let help = match self
                    .guesses
                    .near(&reference.name, all.iter().map(|known| &*known.name))
                {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("add identity-providers/{}.yaml", reference.name),
                };
                let message = format!("there is no identity provider `{}`", reference.name);
                faults.push((reference.span, message, help));
            }
        }
        let audiences: HashSet<&str> = accepted
            .iter()
            .flat_map(|provider| provider.audiences.iter())
            .map(|audience| &**audience)
            .collect();
        for node in node
            .get("audiences")
            .and_then(Node::as_list)
            .unwrap_or_default()
        {
            let Some(text) = node.as_str().filter(|text| !audiences.contains(text)) else {
                continue;
            };
            let help = match self.guesses.near(text, audiences.iter().copied()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => {
                    "add it to `audiences` of an identity provider whose tokens are accepted here"
                        .to_owned()
                }
            };
            let message = format!("no identity provider accepts tokens for the audience `{text}`");
            faults.push((node.span, message, help));
        }
        for (span, message, help) in faults {
            self.error(path, "dangling-reference", span, message, help);
        }
    }
}
