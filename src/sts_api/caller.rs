//! Who may call what of the STS.

use crate::outcome::Reason;

use super::error::Error;
pub(super) use crate::query_api::caller::{Caller, Kind};

/// What sessions may call: those of users AssumeRole and GetCallerIdentity, federated ones GetCallerIdentity alone.
///
/// # Errors
/// AccessDenied.
pub(super) fn may_call(caller: &Caller, action: &str) -> Result<(), Error> {
    let allowed = match caller.kind {
        Kind::User | Kind::Root | Kind::Role => true,
        Kind::OwnSession => matches!(
            action,
            "AssumeRole" | "GetCallerIdentity" | "GetSessionToken" | "GetFederationToken"
        ),
        Kind::Federated => matches!(
            action,
            "GetCallerIdentity" | "GetSessionToken" | "GetFederationToken" | "AssumeRole"
        ),
    };
    if allowed {
        // The two that make sessions of one's own, and AssumeRole, refuse sessions in their own words.
        return Ok(());
    }
    let who = caller.identity.principal.name();
    Err(Error::denied(
        Reason::ImplicitDeny,
        format!("User: {who} is not authorized to perform: sts:{action} with this kind of session"),
    ))
}
