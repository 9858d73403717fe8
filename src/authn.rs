//! authn

pub mod claims;
pub mod json;
pub mod jwks;
pub mod jwt;

#[cfg(test)]
mod testing;
