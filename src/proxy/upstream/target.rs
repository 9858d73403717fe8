//! What an upstream is: where it is, how it is spoken to, and how long anything may take.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use http::uri::{Authority, Scheme, Uri};
use rustls::pki_types::ServerName;

use crate::net::tls;
use crate::proxy::load;

/// An upstream as it is configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in the bundle and the configuration.
    pub name: String,
    /// `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`.
    pub url: String,
    /// HTTP/2 instead of HTTP/1.1.
    pub http2: bool,
    /// The CAs that sign its certificate; without it, public ones.
    pub ca_file: Option<PathBuf>,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// For the head of an answer, from when the request went out whole.
    pub response_timeout: Duration,
    /// How long idle connections are kept; shorter than upstreams keep them.
    pub pool_idle: Duration,
    /// Requests under way.
    pub max_requests: Option<usize>,
}

impl Settings {
    /// With the documented defaults.
    pub fn new(name: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            url: url.to_owned(),
            http2: false,
            ca_file: None,
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(15),
            pool_idle: Duration::from_secs(4),
            max_requests: None,
        }
    }
}

/// An upstream that cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The address makes no sense.
    #[error(
        "upstream `{name}`: expected http://HOST:PORT, https://HOST:PORT or unix:/PATH, found `{url}`"
    )]
    Url {
        /// The upstream.
        name: String,
        /// What was found.
        url: String,
    },
    /// Its CA file cannot be used.
    #[error("upstream `{name}`")]
    Tls {
        /// The upstream.
        name: String,
        /// Why.
        #[source]
        cause: tls::TlsError,
    },
}

/// An upstream, ready to be connected to from any worker.
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) name: Box<str>,
    pub(super) place: Place,
    pub(super) tls: Option<tls::Client>,
    pub(super) http2: bool,
    pub(super) authority: Authority,
    pub(super) host: HeaderValue,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) pool_idle: Duration,
    pub(super) load: Option<load::Shared>,
}

/// Where an upstream's sockets are connected to.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Target {
    /// Reads the settings.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let refused = || SettingsError::Url {
            name: settings.name.clone(),
            url: settings.url.clone(),
        };
        let (place, authority, secure) = match settings.url.strip_prefix("unix:") {
            Some(path) if path.starts_with('/') => (
                Place::Unix(PathBuf::from(path)),
                Authority::from_static("localhost"),
                false,
            ),
            Some(_) => return Err(refused()),
            None => tcp(&settings.url).ok_or_else(refused)?,
        };
        let tls = if secure {
            let host = authority.host().trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(|_| refused())?;
            let client = tls::Client::new(name, settings.ca_file.as_deref(), settings.http2);
            Some(client.map_err(|cause| SettingsError::Tls {
                name: settings.name.clone(),
                cause,
            })?)
        } else {
            None
        };
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| refused())?;
        Ok(Self {
            name: settings.name.as_str().into(),
            place,
            tls,
            http2: settings.http2,
            authority,
            host,
            connect_timeout: settings.connect_timeout,
            response_timeout: settings.response_timeout,
            pool_idle: settings.pool_idle,
            load: settings.max_requests.map(load::Shared::new),
        })
    }
}

fn tcp(url: &str) -> Option<(Place, Authority, bool)> {
    let uri: Uri = url.parse().ok()?;
    let secure = match uri.scheme()? {
        scheme if *scheme == Scheme::HTTP => false,
        scheme if *scheme == Scheme::HTTPS => true,
        _ => return None,
    };
    let authority = uri.authority()?.clone();
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@')
    {
        return None;
    }
    let port = authority
        .port_u16()
        .unwrap_or(if secure { 443 } else { 80 });
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    Some((Place::Tcp(host, port), authority, secure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_upstreams_are_read() {
        let target = |url: &str| Target::new(&Settings::new("app", url));
        for (url, host, secure) in [
            ("http://127.0.0.1:3000", "127.0.0.1:3000", false),
            ("http://app", "app", false),
            ("https://app/", "app", true),
            ("https://[::1]:8443", "[::1]:8443", true),
            ("unix:/run/app.sock", "localhost", false),
        ] {
            let target = target(url).unwrap();
            assert_eq!(
                (target.host.to_str().unwrap(), target.tls.is_some()),
                (host, secure)
            );
        }
        for url in [
            "",
            "app:80",
            "ftp://app",
            "http://app/path",
            "http://app/?q",
            "http://u@app",
            "unix:app",
        ] {
            assert!(target(url).is_err(), "{url}");
        }
    }
}
