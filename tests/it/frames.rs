//! A client of HTTP/2 that writes its frames itself.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{PATIENCE, Sidegate};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const WHOLE: u8 = END_STREAM | END_HEADERS;

/// `:status` in the static table.
pub(crate) const OK: u8 = 0x88;
pub(crate) const BAD_REQUEST: u8 = 0x8c;

/// A client that writes its frames itself.
pub(crate) struct Client(pub(crate) TcpStream);

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// What came of a stream.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The first octet of the answer's head: its status, if the static table has it.
    pub(crate) status: Option<u8>,
    pub(crate) body: Vec<u8>,
    /// How the stream was reset, if it was.
    pub(crate) reset: Option<u8>,
    /// The connection ended.
    pub(crate) gone: bool,
    /// The reason that was given for that, if one was.
    pub(crate) why: Option<u8>,
}

impl Answer {
    /// Checks that it is a refusal in the usual form; its request's id.
    pub(crate) fn refusal(&self, case: &str) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        assert_eq!(body["code"], "InvalidRequest", "{case}: {self:?}");
        body["requestId"].as_str().unwrap().to_owned()
    }

    pub(crate) fn refusal_code(&self, code: &str) -> bool {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        body["code"] == code
    }
}

impl Client {
    pub(crate) fn connect(sidegate: &Sidegate) -> Self {
        let mut stream = TcpStream::connect(sidegate.ingress).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .unwrap();
        let mut client = Self(stream);
        client.send(SETTINGS, 0, 0, &[]);
        client
    }

    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let bytes = frame(kind, flags, stream, payload);
        // A connection that is over takes no more.
        let _ = self.0.write_all(&bytes);
    }

    /// The next frame: its kind, flags, stream and payload. `None`: the connection has ended.
    pub(crate) fn frame(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[3], head[4], stream, payload))
    }

    /// Reads until a stream, or the connection, has ended.
    pub(crate) fn answer(&mut self, wanted: u32) -> Answer {
        let mut answer = Answer::default();
        loop {
            let Some((kind, flags, stream, payload)) = self.frame() else {
                answer.gone = true;
                return answer;
            };
            if kind == GOAWAY {
                answer.gone = true;
                answer.why = Some(payload[7]);
                return answer;
            }
            if stream != wanted {
                continue;
            }
            match kind {
                HEADERS => answer.status = Some(payload[0]),
                DATA => answer.body.extend(payload),
                RST_STREAM => {
                    answer.reset = Some(payload[3]);
                    return answer;
                }
                _ => {}
            }
            if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                return answer;
            }
        }
    }
}

/// A field, literally; with `kept` it goes into the table.
pub(crate) fn field(name: &str, value: &str, kept: bool) -> Vec<u8> {
    let mut bytes = vec![if kept { 0x40 } else { 0 }];
    for text in [name, value] {
        if text.len() < 0x7f {
            bytes.push(u8::try_from(text.len()).unwrap());
        } else {
            bytes.push(0x7f);
            let mut rest = text.len() - 0x7f;
            while rest > 0x7f {
                bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
                rest >>= 7;
            }
            bytes.push(u8::try_from(rest).unwrap());
        }
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields
        .iter()
        .flat_map(|(name, value)| field(name, value, false))
        .collect()
}

pub(crate) const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "app.test"),
    (":path", "/a"),
];

pub(crate) const POST: [(&str, &str); 4] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "app.test"),
    (":path", "/upload"),
];

/// The request with more fields.
pub(crate) fn with(more: &[(&str, &str)]) -> Vec<u8> {
    block(&[&GET[..], more].concat())
}

/// The request with another value of a field, or without it.
pub(crate) fn changed(name: &str, value: Option<&str>) -> Vec<u8> {
    let fields = GET.iter().filter_map(|field| {
        if field.0 == name {
            value.map(|value| (field.0, value))
        } else {
            Some(*field)
        }
    });
    block(&fields.collect::<Vec<_>>())
}
