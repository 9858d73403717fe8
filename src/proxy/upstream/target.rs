//! What an upstream is: where it is, how it is spoken to, and how long anything may take.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::uri::{Authority, Scheme, Uri};
use rustls::pki_types::ServerName;

use crate::net::tls;
use crate::proxy::load;
use crate::proxy::upstream::endpoint::Address;
use crate::proxy::upstream::names::Names;

/// An upstream as it is configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in the bundle and the configuration.
    pub name: String,
    /// `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`; several are equal endpoints, all with TLS or none.
    pub urls: Vec<String>,
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
    /// How often a request that is idempotent and has no body is sent again when an endpoint broke it off.
    pub retries: u32,
}

impl Settings {
    /// With the documented defaults.
    pub fn new(name: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            urls: vec![url.to_owned()],
            http2: false,
            ca_file: None,
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(15),
            pool_idle: Duration::from_secs(4),
            max_requests: None,
            retries: 0,
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
    /// Some of its addresses are with TLS and some without.
    #[error("upstream `{0}`: all of its URLs must be https, or none")]
    Mixed(String),
    /// It has no address.
    #[error("upstream `{0}`: it has no URL")]
    Nowhere(String),
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
    pub(super) sites: Vec<Site>,
    pub(super) names: Arc<Names>,
    pub(super) secure: bool,
    pub(super) http2: bool,
    pub(super) authority: Authority,
    pub(super) host: HeaderValue,
    pub(super) connect_timeout: Duration,
    pub(super) response_timeout: Duration,
    pub(super) pool_idle: Duration,
    pub(super) load: Option<load::Shared>,
    pub(super) retries: u32,
}

/// One of its URLs.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) place: Place,
    pub(super) tls: Option<tls::Client>,
}

/// Where an upstream's sockets are connected to.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// Given by address.
    Known(Address),
    /// All addresses of that one of the names.
    Named(usize),
}

impl Target {
    /// Reads the settings.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let mut sites = Vec::new();
        let mut names = Vec::new();
        let mut first: Option<(Authority, bool)> = None;
        for url in &settings.urls {
            let (site, authority) = site(settings, url, &mut names)?;
            let secure = site.tls.is_some();
            if first.as_ref().is_some_and(|(_, other)| *other != secure) {
                return Err(SettingsError::Mixed(settings.name.clone()));
            }
            sites.push(site);
            first = first.or(Some((authority, secure)));
        }
        let nowhere = || SettingsError::Nowhere(settings.name.clone());
        let (authority, secure) = first.ok_or_else(nowhere)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| nowhere())?;
        Ok(Self {
            name: settings.name.as_str().into(),
            sites,
            names: Arc::new(Names::new(&settings.name, names)),
            secure,
            http2: settings.http2,
            authority,
            host,
            connect_timeout: settings.connect_timeout,
            response_timeout: settings.response_timeout,
            pool_idle: settings.pool_idle,
            load: settings.max_requests.map(load::Shared::new),
            retries: settings.retries,
        })
    }
}

/// Reads one URL.
fn site(
    settings: &Settings,
    url: &str,
    names: &mut Vec<(String, u16)>,
) -> Result<(Site, Authority), SettingsError> {
    let refused = || SettingsError::Url {
        name: settings.name.clone(),
        url: url.to_owned(),
    };
    let (place, authority, secure) = match url.strip_prefix("unix:") {
        Some(path) if path.starts_with('/') => (
            Place::Known(Address::Unix(PathBuf::from(path))),
            Authority::from_static("localhost"),
            false,
        ),
        Some(_) => return Err(refused()),
        None => tcp(url, names).ok_or_else(refused)?,
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
    Ok((Site { place, tls }, authority))
}

fn tcp(url: &str, names: &mut Vec<(String, u16)>) -> Option<(Place, Authority, bool)> {
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
    let host = authority.host().trim_matches(['[', ']']);
    let place = if let Ok(address) = host.parse::<IpAddr>() {
        Place::Known(Address::Tcp(SocketAddr::new(address, port)))
    } else {
        names.push((host.to_owned(), port));
        Place::Named(names.len().saturating_sub(1))
    };
    Some((place, authority, secure))
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
                (target.host.to_str().unwrap(), target.secure),
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
        let mut several = Settings::new("app", "http://a:1");
        several.urls.push("http://b:2".to_owned());
        assert_eq!(Target::new(&several).unwrap().sites.len(), 2);
        several.urls.push("https://c".to_owned());
        assert!(matches!(
            Target::new(&several),
            Err(SettingsError::Mixed(_))
        ));
        several.urls.clear();
        assert!(matches!(
            Target::new(&several),
            Err(SettingsError::Nowhere(_))
        ));
    }
}
