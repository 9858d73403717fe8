//! Black-box tests: the real binary, real sockets, no fixed port.
//!
//! - [`bound`]: tokens that are bound to a certificate or a key
//! - [`certificates`]: client certificates, and what becomes of open connections when authorities change
//! - [`opaque`]: opaque tokens, about which their provider is asked
//! - [`stories`]: every SecureCart story, as `sidegate demo --smoke` plays it
//! - [`demo`]: the way that a reader takes: paste, mint a token, end it
//! - [`reload`]: flipping bundles under load, ConfigMap swaps, broken bundles
//! - [`kubernetes`]: service-account tokens, as a cluster makes them
//! - [`preflights`]: what comes along with them
//! - [`printing`]: output that cannot be written
//! - [`identity`]: the signed token that tells upstreams who asks
//! - [`checking`]: what `check` says of what is broken, all of it at once
//! - [`findings`]: what `check` finds in policies, and `who-can`
//! - [`limits`]: rate limits, requests under way, the PROXY protocol
//! - [`streaming`]: bodies of a gibibyte in constant memory
//! - [`sigv4`]: signatures and API keys, from the socket to the upstream
//! - [`streams`]: open streams, ended when they are no longer allowed
//! - [`sockets`]: listeners on Unix sockets
//! - [`startup`]: what stops a start, and what its exit code and words are
//! - [`stopping`]: SIGTERM under load
//! - [`tokens`]: tokens of every kind, from the socket to the upstream
//! - [`remembered`]: a token that was verified before, when what it rests on changes
//! - [`credentials`]: the command, its files, and what a running sidecar makes of them
//! - [`keyring`]: the command, and what its files look like to others
//! - [`iam`]: the IAM reads, asked of an imported account
//! - [`sts`]: sessions, from the call that makes one to the request that uses it
//! - [`unread`]: heads that never became a request, refused and recorded like any other
//! - [`http2`]: heads, trailers and bodies that HTTP/2 forbids
//! - [`frames`]: HTTP/2 as those two speak it, frame by frame
//! - [`http2_bounds`]: how long, how large and how wrong what comes over HTTP/2 may be, and how a connection ends
//! - [`readme`]: every command that the README shows

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests end at the first thing that is not as it should be"
)]

mod authorities;
mod bound;
mod certificates;
mod checking;
mod credentials;
mod demo;
mod findings;
mod frames;
mod http2;
mod http2_bounds;
mod iam;
mod identity;
mod keyring;
mod kubernetes;
mod limits;
mod opaque;
mod preflights;
mod printing;
mod readme;
mod reload;
mod remembered;
mod signed;
mod sigv4;
mod sockets;
mod startup;
mod stopping;
mod stories;
mod streaming;
mod streams;
mod sts;
mod support;
mod tokens;
mod unread;
