//! Heads and trailers written anew: without compression, in frames that the parser takes.

use crate::net::http2::stand_in::Field;
use crate::net::http2::{CONTINUATION, END_HEADERS, END_STREAM, FRAME, Frame, HEADERS};

/// Writes a head, or trailers, so that no table is needed to read them.
pub(super) fn write<'f>(
    ready: &mut Vec<u8>,
    stream: u32,
    ends: bool,
    fields: impl Iterator<Item = Field<'f>>,
) {
    let mut block = Vec::new();
    for (name, value) in fields {
        // Literal, in no table, ever.
        block.push(0x10);
        for text in [name, value] {
            write_length(&mut block, text.len());
            block.extend_from_slice(text);
        }
    }
    let mut pieces = block.chunks(FRAME).peekable();
    let first = pieces.next().unwrap_or_default();
    let mut flags = if ends { END_STREAM } else { 0 };
    let (mut kind, mut piece) = (HEADERS, Some(first));
    while let Some(payload) = piece {
        piece = pieces.next();
        if piece.is_none() {
            flags |= END_HEADERS;
        }
        Frame::write(ready, kind, flags, stream, payload);
        (kind, flags) = (CONTINUATION, 0);
    }
}

/// RFC 7541, 5.1, behind a bit that says that the text is written as it is.
pub(super) fn write_length(block: &mut Vec<u8>, length: usize) {
    let small = u8::try_from(length).unwrap_or(u8::MAX).min(0x7f);
    block.push(small);
    let Some(mut rest) = length.checked_sub(0x7f) else {
        return;
    };
    while rest > 0x7f {
        let low = u8::try_from(rest & 0x7f).unwrap_or_default();
        block.push(low | 0x80);
        rest = rest.wrapping_shr(7);
    }
    block.push(u8::try_from(rest).unwrap_or_default());
}
