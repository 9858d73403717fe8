//! Imports an OpenAPI 3 document: each operation becomes a route.
//!
//! The action is `SERVICE:operationId`; the resource comes from `x-sidegate-resource`, and where wanted
//! `x-sidegate-resource-tags`, `x-sidegate-context` and `x-sidegate-allow` say what the keys of a route say. All else
//! in the document is for others. A reference to another file is refused: what is judged stands in the bundle.

use crate::route::path::CanonicalPath;
use crate::route::rule::{Parts, Route, check_action};
use crate::route::template::Template;
use crate::route::value::Constants;
use crate::source::{Entry, Node, Report, Span, Value, json, mapping, nearest};

/// The keys of a path item that are operations.
const METHODS: [&str; 8] = [
    "get", "head", "post", "put", "patch", "delete", "options", "trace",
];

const EXTENSIONS: [&str; 4] = [
    "x-sidegate-resource",
    "x-sidegate-resource-tags",
    "x-sidegate-context",
    "x-sidegate-allow",
];

/// Reads the document that `openapi: FILE` names. `None` when any part of it is at fault, which `report` then tells.
pub(in crate::route) fn import(
    file: &str,
    span: Span,
    text: &dyn Fn(&str) -> Option<String>,
    constants: &Constants<'_>,
    report: &mut Report,
) -> Option<Vec<Route>> {
    let Some(text) = text(file) else {
        report.error(
            "dangling-reference",
            span,
            format!("there is no file `{file}` beside this one"),
            "put the OpenAPI document into routes/",
        );
        return None;
    };
    let folder = report
        .file()
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let path = if folder.is_empty() {
        file.to_owned()
    } else {
        format!("{folder}/{file}")
    };
    let mut own = Report::on(&path);
    let routes = read(file, &text, &mut own).and_then(|root| {
        Import {
            root: &root,
            constants,
        }
        .routes(&mut own)
    });
    let sound = !own.has_errors();
    report.append(own);
    routes.filter(|_| sound)
}

#[cfg(feature = "server")]
fn read(file: &str, text: &str, report: &mut Report) -> Option<Node> {
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    if extension.eq_ignore_ascii_case("json") {
        json::read(text, report)
    } else {
        crate::source::yaml::read(text, report)
    }
}

/// Without the server there is no YAML reader, and a YAML document is refused as malformed JSON.
#[cfg(not(feature = "server"))]
fn read(_: &str, text: &str, report: &mut Report) -> Option<Node> {
    json::read(text, report)
}

struct Import<'n> {
    root: &'n Node,
    constants: &'n Constants<'n>,
}

impl<'n> Import<'n> {
    fn routes(&self, report: &mut Report) -> Option<Vec<Route>> {
        let version = self.root.get("openapi").and_then(Node::as_str);
        if !version.is_some_and(|version| version.starts_with("3.")) {
            report.error(
                "bad-openapi",
                self.root.span,
                "this is no OpenAPI 3 document",
                "it begins with `openapi: 3.1.0` or another 3.x version",
            );
            return None;
        }
        refuse_foreign_references(self.root, report);
        let prefix = self.prefix(report)?;
        let Some(paths) = self.root.get("paths").and_then(Node::as_map) else {
            report.error(
                "bad-openapi",
                self.root.span,
                "the document has no paths",
                "add `paths: { /x: { get: … } }`, or remove `openapi` from the routes' file",
            );
            return None;
        };
        let mut routes = Vec::new();
        for entry in paths {
            if entry.key.starts_with("x-") {
                continue;
            }
            let Some(item) = self.follow(&entry.value, report) else {
                continue;
            };
            refuse_servers(item, report);
            for method in METHODS {
                if let Some(operation) = item.get(method) {
                    let pattern = format!("{} {prefix}{}", method.to_ascii_uppercase(), entry.key);
                    routes.extend(self.route(&pattern, entry.key_span, operation, report));
                }
            }
        }
        Some(routes)
    }

    fn route(
        &self,
        pattern: &str,
        span: Span,
        operation: &'n Node,
        report: &mut Report,
    ) -> Option<Route> {
        let Some(keys) = operation.as_map() else {
            report.error(
                "wrong-type",
                operation.span,
                format!(
                    "an operation is a mapping, and this is {}",
                    operation.kind()
                ),
                "write its `operationId` and `x-sidegate-resource` below it",
            );
            return None;
        };
        refuse_servers(operation, report);
        for entry in keys {
            if entry.key.starts_with("x-sidegate-") && !EXTENSIONS.contains(&&*entry.key) {
                let help = nearest(&entry.key, EXTENSIONS).map_or_else(
                    || format!("there are {}", EXTENSIONS.join(", ")),
                    |name| format!("did you mean `{name}`?"),
                );
                report.error(
                    "unknown-key",
                    entry.key_span,
                    format!("unknown key `{}`", entry.key),
                    help,
                );
            }
        }
        let template = Template::read(pattern, span, report);
        let mut required = |key: &str, help: &str| {
            let found = operation.get(key);
            if found.is_none() {
                report.error(
                    "missing-key",
                    operation.span,
                    format!("the operation `{pattern}` needs `{key}`"),
                    help,
                );
            }
            found
        };
        let id = required("operationId", "it becomes the action's name");
        let resource = required(
            "x-sidegate-resource",
            "write x-sidegate-resource: arn:{partition}:SERVICE::{account}:TYPE/{parameter}",
        );
        let action = id
            .and_then(|node| mapping::string(node, "operationId", report))
            .and_then(|(id, span)| {
                let action = format!("{}:{id}", self.constants.service);
                check_action(&action, span, report).then_some(action)
            });
        let allow = operation
            .get("x-sidegate-allow")
            .map_or(Vec::new(), |node| {
                node.as_list()
                    .unwrap_or(std::slice::from_ref(node))
                    .iter()
                    .filter_map(|item| mapping::string(item, "x-sidegate-allow", report))
                    .collect()
            });
        let parts = Parts {
            resource,
            tags: entries(operation, "x-sidegate-resource-tags", report),
            context: entries(operation, "x-sidegate-context", report),
            allow,
            enforcement: None,
            upgrade: None,
        };
        parts.read(template?, &action?, span, self.constants, report)
    }

    /// The path of the servers' URLs, which comes before every path of the document.
    fn prefix(&self, report: &mut Report) -> Option<String> {
        let servers = self
            .root
            .get("servers")
            .and_then(Node::as_list)
            .unwrap_or_default();
        let mut prefix: Option<&str> = None;
        for server in servers {
            let Some((url, span)) = server
                .get("url")
                .and_then(|node| mapping::string(node, "url", report))
            else {
                continue;
            };
            let path = match url.split_once("://") {
                Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(""),
                None => url,
            };
            let path = path.strip_suffix('/').unwrap_or(path);
            let canonical = path.is_empty()
                || CanonicalPath::new(path).is_ok_and(|canonical| canonical.as_str() == path);
            if !canonical || path.contains(['{', '}']) {
                report.error(
                    "bad-openapi",
                    span,
                    format!("the path of the server `{url}` cannot come before a route's"),
                    "write it out, without variables",
                );
                return None;
            }
            if prefix.is_some_and(|known| known != path) {
                report.error(
                    "bad-openapi",
                    span,
                    "the servers have different paths, so a route's path is not certain",
                    "keep one of them",
                );
                return None;
            }
            prefix = Some(path);
        }
        Some(prefix.unwrap_or_default().to_owned())
    }

    /// A path item, or the one that its `$ref` points to within the document.
    fn follow(&self, item: &'n Node, report: &mut Report) -> Option<&'n Node> {
        let Some(reference) = item.get("$ref").and_then(Node::as_str) else {
            return Some(item);
        };
        // A foreign reference was reported when the document was walked.
        let pointer = reference.strip_prefix("#/")?;
        let target = pointer.split('/').try_fold(self.root, |node, step| {
            node.get(&step.replace("~1", "/").replace("~0", "~"))
        });
        // One step only: a reference to a reference may be a circle.
        let target = target.filter(|target| target.get("$ref").is_none());
        if target.is_none() {
            report.error(
                "dangling-reference",
                item.span,
                format!("`{reference}` is no path item of this document"),
                "point to one that is written out, like #/components/pathItems/NAME",
            );
        }
        target
    }
}

fn entries<'n>(operation: &'n Node, key: &str, report: &mut Report) -> &'n [Entry] {
    let Some(node) = operation.get(key) else {
        return &[];
    };
    node.as_map().unwrap_or_else(|| {
        report.error(
            "wrong-type",
            node.span,
            format!("`{key}` is a mapping, and this is {}", node.kind()),
            format!("write `{key}: {{ name: value }}`"),
        );
        &[]
    })
}

fn refuse_servers(node: &Node, report: &mut Report) {
    if let Some(servers) = node.get("servers") {
        report.error(
            "bad-openapi",
            servers.span,
            "a path with servers of its own cannot be imported",
            "name the servers once, at the top of the document",
        );
    }
}

/// The readers bound the depth of a document, and so this walk.
fn refuse_foreign_references(node: &Node, report: &mut Report) {
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                let text = entry.value.as_str().filter(|_| &*entry.key == "$ref");
                if text.is_some_and(|text| !text.starts_with('#')) {
                    report.error(
                        "foreign-reference",
                        entry.value.span,
                        "a reference to another file is not followed",
                        "bundle the document into one file first",
                    );
                }
                refuse_foreign_references(&entry.value, report);
            }
        }
        Value::List(items) => {
            for item in items {
                refuse_foreign_references(item, report);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
