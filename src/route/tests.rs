//! Route files read, built into a table, and asked: the module as its users see it.

mod documents;
mod files;
mod lookup;
mod requests;

use crate::route::{Asked, Match, Refused, Service, Table};
use crate::source::{Fault, Report, yaml};

/// A route file around some routes, with further keys.
fn file(keys: &str, routes: &str) -> String {
    format!(
        "service: orders\naccount: \"555566667777\"\nregion: us-east-1\nupstream: app\n{keys}\nroutes:\n{routes}\n"
    )
}

/// A route of few words.
fn route(pattern: &str, action: &str) -> String {
    format!(
        "  - {{ match: '{pattern}', action: 'orders:{action}', resource: 'arn:aws:orders:::{action}' }}\n"
    )
}

fn build(files: &[(&str, &str)]) -> Result<Table, Vec<Fault>> {
    build_with(files, &|_| None)
}

fn build_with(
    files: &[(&str, &str)],
    openapi: &dyn Fn(&str) -> Option<String>,
) -> Result<Table, Vec<Fault>> {
    let mut all = Report::default();
    let mut services = Vec::new();
    for (name, text) in files {
        let mut report = Report::on(name);
        if let Some(node) = yaml::read(text, &mut report) {
            let service = Service::read(&node, "aws", openapi, &mut report);
            assert_eq!(service.is_none(), report.has_errors() && service.is_none());
            services.extend(service);
        }
        all.append(report);
    }
    let table = Table::build(services, &mut all);
    if all.has_errors() {
        return Err(all.into_faults());
    }
    Ok(table.expect("no table, and no error either"))
}

fn table(keys: &str, routes: &str) -> Table {
    build(&[("routes/orders.yaml", &file(keys, routes))]).unwrap()
}

/// The faults of one file, as `id: message`.
fn faults(text: &str) -> Vec<String> {
    match build(&[("routes/orders.yaml", text)]) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .iter()
            .map(|fault| format!("{}: {}", fault.id, fault.message))
            .collect(),
    }
}

const NO_HEADERS: &[(&str, &str)] = &[];

fn get<'t>(table: &'t Table, path: &str) -> Result<Match<'t>, Refused<'t>> {
    ask(table, "GET", path)
}

fn ask<'t>(table: &'t Table, method: &str, path: &str) -> Result<Match<'t>, Refused<'t>> {
    table.resolve(&Asked {
        method,
        host: Some("orders.internal"),
        path,
        query: None,
        headers: &NO_HEADERS,
        grpc: false,
    })
}

/// The action of a match without its service, or the refusal.
fn action<'t>(found: Result<Match<'t>, Refused<'t>>) -> Result<String, Refused<'t>> {
    found.map(|found| found.action.trim_start_matches("orders:").to_owned())
}
