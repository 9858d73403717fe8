//! Compiled policies, and sets of them as a principal or a resource has them attached.
//!
//! A document is parsed already when it was read; compiling gives it a name, and putting policies into a set arranges
//! their statements so that a decision looks only at those that could apply.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::document::{Document, Effect, Statement};
use super::index::{self, Bucket, Place};
use super::resource::Resources;
use super::variable::Template;

/// A policy, ready to judge.
#[derive(Debug, Clone)]
pub struct Policy {
    name: Arc<str>,
    document: Document,
    /// Empty where nobody kept it.
    text: Arc<str>,
}

impl Policy {
    /// Compiles a document. `name` stands for the policy in reasons: its ARN, or `inline:logs`.
    pub fn compile(document: &Document, name: &str) -> Self {
        Self {
            name: name.into(),
            document: document.clone(),
            text: Arc::default(),
        }
    }

    /// The same, which remembers the text that it was read from.
    #[must_use]
    pub fn with_text(mut self, text: &str) -> Self {
        self.text = text.into();
        self
    }

    /// The document as JSON, where whoever compiled it kept its text; else empty.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its name, to keep.
    pub(crate) fn kept_name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The document it was made from.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// How many of its statements deny.
    pub fn denies(&self) -> usize {
        let denies = |statement: &&Statement| statement.effect == Effect::Deny;
        self.statements().iter().filter(denies).count()
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.document.statements
    }
}

/// Policies that apply together: any of them may allow, any may deny.
///
/// Cloning is cheap: clones share what was arranged.
#[derive(Debug, Clone)]
pub struct PolicySet(Arc<Arranged>);

#[derive(Debug)]
struct Arranged {
    policies: Box<[Arc<Policy>]>,
    index: Bucket,
    /// Few sets are ever asked for theirs.
    context_keys: OnceLock<Box<[Box<str>]>>,
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
        let index = index::build(places(&policies));
        Self::arranged(policies, index)
    }

    /// The same for policies that are asked once: arranging them would cost more than reading them through.
    pub fn for_once(policies: Vec<Arc<Policy>>) -> Self {
        let places = places(&policies).map(|(place, _)| place).collect();
        Self::arranged(policies, Bucket::Few(places))
    }

    fn arranged(policies: Vec<Arc<Policy>>, index: Bucket) -> Self {
        Self(Arc::new(Arranged {
            policies: policies.into(),
            index,
            context_keys: OnceLock::new(),
        }))
    }

    /// The policies.
    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.0.policies
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.policies.is_empty()
    }

    /// The context keys that conditions and variables read, in lower case, sorted, each once.
    pub fn context_keys(&self) -> &[Box<str>] {
        self.0.context_keys.get_or_init(|| {
            let keys: BTreeSet<&str> = self
                .policies()
                .iter()
                .flat_map(|policy| policy.statements())
                .flat_map(statement_keys)
                .collect();
            keys.into_iter().map(Into::into).collect()
        })
    }

    /// Whether both are one set, not only equal.
    #[cfg(test)]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn index(&self) -> &Bucket {
        &self.0.index
    }

    pub(crate) fn hit(&self, place: Place) -> Option<Hit<'_>> {
        let policy = self.0.policies.get(place.policy as usize)?;
        let number = place.statement as usize;
        let statement = policy.statements().get(number)?;
        Some(Hit {
            policy,
            number,
            statement,
        })
    }
}

/// Every statement with its place.
fn places(policies: &[Arc<Policy>]) -> impl Iterator<Item = (Place, &Statement)> {
    policies.iter().zip(0u32..).flat_map(|(policy, number)| {
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
    })
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
