//! `sidegate demo`: SecureCart in one process.
//!
//! Its APIs, an OIDC issuer and the proxy on free loopback ports, with the example bundle that the program carries.
//! It tells the [`stories`] as commands to paste, or with `--smoke` plays them itself. Needs no network, and
//! writes nothing outside its folder.

pub mod client;
pub mod edits;
pub mod emergency;
pub mod folder;
pub mod issuer;
pub mod keys;
pub mod people;
pub mod private;
pub mod question;
pub mod script;
pub mod server;
pub mod sessions;
pub mod sidecar;
pub mod signer;
pub mod smoke;
pub mod stories;
pub mod story;
pub mod upstream;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::output::{self, Failed, Outcome};
use crate::cli::run;
use crate::clock::Clock;
use crate::config::{Level, Log, LogFormat};

use edits::{Edits, Made};
use issuer::{Issuer, Wanted};
use keys::Keys;
use people::PEOPLE;
use script::Places;
use server::Server;
use sidecar::Sidecar;
use smoke::Stage;
use story::{Scene, Story};
use upstream::Upstream;

/// The demo's folder, where none is named.
pub const FOLDER: &str = ".sidegate-demo";

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --smoke it prints a command for each story and runs until Ctrl-C. Paste them into another terminal.
With --smoke it sends the requests itself, prints one line a story, and ends with 0 if all came out as told, else 1.")]
pub struct Arguments {
    /// Play the stories, compare what comes, and end with 0 or 1.
    #[arg(long)]
    smoke: bool,
    /// Where bundle, configuration and tokens go [default: .sidegate-demo, or a passing one with --smoke].
    #[arg(long, value_name = "PATH")]
    folder: Option<PathBuf>,
    /// Start over from the example: what was changed in the folder since an earlier demo is dropped.
    #[arg(long)]
    fresh: bool,
}

/// How long a reload under way is waited for at the end.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// Runs `demo`.
pub fn run(arguments: &Arguments) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failed::new(format!("no threads: {error}")))?;
    let passing = arguments.smoke && arguments.folder.is_none();
    let folder = match &arguments.folder {
        Some(folder) => folder.clone(),
        None if passing => {
            std::env::temp_dir().join(format!("sidegate-demo-{}", std::process::id()))
        }
        None => PathBuf::from(FOLDER),
    };
    // What is wrong is told, what happens is not: the script is what people read here.
    run::start_log(&Log {
        level: Level::Error,
        format: LogFormat::Text,
    });
    let result = runtime.block_on(async {
        let demo = Demo::start(&folder, arguments.fresh).await?;
        if arguments.smoke {
            demo.smoke().await
        } else {
            demo.tell(&folder).await
        }
    });
    // Nobody follows the folder any more when it goes: that would be told as a broken bundle.
    runtime.shutdown_timeout(SHUTDOWN);
    if passing {
        // Whatever is left of it is in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&folder);
    }
    result.map_err(|error| Failed::new(format!("{error:#}")))
}

/// Everything that runs.
#[derive(Debug)]
struct Demo {
    /// Keeps other demos out of the folder.
    _lock: std::fs::File,
    sidecar: Sidecar,
    upstreams: Vec<Upstream>,
    issuer: Server,
    tokens: BTreeMap<&'static str, String>,
    signers: BTreeMap<&'static str, sessions::Own>,
    bundle: PathBuf,
}

impl Demo {
    async fn start(folder: &Path, fresh: bool) -> Result<Self> {
        let lock = folder::prepare(folder)?;
        let edits = if fresh {
            Edits::default()
        } else {
            Edits::of(folder)?
        };
        let mut issuer = Issuer::new(Keys::make()?);
        let server = issuer::serve(issuer.keys()).await?;
        let base = format!("http://{}", server.address());
        let mut made = Made::default();
        made.addresses
            .insert("issuer".to_owned(), server.address().to_string());
        made.files = folder::example();
        folder::rewrite(&mut made.files, &base);
        let mut files = made.files.clone();
        edits.apply(&mut files, &made.addresses);
        for (name, provider) in folder::providers(&files) {
            issuer.add(&name, provider);
        }
        issuer.keep(folder)?;
        let mut upstreams = Vec::new();
        let mut urls = Vec::new();
        for name in folder::upstreams(&files) {
            let upstream = Upstream::start(&name).await?;
            let address = upstream.server.address();
            urls.push((name.clone(), format!("http://{address}")));
            made.addresses
                .insert(format!("upstream {name}"), address.to_string());
            upstreams.push(upstream);
        }
        made.configuration = folder::configuration(&urls);
        let own = edits.configuration.as_ref();
        let own = own.map(|text| edits.moved(text, &made.addresses));
        let bundle = folder::write_bundle(folder, &files, &made.write())?;
        folder::write_keyring(folder)?;
        let emergency = emergency::prepare(folder)?;
        let configuration =
            folder::write_configuration(folder, own.as_ref().unwrap_or(&made.configuration))?;
        if !edits.is_empty() {
            output::complain(&format!(
                "sidegate: changed since an earlier demo, and kept: {} (--fresh starts over)",
                edits.words()
            ));
        }
        let sidecar = Sidecar::start(&configuration).await;
        let sidecar = if edits.is_empty() {
            sidecar
        } else {
            sidecar.context("what was changed in the folder stops the demo: mend it, or start over with --fresh")
        }?;
        let mut tokens = tokens(&issuer)?;
        let pipeline = tokens.get("PIPELINE").context("there is no pipeline")?;
        let deploy = sessions::deploy(sidecar.sts(), pipeline).await?;
        tokens.insert("DEPLOY", deploy);
        let mut signers = BTreeMap::from([("ANA", emergency.key.clone())]);
        for (name, mfa) in [("ANA_MFA", true), ("ANA_KEY", false)] {
            let made = emergency::session(sidecar.sts(), &emergency, mfa).await;
            let made = made.context(
                "the break-glass user gets no session (does sidegate.yaml name credentials.yaml? --fresh starts over)",
            )?;
            signers.insert(name, made);
        }
        let mut variables = vec![
            ("GATE".to_owned(), sidecar.proxy_url()),
            ("GATE_HEALTH".to_owned(), sidecar.health_url()),
            ("GATE_ISSUER".to_owned(), base),
            ("GATE_STS".to_owned(), sidecar.sts_url()),
        ];
        for (name, token) in &tokens {
            variables.push(((*name).to_owned(), token.clone()));
        }
        for (name, own) in &signers {
            variables.push((format!("{name}_ID"), own.access_key.clone()));
            variables.push((format!("{name}_SECRET"), own.secret.clone()));
            if let Some(token) = &own.token {
                variables.push((format!("{name}_TOKEN"), token.clone()));
            }
        }
        let seed = emergency.seed.text().expose().to_string();
        variables.push(("ANA_SEED".to_owned(), seed));
        folder::write_env(folder, &variables)?;
        Ok(Self {
            _lock: lock,
            sidecar,
            upstreams,
            issuer: server,
            tokens,
            signers,
            bundle,
        })
    }

    /// Prints the script and waits for Ctrl-C or SIGTERM.
    async fn tell(self, folder: &Path) -> Result<ExitCode> {
        // Before the script says that Ctrl-C ends it.
        let listen = |kind| signal(kind).context("signals cannot be received");
        let mut terminate = listen(SignalKind::terminate())?;
        let mut interrupt = listen(SignalKind::interrupt())?;
        print(&script::script(&Places {
            proxy: &self.sidecar.proxy_url(),
            health: &self.sidecar.health_url(),
            issuer: &format!("http://{}", self.issuer.address()),
            sts: &self.sidecar.sts_url(),
            folder,
        }))?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        self.sidecar.stop().await;
        Ok(ExitCode::SUCCESS)
    }

    /// Plays every story, prints a line for each, and says whether all came out as told.
    async fn smoke(self) -> Result<ExitCode> {
        let (mut total, mut failed) = (0_usize, 0_usize);
        for story in stories::stories() {
            total = total.saturating_add(1);
            let played = self.play(story).await;
            print(&line(story, &played))?;
            failed = failed.saturating_add(usize::from(played.is_err()));
        }
        self.sidecar.stop().await;
        let good = total.saturating_sub(failed);
        output::complain(&format!("{good} of {total} stories came out as told"));
        Ok(ExitCode::from(u8::from(failed > 0)))
    }

    async fn play(&self, story: &Story) -> Result<String> {
        let stage = Stage {
            proxy: self.sidecar.proxy(),
            tokens: &self.tokens,
            signers: &self.signers,
            upstreams: &self.upstreams,
        };
        match &story.scene {
            Scene::Request(request) => stage.play(request).await,
            Scene::Signed(request) => stage.play_signed(request).await,
            Scene::Question(question) => question::ask(question, &self.bundle),
        }
    }
}

/// Writes to stdout.
fn print(text: &str) -> Result<()> {
    output::print(text).map_err(|Failed(message)| anyhow!(message))
}

/// A token for everyone.
fn tokens(issuer: &Issuer) -> Result<BTreeMap<&'static str, String>> {
    let clock = Clock::machine();
    let now = clock.now().seconds().to_string();
    PEOPLE
        .iter()
        .filter(|person| issuer.providers().contains_key(person.provider))
        .map(|person| {
            let wanted = Wanted {
                provider: Some(person.provider),
                subject: person.subject,
                audience: person.audience,
                algorithm: Some(person.algorithm),
                seconds: person.seconds,
                claims: serde_json::from_str(&person.claims.replace(people::NOW, &now))
                    .with_context(|| format!("the claims of {}", person.variable))?,
            };
            Ok((person.variable, issuer.token(&wanted, &clock)?))
        })
        .collect()
}

/// One line of the table.
fn line(story: &Story, played: &Result<String>) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = match played {
        Ok(seen) => writeln!(out, "✓ {:<34} {}\n  {seen}", story.name, story.title),
        Err(error) => writeln!(out, "✗ {:<34} {}\n  {error:#}", story.name, story.title),
    };
    out
}
