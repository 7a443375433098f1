//! A gate's words.

use rust_decimal::Decimal;

use crate::mapping::{SyntaxError, decimal};

/// A word, with the byte at which it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A number, and the unit behind it as written; empty for none.
    Number(Decimal, String),
    Path(Vec<String>),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    End,
}

/// Longer ones first.
const SYMBOLS: [&str; 8] = ["==", "!=", "<=", ">=", "<", ">", "+", "-"];

/// Makes a mistake at a byte.
pub(super) fn mistake(at: usize, message: impl Into<String>, help: Option<String>) -> SyntaxError {
    SyntaxError { offset: at, message: message.into(), help }
}

/// Splits a gate into words; the last is [`TokenKind::End`].
pub(super) fn lex(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else {
            tokens.push(Token { kind: TokenKind::End, at });
            return Ok(tokens);
        };
        let (kind, length) = if first.is_ascii_digit() {
            number(rest, at)?
        } else if is_word(first) {
            path(rest, at)?
        } else {
            symbol(rest, at)?
        };
        tokens.push(Token { kind, at });
        at += length;
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn number(rest: &str, at: usize) -> Result<(TokenKind, usize), SyntaxError> {
    let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let Some(number) = decimal(&rest[..digits]) else {
        return Err(mistake(at, format!("`{}` is no number", &rest[..digits]), None));
    };
    let after = &rest[digits..];
    if after.starts_with('%') {
        return Ok((TokenKind::Number(number, "%".to_owned()), digits + 1));
    }
    // A unit of money stands apart (`300 USD`), one of time does not (`1h30m`).
    let blank = after.len() - after.trim_start().len();
    let unit = &after[blank..];
    let end = unit.find(|c: char| !is_word(c) && c != '.').unwrap_or(unit.len());
    let unit = &unit[..end];
    if unit.is_empty() || matches!(unit, "and" | "or") {
        return Ok((TokenKind::Number(number, String::new()), digits));
    }
    Ok((TokenKind::Number(number, unit.to_owned()), digits + blank + end))
}

fn path(rest: &str, at: usize) -> Result<(TokenKind, usize), SyntaxError> {
    let mut segments = Vec::new();
    let mut length = 0;
    loop {
        let here = &rest[length..];
        if let Some(inner) = here.strip_prefix('[') {
            let Some(end) = inner.find(']') else {
                return Err(mistake(
                    at + length,
                    "this `[` is not closed",
                    Some("close it with `]`".to_owned()),
                ));
            };
            segments.push(inner[..end].to_owned());
            length += end + 2;
        } else {
            let end = here.find(|c: char| !is_word(c)).unwrap_or(here.len());
            if end == 0 {
                let message = format!("a name is missing after `{}`", &rest[..length]);
                return Err(mistake(at + length, message, None));
            }
            segments.push(here[..end].to_owned());
            length += end;
        }
        if !rest[length..].starts_with('.') {
            return Ok((TokenKind::Path(segments), length));
        }
        length += 1;
    }
}

fn symbol(rest: &str, at: usize) -> Result<(TokenKind, usize), SyntaxError> {
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        return Ok((TokenKind::Symbol(symbol), symbol.len()));
    }
    let strange = rest.chars().next().unwrap_or_default();
    let help = match strange {
        '=' => "did you mean `==`?",
        '≥' => "did you mean `>=`?",
        '≤' => "did you mean `<=`?",
        '*' | '/' => "gates can add and subtract (`+`, `-`), no more",
        '{' | '}' => "a gate is no template: write the figure's name alone, like `coverage >= 99%`",
        _ => "a gate compares a figure with a bound: `coverage >= 99%`",
    };
    Err(mistake(at, format!("`{strange}` means nothing in a gate"), Some(help.to_owned())))
}
