//! Everything that the program draws by lot, drawn from the seed.

use std::ops::Range;

/// SplitMix64: good enough for moments and choices, and the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each purpose, so that one more drawing here changes nothing there.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        let mut random = Self(seed);
        for byte in purpose.bytes() {
            random.0 = random.next() ^ u64::from(byte);
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in the range; its start, where the range is empty.
    pub(crate) fn within(&mut self, range: Range<i64>) -> i64 {
        let width = u64::try_from(range.end - range.start).unwrap_or(0);
        let drawn = self.next().checked_rem(width).unwrap_or(0);
        range.start + i64::try_from(drawn).unwrap_or(0)
    }

    /// As many different places as asked for, below `places`.
    pub(crate) fn choose(&mut self, wanted: usize, places: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..places).collect();
        for position in 0..wanted.min(places) {
            let from = i64::try_from(position).unwrap_or(0)..i64::try_from(places).unwrap_or(0);
            let other = usize::try_from(self.within(from)).unwrap_or(position);
            all.swap(position, other);
        }
        all.truncate(wanted);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_purpose_give_the_same_again_and_others_differ() {
        let drawn = |seed, purpose| Random::new(seed, purpose).within(0..1_000_000);
        assert_eq!(drawn(1, "a"), drawn(1, "a"));
        assert_ne!(drawn(1, "a"), drawn(2, "a"));
        assert_ne!(drawn(1, "a"), drawn(1, "b"));
    }

    #[test]
    fn what_is_chosen_is_different_and_within() {
        let mut chosen = Random::new(7, "choose").choose(30, 100);
        assert!(chosen.iter().all(|place| *place < 100));
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen.len(), 30);
    }
}
