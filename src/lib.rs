//! Sidegate: AWS-IAM-style authorization for your own services.
pub mod arn;
pub mod clock;
pub mod outcome;
pub mod policy;
pub mod secret;
pub mod source;
