//! The admin listener: its token, and what stands behind its questions.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::admin::api::{self, Desk, Refused};
use crate::app::health::Phase;
use crate::app::{Core, StartError};
use crate::audit::record::{self, Record, UserIdentity};
use crate::audit::sink::Sink;
use crate::authn::named;
use crate::bundle::Store;
use crate::clock::Clock;
use crate::config::Settings;
use crate::outcome::Reason;
use crate::secret::Secret;
use crate::state::{Asked, Ledger, Revocation, RevokeError, Target};

/// The listener, bound and not served yet.
pub(super) struct Admin {
    pub(super) address: SocketAddr,
    listener: TcpListener,
    token: Secret<String>,
}

/// Binds the listener and writes its token.
pub(super) async fn bind(settings: &Settings) -> Result<Option<Admin>, StartError> {
    let Some(admin) = &settings.admin else {
        return Ok(None);
    };
    let what = || format!("admin {}", admin.address);
    let listener = TcpListener::bind(admin.address)
        .await
        .map_err(|error| StartError::cannot(what(), error))?;
    let address = listener.local_addr();
    let address = address.map_err(|error| StartError::cannot(what(), error))?;
    let token = draw().ok_or_else(|| StartError::cannot(what(), "the system has no randomness"))?;
    write(&admin.token_file, &token).map_err(|error| {
        let file = admin.token_file.display();
        StartError::cannot(format!("the token of admin, {file}"), error)
    })?;
    Ok(Some(Admin {
        address,
        listener,
        token,
    }))
}

/// 256 random bits.
fn draw() -> Option<Secret<String>> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// With mode 0600, whole, in place of an earlier run's.
fn write(path: &Path, token: &Secret<String>) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    // One that a crash left behind may have another mode.
    let _ = std::fs::remove_file(&beside);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(token.expose().as_bytes())?;
    std::fs::rename(&beside, path)
}

impl Admin {
    /// Answers until the process has drained.
    pub(super) fn serve(self, core: &Core, mut phase: watch::Receiver<Phase>) {
        let office = Office {
            ledger: Arc::clone(&core.ledger),
            store: Arc::clone(core.watcher.store()),
            audit: Arc::clone(&core.audit),
            clock: core.clock.clone(),
            address: self.address.ip(),
        };
        tokio::spawn(async move {
            let ended = async move {
                // An error means that the sender is gone: the process ends.
                let _ = phase.wait_for(|phase| *phase == Phase::Ended).await;
            };
            if let Err(error) = api::serve(self.listener, &self.token, office, ended).await {
                tracing::error!(%error, "the admin listener is not served");
            }
        });
    }
}

/// Answers from the ledger.
struct Office {
    ledger: Arc<Ledger>,
    store: Arc<Store>,
    audit: Arc<Sink>,
    clock: Clock,
    address: IpAddr,
}

impl Desk for Office {
    fn revocations(&self) -> Value {
        let all: Vec<Value> = self
            .ledger
            .in_force()
            .iter()
            .map(Revocation::told)
            .collect();
        json!({ "revocations": all })
    }

    fn revoke(&self, asked: &Asked) -> Result<Value, Refused> {
        let invalid = |message: String| {
            Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "InvalidRequest",
                message,
            ))
        };
        let revocation = match asked.read(self.clock.now()) {
            Ok(revocation) => revocation,
            Err(error) => return invalid(error.to_string()),
        };
        // A name that is misspelt revokes nothing, and looks as if it did.
        if let Target::Principal(name) = &revocation.target
            && !name.contains(":federated-user/")
            && let Err(error) = named(name, None, &self.store.load().directory)
        {
            return invalid(error.to_string());
        }
        let result = self.ledger.revoke(&revocation);
        if !matches!(result, Err(RevokeError::Nowhere | RevokeError::Full)) {
            self.put_on_record(&revocation);
        }
        let told = revocation.told();
        match result {
            Ok(()) => {
                tracing::warn!(revoked = %told, "revoked");
                Ok(told)
            }
            Err(error) => {
                tracing::error!(revoked = %told, %error, "not revoked, or not for good");
                let (status, code) = match error {
                    RevokeError::Nowhere => (StatusCode::CONFLICT, "NoState"),
                    RevokeError::Full => (StatusCode::INSUFFICIENT_STORAGE, "Full"),
                    RevokeError::Unkept(_) => (StatusCode::INSUFFICIENT_STORAGE, "NotKept"),
                };
                Err(Refused::new(status, code, error.to_string()))
            }
        }
    }

    fn access_keys(&self) -> Value {
        let keys = self.ledger.last_uses().into_iter().map(|(id, last)| {
            json!({
                "id": id,
                "last_used": last.at.rfc3339(),
                "service": last.service,
                "region": last.region,
            })
        });
        json!({ "access_keys": keys.collect::<Vec<_>>() })
    }
}

impl Office {
    /// Who holds the token did it. What cannot be recorded is done all the same: it only ever refuses.
    fn put_on_record(&self, revocation: &Revocation) {
        let ids = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(|id| id.to_string());
        let [request_id, event_id] = &ids;
        let identity = UserIdentity {
            kind: "AdminToken",
            ..UserIdentity::unknown()
        };
        let identity = identity.json();
        let resource = match &revocation.target {
            Target::Session(id) | Target::AccessKey(id) | Target::Principal(id) => &**id,
            Target::Everyone => "*",
        };
        let resource = record::Resource {
            arn: resource,
            account: None,
        };
        let record = Record {
            time: revocation.entry.at,
            request_id,
            event_id,
            identity: &identity,
            source_ip: self.address,
            user_agent: None,
            action: Some("sidegate:RevokeSessions"),
            region: None,
            resources: &[resource],
            recipient_account: None,
            method: "POST",
            path: Some(api::REVOCATIONS),
            client_request_id: None,
            snapshot: None,
            service: Some("admin"),
            route: None,
            status: None,
            error_message: None,
            decision: record::Decision {
                reason: Reason::Allowed,
                layer: None,
                policy: None,
                statement: None,
                sid: None,
                provider: None,
            },
        };
        let mut line = Vec::new();
        record.write(&mut line);
        if self.audit.record(&line).is_err() {
            tracing::error!("a revocation could not be put on record");
        }
    }
}
