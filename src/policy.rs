//! The policy engine: IAM JSON policies, judged exactly as AWS IAM judges them.
//!
//! Pure and deterministic: no I/O, no async, no HTTP, no clock. Parse a document ([`parse`], [`Document`]), compile it
//! ([`Policy`]), put policies together as a principal or a resource has them attached ([`PolicySet`]), then ask
//! ([`evaluate()`]) or ask why ([`explain()`]). What IAM refuses to store is refused when a document is read, so a
//! decision cannot fail: it is allowed, or denied explicitly, or denied because nothing allows it.

mod action;
mod compile;
mod condition;
pub mod context;
mod decision;
mod document;
mod evaluate;
pub mod explain;
mod index;
mod layers;
pub mod lint;
mod pattern;
pub mod possible;
pub mod principal;
mod resource;
mod statement;
mod variable;

pub use compile::{Policy, PolicySet};
pub use context::Context;
pub use decision::{Decision, Verdict};
pub use document::{Document, Effect, Kind, Version, parse};
pub use evaluate::evaluate;
pub use explain::{Explanation, explain};
pub use layers::{LayerKind, Layers, Request, ResourceKind};
pub use lint::lint;
pub use principal::Principal;
