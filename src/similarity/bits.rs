//! Edit distance and longest common subsequence, 64 cells of the table at a time.
//!
//! Both keep a stripe of 64 rows of the table as bits of words, go along the other sequence with it, and hand over what
//! leaves at its lower edge to the stripe below. Distance: Myers, "A fast bit-vector algorithm for approximate string
//! matching" (1999), with Hyyrö's hand-over (2003). Subsequence: Hyyrö, "Bit-parallel LCS-length computation revisited"
//! (2004).

const WORD: usize = 64;

/// Above so many cells of the table, sequences are compared in pieces.
const CELLS: usize = 1 << 30;

/// The length of a piece.
const PIECE: usize = 8_192;

/// Gives the edit distance; of sequences that are too long, the sum of their pieces', which is never less.
pub(super) fn distance(a: &[u32], b: &[u32]) -> usize {
    let (a, b) = without_common_ends(a, b);
    in_pieces(a, b, CELLS, exact_distance, |rest| rest)
}

/// Gives the length of the longest common subsequence; of sequences that are too long, the sum of their pieces', which is
/// never more.
pub(super) fn common(a: &[u32], b: &[u32]) -> usize {
    let (inner_a, inner_b) = without_common_ends(a, b);
    a.len() - inner_a.len() + in_pieces(inner_a, inner_b, CELLS, exact_common, |_| 0)
}

/// Compares as a whole, or each piece with the other's; `alone` is for what of the longer one has no partner.
fn in_pieces(
    a: &[u32],
    b: &[u32],
    cells: usize,
    compare: fn(&[u32], &[u32]) -> usize,
    alone: fn(usize) -> usize,
) -> usize {
    if a.len().saturating_mul(b.len()) <= cells {
        return compare(a, b);
    }
    let paired = a.chunks(PIECE).zip(b.chunks(PIECE));
    let (shorter, longer) = (a.len().min(b.len()), a.len().max(b.len()));
    let with_partner = shorter.div_ceil(PIECE) * PIECE;
    paired.map(|(a, b)| compare(a, b)).sum::<usize>() + alone(longer.saturating_sub(with_partner))
}

fn without_common_ends<'a>(a: &'a [u32], b: &'a [u32]) -> (&'a [u32], &'a [u32]) {
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[front..], &b[front..]);
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    (&a[..a.len() - back], &b[..b.len() - back])
}

/// Where each symbol stands in a stripe, as bits. Symbols are numbered from 0 without great gaps.
struct Masks(Vec<u64>);

impl Masks {
    fn room_for(a: &[u32], b: &[u32]) -> Self {
        let symbols = a.iter().chain(b).max().map_or(0, |symbol| place(*symbol) + 1);
        Self(vec![0; symbols])
    }

    fn set(&mut self, stripe: &[u32]) {
        stripe.iter().zip(0..).for_each(|(symbol, bit)| self.0[place(*symbol)] |= 1 << bit);
    }

    fn clear(&mut self, stripe: &[u32]) {
        for symbol in stripe {
            self.0[place(*symbol)] = 0;
        }
    }
}

fn place(symbol: u32) -> usize {
    usize::try_from(symbol).unwrap_or(usize::MAX)
}

fn exact_distance(a: &[u32], b: &[u32]) -> usize {
    // By how much each column's cell differs from its left neighbour's at the edge between two stripes: above the first,
    // the table counts up.
    let mut steps = vec![1_i8; b.len()];
    let mut masks = Masks::room_for(a, b);
    for stripe in a.chunks(WORD) {
        masks.set(stripe);
        let lowest = 1_u64 << (stripe.len() - 1);
        let (mut up, mut down) = (u64::MAX, 0_u64);
        for (symbol, step) in b.iter().zip(&mut steps) {
            let equal = masks.0[place(*symbol)];
            let vertical = equal | down;
            let equal = equal | u64::from(*step < 0);
            let horizontal = ((equal & up).wrapping_add(up) ^ up) | equal;
            let (more, less) = (down | !(horizontal | up), up & horizontal);
            let leaving = i8::from(more & lowest != 0) - i8::from(less & lowest != 0);
            let (more, less) = ((more << 1) | u64::from(*step > 0), (less << 1) | u64::from(*step < 0));
            up = less | !(vertical | more);
            down = more & vertical;
            *step = leaving;
        }
        masks.clear(stripe);
    }
    let along: isize = steps.iter().map(|step| isize::from(*step)).sum();
    a.len().saturating_add_signed(along)
}

fn exact_common(a: &[u32], b: &[u32]) -> usize {
    let mut carries = vec![false; b.len()];
    let mut masks = Masks::room_for(a, b);
    let mut length = 0;
    for stripe in a.chunks(WORD) {
        masks.set(stripe);
        let mut open = u64::MAX;
        for (symbol, carry) in b.iter().zip(&mut carries) {
            let equal = masks.0[place(*symbol)];
            let (sum, over) = open.overflowing_add(open & equal);
            let (sum, over_again) = sum.overflowing_add(u64::from(*carry));
            open = sum | (open & !equal);
            *carry = over || over_again;
        }
        masks.clear(stripe);
        let used = u64::MAX >> (WORD - stripe.len());
        length += (!open & used).count_ones() as usize;
    }
    length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain_distance(a: &[u32], b: &[u32]) -> usize {
        strsim::generic_levenshtein(&a.to_vec(), &b.to_vec())
    }

    fn plain_common(a: &[u32], b: &[u32]) -> usize {
        let mut row = vec![0; b.len() + 1];
        for symbol in a {
            let mut corner = 0;
            for (at, other) in b.iter().enumerate() {
                let above = row[at + 1];
                row[at + 1] = if symbol == other { corner + 1 } else { above.max(row[at]) };
                corner = above;
            }
        }
        row[b.len()]
    }

    proptest! {
        #[test]
        fn both_give_what_the_plain_table_gives(
            a in proptest::collection::vec(0_u32..6, 0..300),
            b in proptest::collection::vec(0_u32..6, 0..300),
        ) {
            prop_assert_eq!(distance(&a, &b), plain_distance(&a, &b));
            prop_assert_eq!(common(&a, &b), plain_common(&a, &b));
        }
    }

    #[test]
    fn in_pieces_a_distance_is_never_less_and_a_common_part_never_more() {
        let a: Vec<u32> = (0..20_000).map(|i| i * 7 % 31).collect();
        let mut b = a.clone();
        b[5] = 99;
        b.remove(9_000);
        b[17_000] = 99;
        let (whole, pieces) = (exact_distance(&a, &b), in_pieces(&a, &b, 0, exact_distance, |rest| rest));
        assert_eq!(whole, 3);
        assert!(whole <= pieces && pieces < 20, "{pieces}");
        let (whole, pieces) = (exact_common(&a, &b), in_pieces(&a, &b, 0, exact_common, |_| 0));
        assert!(whole >= pieces && pieces > whole - 20, "{pieces} of {whole}");
        // What has no partner counts once.
        assert_eq!(in_pieces(&a, &a[..100], 0, exact_distance, |rest| rest), 19_900);
        assert_eq!(in_pieces(&a, &[], 0, exact_distance, |rest| rest), 20_000);
    }
}
