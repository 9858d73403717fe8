//! Rate limits by address, principal and route, where they are configured.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::clock::monotonic;
use crate::config::RateLimits;
use crate::gate::{Facts, Refusal, Verdict};
use crate::outcome::Reason;
use crate::throttle::{Limiter, network};

/// The limits of the process, shared by all workers.
#[derive(Debug)]
pub(super) struct Throttles {
    began: Instant,
    address: Option<Limiter>,
    principal: Option<Limiter>,
    route: Option<Limiter>,
}

impl Throttles {
    pub(super) fn new(limits: &RateLimits) -> Self {
        Self {
            began: monotonic(),
            address: limits.address.map(Limiter::new),
            principal: limits.principal.map(Limiter::new),
            route: limits.route.map(Limiter::new),
        }
    }

    /// Before anything is asked about a request: may its sender ask at all?
    pub(super) fn sender(&self, address: IpAddr) -> Result<(), Refusal> {
        match &self.address {
            Some(limiter) => self.take(limiter, &network(address)),
            None => Ok(()),
        }
    }

    /// After the judgement: not too often by this principal, nor, if allowed, on this route.
    pub(super) fn judged(&self, facts: &Facts, verdict: &mut Verdict) {
        if let Err(refusal) = self.of_principal(facts) {
            *verdict = Err(refusal);
        } else if verdict.is_ok()
            && let Some(limiter) = &self.route
            && let Err(refusal) = self.take(limiter, &(facts.service(), facts.route()))
        {
            *verdict = Err(refusal);
        }
    }

    fn of_principal(&self, facts: &Facts) -> Result<(), Refusal> {
        match (&self.principal, &facts.identity) {
            (Some(limiter), Some(identity)) => self.take(limiter, &identity.principal.name()),
            _ => Ok(()),
        }
    }

    fn take(&self, limiter: &Limiter, key: &impl std::hash::Hash) -> Result<(), Refusal> {
        let now = monotonic().saturating_duration_since(self.began);
        limiter.take(key, now).map_err(|wait| Refusal {
            retry_after: Some(whole_seconds(wait)),
            ..Refusal::from(Reason::Throttled)
        })
    }
}

fn whole_seconds(wait: Duration) -> u32 {
    let whole = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
    whole.saturating_add(u32::from(wait.subsec_nanos() > 0))
}
