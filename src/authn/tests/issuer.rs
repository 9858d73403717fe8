//! A fake issuer: answers discovery and key set requests as its mode says, and counts them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// 200 with this key set.
    Keys(String),
    /// 200 with this key set, and this Cache-Control.
    Cached(String, &'static str),
    /// This status, and a body that must not be taken for keys.
    Status(u16, String),
    /// The connection is closed without an answer.
    Reset,
    /// Accepts, and never answers.
    Silent,
    /// One byte of the answer a second.
    Slow(String),
    /// A body without end.
    Endless,
    /// 302 to this address.
    Redirect(String),
    /// The discovery document names this place.
    KeysAt(String),
}

pub(crate) struct Issuer {
    pub(crate) url: String,
    mode: Arc<Mutex<Mode>>,
    fetches: Arc<AtomicUsize>,
    /// The heads of the requests.
    pub(crate) heads: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Issuer {
    pub(crate) async fn start(mode: Mode) -> Self {
        Self::with_tls(mode, None).await
    }

    pub(crate) async fn with_tls(mode: Mode, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let port = listener.local_addr().unwrap().port();
        let url = format!("{scheme}://127.0.0.1:{port}");
        let mode = Arc::new(Mutex::new(mode));
        let fetches = Arc::new(AtomicUsize::new(0));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let task = {
            let (mode, fetches, heads, url) =
                (mode.clone(), fetches.clone(), heads.clone(), url.clone());
            tokio::spawn(async move {
                while let Ok((socket, _)) = listener.accept().await {
                    let serving = Serving {
                        mode: mode.clone(),
                        fetches: fetches.clone(),
                        heads: heads.clone(),
                        url: url.clone(),
                    };
                    let tls = tls.clone();
                    tokio::spawn(async move {
                        match tls {
                            None => serving.serve(socket).await,
                            Some(tls) => match tls.accept(socket).await {
                                Ok(stream) => serving.serve(stream).await,
                                Err(_) => None,
                            },
                        }
                    });
                }
            })
            .abort_handle()
        };
        Self {
            url,
            mode,
            fetches,
            heads,
            task,
        }
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// How often the key set was asked for.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Serving {
    mode: Arc<Mutex<Mode>>,
    fetches: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
    url: String,
}

impl Serving {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(&self, mut socket: S) -> Option<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).ok()?;
        self.heads.lock().unwrap().push(head.clone());
        if head.starts_with("GET /.well-known/openid-configuration ") {
            let keys = if let Mode::KeysAt(url) = &*self.mode.lock().unwrap() {
                url.clone()
            } else {
                format!("{}/jwks", self.url)
            };
            let body = format!(r#"{{"issuer":"{}","jwks_uri":"{keys}"}}"#, self.url);
            return answer(&mut socket, 200, "", &body).await;
        }
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let mode = self.mode.lock().unwrap().clone();
        match mode {
            Mode::Keys(keys) => answer(&mut socket, 200, "", &keys).await,
            Mode::Cached(keys, control) => {
                let line = format!("cache-control: {control}\r\n");
                answer(&mut socket, 200, &line, &keys).await
            }
            Mode::Status(status, body) => answer(&mut socket, status, "", &body).await,
            Mode::Reset | Mode::KeysAt(_) => None,
            Mode::Silent => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                None
            }
            Mode::Slow(keys) => {
                let text = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{keys}",
                    keys.len()
                );
                for byte in text.bytes() {
                    socket.write_u8(byte).await.ok()?;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                None
            }
            Mode::Endless => {
                socket
                    .write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"keys\":[")
                    .await
                    .ok()?;
                loop {
                    socket.write_all(&[b' '; 8192]).await.ok()?;
                }
            }
            Mode::Redirect(to) => {
                // The place it leads to within this issuer has the keys.
                if head.starts_with("GET /moved ") {
                    let keys = super::signers().jwks();
                    return answer(&mut socket, 200, "", &keys).await;
                }
                answer(&mut socket, 302, &format!("location: {to}\r\n"), "").await
            }
        }
    }
}

async fn answer<S: AsyncWrite + Unpin>(
    socket: &mut S,
    status: u16,
    lines: &str,
    body: &str,
) -> Option<()> {
    let text = format!(
        "HTTP/1.1 {status} X\r\n{lines}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(text.as_bytes()).await.ok()?;
    socket.shutdown().await.ok()
}
