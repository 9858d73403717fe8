//! The policy engine: IAM JSON policies, judged exactly as AWS IAM judges them.
//!
//! Pure and deterministic: no I/O, no async, no HTTP, no clock. Parse a document ([`parse`], [`Document`]), compile it
//! ([`Policy`]), put policies together as a principal or a resource has them attached ([`PolicySet`]), then ask
//! ([`evaluate()`]) or ask why ([`explain()`]). What IAM refuses to store is refused when a document is read, so a
//! decision cannot fail: it is allowed, or denied explicitly, or denied because nothing allows it.
//!
//! What is wrong with a document is told with place and mend:
//!
//! ```
//! use sidegate::policy::{Kind, parse};
//!
//! let text = r#"{"Statement": {"Effect": "Allow", "Action": "s3", "Resource": "*"}}"#;
//! let faults = parse(text, Kind::Identity, "logs.json").unwrap_err().faults().to_vec();
//! assert_eq!((faults[0].id, faults[0].span.start.line), ("bad-action", 1));
//! ```
//!
//! Layers add up as in IAM: here a boundary limits what identity policies grant, and a statement of the resource's own
//! policy that names the user needs neither.
//!
//! ```
//! use std::sync::Arc;
//! use sidegate::policy::{self, Kind, LayerKind, Layers, Policy, PolicySet, Principal, Request, Verdict, context::Map};
//!
//! fn set(kind: Kind, statement: &str) -> PolicySet {
//!     let text = format!(r#"{{"Version": "2012-10-17", "Statement": {statement}}}"#);
//!     let document = policy::parse(&text, kind, "example").unwrap();
//!     PolicySet::new(vec![Arc::new(Policy::compile(&document, "example"))])
//! }
//!
//! let identity = set(Kind::Identity, r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#);
//! let boundary = set(Kind::Boundary, r#"{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}"#);
//! let bucket = set(Kind::Resource, r#"{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::inbox/*",
//!     "Principal": {"AWS": "arn:aws:iam::111111111111:user/ann"}}"#);
//! let ann = Principal::User {
//!     account: "111111111111".into(),
//!     arn: "arn:aws:iam::111111111111:user/ann".into(),
//! };
//! let nothing = Map::new();
//! let put = |resource| Request {
//!     principal: &ann,
//!     action: "s3:PutObject",
//!     resource,
//!     resource_account: Some("111111111111"),
//!     context: &nothing,
//! };
//! let layers = Layers {
//!     identity: &[&identity],
//!     boundary: Some(&boundary),
//!     resource: &[&bucket],
//!     ..Layers::default()
//! };
//!
//! let decision = policy::evaluate(&put("arn:aws:s3:::logs/a"), &layers);
//! assert_eq!((decision.verdict, decision.layer), (Verdict::ImplicitDeny, Some(LayerKind::Boundary)));
//! let decision = policy::evaluate(&put("arn:aws:s3:::inbox/a"), &layers);
//! assert_eq!((decision.verdict, decision.layer), (Verdict::Allowed, Some(LayerKind::Resource)));
//!
//! // The same as data: serializable, layer by layer.
//! let explanation = policy::explain(&put("arn:aws:s3:::logs/a"), &layers);
//! assert_eq!(explanation.decision, Verdict::ImplicitDeny);
//! assert!(serde_json::to_string(&explanation).unwrap().contains(r#""layer":"boundary""#));
//! ```

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
mod subset;
mod variable;
mod worlds;

pub use compile::{Policy, PolicySet};
pub use context::Context;
pub use decision::{Decision, Verdict};
pub use document::{Document, Effect, Form, Kind, Version, parse};
pub use evaluate::evaluate;
pub use explain::{Explanation, explain, outline};
pub use layers::{LayerKind, Layers, Request, ResourceKind};
pub use lint::lint;
pub use principal::Principal;
