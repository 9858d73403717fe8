//! The policy engine: IAM JSON policies, judged exactly as AWS IAM judges them.
//!
//! Pure and deterministic: no I/O, no async, no HTTP, no clock. Parse a document ([`Document`]), compile it
//! ([`Policy`]), put policies together as a principal or a resource has them attached ([`PolicySet`]), then ask
//! ([`evaluate`]) or ask why ([`explain`]).

pub mod context;
pub mod principal;

pub use context::Context;
pub use principal::Principal;
