//! Listening sockets: one per worker and address, so that the kernel spreads connections and no worker waits for
//! another.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};

use crate::net::address::Address;
use crate::net::stream::Plain;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// An address that is being listened on, with one socket for each worker.
#[derive(Debug)]
pub struct Bound {
    address: Address,
    sockets: Vec<Raw>,
}

/// A listening socket that belongs to no runtime yet.
#[derive(Debug)]
pub enum Raw {
    /// TCP.
    Tcp(std::net::TcpListener),
    /// A Unix socket.
    Unix(StdUnixListener),
}

/// A listening socket of a worker's runtime.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(tokio::net::TcpListener),
    /// A Unix socket.
    Unix(tokio::net::UnixListener),
}

/// Listens on `address` with as many sockets as asked for. With port 0 the system chooses one, the same for all.
pub fn bind(address: &Address, copies: usize) -> io::Result<Bound> {
    match address {
        Address::Tcp(address) => {
            // Without SO_REUSEPORT first: a port that another process holds must be an error, not shared with it.
            drop(listen(*address, false)?);
            let first = listen(*address, true)?;
            let address = first.local_addr()?;
            let mut sockets = vec![Raw::Tcp(first)];
            for _ in 1..copies {
                sockets.push(Raw::Tcp(listen(address, true)?));
            }
            Ok(Bound {
                address: Address::Tcp(address),
                sockets,
            })
        }
        Address::Unix(path) => {
            remove_stale(path)?;
            let first = StdUnixListener::bind(path)?;
            first.set_nonblocking(true)?;
            let mut sockets = Vec::new();
            for _ in 1..copies {
                sockets.push(Raw::Unix(first.try_clone()?));
            }
            sockets.push(Raw::Unix(first));
            Ok(Bound {
                address: Address::Unix(path.clone()),
                sockets,
            })
        }
    }
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Removes the socket file that a process no longer alive left behind.
fn remove_stale(path: &Path) -> io::Result<()> {
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

impl Bound {
    /// Where it really listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The sockets, one for each worker.
    pub fn into_sockets(self) -> Vec<Raw> {
        self.sockets
    }
}

impl Raw {
    /// Registers the socket with the current runtime.
    pub fn register(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Tcp(socket) => Listener::Tcp(tokio::net::TcpListener::from_std(socket)?),
            Self::Unix(socket) => Listener::Unix(tokio::net::UnixListener::from_std(socket)?),
        })
    }
}

impl Listener {
    /// The next connection and the address it comes from. A peer on a Unix socket is this machine.
    pub async fn accept(&self) -> io::Result<(Plain, IpAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are written whole; waiting for more to send only delays them.
                stream.set_nodelay(true)?;
                Ok((Plain::Tcp(stream), peer.ip().to_canonical()))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Plain::Unix(stream), IpAddr::V4(Ipv4Addr::LOCALHOST)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_sockets_share_the_port_that_was_chosen() {
        let bound = bind(&"127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let Address::Tcp(address) = bound.address().clone() else {
            panic!("not TCP")
        };
        assert_ne!(address.port(), 0);
        assert_eq!(bound.into_sockets().len(), 3);
    }

    #[test]
    fn a_port_in_use_is_an_error() {
        let bound = bind(&"127.0.0.1:0".parse().unwrap(), 1).unwrap();
        assert!(bind(bound.address(), 1).is_err());
    }

    #[test]
    fn a_socket_file_left_behind_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Unix(folder.path().join("s"));
        drop(bind(&address, 2).unwrap());
        let live = bind(&address, 2).unwrap();
        assert!(bind(&address, 2).is_err());
        drop(live);
    }
}
