//! Sockets: listeners, worker threads, TLS, connection limits and graceful stop.
//!
//! Takes bytes from the network as far as one complete HTTP request and hands it to a [`Handler`]; writes what that
//! answers. It chooses the protocol, bounds time and size, reads HTTP/1 framing more strictly than its parser does
//! ([`framing`]), and HTTP/2 heads before it does ([`http2`]). It knows nothing of routes, policies or upstreams, and makes no answer of its own but the parser's.
//!
//! Each worker is one thread with a single-threaded runtime, its own listening sockets and its own connections, which
//! never leave it: nothing here is shared between workers but counters.

pub mod address;
pub mod cidr;
pub mod connection;
mod counted;
pub mod drain;
pub mod framing;
pub mod http2;
pub mod in_place;
pub mod limits;
pub mod listener;
pub mod proxy_header;
pub mod pulse;
mod stall;
pub mod stream;
pub mod tls;
pub mod unread;
pub mod wire;
pub mod workers;

pub use address::Address;
pub use connection::{Connection, Handler, Protocol};
pub use counted::UnderWay;
pub use framing::Fault;
pub use limits::Limits;
pub use unread::Unread;

#[cfg(test)]
mod tests;
