//! The part of a session that its caller chose the size of: policies and tags, packed together.
//!
//! Deflated where that is shorter. The limit is on what is packed, as AWS's `PackedPolicySize` is: many tags and a long
//! policy may each be within their limits and too large together.

use std::cell::RefCell;
use std::io::Read;

use flate2::read::DeflateDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::token::{Tag, TooLarge};
use super::wire::{Malformed, Reader, Writer};

/// Bytes, packed: what is left of 4 KiB of text.
pub(super) const LIMIT: usize = 2_304;
/// Nothing that is packed is longer: 2,048 characters of policy, 10 ARNs, 50 tags.
const MOST: u64 = 256 * 1024;
/// What stands before the text: how it is packed.
const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

thread_local! {
    /// One a thread: to make one takes ten times as long as what it does here.
    static COMPRESSOR: RefCell<Compress> = RefCell::new(Compress::new(Compression::default(), false));
}

/// Policies and tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) policy: Option<Box<str>>,
    pub(super) policy_arns: Vec<Box<str>>,
    pub(super) tags: Vec<Tag>,
}

impl Packed {
    fn is_empty(&self) -> bool {
        self.policy.is_none() && self.policy_arns.is_empty() && self.tags.is_empty()
    }

    /// Appends it behind its length; how many of a hundred parts of the limit it takes.
    pub(super) fn write(&self, out: &mut Writer) -> Result<u32, TooLarge> {
        if self.is_empty() {
            out.number(0);
            return Ok(0);
        }
        let mut plain = Writer::default();
        plain.text(self.policy.as_deref().unwrap_or_default());
        plain.number(self.policy_arns.len() as u64);
        for arn in &self.policy_arns {
            plain.text(arn);
        }
        plain.number(self.tags.len() as u64);
        for tag in &self.tags {
            plain.text(&tag.key);
            plain.text(&tag.value);
            plain.byte(u8::from(tag.transitive));
        }
        let (method, body) = match deflate(&plain.0) {
            Some(deflated) => (DEFLATED, deflated),
            None => (PLAIN, plain.0),
        };
        let mut packed = vec![method];
        packed.extend(body);
        let parts = packed.len().saturating_mul(100).div_ceil(LIMIT);
        if parts > 100 {
            return Err(TooLarge {
                percent: u32::try_from(parts).unwrap_or(u32::MAX),
            });
        }
        out.bytes(&packed);
        Ok(u32::try_from(parts).unwrap_or(100))
    }

    /// The other way.
    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let packed = from.bytes()?;
        let Some((method, body)) = packed.split_first() else {
            return Ok(Self::default());
        };
        match *method {
            PLAIN => Self::parse(body),
            DEFLATED => Self::parse(&inflate(body)?),
            _ => Err(Malformed),
        }
    }

    fn parse(plain: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(plain);
        let policy = Some(reader.text()?).filter(|text| !text.is_empty());
        let mut policy_arns = Vec::new();
        for _ in 0..reader.count()? {
            policy_arns.push(reader.text()?);
        }
        let mut tags = Vec::new();
        for _ in 0..reader.count()? {
            tags.push(Tag {
                key: reader.text()?,
                value: reader.text()?,
                transitive: match reader.byte()? {
                    0 => false,
                    1 => true,
                    _ => return Err(Malformed),
                },
            });
        }
        reader.end()?;
        Ok(Self {
            policy,
            policy_arns,
            tags,
        })
    }
}

/// `None`: it does not become shorter.
fn deflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut deflated = vec![0; bytes.len()];
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        let status = compressor.compress(bytes, &mut deflated, FlushCompress::Finish);
        let length = usize::try_from(compressor.total_out()).ok()?;
        deflated.truncate(length);
        matches!(status, Ok(Status::StreamEnd)).then_some(deflated)
    })
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut plain = Vec::new();
    let mut decoder = DeflateDecoder::new(bytes).take(MOST.saturating_add(1));
    decoder.read_to_end(&mut plain).map_err(|_| Malformed)?;
    if plain.len() as u64 > MOST {
        return Err(Malformed);
    }
    Ok(plain)
}
