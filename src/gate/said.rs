//! What a request's header lines say to the gate, to authentication and to the record: found in one look at them.

use http::{HeaderMap, HeaderValue};

use crate::authn::Credentials;

use super::who::ROLE;

/// A header that counts when it stands there once.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Once<'h> {
    #[default]
    Absent,
    Present(&'h HeaderValue),
    Repeated,
}

impl<'h> Once<'h> {
    fn see(&mut self, value: &'h HeaderValue) {
        *self = match self {
            Self::Absent => Self::Present(value),
            Self::Present(_) | Self::Repeated => Self::Repeated,
        };
    }

    pub(super) fn text(self) -> Option<&'h str> {
        match self {
            Self::Present(value) => value.to_str().ok(),
            Self::Absent | Self::Repeated => None,
        }
    }
}

/// What the header lines say to more than their reader, found in one look at them: a look-up for each name, or a look of
/// each reader, would cost more than all of them together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'h> {
    pub(super) host: Once<'h>,
    pub(super) user_agent: Once<'h>,
    pub(super) referer: Once<'h>,
    pub(super) role: Once<'h>,
    /// Some protocol is asked for.
    pub(super) upgrade: bool,
    pub(super) credential: Credentials<'h>,
    first_user_agent: Option<&'h HeaderValue>,
    client_request_id: Option<&'h HeaderValue>,
}

impl<'h> Said<'h> {
    /// Of a head's lines.
    pub fn of(headers: &'h HeaderMap) -> Self {
        let mut said = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                "host" => said.host.see(value),
                "user-agent" => {
                    said.user_agent.see(value);
                    said.first_user_agent.get_or_insert(value);
                }
                "referer" => said.referer.see(value),
                ROLE => said.role.see(value),
                "upgrade" => said.upgrade = true,
                "x-request-id" => {
                    said.client_request_id.get_or_insert(value);
                }
                name => said.credential.read(name, value),
            }
        }
        said
    }

    /// With which program the request was sent, as it says first.
    pub fn user_agent(&self) -> Option<&'h [u8]> {
        self.first_user_agent.map(HeaderValue::as_bytes)
    }

    /// The client's own id of it, the first if there are several.
    pub fn client_request_id(&self) -> Option<&'h [u8]> {
        self.client_request_id.map(HeaderValue::as_bytes)
    }
}
