//! A condition's types, as far as they are known at load.

use std::collections::BTreeMap;

use crate::mapping::expression::syntax::{Ast, Comparison, Kind};
use crate::mapping::{ColumnType, SyntaxError, ValueType};

/// What is known of a part's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Number,
    Boolean,
    List,
    /// The literal.
    Null,
    Any,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::List => "a list",
            Self::Null => "null",
            Self::Any => "any value",
        }
    }

    /// Says whether the values may be of one kind.
    fn meets(self, other: Self) -> bool {
        self == other || [self, other].iter().any(|side| matches!(side, Self::Any | Self::Null))
    }
}

impl From<ValueType> for Type {
    fn from(known: ValueType) -> Self {
        match known {
            ValueType::Text => Self::Text,
            ValueType::Number => Self::Number,
            ValueType::Boolean => Self::Boolean,
            ValueType::Any => Self::Any,
        }
    }
}

impl From<ColumnType> for Type {
    fn from(declared: ColumnType) -> Self {
        match declared {
            ColumnType::Text => Self::Text,
            ColumnType::Integer | ColumnType::Number => Self::Number,
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Json => Self::Any,
        }
    }
}

/// What is known of the columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checker<'a> {
    pub(super) columns: &'a BTreeMap<String, ColumnType>,
    pub(super) default: ValueType,
}

impl Checker<'_> {
    /// Checks the whole, which must be true or false.
    pub(super) fn condition(&self, ast: &Ast) -> Result<(), SyntaxError> {
        self.boolean(ast, "a condition is")
    }

    fn boolean(&self, ast: &Ast, who: &str) -> Result<(), SyntaxError> {
        let found = self.type_of(ast)?;
        if found.meets(Type::Boolean) {
            return Ok(());
        }
        let error =
            SyntaxError::at(ast.span.start, format!("this is {}, and {who} true or false", found.name()));
        Err(error.maybe_help(declare(ast, found, "boolean")))
    }

    fn type_of(&self, ast: &Ast) -> Result<Type, SyntaxError> {
        Ok(match &ast.kind {
            Kind::Null => Type::Null,
            Kind::Boolean(_) => Type::Boolean,
            Kind::Number(..) => Type::Number,
            Kind::Text(_) => Type::Text,
            Kind::Path(path) => self.path(path),
            Kind::List(items) => {
                for item in items {
                    self.type_of(item)?;
                }
                Type::List
            }
            Kind::Not(part) => self.boolean(part, "`not` needs").map(|()| Type::Boolean)?,
            Kind::And(parts) => self.all_boolean(parts, "`and` needs")?,
            Kind::Or(parts) => self.all_boolean(parts, "`or` needs")?,
            Kind::Compare(left, comparison, right) => self.compare(ast, left, *comparison, right)?,
            Kind::In { item, of, .. } => self.is_in(ast, item, of)?,
            Kind::Matches(part, _) => {
                let found = self.type_of(part)?;
                if !found.meets(Type::Text) {
                    let message = format!("this is {}, and `matches` needs text", found.name());
                    return Err(SyntaxError::at(part.span.start, message));
                }
                Type::Boolean
            }
            Kind::Sum(first, rest) => {
                self.number(first)?;
                for (_, part) in rest {
                    self.number(part)?;
                }
                Type::Number
            }
            Kind::Negative(part) => self.number(part).map(|()| Type::Number)?,
        })
    }

    fn all_boolean(&self, parts: &[Ast], who: &str) -> Result<Type, SyntaxError> {
        parts.iter().try_for_each(|part| self.boolean(part, who))?;
        Ok(Type::Boolean)
    }

    fn number(&self, ast: &Ast) -> Result<(), SyntaxError> {
        let found = self.type_of(ast)?;
        if found.meets(Type::Number) {
            return Ok(());
        }
        let message = format!("this is {}, and `+` and `-` need numbers", found.name());
        Err(SyntaxError::at(ast.span.start, message).maybe_help(declare(ast, found, "number")))
    }

    fn compare(
        &self,
        ast: &Ast,
        left: &Ast,
        comparison: Comparison,
        right: &Ast,
    ) -> Result<Type, SyntaxError> {
        let (a, b) = (self.type_of(left)?, self.type_of(right)?);
        if !a.meets(b) {
            return Err(unlike(ast, (left, a), (right, b)));
        }
        let unordered = [a, b].into_iter().find(|side| matches!(side, Type::Boolean | Type::List));
        match unordered {
            Some(side) if !comparison.is_equality() => {
                let message = format!("{} is neither less nor more than anything", side.name());
                Err(SyntaxError::at(ast.span.start, message).help("compare it with `==` or `!=`"))
            }
            _ => Ok(Type::Boolean),
        }
    }

    fn is_in(&self, ast: &Ast, item: &Ast, of: &Ast) -> Result<Type, SyntaxError> {
        let looked_for = self.type_of(item)?;
        match (self.type_of(of)?, &of.kind) {
            (_, Kind::List(candidates)) => {
                for candidate in candidates {
                    let found = self.type_of(candidate)?;
                    if !looked_for.meets(found) {
                        return Err(unlike(ast, (item, looked_for), (candidate, found)));
                    }
                }
                Ok(Type::Boolean)
            }
            (Type::Text, _) if looked_for.meets(Type::Text) => Ok(Type::Boolean),
            (Type::Any | Type::List, _) => Ok(Type::Boolean),
            (found, _) => {
                let message = format!("`in` looks for {} in {}", looked_for.name(), found.name());
                let error = SyntaxError::at(of.span.start, message);
                Err(error.help("it needs a list, like `[\"a\", \"b\"]`, or text in text"))
            }
        }
    }

    fn path(&self, path: &[String]) -> Type {
        let parts: Vec<_> = path.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["row", column] => self.columns.get(*column).map_or(self.default.into(), |known| (*known).into()),
            ["row_number" | "repeat"] => Type::Number,
            ["row_key" | "row_tag" | "outcome"]
            | ["run", "id"]
            | ["manifest", "name"]
            | ["schedule", "slot" | "previous_slot"] => Type::Text,
            _ => Type::Any,
        }
    }
}

fn unlike(ast: &Ast, left: (&Ast, Type), right: (&Ast, Type)) -> SyntaxError {
    let message = format!("this compares {} with {}", left.1.name(), right.1.name());
    let help = declare_as(left, right).or_else(|| declare_as(right, left));
    let help = help.or_else(|| {
        let quoted = [left, right].into_iter().find(|(side, _)| matches!(side.kind, Kind::Text(_)));
        quoted.map(|_| "leave out the quotes, or declare the column as text".to_owned())
    });
    SyntaxError::at(ast.span.start, message).maybe_help(help)
}

/// Says how to declare one side's column so that it meets the other side.
fn declare_as((ast, found): (&Ast, Type), (other, wanted): (&Ast, Type)) -> Option<String> {
    let wanted = match (wanted, &other.kind) {
        (Type::Boolean, _) => "boolean",
        (Type::Number, Kind::Number(number, _)) if number.fract().is_zero() => "integer",
        (Type::Number, _) => "number",
        _ => return None,
    };
    declare(ast, found, wanted)
}

/// Says how to declare a part that is a column of text.
fn declare(ast: &Ast, found: Type, wanted: &str) -> Option<String> {
    match &ast.kind {
        Kind::Path(path) if path.len() == 2 && path.first()? == "row" && found == Type::Text => {
            Some(format!("declare `types: {{{}: {wanted}}}`", yaml_key(path.get(1)?)))
        }
        _ => None,
    }
}

/// Writes a column's name as a YAML key.
fn yaml_key(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '))
        && !name.ends_with(' ');
    if plain { name.to_owned() } else { format!("{name:?}") }
}
