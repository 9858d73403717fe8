//! The PROXY protocol, versions 1 and 2: a listed peer says whose connection it passes on.
//!
//! Read to the letter and within bounds: what is not exactly such a header is refused. Not a byte is read beyond it, so
//! that TLS or HTTP begins where it ends.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, with its end.
const LINE: usize = 107;
/// What may follow the fixed part of version 2; extensions are small.
const REST: usize = 2048;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Whose connection it is.
    Whose(IpAddr),
    /// Nothing: the peer speaks for itself, or does not say for whom.
    Nothing,
}

impl From<Told> for Option<IpAddr> {
    fn from(told: Told) -> Self {
        match told {
            Told::Whose(address) => Some(address),
            Told::Nothing => None,
        }
    }
}

/// Reads a header; `None`: the peer speaks for itself, or does not say for whom.
///
/// # Errors
/// `InvalidData` when it is no such header.
pub async fn read<S: AsyncRead + Unpin>(socket: &mut S) -> io::Result<Option<IpAddr>> {
    // No header is shorter than `PROXY UNKNOWN` with its line end.
    let mut start = [0; 12];
    socket.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        let mut fixed = [0; 4];
        socket.read_exact(&mut fixed).await?;
        let [command, family, high, low] = fixed;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > REST {
            return Err(no_header());
        }
        let mut rest = vec![0; length];
        socket.read_exact(&mut rest).await?;
        return version2(command, family, &rest)
            .map(Into::into)
            .ok_or_else(no_header);
    }
    if !start.starts_with(b"PROXY ") {
        return Err(no_header());
    }
    let mut line = start.to_vec();
    while !line.ends_with(b"\n") {
        if line.len() >= LINE {
            return Err(no_header());
        }
        line.push(socket.read_u8().await?);
    }
    version1(&line).map(Into::into).ok_or_else(no_header)
}

fn no_header() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "no header of the PROXY protocol",
    )
}

fn version1(line: &[u8]) -> Option<Told> {
    let text = std::str::from_utf8(line.strip_suffix(b"\r\n")?).ok()?;
    let rest = text.strip_prefix("PROXY ")?;
    if rest == "UNKNOWN" || rest.starts_with("UNKNOWN ") {
        return Some(Told::Nothing);
    }
    let mut words = rest.split(' ');
    let family = words.next()?;
    let (source, destination) = (words.next()?, words.next()?);
    let (from, to) = (words.next()?, words.next()?);
    if words.next().is_some() || !is_port(from) || !is_port(to) {
        return None;
    }
    match family {
        "TCP4" => {
            destination.parse::<Ipv4Addr>().ok()?;
            Some(Told::Whose(IpAddr::V4(source.parse().ok()?)))
        }
        "TCP6" => {
            destination.parse::<Ipv6Addr>().ok()?;
            Some(Told::Whose(canonical(source.parse().ok()?)))
        }
        _ => None,
    }
}

fn is_port(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain && (text == "0" || !text.starts_with('0')) && text.parse::<u16>().is_ok()
}

fn canonical(address: Ipv6Addr) -> IpAddr {
    IpAddr::V6(address).to_canonical()
}

fn version2(command: u8, family: u8, rest: &[u8]) -> Option<Told> {
    // Addresses: source, destination and two ports.
    let addresses = match family {
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        _ => return None,
    };
    if command == 0x20 {
        // A health check of the peer's own: what follows is to be skipped, whatever it is.
        return Some(Told::Nothing);
    }
    let (told, extensions) = rest.split_at_checked(addresses)?;
    if command != 0x21 || !are_extensions(extensions) {
        return None;
    }
    Some(match family {
        0x11 => {
            let source: [u8; 4] = told.get(..4)?.try_into().ok()?;
            Told::Whose(IpAddr::from(source))
        }
        0x21 => {
            let source: [u8; 16] = told.get(..16)?.try_into().ok()?;
            Told::Whose(canonical(Ipv6Addr::from(source)))
        }
        _ => Told::Nothing,
    })
}

/// Whether the bytes are whole extensions (type, length, value), whatever they say.
fn are_extensions(mut bytes: &[u8]) -> bool {
    while let Some((head, rest)) = bytes.split_at_checked(3) {
        let [_, high, low] = head else { return false };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((_, rest)) = rest.split_at_checked(length) else {
            return false;
        };
        bytes = rest;
    }
    bytes.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What was read, and what is left behind it.
    fn read_all(bytes: &[u8]) -> (io::Result<Option<IpAddr>>, Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut rest = bytes;
        let read = runtime.block_on(read(&mut rest));
        (read, rest.to_vec())
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family][..], &length, rest].concat()
    }

    #[test]
    fn headers_are_read_and_nothing_behind_them() {
        let four = [&[192, 0, 2, 7, 10, 0, 0, 1, 1, 2, 3, 4][..]].concat();
        let six = [&[0x20, 1, 0xd, 0xb8][..], &[0; 32]].concat();
        let extended = [&four[..], &[0x04, 0, 2, 9, 9]].concat();
        for (header, expected) in [
            (
                b"PROXY TCP4 192.0.2.7 10.0.0.1 1 65535\r\n".to_vec(),
                Some("192.0.2.7"),
            ),
            (
                b"PROXY TCP6 2001:db8:: ::1 0 443\r\n".to_vec(),
                Some("2001:db8::"),
            ),
            (
                b"PROXY TCP6 ::ffff:192.0.2.7 ::1 0 443\r\n".to_vec(),
                Some("192.0.2.7"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN what ever\r\n".to_vec(), None),
            (v2(0x21, 0x11, &four), Some("192.0.2.7")),
            (v2(0x21, 0x11, &extended), Some("192.0.2.7")),
            (v2(0x21, 0x21, &six), Some("2001:db8::")),
            (v2(0x21, 0x00, &[]), None),
            (v2(0x20, 0x11, &four), None),
            (v2(0x20, 0x00, b"?"), None),
        ] {
            let bytes = [&header[..], b"GET /"].concat();
            let (read, rest) = read_all(&bytes);
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(read.unwrap(), expected, "{header:?}");
            assert_eq!(rest, b"GET /", "{header:?}");
        }
    }

    #[test]
    fn what_is_almost_a_header_is_none() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE));
        for bytes in [
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 65536\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 01 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.07 10.0.0.1 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2 \r\n".to_vec(),
            b"PROXY TCP4  192.0.2.7 10.0.0.1 1 2\r\n".to_vec(),
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n".to_vec(),
            b"PROXY TCP4 ::1 ::1 1 2\r\n".to_vec(),
            b"PROXY TCP6 192.0.2.7 ::1 1 2\r\n".to_vec(),
            b"PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n".to_vec(),
            b"PROXY UNKNOWNS\r\n\r\n".to_vec(),
            b"proxy TCP4 192.0.2.7 10.0.0.1 1 2\r\n".to_vec(),
            long.into_bytes(),
            v2(0x22, 0x11, &[0; 12]),
            v2(0x11, 0x11, &[0; 12]),
            v2(0x21, 0x12, &[0; 12]),
            v2(0x21, 0x31, &[0; 216]),
            v2(0x21, 0x11, &[0; 11]),
            v2(0x21, 0x11, &[0; 13]),
            v2(
                0x21,
                0x11,
                &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 2, 9],
            ),
            v2(0x21, 0x21, &[0; 12]),
            v2(0x21, 0x11, &[0; REST + 1]),
        ] {
            assert!(
                read_all(&bytes).0.is_err(),
                "{:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), which in 0..3) {
            let start: &[u8] = match which {
                0 => b"",
                1 => b"PROXY TCP4 ",
                _ => SIGNATURE,
            };
            let _ = read_all(&[start, &bytes].concat());
        }
    }
}
