//! All routes of a bundle, built once: which services serve a host, and which routes they have there.
//!
//! An exact host comes before `*.x`, the longest `*.x` before shorter ones, and any of these before services that
//! serve every host. The host is chosen first and for good, as with Envoy's virtual hosts: where its services have no
//! route, its fallback answers, never another host's.

use std::collections::HashMap;

use crate::route::host::{HostPattern, Hosts};
use crate::route::rule::Route;
use crate::route::service::{Fallback, Service};
use crate::route::tree::Tree;
use crate::source::Report;

/// The routes of every service.
#[derive(Debug, Clone)]
pub struct Table {
    services: Box<[Service]>,
    /// By number: which service, and which of its routes (`None`: its generic fallback).
    entries: Box<[Entry]>,
    hosts: Box<[Host]>,
    exact: HashMap<Box<str>, usize>,
    /// By suffix, with its leading dot.
    below: HashMap<Box<str>, usize>,
    any: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    service: usize,
    route: Option<usize>,
}

/// What one host serves.
#[derive(Debug, Clone)]
pub(in crate::route) struct Host {
    pub(in crate::route) tree: Tree,
    pub(in crate::route) fallback: Fallback,
    /// The entry of the generic fallback.
    pub(in crate::route) generic: Option<usize>,
    /// Whether any of its services forwards preflights.
    pub(in crate::route) forwards_preflight: bool,
    /// The service that said the fallback; `None`: nobody did, so it is the default.
    said_by: Option<usize>,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct RouteRef<'t> {
    /// Its number, stable for the life of the table: the index of what is prepared for it in advance.
    pub id: usize,
    /// Its service.
    pub service: &'t Service,
    /// The route; `None` for a service's generic fallback.
    pub route: Option<&'t Route>,
}

impl<'t> RouteRef<'t> {
    /// A name for metrics and people: the `match`, or `generic`.
    pub fn label(&self) -> &'t str {
        self.route.map_or("generic", Route::label)
    }
}

impl Table {
    /// Builds the table, reporting routes that match the same requests and hosts that are not certain. `None` when
    /// there is an error.
    pub fn build(services: Vec<Service>, report: &mut Report) -> Option<Self> {
        let mut entries = Vec::new();
        let mut generic = Vec::with_capacity(services.len());
        for (index, service) in services.iter().enumerate() {
            entries.extend((0..service.routes.len()).map(|route| Entry {
                service: index,
                route: Some(route),
            }));
            generic.push((service.fallback() == Fallback::Generic).then_some(entries.len()));
            if service.fallback() == Fallback::Generic {
                entries.push(Entry {
                    service: index,
                    route: None,
                });
            }
        }
        let mut table = Self {
            services: services.into(),
            entries: entries.into(),
            hosts: Box::default(),
            exact: HashMap::new(),
            below: HashMap::new(),
            any: None,
        };
        let mut faults = Report::default();
        table.check_unsaid_hosts(&mut faults);
        let mut hosts: Vec<Host> = Vec::new();
        let mut told = Vec::new();
        let services = std::mem::take(&mut table.services);
        for (index, service) in services.iter().enumerate() {
            for place in table.places(&service.hosts, hosts.len()) {
                let generic = generic.get(index).copied().flatten();
                if place == hosts.len() {
                    hosts.push(Host {
                        tree: Tree::new(),
                        fallback: Fallback::NotFound,
                        generic: None,
                        forwards_preflight: false,
                        said_by: None,
                    });
                }
                let Some(host) = hosts.get_mut(place) else {
                    continue;
                };
                host.forwards_preflight |= service.forward_preflight;
                say_fallback(host, generic, &services, index, &mut faults);
                for (id, entry) in table.entries.iter().enumerate() {
                    if entry.service != index {
                        continue;
                    }
                    let Some(route) = entry.route.and_then(|at| service.routes.get(at)) else {
                        continue;
                    };
                    let Err(equal) = host.tree.insert(&route.template, id) else {
                        continue;
                    };
                    for other in equal {
                        // Two services may share several hosts; one fault is enough.
                        if !told.contains(&(other, id)) {
                            told.push((other, id));
                            let other = table.entries.get(other).and_then(|entry| {
                                services.get(entry.service)?.routes.get(entry.route?)
                            });
                            report_equal(route, other, &mut faults);
                        }
                    }
                }
            }
        }
        table.services = services;
        table.hosts = hosts.into();
        let sound = !faults.has_errors();
        report.append(faults);
        sound.then_some(table)
    }

    /// The services, in the order given.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// Every route and generic fallback, by number.
    pub fn routes(&self) -> impl Iterator<Item = RouteRef<'_>> {
        (0..self.entries.len()).filter_map(|id| self.entry(id))
    }

    /// The row with this number.
    pub fn entry(&self, id: usize) -> Option<RouteRef<'_>> {
        let entry = self.entries.get(id)?;
        let service = self.services.get(entry.service)?;
        let route = match entry.route {
            Some(at) => Some(service.routes.get(at)?),
            None => None,
        };
        Some(RouteRef { id, service, route })
    }

    /// What serves a host, by its normalised name.
    pub(in crate::route) fn host(&self, name: Option<&str>) -> Option<&Host> {
        let found = name.and_then(|name| {
            self.exact.get(name).or_else(|| {
                if self.below.is_empty() {
                    return None;
                }
                // Every suffix that begins at a dot, the longest first.
                name.match_indices('.')
                    .filter(|(at, _)| *at > 0)
                    .find_map(|(at, _)| self.below.get(name.get(at..)?))
            })
        });
        self.hosts.get(*found.or(self.any.as_ref())?)
    }

    /// The hosts that a service has, made where they are new.
    fn places(&mut self, hosts: &Hosts, mut next: usize) -> Vec<usize> {
        let mut place = |known: Option<&usize>| {
            known.copied().unwrap_or_else(|| {
                let new = next;
                next = next.saturating_add(1);
                new
            })
        };
        match hosts {
            Hosts::Unsaid | Hosts::Any => {
                let at = place(self.any.as_ref());
                self.any = Some(at);
                vec![at]
            }
            Hosts::Listed(patterns) => patterns
                .iter()
                .map(|pattern| {
                    let (map, name) = match pattern {
                        HostPattern::Exact(name) => (&mut self.exact, name),
                        HostPattern::Below(suffix) => (&mut self.below, suffix),
                    };
                    let at = place(map.get(name));
                    map.insert(name.clone(), at);
                    at
                })
                .collect(),
        }
    }

    fn check_unsaid_hosts(&self, faults: &mut Report) {
        let listed = |service: &&Service| matches!(service.hosts, Hosts::Listed(_));
        let Some(other) = self.services.iter().find(listed) else {
            return;
        };
        for service in &self.services {
            if service.hosts == Hosts::Unsaid {
                let mut own = Report::on(service.file());
                own.error(
                    "hosts-needed",
                    service.hosts_span,
                    format!(
                        "the service {} says no `hosts`, while {} does",
                        service.name(),
                        other.name()
                    ),
                    "add hosts: [name], or hosts: any for every host that no other service names",
                );
                faults.append(own);
            }
        }
    }
}

/// Takes over what a service says of requests that no route of the host matches. Services that share a host may leave
/// it to one of them; those that say something say the same, and `generic`, which acts for one account, one alone.
fn say_fallback(
    host: &mut Host,
    generic: Option<usize>,
    services: &[Service],
    index: usize,
    faults: &mut Report,
) {
    let Some((fallback, span)) = services.get(index).and_then(|own| own.said_fallback) else {
        return;
    };
    let other = host.said_by.filter(|other| *other != index);
    let Some(other) = other else {
        host.fallback = fallback;
        host.generic = generic;
        host.said_by = Some(index);
        return;
    };
    if fallback == host.fallback && fallback != Fallback::Generic {
        return;
    }
    let file = |at: usize| services.get(at).map_or("", |service| service.file());
    let mut own = Report::on(file(index));
    own.error(
        "fallback-conflict",
        span,
        format!(
            "{} serves the same host and says another `fallback`",
            file(other)
        ),
        "leave it to one of them, or give them hosts of their own",
    );
    faults.append(own);
}

fn report_equal(route: &Route, other: Option<&Route>, faults: &mut Report) {
    let place = other.map_or_else(String::new, |other| {
        let start = other.span().start;
        format!(" (`{}` at {}:{})", other.label(), other.file(), start.line)
    });
    let mut own = Report::on(route.file());
    own.error(
        "equal-routes",
        route.span(),
        format!(
            "`{}` matches the same requests as another route{place}",
            route.label()
        ),
        "remove one, or give them different methods, paths or hosts",
    );
    faults.append(own);
}
