//! `sidegate demo` through the real binary: every story played, and the way that a reader takes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

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

/// The process, ended however the test ends.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_reader_pastes_and_mints_and_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let child = sidegate(folder.path())
        .arg("demo")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut demo = Demo(child);
    let out = BufReader::new(demo.0.stdout.take().unwrap());
    // The last line of the script: by then everything answers.
    assert!(
        out.lines()
            .map_while(Result::ok)
            .any(|line| line.contains("Ctrl-C"))
    );
    let env = std::fs::read_to_string(folder.path().join(".sidegate-demo/env")).unwrap();
    let variable = |name: &str| -> String {
        let start = format!("export {name}='");
        let line = env.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap().trim_end_matches('\'').to_owned()
    };
    let address = variable("GATE").replace("http://", "");
    let path = "/customers/17/orders/1001";
    assert_eq!(ask(&address, path, &variable("CUSTOMER")), 200);
    assert_eq!(ask(&address, path, &variable("EXPIRED")), 401);

    let mint = |arguments: &[&str]| -> String {
        let output = sidegate(folder.path())
            .arg("token")
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let other = ["--provider", "shop", "--user", "customer-18", "--claim", "customer=\"18\""];
    let own = mint(&[&other[..], &["--algorithm", "ES256"]].concat());
    assert_eq!(ask(&address, path, &own), 403);
    assert_eq!(ask(&address, "/customers/18/orders/1", &own), 200);
    let unaccepted = mint(&[&other[..], &["--algorithm", "RS256"]].concat());
    assert_eq!(ask(&address, "/customers/18/orders/1", &unaccepted), 401);
    let late = mint(&[&other[..], &["--algorithm", "ES256", "--expires-in", "-1h"]].concat());
    assert_eq!(ask(&address, "/customers/18/orders/1", &late), 401);

    let id = demo.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert!(demo.0.wait().unwrap().success());
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
