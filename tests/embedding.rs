//! The engine as a library: what an embedding program counts on.

use sidegate::policy::context::Map;
use sidegate::policy::{
    Decision, Document, Explanation, Layers, Policy, PolicySet, Principal, Verdict,
};

fn shared_between_threads<T: Send + Sync>() {}

#[test]
fn everything_can_be_shared_between_threads() {
    shared_between_threads::<Decision<'static>>();
    shared_between_threads::<Document>();
    shared_between_threads::<Explanation>();
    shared_between_threads::<Layers<'static>>();
    shared_between_threads::<Map>();
    shared_between_threads::<Policy>();
    shared_between_threads::<PolicySet>();
    shared_between_threads::<Principal>();
    shared_between_threads::<Verdict>();
}
