//! What is kept for each provider: its keys, what it said of its opaque tokens.

use std::sync::Arc;

use crate::authn::introspection::Introspector;
use crate::authn::keys::Follower;
use crate::directory::provider::Provider;

use super::Authenticator;

/// The providers of the current snapshot, and those of the one before: requests begun under it still use them.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub(super) current: Vec<Entry>,
    pub(super) previous: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) provider: Arc<Provider>,
    /// Of this configuration of it.
    pub(super) number: u64,
    pub(super) follower: Arc<Follower>,
    /// `None`: it has no opaque tokens.
    pub(super) introspector: Option<Arc<Introspector>>,
}

impl Followed {
    pub(super) fn find(&self, provider: &Arc<Provider>) -> Option<&Entry> {
        let both = || self.current.iter().chain(&self.previous);
        both()
            .find(|entry| Arc::ptr_eq(&entry.provider, provider))
            .or_else(|| both().find(|entry| entry.provider == *provider))
    }
}

impl Authenticator {
    /// Takes over what is kept for a provider, as far as its configuration is the same.
    pub(super) fn entry(&self, provider: &Arc<Provider>, before: &Followed) -> Entry {
        let mut current = before.current.iter();
        let known = current.find(|entry| entry.provider.name == provider.name);
        if let Some(known) = known
            && known.provider == *provider
        {
            return Entry {
                provider: Arc::clone(provider),
                ..known.clone()
            };
        }
        let known = known.filter(|known| known.provider.same_key_source(provider));
        let follower = known.map_or_else(
            || {
                Arc::new(Follower::start(
                    provider,
                    self.settings.timing.clone(),
                    self.clock.clone(),
                    self.settings.state.as_deref(),
                ))
            },
            |known| Arc::clone(&known.follower),
        );
        let introspector = Introspector::new(
            provider,
            self.clock.clone(),
            self.settings.timing.wait,
            self.settings.cache,
            Arc::clone(&self.opaque),
        );
        Entry {
            provider: Arc::clone(provider),
            number: self.number(),
            follower,
            introspector: introspector.map(Arc::new),
        }
    }
}
