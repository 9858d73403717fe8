//! Who asks, as audit records say it: written once for a session, since every request of it says the same.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use crate::audit::record::UserIdentity;
use crate::authn::Identity;
use crate::gate::{Facts, Method};
use crate::policy::Principal;

/// Sessions that a worker keeps the words for, as many as tokens are kept.
const KEPT: usize = 10_000;
/// And what they may take, with the identities and tokens that they keep alive.
const BYTES: u64 = 16 * 1024 * 1024;

/// What one worker has written before, by the address of the identity.
#[derive(Debug)]
pub(super) struct Identities {
    written: RefCell<Cache<usize, Written, Weight>>,
    /// Address of the snapshot that they were made under: they keep parts of it in memory.
    snapshot: Cell<usize>,
}

#[derive(Debug, Clone)]
struct Written {
    json: Rc<[u8]>,
    /// INVARIANT: held, so that no other identity can come to stand at its address.
    identity: Arc<Identity>,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<usize, Written> for Weight {
    fn weight(&self, _: &usize, written: &Written) -> u64 {
        let identity = &written.identity;
        let token = identity.token.as_ref().map_or(0, |token| token.weight());
        let bytes = identity.weight().saturating_add(token);
        let bytes = bytes.saturating_add(written.json.len());
        // No entry weighs less, so that the bytes bound the entries too.
        let least = BYTES.checked_div(KEPT as u64).unwrap_or(1);
        u64::try_from(bytes).unwrap_or(u64::MAX).max(least)
    }
}

fn none_yet() -> Cache<usize, Written, Weight> {
    Cache::with_weighter(KEPT, BYTES, Weight)
}

impl Default for Identities {
    fn default() -> Self {
        Self {
            written: RefCell::new(none_yet()),
            snapshot: Cell::new(0),
        }
    }
}

impl Identities {
    /// Who asked, as JSON.
    pub(super) fn written(&self, facts: &Facts) -> Rc<[u8]> {
        let snapshot = facts
            .snapshot
            .as_ref()
            .map_or(0, |it| Arc::as_ptr(it).addr());
        if self.snapshot.replace(snapshot) != snapshot {
            *self.written.borrow_mut() = none_yet();
        }
        let Some(identity) = &facts.identity else {
            return nobody(facts.method).json().into();
        };
        let address = Arc::as_ptr(identity).addr();
        if let Some(known) = self.written.borrow().get(&address) {
            return Rc::clone(&known.json);
        }
        let json: Rc<[u8]> = of_identity(identity).json().into();
        if identity.is_lasting() {
            let written = Written {
                json: Rc::clone(&json),
                identity: Arc::clone(identity),
            };
            self.written.borrow_mut().insert(address, written);
        }
        json
    }
}

fn nobody(method: Option<Method>) -> UserIdentity<'static> {
    if method == Some(Method::Anonymous) {
        UserIdentity::of(&Principal::Anonymous)
    } else {
        UserIdentity::unknown()
    }
}

/// Who an identity is, in the words of records.
pub(in crate::app) fn of_identity(identity: &Identity) -> UserIdentity<'_> {
    let present = |text| Some(text).filter(|text: &&str| !text.is_empty());
    let mut who = UserIdentity::of(&identity.principal);
    who.principal_id = present(&identity.user_id);
    who.access_key = identity.access_key.as_deref();
    who.user_name = identity
        .user_name
        .as_deref()
        .or(identity.session_name.as_deref());
    if let Some(session) = &mut who.session {
        session.issuer_id = identity.role.as_ref().map(|role| &*role.id);
        session.created = identity.issued_at;
        session.mfa = identity.mfa_present;
        session.federated_provider = identity.federated_provider.as_deref();
        session.source_identity = identity.source_identity.as_deref();
    }
    who
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_in_bytes() {
        let mut written = none_yet();
        for number in 0..2000_usize {
            let mut identity = Identity::anonymous();
            identity.user_id = format!("{number:0>60000}").into();
            let kept = Written {
                json: Rc::from([]),
                identity: Arc::new(identity),
            };
            written.insert(number, kept);
        }
        assert!((1..2000).contains(&written.len()));
        assert!(written.weight() <= BYTES, "{}", written.weight());
    }
}
