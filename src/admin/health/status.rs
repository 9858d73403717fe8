//! How the process fares, and whether that is enough to serve.

use std::fmt;

/// Of the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleState {
    /// None was loaded yet.
    Missing,
    /// The one on disk is served.
    Loaded,
    /// The one on disk is not valid; the last good one is served.
    Stale,
}

/// Of a provider's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Fetched in time.
    Fresh,
    /// The last good ones.
    Stale,
    /// None, and fetching them failed.
    Failed,
    /// None, and the first fetch is under way.
    Pending,
}

/// Of access keys and API keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialState {
    /// None are configured.
    None,
    /// Those in the files count.
    Loaded,
    /// The files are not valid; the last good ones count.
    Stale,
}

/// Of the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditState {
    /// Takes records.
    Writing,
    /// Cannot be written.
    Failing,
}

/// Of what outlives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateStore {
    /// Kept in the configured folder.
    Kept,
    /// Nothing is.
    None,
}

/// Of what replicas share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedState {
    /// Followed.
    Current,
    /// Out of reach; what was known counts.
    Behind,
    /// Never reached: sessions are refused.
    Unknown,
}

/// How the process fares.
#[derive(Debug, Clone)]
pub struct Status {
    /// The bundle.
    pub bundle: BundleState,
    /// Every listener is bound.
    pub listening: bool,
    /// SIGTERM came.
    pub draining: bool,
    /// Every identity provider, by name.
    pub providers: Vec<(Box<str>, KeyState)>,
    /// Access keys and API keys.
    pub credentials: CredentialState,
    /// The audit log.
    pub audit: AuditState,
    /// The state folder.
    pub state: StateStore,
    /// Redis, where it is configured.
    pub shared: Option<SharedState>,
}

impl Status {
    /// Ready when the bundle and the listeners are and every provider has keys or has failed to get them; one that
    /// has none answers for its own tokens only. Not ready while no provider at all has keys, where there are any and they
    /// are the only way to authenticate.
    pub fn is_ready(&self) -> bool {
        let served = match self.bundle {
            BundleState::Missing => false,
            BundleState::Loaded | BundleState::Stale => true,
        };
        let mut pending = false;
        let keys = self.credentials != CredentialState::None;
        let mut works = self.providers.is_empty() || keys;
        for (_, keys) in &self.providers {
            match keys {
                KeyState::Fresh | KeyState::Stale => works = true,
                KeyState::Failed => {}
                KeyState::Pending => pending = true,
            }
        }
        served && self.listening && !self.draining && works && !pending
    }
}

/// One line each: the name, a space, one word.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bundle = match self.bundle {
            BundleState::Missing => "missing",
            BundleState::Loaded => "loaded",
            BundleState::Stale => "stale",
        };
        let listeners = match (self.draining, self.listening) {
            (true, _) => "draining",
            (false, true) => "listening",
            (false, false) => "starting",
        };
        writeln!(f, "bundle {bundle}\nlisteners {listeners}")?;
        for (name, keys) in &self.providers {
            let keys = match keys {
                KeyState::Fresh => "fresh",
                KeyState::Stale => "stale",
                KeyState::Failed => "failed",
                KeyState::Pending => "pending",
            };
            writeln!(f, "provider/{name} {keys}")?;
        }
        let credentials = match self.credentials {
            CredentialState::None => "none",
            CredentialState::Loaded => "loaded",
            CredentialState::Stale => "stale",
        };
        let audit = match self.audit {
            AuditState::Writing => "writing",
            AuditState::Failing => "failing",
        };
        let state = match self.state {
            StateStore::Kept => "kept",
            StateStore::None => "none",
        };
        writeln!(f, "credentials {credentials}\naudit {audit}\nstate {state}")?;
        match self.shared {
            None => Ok(()),
            Some(SharedState::Current) => writeln!(f, "redis current"),
            Some(SharedState::Behind) => writeln!(f, "redis behind"),
            Some(SharedState::Unknown) => writeln!(f, "redis unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(providers: &[KeyState]) -> Status {
        Status {
            bundle: BundleState::Loaded,
            listening: true,
            draining: false,
            providers: providers.iter().map(|state| ("p".into(), *state)).collect(),
            credentials: CredentialState::None,
            audit: AuditState::Writing,
            state: StateStore::None,
            shared: None,
        }
    }

    #[test]
    fn ready_is_what_the_documentation_says() {
        use KeyState::{Failed, Fresh, Pending, Stale};
        for (providers, ready) in [
            (vec![], true),
            (vec![Fresh], true),
            (vec![Stale], true),
            (vec![Failed], false),
            (vec![Pending], false),
            (vec![Failed, Stale], true),
            (vec![Fresh, Pending], false),
            (vec![Failed, Failed], false),
        ] {
            assert_eq!(status(&providers).is_ready(), ready, "{providers:?}");
        }
        let mut other = status(&[Failed]);
        other.credentials = CredentialState::Stale;
        assert!(other.is_ready(), "access keys work");
        let spoilt: [fn(&mut Status); 3] = [
            |status| status.bundle = BundleState::Missing,
            |status| status.listening = false,
            |status| status.draining = true,
        ];
        for spoil in spoilt {
            let mut status = status(&[Fresh]);
            spoil(&mut status);
            assert!(!status.is_ready());
        }
        let mut stale = status(&[Fresh]);
        stale.bundle = BundleState::Stale;
        assert!(stale.is_ready());
    }
}
