//! A gibibyte up and a gibibyte down pass through in constant memory.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::support::{Sidegate, Site, Upstream};

const SIZE: u64 = 1 << 30;
const PIECE: usize = 256 * 1024;

/// An upstream that reads one request to its end and answers with as many bytes.
fn upstream() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        assert_eq!(
            std::io::copy(&mut (&stream).take(SIZE), &mut std::io::sink()).unwrap(),
            SIZE
        );
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").unwrap();
        send(&mut stream);
    });
    address
}

fn send(stream: &mut TcpStream) {
    let piece = vec![7; PIECE];
    for _ in 0..SIZE / PIECE as u64 {
        stream.write_all(&piece).unwrap();
    }
}

#[test]
fn a_gibibyte_passes_in_constant_memory() {
    let site = Site::with_bundle(&Upstream::start(), "a");
    let text = std::fs::read_to_string(site.path("sidegate.yaml")).unwrap();
    let (before, _) = text.split_once("  app: ").unwrap();
    let (_, after) = text.split_once("bundle:").unwrap();
    site.write(
        "sidegate.yaml",
        &format!(
            "{before}  app: {{ url: \"http://{}\" }}\nbundle:{after}",
            upstream()
        ),
    );
    let sidegate = Sidegate::start(&site);
    let memory = || sidegate.metric("process_resident_memory_bytes").unwrap();
    let quiet = memory();
    let mut stream = TcpStream::connect(sidegate.ingress).unwrap();
    write!(
        stream,
        "POST /upload HTTP/1.1\r\nHost: app.test\r\nContent-Length: {SIZE}\r\n\r\n"
    )
    .unwrap();
    send(&mut stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(
        head.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    assert_eq!(
        std::io::copy(&mut stream.take(SIZE), &mut std::io::sink()).unwrap(),
        SIZE
    );
    let grown = memory() - quiet;
    assert!(grown < 32.0 * 1024.0 * 1024.0, "grew by {grown} bytes");
}
