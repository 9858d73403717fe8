//! How many of a shard's ids are whose, in little room that never grows: counters that several may share, two for each
//! holder, of which the smaller one counts. A holder may so seem to have more than it has, and never less.

const ROW: usize = 1024;

/// The counters.
#[derive(Debug)]
pub(super) struct Shares {
    rows: [Box<[u16]>; 2],
}

impl Default for Shares {
    fn default() -> Self {
        let row = || vec![0; ROW].into_boxed_slice();
        Self {
            rows: [row(), row()],
        }
    }
}

impl Shares {
    /// How many are whose name has this hash.
    pub(super) fn of(&self, hash: u64) -> usize {
        let rows = self.rows.iter().zip(places(hash));
        let counts = rows.map(|(row, at)| row.get(at).copied().unwrap_or(u16::MAX));
        usize::from(counts.min().unwrap_or(u16::MAX))
    }

    /// One more.
    pub(super) fn add(&mut self, hash: u64) {
        for (row, at) in self.rows.iter_mut().zip(places(hash)) {
            if let Some(count) = row.get_mut(at) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// Nobody has any.
    pub(super) fn clear(&mut self) {
        self.rows.iter_mut().for_each(|row| row.fill(0));
    }
}

/// Where its counters stand: two independent parts of the hash.
fn places(hash: u64) -> [usize; 2] {
    [hash, hash >> 32].map(|part| usize::try_from(part % 1024).unwrap_or_default())
}
