//! Sidegate: AWS-IAM-style authorization for your own services, as a sidecar.
//!
//! A reverse proxy that authenticates each request, maps it to an IAM principal, evaluates IAM JSON policies and
//! forwards or refuses. With `--no-default-features` the library is the engine alone: [`policy`], [`route`],
//! [`directory`] and [`arn`] are pure (no I/O, no async, no HTTP, no clock) and can be embedded:
//!
//! ```
//! use std::sync::Arc;
//! use sidegate::policy::{self, Kind, Layers, Policy, PolicySet, Principal, Request, context::Map};
//!
//! // Parse: what IAM would refuse is refused, with its place.
//! let text = r#"{"Version": "2012-10-17", "Statement": {
//!     "Effect": "Allow", "Action": "orders:Get*", "Resource": "arn:aws:orders::555566667777:order/*",
//!     "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}}"#;
//! let document = policy::parse(text, Kind::Identity, "orders.json").map_err(|report| report.faults().to_vec()).unwrap();
//!
//! // Compile once, share between threads.
//! let attached = PolicySet::new(vec![Arc::new(Policy::compile(&document, "orders"))]);
//! let layers = Layers { identity: &[&attached], ..Layers::default() };
//!
//! // Ask.
//! let principal = Principal::User {
//!     account: "555566667777".into(),
//!     arn: "arn:aws:iam::555566667777:user/ann".into(),
//! };
//! let mut context = Map::new();
//! context.set("aws:SourceIp", "198.51.100.9");
//! let request = Request {
//!     principal: &principal,
//!     action: "orders:GetOrder",
//!     resource: "arn:aws:orders::555566667777:order/7",
//!     resource_account: None,
//!     context: &context,
//! };
//! assert!(!policy::evaluate(&request, &layers).is_allowed());
//!
//! // Ask why.
//! let explanation = policy::explain(&request, &layers);
//! let lacks = &explanation.nearest.as_ref().unwrap().lacks[0];
//! assert_eq!(lacks.element, "Condition IpAddress aws:SourceIp");
//! assert_eq!((&*lacks.expected, &*lacks.actual), ("203.0.113.0/24", "198.51.100.9"));
//! println!("{}", explanation.table());
//! ```
//!
//! # Layers
//!
//! A module uses only lower rows, and of its own row what stands behind an arrow. `tests/layers.rs` holds the code to it.
//!
//! ```text
//! L5  main -> cli -> app -> config      process: arguments, signals, wiring, settings
//! L4  proxy, sts_api -> net  admin      hyper and sockets
//!     sts_api -> iam_api -> query_api
//! L3  gate  analyze                     one request -> Permit or Refusal; questions over a whole bundle
//! L2  authn -> sts, state               services around the core; time and keys are injected
//!     authn, state -> secret_file
//!     bundle -> saml  audit  metrics
//! L1  directory -> policy  route        pure, sync, deterministic
//! L0  arn  outcome  clock  secret  source  throttle
//! ```
//!
//! # The way of a request
//!
//! `net::connection` -> `proxy::service` -> `gate` -> `route` -> `authn` -> `policy::evaluate` -> `gate::permit` ->
//! `proxy::forward` or `proxy::reply`; then audit and metrics, once, whatever happened.
//!
//! # Invariants
//!
//! 1. Forwarding needs a `gate::Permit`, which only the gate can make, after a decision.
//! 2. A request reads exactly one `bundle::Snapshot`, from its start to its end.
//! 3. The canonical path is a type, made once; it is what is matched, judged and forwarded.
//! 4. An unverified token and a verified one are different types; a secret has no `Display` and a redacting `Debug`.

pub mod arn;
pub mod clock;
pub mod directory;
pub mod outcome;
pub mod policy;
pub mod route;
pub mod secret;
pub mod source;

#[cfg(feature = "server")]
pub mod admin;
#[cfg(feature = "server")]
pub mod analyze;
#[cfg(feature = "server")]
pub mod app;
#[cfg(feature = "server")]
pub mod audit;
#[cfg(feature = "server")]
pub mod authn;
#[cfg(feature = "server")]
pub mod bundle;
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod gate;
#[cfg(feature = "server")]
pub mod iam_api;
#[cfg(feature = "server")]
pub mod metrics;
#[cfg(feature = "server")]
pub mod net;
#[cfg(feature = "server")]
pub mod proxy;
#[cfg(feature = "server")]
pub mod query_api;
#[cfg(feature = "server")]
pub mod saml;
#[cfg(feature = "server")]
pub mod secret_file;
#[cfg(feature = "server")]
pub mod state;
#[cfg(feature = "server")]
pub mod sts;
#[cfg(feature = "server")]
pub mod sts_api;
pub mod throttle;
