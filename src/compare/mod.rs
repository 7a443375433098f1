//! Two runs over the same rows: which rows, checks and numbers differ, and whether the difference is more than chance.
//!
//! Pure: takes rows as results.jsonl or a baseline file has them, pair by pair, and keeps of them what it lists.

mod differences;
mod figures;
mod keys;
mod markdown;
mod pairs;
mod repeated;
mod row;
mod summary;
mod text;
mod words;

pub use differences::{Difference, Side};
pub use keys::{Keys, Seen};
pub use markdown::render_markdown;
pub use pairs::{Options, Pairs};
pub use repeated::{Answer, Repeated, RowCounts as RepeatedRows, Varied, Volatile};
pub use row::Row;
pub use summary::{
    CheckChange, Comparison, CostChange, Counts, Flip, Flips, NumberChange, OutcomeChange, RowCounts, Verdict,
};
pub use text::render_text;

#[cfg(test)]
mod tests;
