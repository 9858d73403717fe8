//! The operator's listeners, apart from those that serve requests.
//!
//! [`health`] is for kubelet and Prometheus, [`api`] for operators' tools. Nothing here sees a request, a credential or
//! a policy.

pub mod api;
pub mod health;
