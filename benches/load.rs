//! What it costs to load a bundle: 10,000 policies of 1 KiB, 10,000 users and 1,000 roles from a folder, again with one
//! file changed, and 100,000 users from an archive.
//!
//! `cargo bench --bench load`. Milliseconds on one core (min, median, max of some rounds), and the most memory that
//! was resident. With a number behind `--`, that many users in the archive.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a bench prints, and a fault in it may end it"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use sidegate::bundle::{Files, Loader, Options};
use sidegate::clock::monotonic;

const POLICIES: usize = 10_000;
const USERS: usize = 10_000;
const ROLES: usize = 1_000;
/// Policies and users are spread over so many accounts.
const ACCOUNTS: usize = 10;
const ROUNDS: usize = 7;

fn account(number: usize) -> String {
    format!("{:012}", 111_111_111_111 + number)
}

fn folder(number: usize) -> String {
    format!("accounts/{}-team{number}", account(number))
}

/// A policy of 1 KiB, no two alike.
fn policy(number: usize, account: &str) -> String {
    let service = ["orders", "catalog", "payments", "deployments"][number % 4];
    let mut statements: Vec<String> = Vec::new();
    let mut length = 0;
    while length < 900 {
        let part = statements.len();
        let statement = format!(
            r#"{{"Sid":"S{number}x{part}","Effect":"{}","Action":["{service}:Get{part}*","{service}:List{part}"],"Resource":"arn:aws:{service}:us-east-1:{account}:thing/{number}/*","Condition":{{"StringEquals":{{"aws:PrincipalTag/team":"t{part}"}}}}}}"#,
            if part == 3 { "Deny" } else { "Allow" },
        );
        length += statement.len();
        statements.push(statement);
    }
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
        statements.join(",\n")
    )
}

fn user(number: usize, per_account: usize) -> String {
    let attached: Vec<String> = (0..3)
        .map(|part| format!("p{}", (number * 3 + part * 7) % per_account))
        .collect();
    format!(
        "path: /team/\ngroups: [everybody]\nmanaged_policies: [{}]\ntags: {{ team: t{}, cost: \"{number}\" }}\n",
        attached.join(", "),
        number % 7
    )
}

fn role(number: usize, account: &str, per_account: usize) -> String {
    format!(
        r#"trust_policy:
  Version: "2012-10-17"
  Statement: {{ Effect: Allow, Principal: {{ AWS: "{account}" }}, Action: sts:AssumeRole }}
managed_policies: [p{}, p{}]
inline_policies:
  own:
    Version: "2012-10-17"
    Statement: [{{ Effect: Allow, Action: "logs:*", Resource: "*" }}]
permissions_boundary: p0
"#,
        number % per_account,
        (number + 1) % per_account
    )
}

/// Calls `write` with each file.
fn bundle(users: usize, policies: usize, roles: usize, mut write: impl FnMut(&str, &str)) {
    let per_account = policies / ACCOUNTS;
    for number in 0..ACCOUNTS {
        let (id, folder) = (account(number), folder(number));
        write(
            &format!("{folder}/account.yaml"),
            &format!("id: \"{id}\"\nname: team{number}\n"),
        );
        write(
            &format!("{folder}/groups/everybody.yaml"),
            "managed_policies: [p1]\n",
        );
        for index in 0..per_account {
            write(
                &format!("{folder}/policies/p{index}.json"),
                &policy(index, &id),
            );
        }
        for index in 0..users / ACCOUNTS {
            write(
                &format!("{folder}/users/u{index}.yaml"),
                &user(index, per_account),
            );
        }
        for index in 0..roles / ACCOUNTS {
            write(
                &format!("{folder}/roles/r{index}.yaml"),
                &role(index, &id, per_account),
            );
        }
    }
    write(
        "routes/orders.yaml",
        "service: orders\naccount: \"111111111111\"\nregion: us-east-1\nupstream: app\nroutes:\n  - match: GET /{id}\n    action: orders:Get\n    resource: arn:{partition}:orders:{region}:{account}:order/{id}\n",
    );
}

/// The most memory that was ever resident, in MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or_default() / 1024
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = monotonic();
    let done = work();
    (done, monotonic().duration_since(began))
}

fn say(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |index: usize| times[index].as_secs_f64() * 1000.0;
    println!(
        "{what:<58} {:>8.1} {:>8.1} {:>8.1} ms   peak {} MiB",
        at(0),
        at(times.len() / 2),
        at(times.len() - 1),
        peak()
    );
}

fn cold(root: &Path) -> (Duration, Duration) {
    let (files, reading) = timed(|| Files::read(root));
    let mut loader = Loader::default();
    let (snapshot, loading) = timed(|| loader.load(&files, &Options::default()).unwrap());
    assert_eq!(snapshot.directory.users().count(), USERS);
    (reading, loading)
}

fn main() {
    let many = std::env::args().find_map(|arg| arg.parse::<usize>().ok());
    let root = tempfile::tempdir().unwrap();
    bundle(USERS, POLICIES, ROLES, |path, text| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    });
    println!("{:<58} {:>8} {:>8} {:>8}", "", "min", "median", "max");

    let rounds: Vec<(Duration, Duration)> = (0..ROUNDS).map(|_| cold(root.path())).collect();
    let part = |select: fn(&(Duration, Duration)) -> Duration| rounds.iter().map(select).collect();
    let what = format!("{POLICIES} policies, {USERS} users, {ROLES} roles");
    say(&format!("{what}: read"), part(|round| round.0));
    say(&format!("{what}: compile"), part(|round| round.1));
    say(&format!("{what}: both"), part(|round| round.0 + round.1));

    let mut loader = Loader::default();
    loader
        .load(&Files::read(root.path()), &Options::default())
        .unwrap();
    let changed = root.path().join(folder(3)).join("policies/p17.json");
    let mut times = (Vec::new(), Vec::new());
    let mut remade = 0;
    for round in 0..ROUNDS {
        fs::write(&changed, policy(17 + round, &account(3))).unwrap();
        let (files, reading) = timed(|| Files::read(root.path()));
        let (snapshot, loading) = timed(|| loader.load(&files, &Options::default()).unwrap());
        remade = snapshot.remade;
        times.0.push(reading);
        times.1.push(loading);
    }
    say("one policy changed: read", times.0);
    say(
        &format!("one policy changed: compile ({remade} file anew)"),
        times.1,
    );
    drop(loader);

    let users = many.unwrap_or(100_000);
    let archive = root.path().join("bundle.tar.gz");
    let encoder = GzEncoder::new(fs::File::create(&archive).unwrap(), Compression::fast());
    let mut tar = tar::Builder::new(encoder);
    bundle(users, 1_000, 100, |path, text| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    });
    tar.into_inner().unwrap().finish().unwrap().flush().unwrap();
    let (files, reading) = timed(|| Files::read(&archive));
    let (snapshot, loading) =
        timed(|| sidegate::bundle::load(&files, &Options::default()).unwrap());
    assert_eq!(snapshot.directory.users().count(), users);
    say(
        &format!("{users} users from a .tar.gz: read"),
        vec![reading],
    );
    say(
        &format!("{users} users from a .tar.gz: compile"),
        vec![loading],
    );
}
