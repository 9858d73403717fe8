//! Points of Curve25519 that stand for no secret: anybody can sign for a key of theirs whatever is asked for. The library
//! that verifies takes them, as RFC 8032 lets it.

/// Each y that a point of order 1, 2, 4 or 8 has, also where it is written as one that is too large.
const ORDINATES: [[u8; 32]; 7] = [
    small(0),
    small(1),
    near_prime(0xec),
    near_prime(0xed),
    near_prime(0xee),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

const fn small(first: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    let [low, ..] = &mut bytes;
    *low = first;
    bytes
}

/// The prime is 2^255 - 19.
const fn near_prime(first: u8) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    let [low, .., high] = &mut bytes;
    *low = first;
    *high = 0x7f;
    bytes
}

/// Whether this is such a point.
pub(super) fn is_small_order(point: &[u8]) -> bool {
    let Ok(mut ordinate) = <[u8; 32]>::try_from(point) else {
        return false;
    };
    // The topmost bit is of the other coordinate.
    let [.., high] = &mut ordinate;
    *high &= 0x7f;
    ORDINATES.contains(&ordinate)
}
