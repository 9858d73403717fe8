//! The keys of a WebSocket handshake (RFC 6455, 4): HTTP/1.1 has them, HTTP/2 does not, and a proxy between the two
//! stands in for the side that lacks them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT as ACCEPT, SEC_WEBSOCKET_KEY as KEY,
};
use uuid::Uuid;

use crate::outcome::Reason;
use crate::proxy::forward::ForwardError;

/// What is hashed behind the key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The keys of one handshake.
#[derive(Debug)]
pub struct Handshake {
    client: Option<HeaderValue>,
    ours: Option<HeaderValue>,
}

impl Handshake {
    /// With a key of our own, where it is not the client that asks an HTTP/1.1 upstream.
    pub fn of(fields: &HeaderMap, own: bool) -> Self {
        let key = || HeaderValue::from_str(&STANDARD.encode(Uuid::new_v4().as_bytes())).ok();
        Self {
            client: fields.get(KEY).cloned(),
            ours: own.then(key).flatten(),
        }
    }

    /// Asks an HTTP/1.1 upstream.
    pub fn ask(&self, fields: &mut HeaderMap) {
        if let Some(ours) = &self.ours {
            fields.insert(KEY, ours.clone());
        }
    }

    /// Whether the upstream has answered our key; the client's own is the client's to check.
    pub fn is_answered_by(&self, fields: &HeaderMap) -> bool {
        match &self.ours {
            Some(ours) => fields.get(ACCEPT) == accept(ours).as_ref(),
            None => true,
        }
    }

    /// Answers an HTTP/1.1 client.
    ///
    /// # Errors
    /// When its key is none.
    pub fn answer(&self, fields: &mut HeaderMap) -> Result<(), ForwardError> {
        let key = self.client.as_ref().filter(|key| {
            let decoded = STANDARD.decode(key.as_bytes());
            decoded.is_ok_and(|bytes| bytes.len() == 16)
        });
        let accept = key.and_then(accept);
        let accept = accept.ok_or(ForwardError::Client(Reason::MalformedRequest))?;
        fields.insert(ACCEPT, accept);
        Ok(())
    }
}

fn accept(key: &HeaderValue) -> Option<HeaderValue> {
    let text = [key.as_bytes(), GUID].concat();
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &text);
    HeaderValue::from_str(&STANDARD.encode(digest)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(KEY, HeaderValue::from_static(key))])
    }

    #[test]
    fn the_example_of_the_rfc() {
        let handshake = Handshake::of(&with("dGhlIHNhbXBsZSBub25jZQ=="), false);
        let mut answer = HeaderMap::new();
        handshake.answer(&mut answer).unwrap();
        assert_eq!(answer[ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(handshake.is_answered_by(&HeaderMap::new()));
        let short = Handshake::of(&with("dGhl"), false);
        assert!(short.answer(&mut answer).is_err());
        let none = Handshake::of(&HeaderMap::new(), false);
        assert!(none.answer(&mut answer).is_err());
    }

    #[test]
    fn our_own_key_must_be_answered() {
        let handshake = Handshake::of(&HeaderMap::new(), true);
        let mut asked = HeaderMap::new();
        handshake.ask(&mut asked);
        let mut answer = HeaderMap::new();
        assert!(!handshake.is_answered_by(&answer));
        answer.insert(ACCEPT, accept(&asked[KEY]).unwrap());
        assert!(handshake.is_answered_by(&answer));
        answer.insert(ACCEPT, HeaderValue::from_static("other"));
        assert!(!handshake.is_answered_by(&answer));
    }
}
