//! The ledger: opened at the start, looked after while the process lives.

use std::sync::Arc;
use std::time::Duration;

use crate::app::StartError;
use crate::clock::Clock;
use crate::config::Settings;
use crate::state::{self, Ledger};

/// How often what may wait is brought to the disk.
const TIDY: Duration = Duration::from_secs(5);

pub(super) fn open(settings: &Settings, clock: &Clock) -> Result<Arc<Ledger>, StartError> {
    let known = state::Settings {
        path: settings.state.path.clone(),
    };
    let ledger = Ledger::open(&known, clock.clone())
        .map_err(|error| StartError::cannot("the state cannot be used", error))?;
    Ok(Arc::new(ledger))
}

/// Looks after the ledger as long as the process lives.
pub(super) fn tend(ledger: Arc<Ledger>) {
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(TIDY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let ledger = Arc::clone(&ledger);
            // Writing may block, on a slow disk.
            let _ = tokio::task::spawn_blocking(move || ledger.tidy()).await;
        }
    });
}
