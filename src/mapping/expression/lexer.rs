//! A condition's words.

use std::ops::Range;

use rust_decimal::Decimal;

use crate::mapping::SyntaxError;
use crate::mapping::expression::dialect::Dialect;
use crate::mapping::expression::syntax::Unit;
use crate::mapping::values::decimal;

/// A word, with its place in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// With its unit applied, where it has one of ours.
    Number(Decimal, Unit),
    Text(String),
    /// One of [`KEYWORDS`].
    Keyword(&'static str),
    Path(Vec<String>),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    End,
}

const KEYWORDS: [&str; 8] = ["and", "or", "not", "in", "matches", "true", "false", "null"];

/// What may stand between values.
pub(super) const OPERATORS: [&str; 10] = ["==", "!=", "<", "<=", ">", ">=", "in", "matches", "and", "or"];

/// Longer ones first.
const SYMBOLS: [&str; 13] = ["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ",", "+", "-"];

/// What other languages write, and what it is here. Longer ones first.
const FOREIGN: [(&str, &str); 12] = [
    ("=~", "matches"),
    ("~=", "matches"),
    ("&&", "and"),
    ("||", "or"),
    ("&", "and"),
    ("|", "or"),
    ("=", "=="),
    ("~", "matches"),
    ("!", "not"),
    ("≥", ">="),
    ("≤", "<="),
    ("≠", "!="),
];

/// Splits a condition into words; the last is [`TokenKind::End`].
pub(super) fn lex(text: &str, dialect: &'static Dialect) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { text, at: 0, dialect };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let is_end = token.kind == TokenKind::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    dialect: &'static Dialect,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take_while(&mut self, holds: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !holds(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn next(&mut self) -> Result<Token, SyntaxError> {
        self.take_while(char::is_whitespace);
        let start = self.at;
        let kind = match self.peek() {
            None => TokenKind::End,
            Some(quote @ ('"' | '\'')) => self.text(quote)?,
            Some(digit) if digit.is_ascii_digit() => self.number()?,
            Some(letter) if is_word(letter) => self.word()?,
            Some(_) => self.symbol()?,
        };
        Ok(Token { kind, span: start..self.at })
    }

    fn symbol(&mut self) -> Result<TokenKind, SyntaxError> {
        let rest = self.rest();
        // `<>` and `===` would otherwise be read as two symbols, and be reported at the second.
        if let Some((foreign, ours)) =
            [("<>", "!="), ("===", "=="), ("!==", "!=")].iter().find(|(f, _)| rest.starts_with(f))
        {
            return Err(self.foreign(foreign, ours));
        }
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            self.at += symbol.len();
            return Ok(TokenKind::Symbol(symbol));
        }
        if let Some((foreign, ours)) = FOREIGN.iter().find(|(foreign, _)| rest.starts_with(foreign)) {
            return Err(self.foreign(foreign, ours));
        }
        let strange = rest.chars().next().unwrap_or_default();
        let Dialect { noun, like, .. } = self.dialect;
        let error = SyntaxError::at(self.at, format!("`{strange}` means nothing in a {noun}"));
        Err(match strange {
            '*' | '/' | '%' => error.help(format!("{noun}s can add and subtract (`+`, `-`), no more")),
            '{' | '}' => error.help(format!("a {noun} is no template: write the name alone, like `{like}`")),
            '“' | '”' | '‘' | '’' => error.help("texts stand in straight quotes: `\"` or `'`"),
            _ => error.help(self.dialect.help),
        })
    }

    fn foreign(&self, foreign: &str, ours: &str) -> SyntaxError {
        SyntaxError::at(self.at, format!("`{foreign}` is no operator here"))
            .help(format!("did you mean `{ours}`?"))
    }

    fn text(&mut self, quote: char) -> Result<TokenKind, SyntaxError> {
        let start = self.at;
        self.at += quote.len_utf8();
        let mut content = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.at += at + quote.len_utf8();
                    return Ok(TokenKind::Text(content));
                }
                '\\' => match characters.next().map(|(_, escaped)| escaped) {
                    Some('n') => content.push('\n'),
                    Some('t') => content.push('\t'),
                    Some('r') => content.push('\r'),
                    Some(escaped @ ('\\' | '"' | '\'')) => content.push(escaped),
                    // What is no escape of ours is the regex's own (`\d`), and stays.
                    Some(other) => content.extend(['\\', other]),
                    None => {}
                },
                _ => content.push(character),
            }
        }
        Err(SyntaxError::at(start, "this text is not closed").help(format!("close it with `{quote}`")))
    }

    fn number(&mut self) -> Result<TokenKind, SyntaxError> {
        let start = self.at;
        let out_of_range =
            || SyntaxError::at(start, "this number has too many digits").help("28 can be kept exactly");
        let mut total = Decimal::ZERO;
        for part in 0.. {
            let number = decimal(self.digits()).ok_or_else(out_of_range)?;
            let unit_at = self.at;
            let milliseconds: i64 = match self.unit() {
                "" if part == 0 && self.rest().starts_with('%') => {
                    self.at += 1;
                    let fraction = number.checked_div(Decimal::ONE_HUNDRED).ok_or_else(out_of_range)?;
                    return Ok(TokenKind::Number(fraction, Unit::Percent));
                }
                "" if part == 0 => return Ok(TokenKind::Number(number, Unit::None)),
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                name if part == 0 && self.dialect.named_units => {
                    return Ok(TokenKind::Number(number, Unit::Named(name.to_owned())));
                }
                unit => {
                    let message = match unit {
                        "" => format!("a unit is missing after `{}`", &self.text[start..unit_at]),
                        _ => format!("`{unit}` is no unit of a number"),
                    };
                    let error = SyntaxError::at(unit_at, message);
                    return Err(
                        error.help("numbers may have the units %, ms, s, m and h, as in `5%` or `1h30m`")
                    );
                }
            };
            let part = number.checked_mul(milliseconds.into()).ok_or_else(out_of_range)?;
            total = total.checked_add(part).ok_or_else(out_of_range)?;
            if !self.peek().is_some_and(|c| c.is_ascii_digit()) {
                break;
            }
        }
        Ok(TokenKind::Number(total, Unit::Time))
    }

    /// Takes the unit behind a number. Where units may be named, one may stand apart, as in `300 USD`.
    fn unit(&mut self) -> &'a str {
        let unit = self.unit_here();
        if !unit.is_empty() || !self.dialect.named_units {
            return unit;
        }
        let before = self.at;
        self.take_while(char::is_whitespace);
        let unit = self.unit_here();
        let is_operator = OPERATORS.contains(&unit.to_lowercase().as_str());
        if is_operator || self.rest().starts_with('.') {
            self.at = before;
            return "";
        }
        unit
    }

    /// Takes the letters of a duration's unit, which more digits may follow, or else the whole word.
    fn unit_here(&mut self) -> &'a str {
        let start = self.at;
        let letters = self.take_while(|c| c.is_alphabetic() || c == '_');
        if !letters.is_empty() && !matches!(letters, "ms" | "s" | "m" | "h") {
            self.take_while(is_word);
        }
        &self.text[start..self.at]
    }

    fn digits(&mut self) -> &'a str {
        let start = self.at;
        self.take_while(|c| c.is_ascii_digit());
        let fraction =
            self.rest().strip_prefix('.').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if fraction {
            self.at += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        &self.text[start..self.at]
    }

    fn word(&mut self) -> Result<TokenKind, SyntaxError> {
        let start = self.at;
        let first = self.take_while(is_word);
        if !self.rest().starts_with('.')
            && let Some(keyword) = KEYWORDS.iter().find(|keyword| **keyword == first)
        {
            return Ok(TokenKind::Keyword(keyword));
        }
        let mut path = vec![first.to_owned()];
        while self.rest().starts_with('.') {
            self.at += 1;
            path.push(self.segment(start)?);
        }
        Ok(TokenKind::Path(path))
    }

    fn segment(&mut self, start: usize) -> Result<String, SyntaxError> {
        if let Some(literal) = self.rest().strip_prefix('[') {
            let Some(length) = literal.find(']') else {
                return Err(SyntaxError::at(self.at, "this `[` is not closed").help("close it with `]`"));
            };
            self.at += length + 2;
            return Ok(literal[..length].to_owned());
        }
        let name = self.take_while(is_word);
        if name.is_empty() {
            let before = &self.text[start..self.at];
            let error = SyntaxError::at(self.at, format!("a name is missing after `{before}`"));
            return Err(error.help(format!(
                "a name with other characters is written in brackets: `{before}[Customer Name]`"
            )));
        }
        Ok(name.to_owned())
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}
