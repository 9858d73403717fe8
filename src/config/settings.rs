//! What a configuration says, as plain data, with the documented defaults. Reads nothing and knows no YAML.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::audit::sink;
use crate::directory::provider;
use crate::net::Address;
use crate::net::cidr::Cidr;
use crate::throttle::Rate;

const KIB: u64 = 1024;

/// A whole configuration. What has no default (listeners, upstreams, the bundle) is empty in [`Default`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where requests come in; at least one.
    pub listeners: Vec<Listener>,
    /// Where they go, by name, sorted by it.
    pub upstreams: Vec<Upstream>,
    /// Who may do what.
    pub bundle: Bundle,
    /// The listener for kubelet and Prometheus.
    pub health: Health,
    /// What upstreams are told of who asks.
    pub identity: Identity,
    /// The keys of session tokens; `None`: no session token is accepted.
    pub keyring: Option<PathBuf>,
    /// The Security Token Service; `None`: it is not served.
    pub sts: Option<Sts>,
    /// The listener for operators' tools; `None`: nobody asks the process anything.
    pub admin: Option<Admin>,
    /// Long-lived access keys and API keys: a file, or a folder of them.
    pub credentials: Option<PathBuf>,
    /// What outlives a restart.
    pub state: State,
    /// Where decisions are recorded.
    pub audit: sink::Settings,
    /// Time and size limits of the listeners.
    pub limits: Limits,
    /// How often a request may come.
    pub rate_limits: RateLimits,
    /// How the process ends.
    pub drain: Drain,
    /// What is believed of, and passed on in, headers.
    pub headers: Headers,
    /// Where tokens may stand.
    pub tokens: Tokens,
    /// How much a refusal says.
    pub refusal_detail: RefusalDetail,
    /// The process's own log.
    pub log: Log,
    /// Worker threads; `None`: one a core.
    pub workers: Option<NonZeroUsize>,
}

/// One of `listeners`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name, in metrics, logs and routes.
    pub name: Box<str>,
    /// Where it listens.
    pub address: Address,
    /// What it speaks.
    pub mode: Mode,
    /// TLS, if it is to be spoken.
    pub tls: Option<ListenerTls>,
    /// Peers that speak the PROXY protocol, and must.
    pub proxy_protocol: Vec<Cidr>,
}

/// What a listener does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Decides, and forwards what is allowed.
    #[default]
    Proxy,
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// PEM file: the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file: the private key.
    pub key: PathBuf,
    /// Whether clients are asked for a certificate.
    pub client_certificates: ClientCertificates,
    /// PEM files: the authorities that client certificates must come from.
    pub client_ca: Vec<PathBuf>,
    /// PEM or DER files: revocation lists of those authorities.
    pub client_crl: Vec<PathBuf>,
}

/// Whether clients are asked for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCertificates {
    /// No.
    #[default]
    Off,
    /// Yes; they need not have one, but one that they have must verify.
    Optional,
    /// Yes; without one there is no connection.
    Required,
}

/// One of `upstreams`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name, as routes use it.
    pub name: Box<str>,
    /// Where it is.
    pub urls: Urls,
    /// What it speaks.
    pub protocol: Protocol,
    /// PEM file with the certificate authorities to trust; `None`: the well-known public ones.
    pub ca_file: Option<PathBuf>,
    /// Its time limits.
    pub times: UpstreamTimes,
    /// Requests under way; `None`: as many as the process has.
    pub max_requests: Option<usize>,
    /// How often an idempotent request is sent again.
    pub retries: u32,
}

/// One URL, or several that are equal endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls(pub Vec<Url>);

/// Time limits of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpstreamTimes {
    /// To connect, TLS included.
    pub connect: Duration,
    /// From the sent request to the head of the answer.
    pub response: Duration,
    /// How long an idle connection is kept for the next request.
    pub idle: Duration,
}

impl Default for UpstreamTimes {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            response: Duration::from_secs(15),
            // Shorter than the five seconds after which common servers close theirs: a request written on a
            // connection that is just being closed is lost.
            idle: Duration::from_secs(4),
        }
    }
}

/// Where an upstream is. It has no path: the path that policy judged is sent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Url {
    /// `http://HOST:PORT` or `https://HOST:PORT`
    Http {
        /// Whether it is `https`.
        tls: bool,
        /// The host; an IPv6 address without its brackets.
        host: Box<str>,
        /// The port, given or the scheme's.
        port: u16,
    },
    /// `unix:/PATH`
    Unix(PathBuf),
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { tls, host, port } => {
                let scheme = if *tls { "https" } else { "http" };
                if host.contains(':') {
                    write!(f, "{scheme}://[{host}]:{port}")
                } else {
                    write!(f, "{scheme}://{host}:{port}")
                }
            }
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, by ALPN with TLS and with prior knowledge without.
    Http2,
}

/// `bundle`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// A folder, a mounted ConfigMap or a `.tar.gz`.
    pub path: PathBuf,
}

/// `health`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Where it listens: kubelet and Prometheus reach no Unix socket.
    pub address: SocketAddr,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([0, 0, 0, 0], 9900)),
        }
    }
}

/// `identity`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// PEM file: the private key that `X-Sidegate-Identity` is signed with; `None`: one made at the start.
    pub key_file: Option<PathBuf>,
}

/// `sts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sts {
    /// Where it listens.
    pub address: Address,
    /// The only region that signatures may be for.
    pub region: Box<str>,
    /// TLS; required outside of loopback.
    pub tls: Option<ListenerTls>,
    /// What the application in the pod gets.
    pub container: Container,
}

/// Credentials for the application in the pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// The roles.
    pub roles: Vec<RoleArn>,
    /// The file with the token that guards them; written at the start.
    pub token_file: Option<PathBuf>,
    /// The file with the pod's own token, which they are got with.
    pub web_identity_token_file: Option<PathBuf>,
    /// The STS that issues them; `None`: this one.
    pub remote: Option<provider::Url>,
    /// PEM file with the certificate authorities to trust for it; `None`: the well-known public ones.
    pub remote_ca_file: Option<PathBuf>,
}

/// The ARN of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn(pub Box<str>);

/// `admin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens: on loopback.
    pub address: SocketAddr,
    /// Where the token is put that its clients must show.
    pub token_file: PathBuf,
}

/// `state`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The folder; `None`: nothing outlives a restart.
    pub path: Option<PathBuf>,
    /// Where replicas share it; `None`: nowhere.
    pub redis: Option<Redis>,
}

/// `state.redis`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// Where it is.
    pub url: RedisUrl,
    /// Who logs in.
    pub username: Option<Box<str>>,
    /// The file that holds the password.
    pub password_file: Option<PathBuf>,
    /// PEM file with the authorities to trust; `None`: those of the machine.
    pub ca_file: Option<PathBuf>,
    /// What keys begin with.
    pub name: Box<str>,
    /// For a connection, and for each answer.
    pub timeout: Duration,
}

/// `redis://HOST:PORT/DATABASE`, or `rediss://`; without who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisUrl(pub Box<str>);

/// `limits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// To receive a request's head.
    pub head_timeout: Duration,
    /// Size of a request's head.
    pub head_size: u64,
    /// Fields in a request's head.
    pub head_fields: usize,
    /// Between two pieces of a request's body.
    pub body_idle_timeout: Duration,
    /// Of a signed request's body, which is read before it is judged.
    pub signed_body: u64,
    /// The same, of all requests together.
    pub signed_bodies: u64,
    /// How long a client may leave an answer unread.
    pub write_timeout: Duration,
    /// How long a connection without a request is kept.
    pub idle_timeout: Duration,
    /// Connections, over all listeners.
    pub connections: usize,
    /// HTTP/2 streams of one connection.
    pub streams: u32,
    /// Requests under way, over all listeners.
    pub requests: usize,
    /// How long an open stream may go on that is no longer allowed.
    pub stream_grace: Duration,
    /// How long nothing may pass on an upgraded connection.
    pub upgrade_idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            head_size: 64 * KIB,
            head_fields: 100,
            body_idle_timeout: Duration::from_secs(15),
            signed_body: 8 * 1024 * KIB,
            signed_bodies: 128 * 1024 * KIB,
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            connections: 10_000,
            streams: 256,
            requests: 10_000,
            stream_grace: Duration::ZERO,
            upgrade_idle_timeout: Duration::from_secs(300),
        }
    }
}

/// `rate_limits`: `None` is without limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Of each address (IPv6: network of 64 bits), before anything else is asked about a request.
    pub address: Option<Rate>,
    /// Of each principal.
    pub principal: Option<Rate>,
    /// On each route, of requests that are allowed.
    pub route: Option<Rate>,
    /// Of each address, calls to the STS and IAM endpoint.
    pub sts: Option<Rate>,
}

/// `drain`: together 25 s, inside the 30 s that Kubernetes gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drain {
    /// How long new connections are still accepted after SIGTERM, while readiness already fails.
    pub accepting: Duration,
    /// How long running requests may take after that.
    pub grace: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            accepting: Duration::from_secs(5),
            grace: Duration::from_secs(20),
        }
    }
}

/// `trusted_proxies`, `strip_headers` and `forward_credential`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// Whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// Names removed from every request, beside `X-Sidegate-*`: lower case; `*` at the end stands for any rest.
    pub strip: Vec<Box<str>>,
    /// Whether the client's credential is passed on.
    pub forward_credential: bool,
}

impl Default for Headers {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            strip: STRIP_HEADERS.iter().map(|name| (*name).into()).collect(),
            forward_credential: false,
        }
    }
}

/// Names that upstreams commonly trust for who is calling, and for what.
const STRIP_HEADERS: [&str; 18] = [
    "x-remote-user",
    "x-forwarded-user",
    "x-auth-request-*",
    "x-authenticated-user",
    "x-user-id",
    "x-principal",
    "x-jwt-payload",
    "x-amzn-oidc-*",
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-url",
    "x-original-method",
    "x-rewrite-url",
    "x-forwarded-uri",
    "x-forwarded-prefix",
    "x-envoy-original-path",
    "x-accel-redirect",
];

/// `tokens`: where a bearer token may stand beside `Authorization`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    /// In this header, in lower case.
    pub header: Option<Box<str>>,
    /// In this cookie.
    pub cookie: Option<Box<str>>,
}

/// `refusal_detail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefusalDetail {
    /// A code and the request id.
    Id,
    /// Action, resource and the kind of policy too.
    #[default]
    PolicyType,
}

/// `log`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// From which level on.
    pub level: Level,
    /// How a line looks.
    pub format: LogFormat,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Only what somebody must mend.
    Error,
    /// What somebody should look at, too.
    Warn,
    /// What happened to the process, too.
    #[default]
    Info,
    /// What a developer asks for, too.
    Debug,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
