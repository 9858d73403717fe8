//! Compiled policies, and sets of them as a principal or a resource has them attached.
//!
//! A document is parsed already when it was read; compiling gives it a name, and putting policies into a set arranges
//! their statements so that a decision looks only at those that could apply.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::document::{Document, Statement};
use super::index::{self, Bucket, Place};
use super::resource::Resources;
use super::variable::Template;

/// A policy, ready to judge.
#[derive(Debug, Clone)]
pub struct Policy {
    name: Arc<str>,
    document: Document,
}

impl Policy {
    /// Compiles a document. `name` stands for the policy in reasons: its ARN, or `inline:logs`.
    pub fn compile(document: &Document, name: &str) -> Self {
        Self {
            name: name.into(),
            document: document.clone(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The document it was made from.
    pub fn document(&self) -> &Document {
        &self.document
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.document.statements
    }
}

/// Policies that apply together: any of them may allow, any may deny.
#[derive(Debug, Clone)]
pub struct PolicySet {
    policies: Arc<[Arc<Policy>]>,
    index: Arc<Bucket>,
    context_keys: Arc<[Box<str>]>,
}

impl Default for PolicySet {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// A statement that applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) number: usize,
    pub(crate) statement: &'a Statement,
}

impl PolicySet {
    /// Puts policies together. Their order is of no consequence.
    pub fn new(policies: Vec<Arc<Policy>>) -> Self {
        let places = policies.iter().zip(0u32..).flat_map(|(policy, number)| {
            policy
                .statements()
                .iter()
                .zip(0u32..)
                .map(move |(statement, index)| {
                    let place = Place {
                        policy: number,
                        statement: index,
                    };
                    (place, statement)
                })
        });
        let index = index::build(places);
        let keys: BTreeSet<&str> = policies
            .iter()
            .flat_map(|policy| policy.statements())
            .flat_map(statement_keys)
            .collect();
        let context_keys = keys.into_iter().map(Into::into).collect();
        Self {
            policies: policies.into(),
            index: Arc::new(index),
            context_keys,
        }
    }

    /// The policies.
    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.policies
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// The context keys that conditions and variables read, in lower case, sorted, each once.
    pub fn context_keys(&self) -> &[Box<str>] {
        &self.context_keys
    }

    pub(crate) fn index(&self) -> &Bucket {
        &self.index
    }

    pub(crate) fn hit(&self, place: Place) -> Option<Hit<'_>> {
        let policy = self.policies.get(place.policy as usize)?;
        let number = place.statement as usize;
        let statement = policy.statements().get(number)?;
        Some(Hit {
            policy,
            number,
            statement,
        })
    }
}

/// The context keys that a statement reads.
fn statement_keys(statement: &Statement) -> impl Iterator<Item = &str> {
    let resources: &[Template] = statement
        .resources
        .as_ref()
        .map_or(&[], |Resources { patterns, .. }| &**patterns);
    statement
        .conditions
        .iter()
        .flat_map(super::condition::Condition::keys)
        .chain(resources.iter().flat_map(Template::keys))
}
