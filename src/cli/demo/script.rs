//! What the demo prints: where everything is, and each story as a command to paste with what it should show.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::demo::emergency::DEVICE;
use crate::cli::demo::stories;
use crate::cli::demo::story::{Expected, Question, Request, Scene, Story};

/// Where everything is.
#[derive(Debug)]
pub struct Places<'a> {
    /// The proxy's URL.
    pub proxy: &'a str,
    /// The health listener's URL.
    pub health: &'a str,
    /// The issuer's URL.
    pub issuer: &'a str,
    /// The STS's URL.
    pub sts: &'a str,
    /// The demo's folder.
    pub folder: &'a Path,
}

/// The whole script.
pub fn script(places: &Places<'_>) -> String {
    let folder = places.folder.display();
    let mut out = format!(
        "SecureCart is open. Its APIs, an identity provider and Sidegate run in this process.\n\n\
         \x20 proxy    {}\n  health   {}  (/livez /readyz /metrics)\n  issuer   {}\n  STS      {}  (aws sts … --endpoint-url)\n\
         \x20 policies {folder}/policies  (a change takes effect within a second)\n\
         \x20 audit    {folder}/audit\n\n\
         In another terminal, in this folder, first:\n\n  . {folder}/env\n",
        places.proxy, places.health, places.issuer, places.sts,
    );
    let mut number = 0_usize;
    for chapter in stories::chapters() {
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "\n\n{}\n{}\n",
            chapter.title,
            "=".repeat(chapter.title.len())
        );
        for story in chapter.stories {
            number = number.saturating_add(1);
            let _ = write!(
                out,
                "\n{number}. {}\n\n  {}\n\n  {}\n  {}\n",
                story.title,
                command(story, places.folder),
                outcome(story),
                story.because
            );
        }
    }
    let _ = write!(
        out,
        "\nBreak the glass yourself: put $ANA_SEED into an authenticator app (or `oathtool --totp -b $ANA_SEED`), then\n\n  \
         AWS_ACCESS_KEY_ID=$ANA_ID AWS_SECRET_ACCESS_KEY=$ANA_SECRET aws sts get-session-token --region us-east-1 \
         --endpoint-url $GATE_STS --serial-number {DEVICE} --token-code CODE\n\n\
         Your own tokens:  sidegate token --folder {folder} --user you --claim email=you@securecart.example --claim groups='[\"security-auditors\"]'\nThe end:          Ctrl-C\n"
    );
    out
}

/// The command to paste.
pub fn command(story: &Story, folder: &Path) -> String {
    match &story.scene {
        Scene::Request(request) => curl(request, false),
        Scene::Signed(request) => curl(request, true),
        Scene::Question(question) => simulate(question, folder),
    }
}

fn curl(request: &Request, signed: bool) -> String {
    let mut out = "curl -sSi".to_owned();
    let dots = request.target.replace("%2e", ".").contains("/.");
    if dots {
        // curl resolves dot segments itself otherwise.
        out.push_str(" --path-as-is");
    }
    match request.method {
        "GET" => {}
        "HEAD" => out.push_str(" --head"),
        method => {
            let _ = write!(out, " -X {method}");
        }
    }
    let _ = write!(out, " \"$GATE\"{}", quoted(request.target));
    let _ = write!(out, " -H {}", quoted(&format!("Host: {}", request.host)));
    match request.who {
        Some(who) if signed => {
            let service = request.service();
            let _ = write!(
                out,
                " --aws-sigv4 aws:amz:us-east-1:{service} --user \"${who}_ID:${who}_SECRET\" -H \"X-Amz-Security-Token: ${who}_TOKEN\""
            );
        }
        Some(who) => {
            let _ = write!(out, " -H \"Authorization: Bearer ${who}\"");
        }
        None => {}
    }
    for (name, value) in request.headers {
        let _ = write!(out, " -H {}", quoted(&format!("{name}: {value}")));
    }
    if !request.body.is_empty() {
        let _ = write!(out, " -d {}", quoted(request.body));
    }
    out
}

fn simulate(question: &Question, folder: &Path) -> String {
    let mut out = format!(
        "sidegate simulate --bundle {}/policies --principal {} --action {} --resource {}",
        folder.display(),
        quoted(question.principal),
        question.action,
        quoted(question.resource)
    );
    for (key, value) in question.context {
        let _ = write!(out, " --context {}", quoted(&format!("{key}={value}")));
    }
    out
}

/// A word as a shell reads it whole.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// What the command should show.
fn outcome(story: &Story) -> String {
    match &story.scene {
        Scene::Request(request) | Scene::Signed(request) => match request.expected {
            Expected::Allowed { .. } => "-> 200".to_owned(),
            Expected::Refused {
                status,
                code,
                message,
            } => {
                let dots = if message.is_empty() { "" } else { ": … " };
                format!("-> {status} {code}{dots}{message}")
            }
        },
        Scene::Question(question) if question.allowed => "-> allowed".to_owned(),
        Scene::Question(_) => "-> denied".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_read_words_whole() {
        assert_eq!(quoted("/orders/7"), "/orders/7");
        assert_eq!(quoted("/orders?a=1&b"), "'/orders?a=1&b'");
        assert_eq!(quoted("Host: a"), "'Host: a'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$(x)"), "'$(x)'");
    }

    #[test]
    fn every_story_has_a_command_and_its_outcome() {
        let places = Places {
            proxy: "http://127.0.0.1:1",
            health: "http://127.0.0.1:2",
            issuer: "http://127.0.0.1:3",
            sts: "http://127.0.0.1:4",
            folder: Path::new(".sidegate-demo"),
        };
        let script = script(&places);
        for story in stories::stories() {
            assert!(script.contains(story.title), "{}", story.name);
            assert!(script.contains(&command(story, places.folder)));
        }
        assert!(script.contains("\n  . .sidegate-demo/env\n"));
        assert!(script.contains("sidegate token --folder .sidegate-demo --user you"));
    }
}
