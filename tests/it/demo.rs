//! `sidegate demo` through the real binary: every story played, and the way that a reader takes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support;

fn sidegate(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidegate"));
    command.current_dir(folder).env_clear();
    command
}

#[test]
fn every_story_comes_out_as_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = sidegate(folder.path())
        .args(["demo", "--smoke"])
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}{complaints}");
    let good = told.lines().filter(|line| line.starts_with('✓')).count();
    assert!(good >= 30 && !told.contains('✗'), "{told}");
    assert_eq!(
        complaints.lines().last(),
        Some(&*format!("{good} of {good} stories came out as told"))
    );
    // Nothing is left behind.
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}

/// A demo that tells its stories, ended however the test ends.
struct Demo {
    child: Child,
    env: String,
    log: Arc<Mutex<String>>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Demo {
    /// Starts it and waits until everything answers.
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = sidegate(folder)
            .arg("demo")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (sink, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                sink.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let out = BufReader::new(child.stdout.take().unwrap());
        // The last line of the script: by then everything answers.
        let started = out
            .lines()
            .map_while(Result::ok)
            .any(|line| line.contains("Ctrl-C"));
        assert!(started, "{}", log.lock().unwrap());
        let env = std::fs::read_to_string(folder.join(".sidegate-demo/env")).unwrap();
        Self { child, env, log }
    }

    fn variable(&self, name: &str) -> &str {
        let start = format!("export {name}='");
        let line = self.env.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap().trim_end_matches('\'')
    }

    fn address(&self) -> &str {
        self.variable("GATE").trim_start_matches("http://")
    }

    /// What customer 17 is answered.
    fn own_order(&self) -> u16 {
        let path = "/customers/17/orders/1001";
        ask(self.address(), path, self.variable("CUSTOMER"))
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn end(&mut self) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(killed.success());
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }
}

#[test]
fn a_reader_pastes_and_mints_and_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(folder.path(), &[]);
    let address = demo.address().to_owned();
    let path = "/customers/17/orders/1001";
    assert_eq!(demo.own_order(), 200);
    assert_eq!(ask(&address, path, demo.variable("EXPIRED")), 401);

    let mint = |arguments: &[&str]| -> String {
        let output = sidegate(folder.path())
            .arg("token")
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let other = [
        "--provider",
        "shop",
        "--user",
        "customer-18",
        "--claim",
        "customer=\"18\"",
    ];
    // Without --algorithm it is one that the provider accepts.
    let own = mint(&other);
    assert_eq!(ask(&address, path, &own), 403);
    assert_eq!(ask(&address, "/customers/18/orders/1", &own), 200);
    let unaccepted = mint(&[&other[..], &["--algorithm", "RS256"]].concat());
    assert_eq!(ask(&address, "/customers/18/orders/1", &unaccepted), 401);
    let late = mint(&[&other[..], &["--algorithm", "ES256", "--expires-in", "-1h"]].concat());
    assert_eq!(ask(&address, "/customers/18/orders/1", &late), 401);

    demo.end();
    // A demo for readers tells what is wrong, and nothing was.
    assert_eq!(demo.log(), "");
}

#[test]
fn what_a_reader_changed_outlives_a_restart_and_what_is_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = "accounts/555566667777-production/roles/customer.yaml";
    let path = folder.path().join(".sidegate-demo/policies").join(file);
    let mut demo = Demo::start(folder.path(), &[]);
    assert_eq!(demo.own_order(), 200);
    let example = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, "trust_policy: [").unwrap();
    support::eventually("the error log", || {
        let log = demo.log();
        let told = log.lines().find(|line| line.contains("ERROR"))?;
        told.contains("roles/customer.").then_some(())
    });
    assert_eq!(demo.own_order(), 200, "the last good one serves on");
    let changed = example.replace("orders:GetOrder", "orders:GetNothing");
    assert_ne!(changed, example);
    std::fs::write(&path, &changed).unwrap();
    support::eventually("the new policy", || (demo.own_order() == 403).then_some(()));
    demo.end();

    let mut demo = Demo::start(folder.path(), &[]);
    assert_eq!(demo.own_order(), 403);
    let log = demo.log();
    assert!(log.contains(file) && log.contains("--fresh"), "{log}");
    demo.end();
    let demo = Demo::start(folder.path(), &["--fresh"]);
    assert_eq!(demo.own_order(), 200);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), example);
}

/// A GET of the orders API, by hand: the status.
fn ask(address: &str, path: &str, token: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: orders.securecart.internal\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer[9..12].parse().unwrap()
}

#[test]
fn claims_that_contradict_each_other_mint_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for claims in [["a=1", "a.b=2"], ["a.b=2", "a=1"], ["a=1", "a=2"]] {
        let [first, second] = claims.map(|claim| ["--claim", claim]);
        let output = sidegate(folder.path())
            .args(["token", "--user", "alice"])
            .args(first)
            .args(second)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{claims:?}");
        assert!(output.stdout.is_empty(), "{claims:?}");
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(complaint.contains("`a` a value already"), "{complaint}");
    }
}

#[test]
fn a_token_without_a_demo_is_unusable_input() {
    let folder = tempfile::tempdir().unwrap();
    let output = sidegate(folder.path())
        .args(["token", "--user", "alice"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("sidegate demo"), "{complaint}");
}
