//! Sets of policies that are attached alike are one set: of a hundred thousand users few have what nobody else has.

use std::collections::HashMap;
use std::sync::Arc;

use crate::policy::{Policy, PolicySet};

/// The sets of one load, by the addresses of their policies, which are nobody else's as long as the sets hold them.
#[derive(Debug, Default)]
pub(super) struct Sets {
    made: HashMap<Box<[usize]>, PolicySet>,
}

impl Sets {
    /// The set of these policies, made if there is none yet.
    pub(super) fn of(&mut self, policies: Vec<Arc<Policy>>) -> PolicySet {
        let key: Box<[usize]> = policies
            .iter()
            .map(|policy| Arc::as_ptr(policy).addr())
            .collect();
        let make = || PolicySet::new(policies);
        self.made.entry(key).or_insert_with(make).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Kind, parse};

    #[test]
    fn the_same_policies_are_the_same_set() {
        let text = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        let policy = || {
            let document = parse(text, Kind::Identity, "").unwrap();
            Arc::new(Policy::compile(&document, "p"))
        };
        let (one, other) = (policy(), policy());
        let mut sets = Sets::default();
        let set = sets.of(vec![Arc::clone(&one)]);
        assert!(set.is_same(&sets.of(vec![Arc::clone(&one)])));
        assert!(!set.is_same(&sets.of(vec![Arc::clone(&other)])));
        assert!(!set.is_same(&sets.of(vec![one, other])));
        assert!(sets.of(Vec::new()).is_empty());
    }
}
