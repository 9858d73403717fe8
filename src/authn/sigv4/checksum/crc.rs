//! Cyclic redundancy checks of 32 and 64 bits, least significant bit first, eight bytes at a time.

use std::sync::LazyLock;

/// What tells one from another.
pub(super) struct Kind {
    width: u32,
    tables: LazyLock<Tables>,
}

/// `tables[k][byte]`: what a byte comes to when `k` zero bytes follow it.
type Tables = Box<[[u64; 256]; 8]>;

/// CRC-32 of IEEE 802.3.
pub(super) static CRC32: Kind = Kind {
    width: 32,
    tables: LazyLock::new(|| tables(0xEDB8_8320)),
};
/// CRC-32C (Castagnoli).
pub(super) static CRC32C: Kind = Kind {
    width: 32,
    tables: LazyLock::new(|| tables(0x82F6_3B78)),
};
/// CRC-64 of the NVM Express specification.
pub(super) static CRC64NVME: Kind = Kind {
    width: 64,
    tables: LazyLock::new(|| tables(0x9A6C_9329_AC4B_C9B5)),
};

/// `polynomial` is reflected.
fn tables(polynomial: u64) -> Tables {
    let first: [u64; 256] = std::array::from_fn(|byte| {
        let start = u64::try_from(byte).unwrap_or_default();
        (0..8).fold(start, |crc, _| {
            let low = crc & 1;
            (crc >> 1) ^ (low.wrapping_neg() & polynomial)
        })
    });
    let mut row = first;
    Box::new(std::array::from_fn(|at| {
        if at > 0 {
            row = row.map(|crc| (crc >> 8) ^ look(&first, crc));
        }
        row
    }))
}

/// By the lowest byte.
fn look(row: &[u64; 256], crc: u64) -> u64 {
    let at = usize::from(crc.to_le_bytes()[0]);
    row.get(at).copied().unwrap_or_default()
}

/// A check that is being computed.
pub(super) struct Crc {
    kind: &'static Kind,
    state: u64,
}

impl Crc {
    pub(super) fn new(kind: &'static Kind) -> Self {
        Self {
            kind,
            state: u64::MAX >> 64_u32.saturating_sub(kind.width),
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        let tables = &**self.kind.tables;
        let (eights, rest) = data.as_chunks::<8>();
        let mut state = self.state;
        for eight in eights {
            let bytes = state ^ u64::from_le_bytes(*eight);
            // The first byte is followed by seven others.
            state = tables
                .iter()
                .rev()
                .zip(bytes.to_le_bytes())
                .fold(0, |sum, (row, byte)| sum ^ look(row, byte.into()));
        }
        let [first, ..] = tables;
        for byte in rest {
            state = (state >> 8) ^ look(first, state ^ u64::from(*byte));
        }
        self.state = state;
    }

    /// The outcome, most significant byte first.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let skip = if self.kind.width == 32 { 4 } else { 0 };
        let ones = u64::MAX >> 64_u32.saturating_sub(self.kind.width);
        let bytes = (self.state ^ ones).to_be_bytes();
        bytes.into_iter().skip(skip).collect()
    }
}
