//! When the service asked to slow down, in stretches of time.

use std::collections::BTreeMap;

/// Stretches that are told apart.
const MAX_STRETCHES: usize = 480;

/// How often the service asked to slow down, by stretches of time. Memory is bounded, however long the run: the stretches
/// grow instead.
#[derive(Clone, Debug, Default)]
pub struct Throttling {
    counts: BTreeMap<u64, u64>,
    width: usize,
}

impl Throttling {
    /// Lengths of a stretch in ms: each is so many of the one before.
    pub const WIDTHS_MS: [u64; 15] = [
        10, 50, 100, 500, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
        21_600_000, 86_400_000,
    ];

    /// Takes in that it asked at an instant, in ms since 1970.
    pub fn note(&mut self, t_ms: u64) {
        while self.counts.len() >= MAX_STRETCHES
            && self.width + 1 < Self::WIDTHS_MS.len()
            && !self.counts.contains_key(&(t_ms / self.width_ms()))
        {
            let times = Self::WIDTHS_MS[self.width + 1] / Self::WIDTHS_MS[self.width];
            self.width += 1;
            for (place, count) in std::mem::take(&mut self.counts) {
                *self.counts.entry(place / times).or_default() += count;
            }
        }
        *self.counts.entry(t_ms / self.width_ms()).or_default() += 1;
    }

    /// Gives how long a stretch is: one of `WIDTHS_MS`.
    pub fn width_ms(&self) -> u64 {
        Self::WIDTHS_MS[self.width]
    }

    /// Gives the beginnings of stretches, in ms since 1970, and how often it asked in each, where it did.
    pub fn stretches(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.counts.iter().map(|(place, count)| (place * self.width_ms(), *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_to_slow_down_is_lost_however_long_the_run() {
        let mut throttling = Throttling::default();
        throttling.note(1_003);
        throttling.note(1_009);
        throttling.note(1_010);
        assert_eq!(throttling.stretches().collect::<Vec<_>>(), [(1_000, 2), (1_010, 1)]);
        for day in 0..2_000 {
            throttling.note(day * 86_400_000);
        }
        assert_eq!(throttling.stretches().map(|(_, count)| count).sum::<u64>(), 2_003);
        assert_eq!((throttling.width_ms(), throttling.stretches().next()), (86_400_000, Some((0, 4))));
        let mut quick = Throttling::default();
        (0..10_000).for_each(|t_ms| quick.note(t_ms));
        assert_eq!((quick.width_ms(), quick.stretches().count()), (50, 200));
    }
}
