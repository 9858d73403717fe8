//! SecureCart's stories, chapter by chapter, and the few words that they are written in.

mod visitors;
mod workforce;
mod workloads;

use crate::cli::demo::story::{Chapter, Expected, Request, Scene, Story};

const ORDERS: &str = "orders.securecart.internal";
const CATALOG: &str = "catalog.securecart.internal";
const PAYMENTS: &str = "payments.securecart.internal";
const DEPLOYMENTS: &str = "deployments.securecart.internal";
const DATABASES: &str = "databases.securecart.internal";
const SECRETS: &str = "secrets.securecart.internal";

const fn ask(
    who: &'static str,
    method: &'static str,
    host: &'static str,
    target: &'static str,
    expected: Expected,
) -> Request {
    Request {
        who: Some(who),
        method,
        host,
        target,
        headers: &[],
        body: "",
        expected,
    }
}

/// Allowed; the upstream is told of this principal.
const fn allowed(principal: &'static str) -> Expected {
    Expected::Allowed {
        principal,
        target: None,
    }
}

/// Identified, and refused by policy.
const fn denied(message: &'static str) -> Expected {
    refused(403, "AccessDenied", message)
}

const fn refused(status: u16, code: &'static str, message: &'static str) -> Expected {
    Expected::Refused {
        status,
        code,
        message,
    }
}

const fn story(
    name: &'static str,
    title: &'static str,
    because: &'static str,
    request: Request,
) -> Story {
    Story {
        name,
        title,
        because,
        scene: Scene::Request(request),
    }
}

const fn signed(
    name: &'static str,
    title: &'static str,
    because: &'static str,
    request: Request,
) -> Story {
    Story {
        name,
        title,
        because,
        scene: Scene::Signed(request),
    }
}

/// Every chapter, in the order in which they are told.
pub fn chapters() -> impl Iterator<Item = &'static Chapter> {
    [workforce::CHAPTERS, workloads::CHAPTERS, visitors::CHAPTERS]
        .into_iter()
        .flatten()
}

/// Every story, in the order in which they are told.
pub fn stories() -> impl Iterator<Item = &'static Story> {
    chapters().flat_map(|chapter| chapter.stories)
}
