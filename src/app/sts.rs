//! The keyring and the STS: read at the start and followed, and served on a thread of its own, so that a flood of its
//! calls leaves the proxy's threads alone.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::app::control::of_identity;
use crate::app::{Core, StartError, container};
use crate::audit::record::{self, Record, UserIdentity};
use crate::audit::sink::Sink;
use crate::authn::KeyOwner;
use crate::authn::credentials::Store;
use crate::clock::Timestamp;
use crate::config::Settings;
use crate::net::workers::{Listening, Ready, Workers};
use crate::net::{self, Limits};
use crate::policy::LayerKind;
use crate::saml::Assertion;
use crate::secret::Secret;
use crate::secret_file;
use crate::source::Fault;
use crate::state::{Kind, LastUse, Ledger};
use crate::sts::keyring::MAX_BYTES;
use crate::sts::totp::Totp;
use crate::sts::{Keyring, Keys};
use crate::sts_api::{
    self, AboutKey, AccessKeys, Assertions, Checking, Factors, Log, Recorded, Service,
};

/// How often the keyring's file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Connections to the STS: apart from the proxy's.
const CONNECTIONS: usize = 512;
/// Streams of one of them.
const STREAMS: u32 = 16;
/// How far the thread stands back: while there is too much to do for all, it gets about a tenth of what a thread of the
/// proxy gets.
const NICE: i32 = 10;
/// Longer than any code is good.
const DRIFT: Duration = Duration::from_secs(120);
/// The listener's name.
const NAME: &str = "sts";

/// The keyring that the configuration names; without one no session token is accepted.
pub(super) fn keys(settings: &Settings) -> Result<Arc<Keys>, StartError> {
    let keyring = match &settings.keyring {
        None => Keyring::default(),
        Some(file) => read(file)
            .map_err(|error| StartError::cannot(format!("keyring {}", file.display()), error))?,
    };
    if let Some(sts) = &settings.sts {
        let what = format!("sts {}", sts.address);
        if settings.keyring.is_none() {
            return Err(StartError::cannot(
                what,
                "it needs a `keyring`: `sidegate keyring new` makes one",
            ));
        }
        match (keyring.is_verify_only(), &sts.container.remote) {
            (true, None) => {
                return Err(StartError::cannot(
                    what,
                    "its keyring is verify-only: it issues no sessions (with `remote` and `container_roles` it fetches those of the pod)",
                ));
            }
            (false, Some(_)) => {
                return Err(StartError::cannot(
                    what,
                    "its keyring issues sessions: `remote` is for one that is verify-only",
                ));
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    Ok(Arc::new(Keys::new(keyring)))
}

fn read(file: &Path) -> Result<Keyring, String> {
    let bytes = secret_file::read(file, MAX_BYTES).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_owned())?;
    Keyring::read(&text, &file.display().to_string()).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(Fault::line).collect();
        lines.join("\n")
    })
}

/// Takes the keyring over again whenever its file changes; one that is not valid changes nothing.
pub(super) fn follow(file: PathBuf, keys: Arc<Keys>) {
    tokio::spawn(async move {
        let mut known = state(&file);
        let mut tick = tokio::time::interval(LOOK);
        loop {
            tick.tick().await;
            let now = state(&file);
            if now == known {
                continue;
            }
            known = now;
            let name = file.display();
            let path = file.clone();
            // Reading may block, on a slow disk.
            let found = tokio::task::spawn_blocking(move || read(&path)).await;
            match found.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(keyring) => {
                    keys.replace(keyring);
                    tracing::info!(file = %name, "a new keyring is used");
                }
                Err(error) => {
                    tracing::error!(file = %name, %error, "the keyring in use stays");
                }
            }
        }
    });
}

/// What changes when the file does.
fn state(file: &Path) -> Option<(SystemTime, u64, u64)> {
    let found = std::fs::metadata(file).ok()?;
    let inode = std::os::unix::fs::MetadataExt::ino(&found);
    Some((found.modified().ok()?, found.len(), inode))
}

/// The listener, bound and not served yet.
pub(super) fn bind(settings: &Settings, limits: &Limits) -> Result<Option<Ready>, StartError> {
    let Some(sts) = &settings.sts else {
        return Ok(None);
    };
    let tls = sts.tls.as_ref().map(|tls| {
        let files = net::tls::ServerFiles {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
            clients: None,
        };
        net::tls::Server::load(files).map_err(|error| StartError::cannot("sts", error))
    });
    let listening = Listening {
        name: Arc::from(NAME),
        address: sts.address.clone(),
        tls: tls.transpose()?,
        proxied: Vec::new(),
    };
    let limits = Limits {
        connections: CONNECTIONS.min(limits.connections),
        streams: STREAMS.min(limits.streams),
        ..limits.clone()
    };
    net::workers::bind(vec![listening], 1, limits)
        .map(Some)
        .map_err(|error| StartError::cannot("sts", error))
}

/// Serves.
pub(super) fn serve(
    ready: Ready,
    settings: &Settings,
    core: &Core,
) -> Result<Option<Workers>, StartError> {
    let Some(sts) = &settings.sts else {
        return Ok(None);
    };
    let listed = Arc::new(Listed {
        store: core.credentials.clone(),
        totp: Totp::default(),
        ledger: Arc::clone(&core.ledger),
    });
    let parts = sts_api::Parts {
        store: Arc::clone(core.watcher.store()),
        authenticator: Arc::clone(&core.authenticator),
        keys: Arc::clone(&core.keys),
        sessions: Arc::clone(&core.sessions) as _,
        access_keys: Arc::clone(&listed) as _,
        signing: Arc::default(),
        factors: listed,
        assertions: Arc::new(Used {
            ledger: Arc::clone(&core.ledger),
            began: core.clock.now(),
        }),
        clock: core.clock.clone(),
        region: Arc::from(&*sts.region),
    };
    let container = container::settings(&sts.container)?;
    let audit = Arc::clone(&core.audit);
    let rate = settings.rate_limits.sts;
    let workers = ready.serve(move || {
        // Of this thread alone. One that could not stand back serves all the same.
        if let Err(error) = rustix::process::nice(NICE) {
            tracing::warn!(%error, "the thread of the STS runs at the same priority as the proxy's");
        }
        let recorder = Recorder {
            audit: Arc::clone(&audit),
            line: RefCell::default(),
        };
        Service::new(parts.clone(), recorder)
            .with_rate(rate)
            .with_container(container.clone())
    });
    workers
        .map(Some)
        .map_err(|error| StartError::cannot("the thread of the STS cannot be started", error))
}

/// What `credentials.yaml` lists; without it nothing.
#[derive(Debug)]
struct Listed {
    store: Option<Arc<Store>>,
    totp: Totp,
    ledger: Arc<Ledger>,
}

impl AccessKeys for Listed {
    fn find(&self, id: &str) -> Option<(KeyOwner, Secret<Box<str>>)> {
        let credentials = self.store.as_ref()?.current();
        let key = credentials.access_key(id).filter(|key| key.active)?;
        if self.ledger.is_revoked_key(id) {
            return None;
        }
        Some((key.owner.clone(), key.secret.clone()))
    }

    fn of(&self, owner: &KeyOwner) -> Vec<AboutKey> {
        let Some(store) = &self.store else {
            return Vec::new();
        };
        let credentials = store.current();
        let all = credentials.access_keys();
        let own = all.filter(|(_, key)| match (&key.owner, owner) {
            (KeyOwner::User(one), KeyOwner::User(other)) => one == other,
            (KeyOwner::Root(one), KeyOwner::Root(other)) => one == other,
            _ => false,
        });
        let mut found: Vec<AboutKey> = own
            .map(|(id, key)| AboutKey {
                id: id.into(),
                // What is revoked is refused like what is switched off.
                active: key.active && !self.ledger.is_revoked_key(id),
                created: key.created,
            })
            .collect();
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found
    }

    fn owner(&self, id: &str) -> Option<KeyOwner> {
        let credentials = self.store.as_ref()?.current();
        Some(credentials.access_key(id)?.owner.clone())
    }

    fn used(&self, id: &str, service: &str, region: &str, now: Timestamp) {
        self.ledger.touch(id, service, region, now);
    }

    fn last_used(&self, id: &str) -> Option<LastUse> {
        self.ledger.last_use(id)
    }

    fn factors(&self) -> Vec<Box<str>> {
        let Some(store) = &self.store else {
            return Vec::new();
        };
        store.current().sts().totp.keys().cloned().collect()
    }

    fn has_factor(&self, serial: &str) -> bool {
        let store = self.store.as_ref();
        store.is_some_and(|store| store.current().sts().totp.contains_key(serial))
    }

    fn password(&self, user: &str) -> Option<Option<Timestamp>> {
        let credentials = self.store.as_ref()?.current();
        let password = credentials.sts().passwords.get(user)?;
        Some(password.changed)
    }
}

impl Factors for Listed {
    fn check<'a>(&'a self, serial: &'a str, code: &'a str, now: Timestamp) -> Checking<'a> {
        Box::pin(async move {
            let Some(store) = &self.store else {
                return false;
            };
            let credentials = store.current();
            let seed = credentials.sts().totp.get(serial);
            // The ledger remembers what was used before a restart; a code that was is none of the few wrong ones.
            seed.is_some_and(|seed| self.totp.check(serial, seed, code, now))
                && self
                    .ledger
                    .first(Kind::Totp, &format!("{serial} {code}"), now.plus(DRIFT))
                    .await
        })
    }
}

/// SAML assertions that were used.
#[derive(Debug)]
struct Used {
    ledger: Arc<Ledger>,
    began: Timestamp,
}

impl Assertions for Used {
    fn first<'a>(&'a self, assertion: &'a Assertion) -> Checking<'a> {
        Box::pin(async move {
            // Without `state` nobody knows what was used before the process began.
            let remembered = self.ledger.keeps() || assertion.issued_at >= self.began;
            let id = format!("{} {}", assertion.issuer, assertion.id);
            remembered
                && self
                    .ledger
                    .first(Kind::Saml, &id, assertion.refused_from)
                    .await
        })
    }
}

/// Puts calls into the audit log.
#[derive(Debug)]
struct Recorder {
    audit: Arc<Sink>,
    line: RefCell<Vec<u8>>,
}

impl Log for Recorder {
    async fn put(&self, call: &Recorded<'_>) -> bool {
        let mut line = self.line.take();
        line.clear();
        write(call, &mut line);
        let result = self.audit.record_or_wait(&line).await;
        self.line.replace(line);
        log(call);
        result.is_ok()
    }

    fn note(&self, call: &Recorded<'_>) {
        let mut line = self.line.take();
        line.clear();
        write(call, &mut line);
        // It was refused already, whether or not there is room for that. The sink counts what it could not take.
        let _ = self.audit.record(&line);
        self.line.replace(line);
        log(call);
    }
}

/// A refused call's cause, for whoever runs the process.
fn log(call: &Recorded<'_>) {
    if let Some(detail) = call.detail {
        let (reason, request_id) = (call.reason.label(), call.request_id);
        let action = call.action.unwrap_or("-");
        tracing::debug!(request_id, action, reason, detail, "the STS refused");
    }
}

fn write(call: &Recorded<'_>, line: &mut Vec<u8>) {
    let resource = call.resource.map(|arn| record::Resource {
        arn,
        account: call.account,
    });
    let mut identity = match (call.identity, call.reason) {
        (Some(identity), _) => of_identity(identity),
        (None, _) => UserIdentity::unknown(),
    };
    if call.identity.is_none() && call.provider.is_some() {
        identity.kind = "WebIdentityUser";
    }
    let who = identity.json();
    let decided = call.decision;
    let event_id = uuid::Uuid::new_v4().to_string();
    let record = Record {
        time: call.now,
        request_id: call.request_id,
        event_id: &event_id,
        identity: &who,
        source_ip: call.source,
        user_agent: call.user_agent,
        action: call.action,
        region: Some(call.region),
        resources: resource.as_slice(),
        recipient_account: call.account,
        method: call.method,
        path: call.path,
        client_request_id: None,
        snapshot: Some(&call.snapshot.digest),
        service: Some(NAME),
        route: None,
        status: call.status,
        error_message: call.detail,
        decision: record::Decision {
            reason: call.reason,
            layer: decided
                .and_then(|decided| decided.layer)
                .map(LayerKind::noun),
            policy: decided.and_then(|decided| decided.policy.as_deref()),
            statement: decided.and_then(|decided| decided.statement),
            sid: decided.and_then(|decided| decided.sid.as_deref()),
            provider: call.provider,
        },
    };
    record.write(line);
}
