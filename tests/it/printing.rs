//! What becomes of data that cannot be written: a full device is told and is no success, a closed pipe is quiet.

use std::fs::OpenOptions;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use crate::support;

/// Every command that prints data and ends by itself.
const COMMANDS: [&[&str]; 13] = [
    &["--help"],
    &["--version"],
    &["simulate", "--help"],
    &["check"],
    &["check", "--format", "json"],
    &["check", "--format", "sarif"],
    &["routes", "GET", "https://orders.securecart.internal/orders"],
    &[
        "routes",
        "GET",
        "https://nowhere.example/",
        "--format",
        "json",
    ],
    &[
        "who-can",
        "orders:GetOrder",
        "arn:aws:orders::555566667777:order/7",
    ],
    &[
        "who-can",
        "orders:GetOrder",
        "arn:aws:orders::555566667777:order/7",
        "--format",
        "json",
    ],
    &[
        "simulate",
        "--principal",
        "anonymous",
        "--action",
        "orders:GetOrder",
        "--resource",
        "*",
    ],
    &[
        "simulate",
        "--principal",
        "anonymous",
        "--action",
        "orders:GetOrder",
        "--resource",
        "*",
        "--format",
        "json",
    ],
    &["demo", "--smoke"],
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn output_lost_to_a_full_device_is_no_success() {
    for arguments in COMMANDS {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = support::command()
            .args(arguments)
            .current_dir(root())
            .stdout(full)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains("cannot be written"), "{arguments:?}: {told}");
        assert!(!told.contains("panicked"), "{arguments:?}: {told}");
    }
}

#[test]
fn a_closed_pipe_is_quiet() {
    for arguments in COMMANDS {
        let mut child = support::command()
            .args(arguments)
            .current_dir(root())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut told = String::new();
        let mut stderr = child.stderr.take().unwrap();
        stderr.read_to_string(&mut told).unwrap();
        let code = child.wait().unwrap().code();
        assert!(
            matches!(code, Some(0 | 1)),
            "{arguments:?}: {code:?} {told}"
        );
        assert!(
            !told.contains("written") && !told.contains("panicked"),
            "{arguments:?}: {told}"
        );
    }
}
