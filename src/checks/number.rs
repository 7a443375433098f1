//! Rules about a number: near another, or within a range; compared as exact decimals.

use rust_decimal::Decimal;
use serde_json::Value;

use crate::checks::result::CheckResult;
use crate::checks::{Bounds, Shape};
use crate::mapping::{Reference, Scope, decimal, kind};

/// A number that a rule names: as written, or by a template.
#[derive(Clone, Debug)]
pub enum Amount {
    /// As written.
    Fixed(Decimal),
    /// By a template, which renders to a number or to a text that is one.
    Of(Shape),
}

/// How far a number may be from the one that is expected, the bound included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// By so much.
    Absolute(Decimal),
    /// By this share of what is expected, between 0 and 1.
    Share(Decimal),
}

/// `number`.
#[derive(Clone, Debug)]
pub struct NumberRule {
    /// What it is.
    pub equals: Option<Amount>,
    /// How far it may be from that; exactly that without it.
    pub tolerance: Option<Tolerance>,
    /// The least.
    pub min: Option<Amount>,
    /// The most.
    pub max: Option<Amount>,
}

impl NumberRule {
    pub(super) fn gather<'a>(&'a self, found: &mut Vec<&'a Reference>) {
        for amount in [&self.equals, &self.min, &self.max].into_iter().flatten() {
            if let Amount::Of(shape) = amount {
                shape.gather(found);
            }
        }
    }

    pub(super) fn judge(&self, value: &Value, scope: &Scope) -> CheckResult {
        self.try_judge(value, scope).unwrap_or_else(CheckResult::error)
    }

    fn try_judge(&self, value: &Value, scope: &Scope) -> Result<CheckResult, String> {
        let number = read(value)?;
        if let Some(equals) = &self.equals {
            let expected = equals.render(scope)?;
            let allowed = self.allowed(expected)?;
            let apart = number.checked_sub(expected).ok_or(TOO_LARGE)?.abs();
            if apart > allowed {
                let reason = match self.tolerance {
                    None => "is not equal".to_owned(),
                    Some(_) => {
                        format!("is {} away, and {} is allowed", apart.normalize(), allowed.normalize())
                    }
                };
                return Ok(CheckResult::fail(reason).expected(expected.to_string()).actual(value));
            }
        }
        let bound = |amount: &Option<Amount>| amount.as_ref().map(|amount| amount.render(scope)).transpose();
        let bounds = Bounds { min: bound(&self.min)?, max: bound(&self.max)? };
        Ok(match bounds.broken_by(number) {
            None => CheckResult::pass(),
            Some(beyond) => CheckResult::fail("is out of its bounds")
                .expected(beyond.in_words(|bound| bound.to_string()))
                .actual(value),
        })
    }

    fn allowed(&self, expected: Decimal) -> Result<Decimal, String> {
        match self.tolerance {
            None => Ok(Decimal::ZERO),
            Some(Tolerance::Absolute(allowed)) => Ok(allowed),
            Some(Tolerance::Share(share)) => Ok(expected.abs().checked_mul(share).ok_or(TOO_LARGE)?),
        }
    }
}

const TOO_LARGE: &str = "the number is too large to be compared exactly";

impl Amount {
    fn render(&self, scope: &Scope) -> Result<Decimal, String> {
        match self {
            Self::Fixed(number) => Ok(*number),
            Self::Of(shape) => {
                let value = shape.render(scope).map_err(|error| error.message)?;
                read(&value).map_err(|wrong| format!("what it is compared with {wrong}"))
            }
        }
    }
}

/// Reads a number, or a text that is one.
fn read(value: &Value) -> Result<Decimal, String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        other => return Err(format!("is {}, not a number", kind(other))),
    };
    decimal(&text).ok_or_else(|| "is not a number that can be compared exactly".to_owned())
}
