//! A fake introspection endpoint: answers as its mode says, and remembers what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

#[derive(Debug, Clone)]
pub(super) enum Mode {
    /// 200 with this body.
    Says(String),
    /// The same, after a while.
    Later(Duration, String),
    /// This status, and a body that says the token is good.
    Status(u16),
    /// 307 to this address.
    Redirect(String),
    /// The connection is closed without an answer.
    Reset,
    /// Accepts, and never answers.
    Silent,
    /// One byte of a good answer a second.
    Slow(String),
    /// A body without end.
    Endless,
}

#[derive(Debug, Default)]
struct Seen {
    /// Heads and bodies of the questions.
    questions: Mutex<Vec<(String, String)>>,
    under_way: AtomicUsize,
    peak: AtomicUsize,
}

pub(super) struct Endpoint {
    pub(super) url: String,
    mode: Arc<Mutex<Mode>>,
    /// Where its discovery document says that tokens are asked about.
    named: Arc<Mutex<String>>,
    seen: Arc<Seen>,
    task: AbortHandle,
}

impl Endpoint {
    pub(super) async fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mode = Arc::new(Mutex::new(mode));
        let seen = Arc::<Seen>::default();
        let named = Arc::new(Mutex::new(url.clone()));
        let (modes, all, own, at) = (mode.clone(), seen.clone(), url.clone(), named.clone());
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (mode, seen) = (modes.clone(), all.clone());
                let at = at.lock().unwrap().clone();
                let document =
                    format!(r#"{{"issuer":"{own}","introspection_endpoint":"{at}/asked"}}"#);
                tokio::spawn(async move { serve(socket, &mode, &seen, &document).await });
            }
        })
        .abort_handle();
        Self {
            url,
            mode,
            named,
            seen,
            task,
        }
    }

    /// Has its discovery document name another one.
    pub(super) fn name(&self, url: &str) {
        *self.named.lock().unwrap() = url.to_owned();
    }

    pub(super) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    pub(super) fn asked(&self) -> usize {
        self.seen.questions.lock().unwrap().len()
    }

    pub(super) fn last(&self) -> (String, String) {
        self.seen.questions.lock().unwrap().last().cloned().unwrap()
    }

    /// How many questions were under way at once.
    pub(super) fn peak(&self) -> usize {
        self.seen.peak.load(Ordering::SeqCst)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut socket: TcpStream,
    mode: &Mutex<Mode>,
    seen: &Seen,
    document: &str,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    if head.starts_with("GET /.well-known/openid-configuration ") {
        return answer(&mut socket, 200, "", document).await;
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.split("content-length: ").nth(1)?;
    let length: usize = length.split("\r\n").next()?.parse().ok()?;
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).ok()?;
    seen.questions.lock().unwrap().push((head, body));
    let before = seen.under_way.fetch_add(1, Ordering::SeqCst);
    seen.peak
        .fetch_max(before.saturating_add(1), Ordering::SeqCst);
    let mode = mode.lock().unwrap().clone();
    let told = tell(&mut socket, mode).await;
    seen.under_way.fetch_sub(1, Ordering::SeqCst);
    told
}

async fn tell(socket: &mut TcpStream, mode: Mode) -> Option<()> {
    match mode {
        Mode::Says(body) => answer(socket, 200, "", &body).await,
        Mode::Later(after, body) => {
            tokio::time::sleep(after).await;
            answer(socket, 200, "", &body).await
        }
        Mode::Status(status) => answer(socket, status, "", &super::good("")).await,
        Mode::Redirect(to) => {
            let line = format!("location: {to}\r\n");
            answer(socket, 307, &line, "").await
        }
        Mode::Reset => None,
        Mode::Silent => {
            // Until the other side has enough of it.
            let _ = socket.read_u8().await;
            None
        }
        Mode::Slow(body) => {
            let text = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            for byte in text.bytes() {
                socket.write_u8(byte).await.ok()?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            None
        }
        Mode::Endless => {
            let head = b"HTTP/1.1 200 OK\r\n\r\n{\"active\":true,\"x\":\"";
            socket.write_all(head).await.ok()?;
            loop {
                socket.write_all(&[b'x'; 8192]).await.ok()?;
            }
        }
    }
}

async fn answer(socket: &mut TcpStream, status: u16, lines: &str, body: &str) -> Option<()> {
    let text = format!(
        "HTTP/1.1 {status} X\r\n{lines}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(text.as_bytes()).await.ok()?;
    socket.shutdown().await.ok()
}
