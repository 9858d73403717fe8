//! Redis (or Valkey), where replicas share what is revoked and what was used.
//!
//! A set holds every revocation as it is written, so that it only grows and the order of writers does not matter. Who adds to
//! it sets a mark and tells a channel; everybody looks at the mark a few times a second, reads the set when it has
//! changed, and adds what the set lacks: after a Redis that lost its data, all of it. Requests never ask for revocations
//! here: what they ask is the ledger's own copy. Codes and ids that are good once are claimed here, within the time
//! limit; while Redis is out of reach the ledger's own memory decides.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};
use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, TlsCertificates, cmd, pipe,
};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::clock::monotonic;
use crate::secret_file;

use super::ledger::Ledger;
use super::once::Kind;
use super::revocation::{MOST, Revocation};

/// How often the mark is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often the set is read though the mark is the same.
const FULL: Duration = Duration::from_secs(30);
/// Between attempts to connect.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];
/// How long one who knows nothing gives others to bring back what Redis lost.
const GRACE: Duration = Duration::from_secs(2);
/// Members that are asked for or written at once.
const BATCH: usize = 500;
/// Of a password's or an authorities' file.
const MOST_BYTES: u64 = 1 << 20;
/// No revocation's text is longer.
const MEMBER: usize = 4096;

/// Where Redis is.
#[derive(Debug, Clone)]
pub struct Redis {
    /// `redis://HOST:PORT/DATABASE`, or `rediss://` for TLS.
    pub url: Box<str>,
    /// Who logs in.
    pub username: Option<Box<str>>,
    /// The file that holds the password; read at each connection.
    pub password_file: Option<PathBuf>,
    /// PEM file: the authorities to trust; `None`: those of the machine.
    pub ca_file: Option<PathBuf>,
    /// What keys begin with.
    pub name: Box<str>,
    /// For a connection, and for each answer.
    pub timeout: Duration,
}

/// How this copy stands to the shared one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is no shared one.
    Alone,
    /// It is followed.
    Current,
    /// It is out of reach; what was known counts.
    Behind,
    /// It is out of reach, and nothing of it was ever known.
    Unknown,
}

/// The link to Redis.
#[derive(Debug)]
pub(super) struct Shared {
    settings: Redis,
    /// While it works.
    link: ArcSwapOption<MultiplexedConnection>,
    /// Whether its revocations were ever known, in this run or by what an earlier one kept.
    known: AtomicBool,
    /// The ledger's generation that is there for certain.
    pushed: AtomicU64,
    wake: Notify,
}

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    #[error("no answer in time")]
    TimedOut(#[from] tokio::time::error::Elapsed),
    #[error("the connection ended")]
    Ended,
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
}

impl Shared {
    pub(super) fn new(settings: Redis) -> Self {
        Self {
            settings,
            link: ArcSwapOption::empty(),
            known: AtomicBool::new(false),
            pushed: AtomicU64::new(0),
            wake: Notify::new(),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        if self.link.load().is_some() {
            Standing::Current
        } else if self.is_known() {
            Standing::Behind
        } else {
            Standing::Unknown
        }
    }

    pub(super) fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    /// An earlier run knew what is shared.
    pub(super) fn set_known(&self) {
        self.known.store(true, Ordering::Release);
    }

    /// Has everything of the ledger passed on, and waits for that as long as there is hope. Blocks.
    pub(super) fn push(&self, generation: u64) -> bool {
        self.wake.notify_one();
        let began = monotonic();
        let patience = self.settings.timeout.saturating_mul(4);
        while self.link.load().is_some() && began.elapsed() < patience {
            if self.pushed.load(Ordering::Acquire) >= generation {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.pushed.load(Ordering::Acquire) >= generation
    }

    /// Claims a code or an id; `false` if another replica has. Without Redis everybody decides for themselves.
    pub(super) async fn first(&self, kind: Kind, id: &str, ttl: Duration) -> bool {
        let Some(link) = self.link.load_full() else {
            return true;
        };
        let key = self.key(&format!("used:{}:{}", kind.word(), hashed(id)));
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut link = MultiplexedConnection::clone(&link);
        let claim = async {
            let mut command = cmd("SET");
            command.arg(key).arg(1).arg("NX").arg("PX").arg(ttl);
            let answer: Option<String> = command.query_async(&mut link).await?;
            Ok::<_, LinkError>(answer.is_some())
        };
        if let Ok(Ok(first)) = timeout(self.settings.timeout, claim).await {
            return first;
        }
        // Nobody waits again until it is back.
        self.link.store(None);
        self.wake.notify_one();
        true
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.settings.name)
    }

    fn client(&self) -> Result<Client, LinkError> {
        let read = |file: &PathBuf| {
            secret_file::read(file, MOST_BYTES)
                .map_err(|error| LinkError::File(file.clone(), error))
        };
        let known: ConnectionInfo = self.settings.url.as_ref().into_connection_info()?;
        let mut login = known.redis_settings().clone();
        if let Some(name) = &self.settings.username {
            login = login.set_username(name);
        }
        if let Some(file) = &self.settings.password_file {
            let password = read(file)?;
            login = login.set_password(String::from_utf8_lossy(&password).trim());
        }
        let known = known.set_redis_settings(login);
        if !self.settings.url.starts_with("rediss:") {
            return Ok(Client::open(known)?);
        }
        let root_cert = self.settings.ca_file.as_ref().map(read).transpose()?;
        let certificates = TlsCertificates {
            client_tls: None,
            root_cert,
        };
        Ok(Client::build_with_tls(known, certificates)?)
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, PubSub), LinkError> {
        let client = self.client()?;
        let limit = self.settings.timeout;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limit))
            .set_response_timeout(Some(limit));
        let link = client.get_multiplexed_async_connection_with_config(&config);
        let link = timeout(limit.saturating_mul(2), link).await??;
        let changes = async {
            let mut changes = client.get_async_pubsub().await?;
            changes.subscribe(self.key("changed")).await?;
            Ok::<_, LinkError>(changes)
        };
        let changes = timeout(limit.saturating_mul(2), changes).await??;
        Ok((link, changes))
    }

    /// What changes whenever somebody adds something.
    async fn mark(&self, link: &mut MultiplexedConnection) -> Result<Option<String>, LinkError> {
        Ok(cmd("GET").arg(self.key("mark")).query_async(link).await?)
    }

    async fn members(
        &self,
        link: &mut MultiplexedConnection,
    ) -> Result<HashSet<String>, LinkError> {
        let mut members = HashSet::new();
        let mut cursor = 0_u64;
        loop {
            let mut command = cmd("SSCAN");
            command.arg(self.key("revocations")).arg(cursor);
            command.arg("COUNT").arg(BATCH);
            let (next, some): (u64, Vec<String>) = command.query_async(link).await?;
            members.extend(some.into_iter().filter(|member| member.len() <= MEMBER));
            if next == 0 || members.len() > MOST.saturating_mul(2) {
                return Ok(members);
            }
            cursor = next;
        }
    }

    async fn change(
        &self,
        link: &mut MultiplexedConnection,
        command: &str,
        members: &[&str],
    ) -> Result<(), LinkError> {
        for some in members.chunks(BATCH) {
            let mut change = cmd(command);
            change.arg(self.key("revocations")).arg(some);
            let () = change.query_async(link).await?;
        }
        Ok(())
    }
}

impl Ledger {
    /// Follows what is shared, as long as the process lives; without Redis it ends at once.
    pub async fn follow(&self) {
        let Some(shared) = self.shared() else {
            return;
        };
        let mut pauses = PAUSES.iter().copied();
        loop {
            let Err(error) = self.linked(shared).await;
            let was_up = shared.link.swap(None).is_some();
            if was_up {
                pauses = PAUSES.iter().copied();
            }
            if was_up || pauses.len() == PAUSES.len() {
                let standing = shared.standing();
                tracing::error!(%error, ?standing, "Redis is out of reach: revocations of other replicas are not known here");
            }
            tokio::time::sleep(pauses.next().unwrap_or(LOOK.saturating_mul(2))).await;
        }
    }

    async fn linked(&self, shared: &Shared) -> Result<std::convert::Infallible, LinkError> {
        let (mut link, mut channel) = shared.connect().await?;
        let mut changed = channel.on_message();
        let linked = monotonic();
        loop {
            let patient = linked.elapsed() < GRACE;
            let mark = self.synchronise(shared, &mut link, patient).await?;
            if shared.is_known() && shared.link.swap(Some(link.clone().into())).is_none() {
                tracing::info!("Redis is followed");
            }
            let began = monotonic();
            loop {
                tokio::select! {
                    message = changed.next() => {
                        if message.is_none() {
                            return Err(LinkError::Ended);
                        }
                        break;
                    }
                    () = shared.wake.notified() => break,
                    () = tokio::time::sleep(LOOK) => {
                        let now = shared.mark(&mut link).await?;
                        if now != mark || began.elapsed() > FULL || !shared.is_known() {
                            break;
                        }
                    }
                }
            }
        }
    }

    /// Takes over what is shared, and shares what is known here alone. The mark is that from before: what comes in
    /// between makes another round.
    async fn synchronise(
        &self,
        shared: &Shared,
        link: &mut MultiplexedConnection,
        patient: bool,
    ) -> Result<Option<String>, LinkError> {
        let mark = shared.mark(link).await?;
        let members = shared.members(link).await?;
        let read = |member: &String| serde_json::from_str::<Revocation>(member).ok();
        let theirs: Vec<Revocation> = members.iter().filter_map(read).collect();
        if theirs.len() < members.len() {
            let count = members.len().saturating_sub(theirs.len());
            tracing::warn!(count, "Redis holds what is no revocation; somebody else's");
        }
        self.take(&theirs);
        let generation = self.generation();
        let ours: HashSet<String> = (self.in_force().iter())
            .filter_map(|one| serde_json::to_string(one).ok())
            .collect();
        let missing: Vec<&str> = ours.difference(&members).map(String::as_str).collect();
        shared.change(link, "SADD", &missing).await?;
        // A Redis without a mark is new, or has lost its data: who knows nothing itself waits for those who do. The mark
        // says that somebody who knew has passed it on.
        let knows = shared.is_known() || mark.is_some() || !patient;
        if !missing.is_empty() || (mark.is_none() && knows) {
            let mut tell = pipe();
            let new = uuid::Uuid::new_v4().to_string();
            tell.cmd("SET").arg(shared.key("mark")).arg(new).ignore();
            tell.cmd("PUBLISH")
                .arg(shared.key("changed"))
                .arg(1)
                .ignore();
            let () = tell.query_async(link).await?;
        }
        if !missing.is_empty() {
            tracing::info!(count = missing.len(), "revocations were passed on");
        }
        // What has expired, or says less than what stands beside it now.
        let useless = members.difference(&ours);
        let useless: Vec<&str> = useless
            .filter(|member| read(member).is_some())
            .map(String::as_str)
            .collect();
        shared.change(link, "SREM", &useless).await?;
        shared.pushed.fetch_max(generation, Ordering::AcqRel);
        if knows && !shared.known.swap(true, Ordering::AcqRel) {
            self.note_known();
        }
        Ok(mark)
    }
}

/// Ids may be as long as whoever makes them likes.
fn hashed(id: &str) -> String {
    let digest = digest(&SHA256, id.as_bytes());
    let mut text = String::new();
    for byte in digest.as_ref().iter().take(16) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
