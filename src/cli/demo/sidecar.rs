//! The proxy itself, started as `sidegate run` starts it, with the demo's configuration.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, anyhow};

use crate::app::{self, Running};
use crate::config;

/// A running sidecar.
#[derive(Debug)]
pub struct Sidecar {
    running: Running,
    proxy: SocketAddr,
    health: SocketAddr,
    sts: SocketAddr,
}

impl Sidecar {
    /// Starts with the configuration in this file. The environment has no say: a demo is the same everywhere.
    ///
    /// # Errors
    /// When the configuration or the bundle is not valid, or a part cannot be started.
    pub async fn start(configuration: &Path) -> Result<Self> {
        let settings = config::load(configuration, []).map_err(|faults| anyhow!("{faults}"))?;
        let running = app::start(&settings).await?;
        let address = |name: &str| -> Result<SocketAddr> {
            let address = running.address(name);
            let address = address.with_context(|| format!("there is no listener {name}"))?;
            Ok(address.parse()?)
        };
        Ok(Self {
            proxy: address("ingress")?,
            health: address("health")?,
            sts: address("sts")?,
            running,
        })
    }

    /// Where requests come in.
    pub fn proxy(&self) -> SocketAddr {
        self.proxy
    }

    /// Where requests come in, as a URL.
    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.proxy)
    }

    /// The health listener's URL.
    pub fn health_url(&self) -> String {
        format!("http://{}", self.health)
    }

    /// Where the STS listens.
    pub fn sts(&self) -> SocketAddr {
        self.sts
    }

    /// The STS's URL.
    pub fn sts_url(&self) -> String {
        format!("http://{}", self.sts)
    }

    /// Stops at once: whoever ends a demo waits for nothing.
    pub async fn stop(self) {
        self.running.stop(std::future::ready(())).await;
    }
}
