//! How alike two texts are, by the measures that others use: the same figures, to the last digit, bounded in work.
//!
//! Every figure is compared with rapidfuzz, `rouge_score` and sacrebleu: `tests/golden/similarity.py` prints them.

mod bits;
mod bleu;
mod interned;
mod levenshtein;
mod measure;
mod rouge;
mod squad;

pub use measure::Measure;

#[cfg(test)]
mod tests;
