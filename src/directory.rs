//! directory

pub mod provider;
