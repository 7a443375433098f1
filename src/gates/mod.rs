//! Gates: conditions on a run's figures, checked against the figures that there are when they are read, and judged
//! exactly. Pure: what it judges is report.json's content.

mod baseline;
mod figures;
mod judge;
mod parser;

pub use baseline::{Baseline, BaselineError, BaselineRow, Identity, SUCCEEDED};
pub use figures::{FigureKind, KnownCheck, TOP_LEVEL};
pub use judge::{Gate, GateResult};
pub use parser::{MoneyUnits, Names};

#[cfg(test)]
mod tests;
