//! What the black-box tests share: a bundle and a configuration in a temporary folder, the real binary, a plain HTTP/1
//! client on a socket, and an upstream that answers what it received.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take before a test gives up; generous, for busy machines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `done` gives a value.
pub(crate) fn eventually<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A folder for one test: bundle, configuration, audit log.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// With a bundle that opens one of /a and /b to everyone, and a configuration for it.
    pub(crate) fn with_bundle(upstream: &Upstream, open: &str) -> Self {
        let site = Self::new();
        site.write_bundle(open);
        let url = format!("http://{}", upstream.address);
        site.write(
            "sidegate.yaml",
            &format!(
                "listeners: [ {{ name: ingress, address: 127.0.0.1:0, mode: proxy }} ]\n\
                 upstreams:\n  app: {{ url: \"{url}\" }}\n\
                 bundle: {{ path: ./policies }}\n\
                 health: {{ address: \"127.0.0.1:0\" }}\n\
                 audit: {{ file: ./audit/ }}\n"
            ),
        );
        site
    }

    /// Writes (again) the bundle that opens one of /a and /b to everyone; /upload is always open.
    pub(crate) fn write_bundle(&self, open: &str) {
        for (name, content) in bundle(open) {
            self.write(&format!("policies/{name}"), &content);
        }
    }

    /// The same bundle as the one entry of a ConfigMap.
    pub(crate) fn config_map(open: &str) -> String {
        let files: serde_json::Map<String, serde_json::Value> = bundle(open)
            .into_iter()
            .map(|(name, content)| (name.to_owned(), content.into()))
            .collect();
        // JSON is YAML.
        serde_json::json!({ "files": files }).to_string()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The audit records that were written so far.
    pub(crate) fn audit(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.path("audit/audit.jsonl")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn bundle(open: &str) -> [(&'static str, String); 5] {
    let statement = |sid: &str, resource: &str| {
        format!(
            "{{ Sid: {sid}, Effect: Allow, Principal: \"*\", Action: \"app:Use\", Resource: \"arn:aws:app::555566667777:{resource}\" }}"
        )
    };
    let policy = format!(
        "[ {}, {} ]",
        statement("Open", open),
        statement("Upload", "upload")
    );
    [
        (
            "organization.yaml",
            "partition: aws\nid: o-testtesttest\nmanagement_account: \"111111111111\"\n\
             root: { accounts: [\"111111111111\", \"555566667777\"] }\n"
                .to_owned(),
        ),
        (
            "accounts/111111111111-management/account.yaml",
            "id: \"111111111111\"\nname: management\n".to_owned(),
        ),
        (
            "accounts/555566667777-app/account.yaml",
            "id: \"555566667777\"\nname: app\n".to_owned(),
        ),
        (
            "accounts/555566667777-app/resources/open.yaml",
            format!(
                "resource: \"arn:aws:app::555566667777:*\"\n\
                 policy: {{ Version: \"2012-10-17\", Statement: {policy} }}\n"
            ),
        ),
        (
            "routes/app.yaml",
            "service: app\naccount: \"555566667777\"\nregion: us-east-1\nupstream: app\nroutes:\n\
             - { match: \"GET /{name}\", action: \"app:Use\", resource: \"arn:{partition}:app::{account}:{name}\" }\n\
             - { match: \"POST /{name}\", action: \"app:Use\", resource: \"arn:{partition}:app::{account}:{name}\" }\n"
                .to_owned(),
        ),
    ]
}

/// A running `sidegate run`.
pub(crate) struct Sidegate {
    child: Child,
    pub(crate) ingress: SocketAddr,
    pub(crate) health: SocketAddr,
    log: Arc<Mutex<String>>,
}

impl Sidegate {
    /// Starts the binary with the site's `sidegate.yaml` and waits until it is ready.
    pub(crate) fn start(site: &Site) -> Self {
        let mut child = command()
            // As people write it: the paths in the file are relative too.
            .args(["run", "-c", "sidegate.yaml"])
            .current_dir(site.path("."))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().unwrap();
        let sink = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = sink.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let address = |name: &str| {
            eventually(&format!("the address of {name}"), || {
                let log = log.lock().unwrap();
                let line = log.lines().find(|line| {
                    line.contains("listening") && line.contains(&format!("listener=\"{name}\""))
                })?;
                let (_, rest) = line.split_once("address=")?;
                rest.split_whitespace().next()?.parse().ok()
            })
        };
        let (ingress, health) = (address("ingress"), address("health"));
        let sidegate = Self {
            child,
            ingress,
            health,
            log,
        };
        eventually("readiness", || {
            (get(health, "/readyz").status == 200).then_some(())
        });
        sidegate
    }

    /// The address of a listener that logged it at its start.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        let log = self.log();
        let mut lines = log.lines();
        let line = lines
            .find(|line| line.contains(&format!("listener=\"{name}\"")))
            .unwrap();
        let (_, rest) = line.split_once("address=").unwrap();
        rest.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The most memory that the process had at a time, in KiB.
    pub(crate) fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }

    /// Sends a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits until the process has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// One sample of `/metrics`, by its whole name with labels.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let answer = get(self.health, "/metrics");
        let text = answer.text();
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

impl Drop for Sidegate {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of sidegate\n{}", self.log());
        }
    }
}

/// The binary under test, free of the caller's own settings.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidegate"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SIDEGATE_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str], folder: &Path) -> (i32, String, String) {
    let output = command()
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// The same with something on stdin.
pub(crate) fn answered(arguments: &[&str], folder: &Path, input: &str) -> (i32, String, String) {
    let mut child = command()
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Not every command reads it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// One connection that is kept.
pub(crate) struct Client<S = TcpStream> {
    stream: BufReader<S>,
}

impl Client<TcpStream> {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// The socket itself.
    pub(crate) fn stream(&mut self) -> &mut S {
        self.stream.get_mut()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).unwrap();
    }

    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads one answer; `None` when the connection ended before it.
    pub(crate) fn answer(&mut self, to_head: bool) -> Option<Answer> {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer {
            status,
            head,
            body: Vec::new(),
        };
        if to_head || status == 204 || status == 304 || status < 200 {
            return Some(answer);
        }
        if let Some(length) = answer.header("content-length") {
            answer.body = vec![0; length.parse().ok()?];
            self.stream.read_exact(&mut answer.body).ok()?;
        } else if answer.header("transfer-encoding").is_some() {
            loop {
                let mut line = String::new();
                self.stream.read_line(&mut line).ok()?;
                let size = usize::from_str_radix(line.trim(), 16).ok()?;
                let mut chunk = vec![0; size + 2];
                self.stream.read_exact(&mut chunk).ok()?;
                answer.body.extend_from_slice(&chunk[..size]);
                if size == 0 {
                    break;
                }
            }
        } else {
            self.stream.read_to_end(&mut answer.body).ok()?;
        }
        Some(answer)
    }

    /// Sends a request without a body and reads its answer.
    pub(crate) fn request(
        &mut self,
        method: &str,
        host: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        self.send(text.as_bytes());
        self.answer(method == "HEAD").expect("an answer")
    }
}

/// One request on a connection of its own.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    host: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Answer {
    Client::connect(address).request(method, host, target, headers)
}

/// GET of a path, for the health listener.
pub(crate) fn get(address: SocketAddr, target: &str) -> Answer {
    request(address, "GET", &address.to_string(), target, &[])
}

/// An HTTP/1.1 upstream that answers each request with its head, as text.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { address }
    }
}

/// Answers requests without bodies until the connection ends.
fn serve(stream: TcpStream) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match stream.read_line(&mut head) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let body = if head.starts_with("HEAD ") { "" } else { &head };
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            head.len()
        );
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
