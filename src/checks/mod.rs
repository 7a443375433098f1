//! Checks: rules for what a workflow answers, compiled once, and a row's verdicts. Pure: sees neither file nor network.

mod asked;
mod bounds;
mod choices;
mod difference;
mod judge;
mod number;
mod result;
mod rule;
mod schema;
mod shape;
mod texts;

pub use asked::{JudgeRule, Judgement};
pub use bounds::Bounds;
pub use choices::Choices;
pub use number::{Amount, NumberRule, Tolerance};
pub use result::{CheckResult, CheckVerdict, Checks, Labels};
pub use rule::{Check, Facts, Folding, Rule, RuleSet, SimilarityRule};
pub use schema::{Schema, SchemaError};
pub use shape::Shape;
pub use texts::{Compiled, Pattern, PatternError};

#[cfg(test)]
mod tests;
