//! Settings as the configuration has them, into the settings of the parts.

use std::sync::Arc;

use http::HeaderName;
use http::header::COOKIE;

use crate::app::StartError;
use crate::authn;
use crate::config::{self, ClientCertificates, Settings};
use crate::gate::RefusalDetail;
use crate::net::{self, workers::Listening};
use crate::proxy;
use crate::state::Ledger;

pub(super) fn refusal_detail(detail: config::RefusalDetail) -> RefusalDetail {
    match detail {
        config::RefusalDetail::Id => RefusalDetail::Id,
        config::RefusalDetail::PolicyType => RefusalDetail::PolicyType,
    }
}

pub(super) fn workers(settings: &Settings) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    settings.workers.map_or_else(cores, usize::from)
}

pub(super) fn limits(limits: &config::Limits) -> net::Limits {
    net::Limits {
        head_timeout: limits.head_timeout,
        head_size: usize::try_from(limits.head_size).unwrap_or(usize::MAX),
        fields: limits.head_fields,
        body_idle: limits.body_idle_timeout,
        write_stall: limits.write_timeout,
        keep_alive_idle: limits.idle_timeout,
        connections: limits.connections,
        streams: limits.streams,
    }
}

pub(super) fn proxy(settings: &Settings) -> proxy::Settings {
    // Where tokens stand beside Authorization goes no further either.
    let own_places = (!settings.headers.forward_credential).then_some(&settings.tokens);
    proxy::Settings {
        upstreams: settings.upstreams.iter().map(upstream).collect(),
        strip: settings
            .headers
            .strip
            .iter()
            .chain(own_places.and_then(|tokens| tokens.header.as_ref()))
            .map(ToString::to_string)
            .collect(),
        token_cookie: own_places.and_then(|tokens| tokens.cookie.clone()),
        token_headers: token_headers(&settings.tokens),
        forward_credential: settings.headers.forward_credential,
        trusted: settings
            .headers
            .trusted_proxies
            .iter()
            .filter_map(|network| network.to_string().parse().ok())
            .collect(),
        body_idle: settings.limits.body_idle_timeout,
        fields: settings.limits.head_fields,
        signed_body: usize::try_from(settings.limits.signed_body).unwrap_or(usize::MAX),
        signed_bodies: usize::try_from(settings.limits.signed_bodies).unwrap_or(usize::MAX),
        requests: settings.limits.requests,
        stream_grace: settings.limits.stream_grace,
        upgrade_idle: settings.limits.upgrade_idle_timeout,
    }
}

/// The fields that hold a token where these are configured.
fn token_headers(tokens: &config::Tokens) -> Vec<HeaderName> {
    let named = tokens.header.as_deref();
    let named = named.and_then(|name| name.parse().ok());
    let cookie = tokens.cookie.is_some().then_some(COOKIE);
    named.into_iter().chain(cookie).collect()
}

fn upstream(upstream: &config::Upstream) -> proxy::upstream::Settings {
    proxy::upstream::Settings {
        name: upstream.name.to_string(),
        urls: upstream.urls.0.iter().map(ToString::to_string).collect(),
        http2: upstream.protocol == config::Protocol::Http2,
        ca_file: upstream.ca_file.clone(),
        connect_timeout: upstream.times.connect,
        response_timeout: upstream.times.response,
        pool_idle: upstream.times.idle,
        max_requests: upstream.max_requests,
        retries: upstream.retries,
    }
}

/// Reads the certificates.
pub(super) fn listeners(settings: &Settings) -> Result<Vec<Listening>, StartError> {
    let mut listening = Vec::new();
    for listener in &settings.listeners {
        let tls = listener.tls.as_ref().map(|tls| {
            let files = net::tls::ServerFiles {
                certificate: tls.certificate.clone(),
                key: tls.key.clone(),
                clients: clients(tls),
            };
            net::tls::Server::load(files)
                .map_err(|error| StartError::cannot(format!("listener `{}`", listener.name), error))
        });
        listening.push(Listening {
            name: Arc::from(&*listener.name),
            address: listener.address.clone(),
            tls: tls.transpose()?,
            proxied: listener.proxy_protocol.clone(),
        });
    }
    Ok(listening)
}

fn clients(tls: &config::ListenerTls) -> Option<net::tls::ClientFiles> {
    let required = match tls.client_certificates {
        ClientCertificates::Off => return None,
        ClientCertificates::Optional => false,
        ClientCertificates::Required => true,
    };
    Some(net::tls::ClientFiles {
        required,
        authorities: tls.client_ca.clone(),
        revocations: tls.client_crl.clone(),
    })
}

pub(super) fn authn(
    settings: &Settings,
    credentials: Option<Arc<authn::credentials::Store>>,
    ledger: Arc<Ledger>,
) -> authn::Settings {
    let tokens = &settings.tokens;
    authn::Settings {
        state: settings.state.path.clone(),
        places: authn::credential::TokenPlaces {
            header: tokens.header.as_deref().and_then(|name| name.parse().ok()),
            cookie: tokens.cookie.clone(),
        },
        credentials,
        ledger,
        ..authn::Settings::default()
    }
}
