//! A check as the manifest has it: what is looked at, and the rules that it must keep.

use std::sync::Arc;

use rust_decimal::Decimal;

use crate::checks::{Bounds, Choices, NumberRule, Pattern, Schema, Shape};
use crate::mapping::{Expression, Reference, Template};
use crate::model::Cost;
use crate::similarity::Measure;

/// A check.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its name, shared with every row's results.
    pub name: Arc<str>,
    /// How much it counts in a row's score, against the other checks.
    pub weight: Decimal,
    /// The rows that it looks at; none: all.
    pub when: Option<Expression>,
    /// What must hold.
    pub rules: RuleSet,
}

/// Rules for one value, all of which must hold.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// What is looked at.
    pub value: Template,
    /// What is the same text.
    pub folding: Folding,
    /// How much it counts in the score of the `all` that it stands in.
    pub weight: Decimal,
    /// The rules, at least one.
    pub rules: Vec<Rule>,
}

/// What is taken for the same text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folding {
    /// Texts that differ in upper and lower case only.
    pub case: bool,
    /// Texts that differ in white space only: at the ends none counts, and between words any is one space.
    pub space: bool,
}

/// One rule.
#[derive(Clone, Debug)]
pub enum Rule {
    /// The value is this one, of the same JSON type.
    Equals(Shape),
    /// The text holds this part, or the list this element.
    Contains(Shape),
    /// The same for every one of several.
    ContainsAll(Choices),
    /// The same for at least one of several.
    ContainsAny(Choices),
    /// The text has a match.
    Regex(Pattern),
    /// The text begins so.
    StartsWith(Shape),
    /// The value is one of several.
    OneOf(Choices),
    /// The value is a number near another, or within a range.
    Number(NumberRule),
    /// The text has so many characters, or the list so many elements.
    Length(Bounds<u64>),
    /// The value is valid by a JSON Schema.
    JsonSchema(Schema),
    /// There is a value that is neither null nor empty; or, with `false`, there is none.
    Present(bool),
    /// The text is JSON; or, with `false`, it is not.
    IsJson(bool),
    /// The text is like another.
    Similarity(SimilarityRule),
    /// The row's latency, in milliseconds.
    Latency(Bounds<u64>),
    /// The row's cost, in the workflow's unit.
    Cost(Bounds<Cost>),
    /// The row's tokens.
    Tokens(Bounds<u64>),
    /// The rules do not hold.
    Not(Box<RuleSet>),
    /// Each of these holds.
    All(Vec<RuleSet>),
    /// At least one of these holds.
    Any(Vec<RuleSet>),
}

/// `similarity`.
#[derive(Clone, Debug)]
pub struct SimilarityRule {
    /// The other text.
    pub to: Shape,
    /// How they are compared.
    pub measure: Measure,
    /// From what score on the rule holds, between 0 and 1.
    pub at_least: Decimal,
}

/// What is known of a row beside its texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// In milliseconds.
    pub latency_ms: Option<u64>,
    /// In the workflow's unit.
    pub cost: Option<Cost>,
    /// Of all executions.
    pub tokens: Option<u64>,
    /// Whether the row succeeded: else there is no output to look at.
    pub succeeded: bool,
}

impl Check {
    /// Gives every name that the check refers to.
    pub fn references(&self) -> Vec<&Reference> {
        let mut found = Vec::new();
        found.extend(self.when.iter().flat_map(Expression::references));
        self.rules.gather(&mut found);
        found
    }

    /// Says whether the check compares a row's label with the one that is expected of it, so that classes and a
    /// confusion matrix mean something.
    pub fn compares_labels(&self) -> bool {
        let mut found = Vec::new();
        match self.rules.rules.as_slice() {
            [Rule::Equals(expected)] => expected.gather(&mut found),
            [Rule::OneOf(expected)] => expected.gather(&mut found),
            _ => {}
        }
        !found.is_empty()
    }
}

impl RuleSet {
    fn gather<'a>(&'a self, found: &mut Vec<&'a Reference>) {
        if self.rules.iter().any(Rule::looks_at_the_value) {
            found.extend(self.value.references());
        }
        for rule in &self.rules {
            match rule {
                Rule::Equals(shape) | Rule::Contains(shape) | Rule::StartsWith(shape) => shape.gather(found),
                Rule::ContainsAll(choices) | Rule::ContainsAny(choices) | Rule::OneOf(choices) => {
                    choices.gather(found);
                }
                Rule::Regex(pattern) => found.extend(pattern.references()),
                Rule::Number(number) => number.gather(found),
                Rule::Similarity(similarity) => similarity.to.gather(found),
                Rule::Not(rules) => rules.gather(found),
                Rule::All(all) | Rule::Any(all) => all.iter().for_each(|rules| rules.gather(found)),
                Rule::Length(_)
                | Rule::JsonSchema(_)
                | Rule::Present(_)
                | Rule::IsJson(_)
                | Rule::Latency(_)
                | Rule::Cost(_)
                | Rule::Tokens(_) => {}
            }
        }
    }
}

impl Rule {
    /// Says whether the rule is about the value of its own set.
    pub(super) fn looks_at_the_value(&self) -> bool {
        !matches!(
            self,
            Self::Latency(_) | Self::Cost(_) | Self::Tokens(_) | Self::Not(_) | Self::All(_) | Self::Any(_)
        )
    }
}
