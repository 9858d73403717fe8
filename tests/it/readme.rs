//! The README's commands, run as a reader would run them, with the output that it shows.

use std::path::Path;

use crate::support;

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
        assert_ne!(code, 2, "{command}\n{out}{err}");
        for line in shown.iter().filter(|line| !line.is_empty() && *line != "…") {
            assert!(
                out.contains(line.trim_end_matches('…')),
                "`{command}` does not show\n{line}\nbut\n{out}{err}"
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
