//! Routes: what an HTTP request asks for, in IAM's words.
//!
//! A request path is made canonical once ([`CanonicalPath`]); the [`Table`], built from every `routes/NAME.yaml`
//! ([`Service`]), then says which action on which resource the request is, with tags and context values taken from it.
//! Pure: knows no HTTP library, no principal and no policy. What it refuses never reaches a policy, and what policy
//! judged is byte for byte what is forwarded.

mod host;
mod openapi;
mod path;
mod request;
mod resolve;
mod rule;
mod service;
mod table;
mod template;
mod tree;
mod value;

pub use host::{HostPattern, Hosts, normalise as normalise_host};
pub use path::{CanonicalPath, PathError};
pub use request::{Headers, header_fold, is_grpc};
pub use resolve::{Asked, Match, MatchKind, Refused};
pub use rule::{Enforcement, Route};
pub use service::{Fallback, Reference, Service, UnsignedPayload};
pub use table::{RouteRef, Table};
pub use template::{Methods, Template};

// Its cases are written in YAML, which the engine alone does not read.
#[cfg(test)]
#[cfg(feature = "server")]
mod tests;
