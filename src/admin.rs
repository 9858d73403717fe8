//! The operator's listeners, apart from those that serve requests.
//!
//! [`health`] is for kubelet and Prometheus. Nothing here sees a request, a credential or a policy.

pub mod health;
