//! The task that owns the fetches of one provider.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, monotonic};
use crate::directory::provider::{KeySource, Provider};

use super::disk::File;
use super::{Loaded, Outcome, ProviderKeys};
use crate::authn::discovery;
use crate::authn::jwks::KeySet;

/// The longest pause after failures.
const MAX_BACK_OFF: Duration = Duration::from_secs(300);

/// Keys that are part of the bundle: there is nothing to fetch, and nothing to wait for.
pub(super) fn read_once(keys: &ProviderKeys, provider: &Provider, text: &str) {
    let outcome = match KeySet::read(text.as_bytes()) {
        Ok(set) => {
            tell_left_out(provider, &set);
            keys.current.store(Some(Arc::new(Loaded {
                set: Arc::new(set),
                fetched_at: None,
            })));
            Outcome::Fetched
        }
        Err(error) => {
            tracing::error!(provider = &*provider.name, %error, "the key file cannot be used");
            Outcome::Failed
        }
    };
    keys.progress.send_modify(|progress| {
        // As if the one fetch were in the future: no demand is ever open.
        progress.last_started = monotonic().checked_add(Duration::from_secs(u32::MAX.into()));
        progress.last = Some(outcome);
    });
}

/// Fetches now, then ahead of each expiry, and whenever an unknown key is asked for and the interval is over.
pub(super) async fn run(
    keys: Arc<ProviderKeys>,
    provider: Arc<Provider>,
    clock: Clock,
    file: Option<File>,
) {
    if let Some(file) = &file
        && let Some((set, fetched_at)) = file.read(clock.now()).await
    {
        tracing::info!(
            provider = &*provider.name,
            "keys of an earlier run serve until the first fetch"
        );
        keys.current.store(Some(Arc::new(Loaded {
            set: Arc::new(set),
            fetched_at: Some(fetched_at),
        })));
    }
    let mut failures: u32 = 0;
    loop {
        keys.progress.send_modify(|progress| {
            progress.started = progress.started.saturating_add(1);
            progress.last_started = Some(monotonic());
        });
        let (outcome, pause) = match fetch(&keys, &provider, &clock, file.as_ref()).await {
            Ok(interval) => {
                if failures > 0 {
                    tracing::info!(provider = &*provider.name, "keys can be fetched again");
                }
                failures = 0;
                (Outcome::Fetched, ahead_of(interval))
            }
            Err(why) => {
                failures = failures.saturating_add(1);
                tracing::warn!(
                    provider = &*provider.name,
                    failures,
                    why,
                    "keys cannot be fetched; the last good ones stay"
                );
                (Outcome::Failed, back_off(&keys, failures))
            }
        };
        keys.progress.send_modify(|progress| {
            progress.finished = progress.started;
            progress.last = Some(outcome);
        });
        wait(&keys, pause).await;
    }
}

/// Until the pause is over, or an unknown key asks for a fetch that is allowed.
async fn wait(keys: &ProviderKeys, pause: Duration) {
    let over = tokio::time::sleep(pause);
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => return,
            () = keys.demand.notified() => {
                if keys.progress.borrow().may_start(keys.timing.refetch) {
                    return;
                }
            }
        }
    }
}

/// One fetch; how long its keys may be kept.
async fn fetch(
    keys: &ProviderKeys,
    provider: &Provider,
    clock: &Clock,
    file: Option<&File>,
) -> Result<Duration, String> {
    let fetched = discovery::key_set(provider, keys.timing.fetch)
        .await
        .map_err(|error| error.to_string())?;
    let set = KeySet::read(&fetched.body).map_err(|error| error.to_string())?;
    let now = clock.now();
    let known = keys.current.load();
    let changed = known.as_ref().is_none_or(|known| !known.set.same_as(&set));
    if changed {
        tell_left_out(provider, &set);
        tracing::info!(
            provider = &*provider.name,
            keys = set.len(),
            "new verification keys"
        );
    }
    keys.current.store(Some(Arc::new(Loaded {
        set: Arc::new(set),
        fetched_at: Some(now),
    })));
    if let KeySource::File { .. } = provider.keys.source {
        return Ok(keys.timing.file_poll);
    }
    if let Some(file) = file
        && let Err(error) = file.write(&fetched.body, now).await
    {
        tracing::warn!(provider = &*provider.name, %error, "keys cannot be kept on disk");
    }
    let longest = provider.keys.refresh;
    let shortest = keys.timing.min_refresh.min(longest);
    Ok(fetched.max_age.unwrap_or(longest).clamp(shortest, longest))
}

fn tell_left_out(provider: &Provider, set: &KeySet) {
    for why in &set.left_out {
        tracing::warn!(provider = &*provider.name, why, "a key is left out");
    }
}

/// Between 80 and 95 % of the interval: ahead of expiry, and not all sidecars at once.
fn ahead_of(interval: Duration) -> Duration {
    interval.mul_f64(0.80 + 0.15 * random())
}

/// Doubles with each failure, and is never shorter than the interval in which one fetch is allowed.
fn back_off(keys: &ProviderKeys, failures: u32) -> Duration {
    let doubled = 2u32.saturating_pow(failures.saturating_sub(1).min(16));
    keys.timing
        .refetch
        .saturating_mul(doubled)
        .min(MAX_BACK_OFF)
        .mul_f64(1.0 + 0.2 * random())
}

/// From 0 up to 1.
fn random() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter, which is no harm.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::keys::Timing;
    use crate::authn::testing::provider;

    #[test]
    fn fetches_come_ahead_of_expiry_and_are_spread() {
        let hour = Duration::from_secs(3600);
        let times: Vec<Duration> = (0..200).map(|_| ahead_of(hour)).collect();
        assert!(
            times
                .iter()
                .all(|time| (hour.mul_f64(0.8)..=hour.mul_f64(0.95)).contains(time))
        );
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*most > *least + hour.mul_f64(0.05), "{least:?} {most:?}");
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_pauses() {
        let provider = provider("corp", "https://i.example", r#"{"discovery":true}"#, "");
        let keys = ProviderKeys::new(&provider, Timing::default());
        for (failures, seconds) in [
            (1, 10.0),
            (2, 20.0),
            (3, 40.0),
            (5, 160.0),
            (6, 300.0),
            (7, 300.0),
            (u32::MAX, 300.0),
        ] {
            let pause = back_off(&keys, failures).as_secs_f64();
            assert!(
                (seconds..=seconds * 1.2).contains(&pause),
                "{failures}: {pause}"
            );
        }
    }
}
