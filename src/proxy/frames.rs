//! Where WebSocket frames begin and end in what an upstream sends: a frame of ours may only stand between two.

/// Follows the frames of one direction (RFC 6455, 5.2), whatever is in them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Frames {
    head: [u8; 14],
    have: usize,
    left: u64,
}

impl Frames {
    /// Whether one frame has ended and the next not begun.
    pub fn at_boundary(&self) -> bool {
        self.have == 0 && self.left == 0
    }

    /// Bytes that go by.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = self.step(bytes);
        }
    }

    /// How many of the bytes to come belong to the frame that is open.
    pub fn to_boundary(&self, bytes: &[u8]) -> usize {
        let mut ahead = *self;
        let mut rest = bytes;
        while !rest.is_empty() && !ahead.at_boundary() {
            rest = ahead.step(rest);
        }
        bytes.len().saturating_sub(rest.len())
    }

    /// Passes over the rest of a frame, or one byte of its head.
    fn step<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.left > 0 {
            let here = usize::try_from(self.left)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            self.left = self
                .left
                .saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
            return bytes.get(here..).unwrap_or_default();
        }
        let Some((byte, rest)) = bytes.split_first() else {
            return bytes;
        };
        if let Some(place) = self.head.get_mut(self.have) {
            *place = *byte;
        }
        self.have = self.have.saturating_add(1);
        if self.have >= self.head_length() {
            self.left = self.payload();
            self.have = 0;
        }
        rest
    }

    fn head_length(&self) -> usize {
        let [_, second, ..] = self.head;
        if self.have < 2 {
            return 2;
        }
        let extended = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0_usize } else { 4 };
        mask.saturating_add(extended).saturating_add(2)
    }

    fn payload(&self) -> u64 {
        let [_, second, ref extended @ ..] = self.head;
        let length = match second & 0x7f {
            126 => extended
                .first_chunk()
                .map(|two| u64::from(u16::from_be_bytes(*two))),
            127 => extended
                .first_chunk()
                .map(|eight| u64::from_be_bytes(*eight)),
            short => Some(u64::from(short)),
        };
        length.unwrap_or_default()
    }
}

/// A close frame with the code 1008 (policy violation), as a server sends it.
pub const POLICY_VIOLATION: [u8; 4] = [0x88, 2, 0x03, 0xf0];

#[cfg(test)]
mod tests {
    #![expect(clippy::arithmetic_side_effects, reason = "tests count small things")]

    use proptest::prelude::*;

    use super::*;

    fn frame(length: usize, masked: bool) -> Vec<u8> {
        let mask = if masked { 0x80 } else { 0 };
        let mut frame = vec![0x82];
        if length < 126 {
            frame.push(mask | u8::try_from(length).unwrap());
        } else if let Ok(short) = u16::try_from(length) {
            frame.push(mask | 0x7e);
            frame.extend(short.to_be_bytes());
        } else {
            frame.push(mask | 0x7f);
            frame.extend((length as u64).to_be_bytes());
        }
        if masked {
            frame.extend([1, 2, 3, 4]);
        }
        frame.resize(frame.len() + length, 0xff);
        frame
    }

    proptest! {
        #[test]
        fn boundaries_are_between_frames_however_they_come(
            sizes in proptest::collection::vec((0_usize..300, any::<bool>()), 1..6),
            large in any::<bool>(),
            piece in 1_usize..50,
        ) {
            let mut all = Vec::new();
            let mut boundaries = vec![0];
            for (size, masked) in sizes {
                let size = if large { size + 65_500 } else { size };
                all.extend(frame(size, masked));
                boundaries.push(all.len());
            }
            let mut frames = Frames::default();
            let mut at = 0;
            while at < all.len() {
                prop_assert_eq!(frames.at_boundary(), boundaries.contains(&at));
                let next = *boundaries.iter().find(|end| **end >= at).unwrap();
                prop_assert_eq!(frames.to_boundary(&all[at..]), next - at);
                let end = (at + piece).min(all.len());
                frames.pass(&all[at..end]);
                at = end;
            }
            prop_assert!(frames.at_boundary());
        }
    }
}
