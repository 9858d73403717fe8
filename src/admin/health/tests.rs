use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;

struct Fake(Arc<AtomicBool>);

impl Source for Fake {
    fn status(&self) -> Status {
        Status {
            bundle: BundleState::Stale,
            listening: true,
            draining: self.0.load(Ordering::Relaxed),
            providers: vec![
                ("corp".into(), KeyState::Fresh),
                ("cluster".into(), KeyState::Failed),
            ],
            credentials: CredentialState::Loaded,
            audit: AuditState::Failing,
            state: StateStore::None,
            shared: None,
        }
    }

    fn metrics(&self) -> Option<String> {
        Some("sidegate_x 1\n".to_owned())
    }

    fn jwks(&self) -> String {
        "{\"keys\":[]}".to_owned()
    }
}

struct Running {
    address: std::net::SocketAddr,
    draining: Arc<AtomicBool>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

async fn start() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let draining = Arc::new(AtomicBool::new(false));
    let (stop, stopped) = oneshot::channel();
    let source = Fake(Arc::clone(&draining));
    let task = tokio::spawn(serve(listener, source, async {
        let _ = stopped.await;
    }));
    Running {
        address,
        draining,
        stop,
        task,
    }
}

/// Status line and body.
async fn ask(running: &Running, head: &str) -> (String, String) {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let request = format!("{head} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.lines().next().unwrap();
    (status.to_owned(), body.to_owned())
}

#[tokio::test]
async fn it_tells_what_it_is_for_and_nothing_else() {
    let running = start().await;
    for (head, status, body) in [
        ("GET /livez", "200", "ok\n"),
        ("HEAD /livez", "200", ""),
        ("GET /readyz", "200", "ready\n"),
        ("GET /readyz?verbos", "200", "ready\n"),
        (
            "GET /readyz?x=1&verbose",
            "200",
            "bundle stale\nlisteners listening\nprovider/corp fresh\nprovider/cluster failed\ncredentials loaded\naudit failing\nstate none\nready\n",
        ),
        ("GET /metrics", "200", "sidegate_x 1\n"),
        ("POST /livez", "405", "method not allowed\n"),
        ("GET /", "404", "not found\n"),
        ("GET /livez/", "404", "not found\n"),
        ("GET /debug/pprof", "404", "not found\n"),
    ] {
        let (line, answer) = ask(&running, head).await;
        assert!(line.contains(status), "{head}: {line}");
        assert_eq!(answer, body, "{head}");
    }
    running.draining.store(true, Ordering::Relaxed);
    let (line, body) = ask(&running, "GET /readyz?verbose=1").await;
    assert!(line.contains("503"));
    assert!(body.contains("listeners draining\n") && body.ends_with("not ready\n"));
    assert!(ask(&running, "GET /livez").await.0.contains("200"));
}

/// Opens a connection and sends the beginning of a head, or nothing.
async fn open(running: &Running, beginning: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn silent_connections_make_way_for_probes_the_oldest_first() {
    let running = start().await;
    let begin = crate::clock::monotonic();
    let mut idle = std::collections::VecDeque::new();
    for number in 0..CONNECTIONS {
        let beginning = ["", "GET /livez HTTP/1.1\r\n"][number % 2];
        idle.push_back(open(&running, beginning).await);
    }
    let mut byte = [0];
    for _ in 0..CONNECTIONS / 2 {
        assert!(ask(&running, "GET /livez").await.0.contains("200"));
        idle.push_back(open(&running, "").await);
    }
    // Each probe took the place of the oldest, and left it to the next silent one.
    for _ in 0..CONNECTIONS / 2 {
        let mut oldest = idle.pop_front().unwrap();
        let read = tokio::time::timeout(Duration::from_millis(500), oldest.read(&mut byte)).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
    }
    assert!(begin.elapsed() < HEAD_TIMEOUT);
    let mut newest = idle.pop_back().unwrap();
    let read = tokio::time::timeout(Duration::from_millis(50), newest.read(&mut byte)).await;
    read.unwrap_err();
    // The rest ends in time.
    for mut stream in idle {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
    assert!(begin.elapsed() < LIFETIME);
}

#[tokio::test]
async fn it_ends_when_told() {
    let running = start().await;
    running.stop.send(()).unwrap();
    running.task.await.unwrap();
    TcpStream::connect(running.address).await.unwrap_err();
}
