//! `sidegate run`: the sidecar, until a signal ends it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::app::{self, Running};
use crate::cli::output::{self, Failed, Outcome};
use crate::config::{self, Level, Log, LogFormat, Settings};

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration; every key can be overridden by a variable like SIDEGATE_HEALTH__ADDRESS.
    #[arg(short, long, value_name = "FILE", default_value = "sidegate.yaml")]
    config: PathBuf,
}

/// Runs the sidecar: 0 after a graceful stop, 1 when connections had to be cut, 2 when it cannot start.
pub fn run(arguments: &Arguments) -> Outcome {
    let settings = config::load(&arguments.config, config::environment()).map_err(|faults| {
        Failed(format!(
            "the configuration is not valid\n\n{faults}\n{}",
            output::count(faults.faults())
        ))
    })?;
    start_log(&settings.log);
    let runtime = control_runtime()?;
    runtime.block_on(serve(&settings))
}

/// The runtime of everything but requests: health, reloads, keys, signals.
pub fn control_runtime() -> Result<tokio::runtime::Runtime, Failed> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()
        .map_err(|error| Failed(format!("the runtime cannot be started: {error}")))
}

async fn serve(settings: &Settings) -> Outcome {
    let mut signals = Signals::new()?;
    let running = app::start(settings)
        .await
        .map_err(|error| Failed(error.to_string()))?;
    while !signals.next_is_stop().await {
        running.reload();
    }
    tracing::info!("stopping");
    Ok(stop(running, &mut signals).await)
}

/// Drains; a second signal ends at once.
async fn stop(running: Running, signals: &mut Signals) -> ExitCode {
    let cut = running.stop(signals.stop()).await;
    if cut == 0 {
        tracing::info!("stopped");
        ExitCode::SUCCESS
    } else {
        tracing::warn!(
            cut,
            "stopped, and cut connections that were not done in time"
        );
        ExitCode::from(1)
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failed> {
        let of = |kind| {
            signal(kind).map_err(|error| Failed(format!("signals cannot be received: {error}")))
        };
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hang_up: of(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal: SIGTERM and SIGINT stop, SIGHUP reloads.
    async fn next_is_stop(&mut self) -> bool {
        tokio::select! {
            _ = self.terminate.recv() => true,
            _ = self.interrupt.recv() => true,
            _ = self.hang_up.recv() => false,
        }
    }

    /// Waits for SIGTERM or SIGINT.
    async fn stop(&mut self) {
        while !self.next_is_stop().await {}
    }
}

/// Logs go to stderr: stdout is for data.
pub fn start_log(log: &Log) {
    let level = match log.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    // The file watcher warns of each folder that is gone before it stops watching it, which is how folders go.
    let filter = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("notify", LevelFilter::ERROR)
        .with_target("sidegate", level);
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    let result = match log.format {
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(lines.with_ansi(colours)).try_init()
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    if let Err(error) = result {
        output::complain(&format!("sidegate: no log: {error}"));
    }
}
