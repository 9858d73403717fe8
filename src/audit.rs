//! The audit log: one record for each decision, in the shape of a CloudTrail event, one JSON object a line.
//!
//! [`record`] writes a record into a buffer, [`sink`] takes the bytes and sees that they reach the folder or stdout,
//! or says at once that it cannot: a decision that cannot be recorded is not to be carried out. Knows nothing of
//! requests, connections or metrics; whoever judged a request fills a [`record::Record`] and hands over its bytes.

mod append;
mod folder;
mod json;
pub mod record;
pub mod sink;
mod writer;
