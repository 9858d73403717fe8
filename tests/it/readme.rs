//! The README's commands, run as a reader would run them, with the output that it shows. Its `aws` commands are run by
//! `tests/interop/sts`.

use std::path::Path;

use crate::support::{self, Site, answered};

/// The commands of the README that begin with `$ `, each with the lines that it shows behind it.
fn commands(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside && let Some(command) = line.strip_prefix("$ ") {
            found.push((command.to_owned(), Vec::new()));
        } else if inside && let Some((_, shown)) = found.last_mut() {
            shown.push(line.to_owned());
        }
    }
    found
}

#[test]
fn every_command_does_what_the_readme_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("README.md")).unwrap();
    let commands = commands(&text);
    let mut tried = 0;
    for (command, shown) in &commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        let rest = words.strip_prefix(&["cargo", "run", "--release", "--"]);
        let Some(arguments) = rest.or_else(|| words.strip_prefix(&["sidegate"])) else {
            // `cargo test` is what runs this.
            assert_eq!(command, "cargo test", "no test for this command");
            continue;
        };
        // What runs until it is stopped; `demo --smoke` tells the same stories, and other tests run the sidecar.
        if arguments == ["demo"] || arguments.first() == Some(&"run") {
            continue;
        }
        let (code, out, err) = support::run(arguments, root);
        let out = out + &err;
        assert_ne!(code, 2, "{command}\n{out}");
        for line in shown.iter().filter(|line| !line.is_empty() && *line != "…") {
            assert!(
                out.contains(line.trim_end_matches('…')),
                "`{command}` does not show\n{line}\nbut\n{out}"
            );
        }
        tried += 1;
    }
    assert!(
        tried >= 4,
        "{tried} of {} commands were tried",
        commands.len()
    );
}

/// The lines of its shell blocks, without their comments.
fn lines(text: &str) -> Vec<&str> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside {
            found.push(line.split(" #").next().unwrap_or_default().trim());
        }
    }
    found
}

#[test]
fn its_shell_commands_are_as_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("README.md")).unwrap();
    let site = Site::new();
    std::os::unix::fs::symlink(root.join("policies"), site.path("policies")).unwrap();
    let mut key: Option<String> = None;
    let mut tried = 0;
    for line in lines(&text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(arguments) = words.strip_prefix(&["sidegate"]) else {
            let known = line.is_empty() || line.starts_with("aws ") || line.starts_with("AWS_");
            assert!(known, "no test for `{line}`");
            continue;
        };
        let arguments: Vec<&str> = arguments
            .iter()
            .map(|&word| match (word, &key) {
                ("AKIA…", Some(key)) => key,
                _ => word,
            })
            .collect();
        let (code, out, err) = answered(&arguments, &site.path("."), "correct Horse 1 battery!\n");
        // A second factor asks for codes that only its app knows.
        if arguments.contains(&"enable-mfa") {
            assert!(
                out.contains("otpauth://") && out.contains('█'),
                "{line}\n{out}{err}"
            );
        } else {
            assert_eq!(code, 0, "{line}\n{out}{err}");
        }
        let made = out
            .lines()
            .find_map(|line| line.strip_prefix("AccessKeyId"));
        key = key.or(made.map(|made| made.trim().to_owned()));
        tried += 1;
    }
    assert!(tried >= 5, "{tried}");
}
