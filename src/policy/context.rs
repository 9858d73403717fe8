//! The request context: what conditions and policy variables ask for by key.
//!
//! The engine asks only for the keys that a policy names, so whoever judges requests can answer from what it has at
//! hand without building a map first: implement [`Context`]. [`Map`] is the ready-made one.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::clock::Timestamp;

/// A value of a context key. Typed ones cost no text on the way; every operator takes every type, as if it had been
/// written as text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A single text.
    Text(&'a str),
    /// A multivalued key, with zero or more values.
    List(&'a [Box<str>]),
    /// A point in time, as text `2026-11-23T09:30:00Z`.
    Instant(Timestamp),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Bool(bool),
    /// An address.
    Ip(IpAddr),
}

/// Where values come from.
pub trait Context {
    /// The value of `key`, which is given in lower case (key names are compared without case, tag keys included).
    /// `None`: the key is absent, which is a different thing from an empty value.
    fn get(&self, key: &str) -> Option<Value<'_>>;
}

/// A context that owns its values: for simulation, tests and embedding.
#[derive(Debug, Clone, Default)]
pub struct Map {
    values: HashMap<Box<str>, Owned>,
}

#[derive(Debug, Clone)]
enum Owned {
    One(Box<str>),
    Many(Box<[Box<str>]>),
}

impl Map {
    /// An empty context.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a single-valued key.
    pub fn set(&mut self, key: &str, value: impl Into<Box<str>>) -> &mut Self {
        self.values
            .insert(key.to_lowercase().into(), Owned::One(value.into()));
        self
    }

    /// Sets a multivalued key.
    pub fn set_many<V: Into<Box<str>>>(
        &mut self,
        key: &str,
        values: impl IntoIterator<Item = V>,
    ) -> &mut Self {
        let values = values.into_iter().map(Into::into).collect();
        self.values
            .insert(key.to_lowercase().into(), Owned::Many(values));
        self
    }
}

impl Context for Map {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        Some(match self.values.get(key)? {
            Owned::One(value) => Value::Text(value),
            Owned::Many(values) => Value::List(values),
        })
    }
}
