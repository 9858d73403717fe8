//! Sidegate: AWS-IAM-style authorization for your own services, as a sidecar.

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
pub mod metrics;
#[cfg(feature = "server")]
pub mod net;
#[cfg(feature = "server")]
pub mod proxy;
