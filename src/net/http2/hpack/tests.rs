//! The examples of RFC 7541, and that nothing depends on how a block is cut.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "tests end at the first thing that is not as it should be"
)]

use proptest::prelude::*;

use super::*;
use crate::net::http2::huffman::tests::encode;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .map(|digit| u8::try_from(digit).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn text(fields: &Fields) -> Vec<String> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let lines = fields
        .iter()
        .map(|(name, value)| text(name) + ": " + &text(value));
    lines.collect()
}

/// Reads a whole block.
fn read(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<String>, Unreadable> {
    let mut fields = Fields::new(64 * 1024);
    decoder.begin();
    let mut rest = block;
    decoder.read(&mut rest, &mut fields)?;
    if !rest.is_empty() || !decoder.at_end() {
        return Err(Unreadable::Short);
    }
    Ok(text(&fields))
}

#[test]
fn the_examples_of_the_rfc_are_read() {
    let mut decoder = Decoder::default();
    let get = [":method: GET", ":scheme: http", ":path: /"];
    for (block, expected) in [
        (
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            [&get[..], &[":authority: www.example.com"]].concat(),
        ),
        (
            "8286 84be 5886 a8eb 1064 9cbf",
            [
                &get[..],
                &[":authority: www.example.com", "cache-control: no-cache"],
            ]
            .concat(),
        ),
        (
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            vec![
                ":method: GET",
                ":scheme: https",
                ":path: /index.html",
                ":authority: www.example.com",
                "custom-key: custom-value",
            ],
        ),
    ] {
        assert_eq!(read(&mut decoder, &bytes(block)).unwrap(), expected);
    }
    assert_eq!(decoder.table.state().0, 164);
}

#[test]
fn a_small_table_forgets_the_oldest() {
    let mut decoder = Decoder::default();
    let date = "date: Mon, 21 Oct 2013 20:13:21 GMT";
    let rest = [
        "cache-control: private",
        date,
        "location: https://www.example.com",
    ];
    // Its size comes first: 256.
    let first = "3fe1 01 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 \
                 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3";
    let expected = [&[":status: 302"][..], &rest].concat();
    assert_eq!(read(&mut decoder, &bytes(first)).unwrap(), expected);
    let expected = [&[":status: 307"][..], &rest].concat();
    assert_eq!(
        read(&mut decoder, &bytes("4883 640e ffc1 c0bf")).unwrap(),
        expected
    );
    assert!(matches!(decoder.table.state(), (222, 4, _)));
    // Nothing is left of it.
    assert_eq!(
        read(&mut decoder, &bytes("20")).unwrap(),
        Vec::<String>::new()
    );
    assert!(matches!(decoder.table.state(), (0, 0, _)));
    assert_eq!(read(&mut decoder, &bytes("be")), Err(Unreadable::Invalid));
}

#[test]
fn what_is_no_compression_is_refused() {
    for (block, why) in [
        // No entry 0; none beyond the tables; a table larger than was allowed; a size behind a field.
        ("80", Unreadable::Invalid),
        ("be", Unreadable::Invalid),
        ("3fe2 1f", Unreadable::Invalid),
        ("82 20", Unreadable::Invalid),
        // A number without end, Huffman code that is none.
        ("ff ffff ffff ff00", Unreadable::Invalid),
        ("0081 ff00", Unreadable::Invalid),
        // Cut off.
        ("ff", Unreadable::Short),
        ("00", Unreadable::Short),
        ("0001", Unreadable::Short),
        ("0001 61", Unreadable::Short),
        ("0001 6102 62", Unreadable::Short),
    ] {
        let read = read(&mut Decoder::default(), &bytes(block));
        assert_eq!(read, Err(why), "{block}");
    }
}

#[test]
fn what_is_too_large_is_counted_and_not_kept() {
    let mut decoder = Decoder::default();
    let mut fields = Fields::new(100);
    decoder.begin();
    // A value of 100,000 bytes, for the table: of which a hundred come.
    let mut block = bytes("4001 61 7fa1 8c06");
    assert_eq!(integer(&mut &bytes("7fa1 8c06")[..], 7), Ok(100_000));
    block.extend([b'b'; 100]);
    let mut rest = &block[..];
    decoder.read(&mut rest, &mut fields).unwrap();
    assert!(rest.is_empty() && !decoder.at_end() && fields.too_large());
    let more = vec![b'b'; 99_900];
    decoder.read(&mut &more[..], &mut fields).unwrap();
    assert!(decoder.at_end());
    // Fields behind it are read all the same, as the table needs them.
    let mut rest = &bytes("4001 6301 64")[..];
    decoder.read(&mut rest, &mut fields).unwrap();
    assert_eq!(fields.iter().count(), 0);
    assert_eq!(read(&mut decoder, &bytes("be")).unwrap(), ["c: d"]);
    assert_eq!(read(&mut decoder, &bytes("bf")), Err(Unreadable::Invalid));
}

/// Reads a block in pieces of a size, as a connection does: what is left of one comes before the next.
fn read_in_pieces(
    decoder: &mut Decoder,
    fields: &mut Fields,
    block: &[u8],
    size: usize,
    mut after_each: impl FnMut(&Fields),
) -> Result<(), Unreadable> {
    decoder.begin();
    let mut held = Vec::new();
    for piece in block.chunks(size) {
        held.extend_from_slice(piece);
        let mut rest = &held[..];
        decoder.read(&mut rest, fields)?;
        let left = rest.len();
        held.drain(..held.len() - left);
        after_each(fields);
    }
    if held.is_empty() && decoder.at_end() {
        Ok(())
    } else {
        Err(Unreadable::Short)
    }
}

/// What is decoded with every piece anew costs the square of its length.
#[test]
fn nothing_is_decoded_before_all_of_it_is_there() {
    for (coded, named) in [(true, true), (true, false), (false, true), (false, false)] {
        let text = |text: &[u8]| {
            let (flag, text) = if coded {
                (0x80, encode(text))
            } else {
                (0, text.to_vec())
            };
            let mut bytes = vec![flag | 0x7f];
            let mut rest = text.len() - 0x7f;
            while rest > 0x7f {
                bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
                rest >>= 7;
            }
            bytes.push(u8::try_from(rest).unwrap());
            bytes.extend(text);
            bytes
        };
        let block = if named {
            [
                &[0x40][..],
                &text(&b"n".repeat(20_000)),
                &text(&b"v".repeat(20_000)),
            ]
            .concat()
        } else {
            [&[0x44][..], &text(&b"v".repeat(40_000))].concat()
        };
        let mut fields = Fields::new(64 * 1024);
        let (mut pieces, mut decoded_in) = (0, 0);
        let mut decoder = Decoder::default();
        let read = read_in_pieces(&mut decoder, &mut fields, &block, 7, |fields| {
            pieces += 1;
            // Room is made with the first byte that is written, and stays.
            decoded_in += usize::from(fields.bytes.capacity() > 0);
        });
        assert_eq!(read, Ok(()));
        assert_eq!((pieces, decoded_in), (block.len().div_ceil(7), 1));
        assert_eq!(fields.iter().count(), 1);
    }
}

/// A name that is too large is passed over like a value, and its value with it.
#[test]
fn a_name_without_end_is_not_kept_either() {
    let mut decoder = Decoder::default();
    assert_eq!(
        read(&mut decoder, &bytes("4001 6101 62")).unwrap(),
        ["a: b"]
    );
    let mut fields = Fields::new(100);
    decoder.begin();
    let mut rest = &bytes("407f a18c 06")[..];
    decoder.read(&mut rest, &mut fields).unwrap();
    assert!(rest.is_empty() && !decoder.at_end() && fields.too_large());
    decoder
        .read(&mut &vec![b'a'; 100_000][..], &mut fields)
        .unwrap();
    assert!(!decoder.at_end());
    let mut rest = &bytes("0362 6262 4001 6301 64")[..];
    decoder.read(&mut rest, &mut fields).unwrap();
    assert!(rest.is_empty() && decoder.at_end());
    // It was for the table, which is empty of all that was before it.
    assert_eq!(read(&mut decoder, &bytes("be")).unwrap(), ["c: d"]);
    assert_eq!(read(&mut decoder, &bytes("bf")), Err(Unreadable::Invalid));
}

/// Fields that come and go leave the memory as it is.
#[test]
fn a_table_takes_no_more_memory_for_being_used_for_long() {
    let mut decoder = Decoder::default();
    for number in 0..10_000 {
        let value = number.to_string().repeat(number % 60 + 1);
        let mut block = bytes("4001 61");
        let length = value.len();
        if length < 0x7f {
            block.push(u8::try_from(length).unwrap());
        } else {
            block.extend([0x7f, u8::try_from((length - 0x7f) & 0x7f).unwrap() | 0x80]);
            block.push(u8::try_from((length - 0x7f) >> 7).unwrap());
        }
        block.extend(value.as_bytes());
        block.push(0xbe);
        let field = format!("a: {value}");
        assert_eq!(read(&mut decoder, &block).unwrap(), [&*field, &field]);
    }
    let (size, _, room) = decoder.table.state();
    assert!(size <= table::MOST && room <= 2 * table::MOST, "{room}");
}

/// A field in one of the ways that there are to write it.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let string = prop::collection::vec(any::<u8>(), 0..40);
    let string = (string, any::<bool>()).prop_map(|(text, coded)| {
        let (flag, text) = if coded {
            (0x80, encode(&text))
        } else {
            (0, text)
        };
        let length = u8::try_from(text.len()).unwrap_or(0x7f).min(0x7e);
        let text = &text[..text.len().min(usize::from(length))];
        [&[flag | length], text].concat()
    });
    let index = prop_oneof![1..=70_u8, Just(0)];
    prop_oneof![
        (1..=70_u8).prop_map(|index| vec![0x80 | index]),
        (
            prop::sample::select(vec![0x00, 0x10, 0x40]),
            string.clone(),
            string.clone()
        )
            .prop_map(|(kind, name, value)| [&[kind], &name[..], &value].concat()),
        (index, string).prop_map(|(index, value)| {
            let index = 0x40 | index.min(62);
            [&[index], &value[..]].concat()
        }),
    ]
}

proptest! {
    /// However a block is cut, the same is read, and the table is the same.
    #[test]
    fn cuts_change_nothing(
        blocks in prop::collection::vec(prop::collection::vec(field(), 0..12), 1..5),
        cut in 1..20_usize,
    ) {
        let (mut one, mut other) = (Decoder::default(), Decoder::default());
        for block in blocks {
            let block = block.concat();
            let whole = read(&mut one, &block);
            let mut fields = Fields::new(64 * 1024);
            let outcome = read_in_pieces(&mut other, &mut fields, &block, cut, |_| {});
            prop_assert_eq!(&whole, &outcome.map(|()| text(&fields)));
            if whole.is_err() {
                break;
            }
            let ((size, count, room), (size_too, count_too, _)) = (one.table.state(), other.table.state());
            prop_assert_eq!((size, count), (size_too, count_too));
            prop_assert!(size <= table::MOST && room <= 2 * table::MOST);
        }
    }
}
