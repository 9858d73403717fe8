use proptest::prelude::*;

use super::*;

fn canonical(raw: &str) -> Result<String, PathError> {
    CanonicalPath::new(raw).map(|path| path.as_str().to_owned())
}

#[test]
fn canonical_forms() {
    for (raw, expected) in [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/", "/a/"),
        ("/a/b", "/a/b"),
        ("/%61dmin", "/admin"),
        ("/%41%7a%2d%2E%5f%7E", "/Az-._~"),
        ("/a/./b", "/a/b"),
        ("/a/.", "/a/"),
        ("/a/./", "/a/"),
        ("/.", "/"),
        ("/a/..", "/"),
        ("/a/../", "/"),
        ("/a/b/..", "/a/"),
        ("/a/b/../c", "/a/c"),
        ("/a/b/../../c", "/c"),
        ("/a/%2e%2e/b", "/b"),
        ("/a/.%2E/b", "/b"),
        ("/a/%2e./b", "/b"),
        ("/a/%2e/b", "/a/b"),
        ("/...", "/..."),
        ("/..a/.b", "/..a/.b"),
        ("/%c3%a9", "/%C3%A9"),
        ("/%F0%9f%98%80", "/%F0%9F%98%80"),
        ("/%20%22%3c", "/%20%22%3C"),
        ("/%3b%3f%23", "/%3B%3F%23"),
        ("/a%2525", "/a%2525"),
        ("/a%252fb", "/a%252fb"),
        ("/a%252e%252e", "/a%252e%252e"),
        ("/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,="),
        ("/\"<>^`{|}", "/\"<>^`{|}"),
    ] {
        assert_eq!(canonical(raw).as_deref(), Ok(expected), "{raw}");
    }
}

#[test]
fn refused_forms() {
    for (raw, error) in [
        ("", PathError::NotAbsolute),
        ("*", PathError::NotAbsolute),
        ("a/b", PathError::NotAbsolute),
        ("http://h/a", PathError::NotAbsolute),
        ("%2Fa", PathError::NotAbsolute),
        ("//", PathError::EmptySegment),
        ("//a", PathError::EmptySegment),
        ("/a//b", PathError::EmptySegment),
        ("/a//", PathError::EmptySegment),
        ("/a/..//b", PathError::EmptySegment),
        ("/a\\b", PathError::Backslash),
        ("/a%5cb", PathError::Backslash),
        ("/a%5C..%5Cb", PathError::Backslash),
        ("/a%2fb", PathError::EncodedSlash),
        ("/a%2Fb", PathError::EncodedSlash),
        ("/a;b", PathError::Parameters),
        ("/a;b/c", PathError::Parameters),
        ("/a%00", PathError::Control),
        ("/a%1f", PathError::Control),
        ("/a%0d%0a", PathError::Control),
        ("/a%7f", PathError::Control),
        ("/a%", PathError::BadEscape),
        ("/a%4", PathError::BadEscape),
        ("/a%4g", PathError::BadEscape),
        ("/a%+1", PathError::BadEscape),
        ("/a%u0041", PathError::BadEscape),
        ("/%c0%af", PathError::NotUtf8),
        ("/%c3", PathError::NotUtf8),
        ("/%c3a", PathError::NotUtf8),
        ("/%c3%41", PathError::NotUtf8),
        ("/%c3/%a9", PathError::NotUtf8),
        ("/%ff/..", PathError::NotUtf8),
        ("/%ed%a0%80", PathError::NotUtf8),
        ("/..", PathError::AboveRoot),
        ("/../a", PathError::AboveRoot),
        ("/%2e%2e/a", PathError::AboveRoot),
        ("/a/../..", PathError::AboveRoot),
        ("/./..", PathError::AboveRoot),
        ("/a#b", PathError::Fragment),
        ("/a?b", PathError::Fragment),
        ("/a b", PathError::Byte),
        ("/a\tb", PathError::Byte),
        ("/a\u{7f}", PathError::Byte),
        ("/é", PathError::Byte),
    ] {
        assert_eq!(canonical(raw), Err(error), "{raw}");
    }
}

#[test]
fn a_hidden_segment_beside_a_slash_or_a_parameter_is_refused() {
    for raw in [
        "/a/..;x/b",
        "/a/%2e%2e;/b",
        "/a/;x",
        "/a;x/../b",
        "/a;x/./b",
        "/a%2F..",
        "/a%2f%2e%2e%2fb",
        "/..%2Fa",
        "/a%2F",
        "/%2Fa",
        "/a%2F%2Fb",
        "/a%2F./b",
        "/a%2F;x",
        "/b/../a%2Fb",
        "/a;x%2F..",
        "/a;x=%2F",
    ] {
        assert_eq!(
            CanonicalPath::relaxed(raw),
            Err(PathError::HiddenSegment),
            "{raw}"
        );
    }
    for raw in [
        "/a;x/b",
        "/a%2Fb",
        "/a%2Fb/",
        "/a;..",
        "/a;x=1;y=2%2Fb;z",
        "/a;",
    ] {
        let path = CanonicalPath::relaxed(raw).unwrap();
        assert_eq!(path.as_str(), raw);
        assert_eq!(path.encoded_slash(), raw.contains("%2F"), "{raw}");
        assert_eq!(path.parameters(), raw.contains(';'), "{raw}");
        assert!(CanonicalPath::new(raw).is_err(), "{raw}");
    }
}

#[test]
fn the_readings_of_a_path_with_slash_and_parameter() {
    let path = CanonicalPath::relaxed("/a;x%2fb/c%2Fd;y").unwrap();
    assert_eq!(
        path.readings(),
        ["/a/c/d", "/a/b/c/d", "/a/c%2Fd", "/a;x/b/c/d;y"]
    );
}

#[test]
fn decoded_segments() {
    assert_eq!(decode("plain"), "plain");
    assert_eq!(decode("caf%C3%A9%20%25%2A"), "café %*");
    assert_eq!(decode("a%2Fb%20c"), "a/b c");
    assert_eq!(decode_for_arn("a%2Fb%20c"), "a%2Fb c");
}

/// Paths that are likely to hit a rule: pieces that mean something to one reader or another.
fn paths() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("/".to_owned()),
        1 => prop::sample::select(vec![
            ".", "..", "%2e", "%2E%2e", "%2f", "%2F", "%5c", ";", ";x=1", "%3b", "%25", "%252f", "%41", "%c3%a9",
            "%C3", "%a9", "%00", "%7F", "\\", "%", "%4", "é", " ", "?", "#", "*", "{x}", "%20",
        ]).prop_map(str::to_owned),
        2 => "[a-zA-Z0-9]{1,3}",
        1 => any::<u8>().prop_map(|byte| format!("%{byte:02x}")),
        1 => any::<char>().prop_map(|c| c.to_string()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

/// What a naive reader makes of a path: every escape decoded.
fn naive(path: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = (byte == b'%').then(|| escaped(tail)).flatten();
        out.push(escape.unwrap_or(byte));
        rest = if escape.is_some() { &tail[2..] } else { tail };
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn canonical_twice_is_canonical_once(raw in paths()) {
        for make in [CanonicalPath::new, CanonicalPath::relaxed] {
            if let Ok(path) = make(&raw) {
                prop_assert_eq!(make(path.as_str()), Ok(path));
            }
        }
    }

    #[test]
    fn a_plain_path_is_what_the_writer_would_write(raw in paths()) {
        if is_plain(&raw) {
            let written = Writer::default().run(raw.as_bytes());
            prop_assert_eq!(written, CanonicalPath::relaxed(&raw));
        }
    }

    #[test]
    fn nothing_ambiguous_is_left(raw in paths()) {
        if let Ok(path) = CanonicalPath::new(&raw) {
            let text = path.as_str();
            prop_assert!(text.starts_with('/'));
            prop_assert!(text.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
            for bad in ["//", "\\", ";", "?", "#", "%2F", "%5C"] {
                prop_assert!(!text.contains(bad), "{} in {}", bad, text);
            }
            prop_assert!(path.segments().all(|segment| segment != "." && segment != ".."));
            for behind in text.split('%').skip(1) {
                let value = escaped(behind.as_bytes()).unwrap();
                let written = format!("{value:02X}");
                prop_assert!(behind.starts_with(&written));
                prop_assert!(!is_unreserved(value) && value >= 0x20 && value != 0x7f);
            }
            // A reader that decodes sees the same segments: no new slash, no dot segment, no empty segment.
            let decoded = String::from_utf8(naive(text)).unwrap();
            let segments: Vec<_> = path.segments().map(|segment| decode(segment).into_owned()).collect();
            prop_assert_eq!(decoded.split('/').skip(1).collect::<Vec<_>>(), segments);
        }
    }

    #[test]
    fn escaping_an_unreserved_character_changes_nothing(raw in "(/[a-z0-9._~-]{1,4}){1,4}/?", seed in any::<u64>()) {
        let mut escaped = String::new();
        for (at, c) in raw.char_indices() {
            if c != '/' && seed >> (at % 64) & 1 == 1 {
                escaped.push_str(&format!("%{:02x}", c as u32));
            } else {
                escaped.push(c);
            }
        }
        prop_assert_eq!(canonical(&raw), canonical(&escaped));
    }

    #[test]
    fn any_text_is_judged_without_a_panic(raw in ".{0,200}") {
        let _ = CanonicalPath::relaxed(&raw);
    }

    /// Against RFC 3986, 5.2.4, written the slow way.
    #[test]
    fn dot_segments_go_as_in_rfc_3986(segments in prop::collection::vec(prop::sample::select(vec!["a", "b", ".", "..", "c"]), 1..10), slash in any::<bool>()) {
        let mut raw = format!("/{}", segments.join("/"));
        if slash {
            raw.push('/');
        }
        let mut stack: Vec<&str> = Vec::new();
        let mut climbs = false;
        for segment in &segments {
            match *segment {
                "." => {}
                ".." => climbs |= stack.pop().is_none(),
                other => stack.push(other),
            }
        }
        let directory = slash || matches!(*segments.last().unwrap(), "." | "..");
        let mut expected = format!("/{}", stack.join("/"));
        if directory && !expected.ends_with('/') {
            expected.push('/');
        }
        prop_assert_eq!(canonical(&raw), if climbs { Err(PathError::AboveRoot) } else { Ok(expected) });
    }
}
