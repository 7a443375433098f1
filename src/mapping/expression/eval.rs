//! A condition's value, over names that a function finds. Numbers are exact decimals.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde_json::Value;

use crate::mapping::RenderError;
use crate::mapping::expression::syntax::{Ast, Comparison, Kind, Sign};
use crate::mapping::values::{decimal, is_equal};

/// A value while a condition is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand<'a> {
    Null,
    Boolean(bool),
    Number(Decimal),
    Text(Cow<'a, str>),
    List(Vec<Operand<'a>>),
    /// A list or an object out of the data.
    Json(&'a Value),
}

impl Operand<'_> {
    /// Names its kind, in the words of messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) | Self::Json(Value::Array(_)) => "a list",
            Self::Json(_) => "an object",
        }
    }
}

/// An evaluation: the condition's text, for messages, and where names are found.
pub(super) struct Evaluation<'a> {
    pub(super) source: &'a str,
    pub(super) find: &'a dyn Fn(&[String]) -> Option<&'a Value>,
}

impl<'a> Evaluation<'a> {
    /// Gives a part's value.
    pub(super) fn eval(&self, ast: &'a Ast) -> Result<Operand<'a>, RenderError> {
        Ok(match &ast.kind {
            Kind::Null => Operand::Null,
            Kind::Boolean(truth) => Operand::Boolean(*truth),
            Kind::Number(number, _) => Operand::Number(*number),
            Kind::Text(text) => Operand::Text(Cow::Borrowed(text)),
            Kind::List(items) => {
                Operand::List(items.iter().map(|item| self.eval(item)).collect::<Result<_, _>>()?)
            }
            Kind::Path(path) => match (self.find)(path) {
                Some(value) => self.operand(value, ast)?,
                None => return Err(self.error(ast, "is missing")),
            },
            Kind::Not(part) => Operand::Boolean(!self.truth(part)?),
            Kind::And(parts) => Operand::Boolean(self.any(parts, false)?.is_none()),
            Kind::Or(parts) => Operand::Boolean(self.any(parts, true)?.is_some()),
            Kind::Compare(left, comparison, right) => {
                let (left, right) = (self.eval(left)?, self.eval(right)?);
                Operand::Boolean(self.compare(ast, &left, *comparison, &right)?)
            }
            Kind::In { item, of, negated } => {
                let (item, of) = (self.eval(item)?, self.eval(of)?);
                Operand::Boolean(self.is_in(ast, &item, &of)? != *negated)
            }
            Kind::Matches(part, regex) => match self.eval(part)? {
                Operand::Text(text) => Operand::Boolean(regex.is_match(&text)),
                Operand::Null => Operand::Boolean(false),
                other => {
                    return Err(self.error(part, &format!("is {}, and `matches` needs text", other.kind())));
                }
            },
            Kind::Sum(first, rest) => self.sum(ast, first, rest)?,
            Kind::Negative(part) => match self.number(part)? {
                Some(number) => Operand::Number(-number),
                None => Operand::Null,
            },
        })
    }

    fn operand(&self, value: &'a Value, ast: &Ast) -> Result<Operand<'a>, RenderError> {
        Ok(match value {
            Value::Null => Operand::Null,
            Value::Bool(truth) => Operand::Boolean(*truth),
            Value::String(text) => Operand::Text(Cow::Borrowed(text)),
            Value::Number(number) => match decimal(&number.to_string()) {
                Some(number) => Operand::Number(number),
                None => return Err(self.error(ast, "has more digits than can be compared exactly (28)")),
            },
            Value::Array(_) | Value::Object(_) => Operand::Json(value),
        })
    }

    /// Finds the first part that is as `wanted`.
    fn any(&self, parts: &'a [Ast], wanted: bool) -> Result<Option<&'a Ast>, RenderError> {
        for part in parts {
            if self.truth(part)? == wanted {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    fn truth(&self, part: &'a Ast) -> Result<bool, RenderError> {
        match self.eval(part)? {
            Operand::Boolean(truth) => Ok(truth),
            // An empty cell of a boolean column: it does not say that it is so.
            Operand::Null => Ok(false),
            other => {
                Err(self
                    .error(part, &format!("is {}, and `and`, `or`, `not` need true or false", other.kind())))
            }
        }
    }

    fn number(&self, part: &'a Ast) -> Result<Option<Decimal>, RenderError> {
        match self.eval(part)? {
            Operand::Number(number) => Ok(Some(number)),
            Operand::Null => Ok(None),
            other => Err(self.error(part, &format!("is {}, and `+` and `-` need numbers", other.kind()))),
        }
    }

    fn sum(&self, ast: &Ast, first: &'a Ast, rest: &'a [(Sign, Ast)]) -> Result<Operand<'a>, RenderError> {
        let mut total = self.number(first)?;
        for (sign, part) in rest {
            let (Some(so_far), Some(number)) = (total, self.number(part)?) else {
                total = None;
                continue;
            };
            let signed = if *sign == Sign::Plus { number } else { -number };
            let sum = exact_sum(so_far, signed)
                .ok_or_else(|| self.error(ast, "has more digits than can be kept exactly (28)"))?;
            total = Some(sum);
        }
        Ok(total.map_or(Operand::Null, Operand::Number))
    }

    fn compare(
        &self,
        ast: &Ast,
        left: &Operand<'a>,
        comparison: Comparison,
        right: &Operand<'a>,
    ) -> Result<bool, RenderError> {
        if comparison.is_equality() {
            return Ok(self.equal(ast, left, right)? == (comparison == Comparison::Equal));
        }
        let order = match (left, right) {
            (Operand::Null, _) | (_, Operand::Null) => return Ok(false),
            (Operand::Number(left), Operand::Number(right)) => left.cmp(right),
            (Operand::Text(left), Operand::Text(right)) => left.cmp(right),
            _ => return Err(self.unlike(ast, left, right)),
        };
        Ok(comparison.holds(order))
    }

    fn equal(&self, ast: &Ast, left: &Operand<'a>, right: &Operand<'a>) -> Result<bool, RenderError> {
        match (left, right) {
            // Text that reads as a number is an undeclared column, sooner than a value that differs.
            (Operand::Text(text), Operand::Number(_)) | (Operand::Number(_), Operand::Text(text))
                if decimal(text.trim()).is_some() =>
            {
                Err(self.unlike(ast, left, right))
            }
            (Operand::Json(left), Operand::Json(right)) => Ok(is_equal(left, right)),
            (Operand::List(list), Operand::Json(Value::Array(values)))
            | (Operand::Json(Value::Array(values)), Operand::List(list)) => {
                let values: Vec<_> =
                    values.iter().map(|value| self.operand(value, ast)).collect::<Result<_, _>>()?;
                Ok(*list == values)
            }
            _ => Ok(left == right),
        }
    }

    fn is_in(&self, ast: &Ast, item: &Operand<'a>, of: &Operand<'a>) -> Result<bool, RenderError> {
        match (item, of) {
            (_, Operand::Null) | (Operand::Null, Operand::Text(_)) => Ok(false),
            (_, Operand::List(list)) => {
                for candidate in list {
                    if self.equal(ast, item, candidate)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (_, Operand::Json(Value::Array(values))) => {
                for value in values {
                    if self.equal(ast, item, &self.operand(value, ast)?)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            (Operand::Text(part), Operand::Text(whole)) => Ok(whole.contains(&**part)),
            (_, of) => Err(self.error(
                ast,
                &format!("looks for {} in {}: `in` needs a list, or text in text", item.kind(), of.kind()),
            )),
        }
    }

    fn unlike(&self, ast: &Ast, left: &Operand<'a>, right: &Operand<'_>) -> RenderError {
        self.error(
            ast,
            &format!("compares {} with {}: declare the column in `dataset.types`", left.kind(), right.kind()),
        )
    }

    fn error(&self, ast: &Ast, wrong: &str) -> RenderError {
        RenderError::new(format!("`{}` {wrong}", &self.source[ast.span.clone()]))
    }
}

/// Adds, or says that the sum does not fit: `rust_decimal` would round it.
pub(crate) fn exact_sum(left: Decimal, right: Decimal) -> Option<Decimal> {
    let sum = left.checked_add(right)?;
    (sum.checked_sub(right)? == left && sum.checked_sub(left)? == right).then_some(sum)
}
