//! From a condition's words to its tree: recursive descent, with a limit on its depth.

use regex::RegexBuilder;

use crate::mapping::SyntaxError;
use crate::mapping::error::did_you_mean;
use crate::mapping::expression::dialect::Dialect;
use crate::mapping::expression::lexer::{OPERATORS, Token, TokenKind, lex};
use crate::mapping::expression::syntax::{Ast, Comparison, Kind, Sign};

/// The deepest nesting of brackets and of `not`.
const DEEPEST: usize = 64;

/// The largest compiled regex, in bytes.
const REGEX_BYTES: usize = 1024 * 1024;

/// Parses a text of the language.
pub(crate) fn parse(text: &str, dialect: &'static Dialect) -> Result<Ast, SyntaxError> {
    let Dialect { noun, longest, .. } = dialect;
    if text.len() > *longest {
        let message = format!("a {noun} may have {longest} bytes, and this has {}", text.len());
        return Err(SyntaxError::at(0, message));
    }
    let tokens = lex(text, dialect)?;
    let mut parser = Parser { text, dialect, tokens, next: 0, depth: 0 };
    let ast = parser.or()?;
    if parser.peek().kind == TokenKind::End { Ok(ast) } else { Err(parser.unexpected_after()) }
}

struct Parser<'a> {
    text: &'a str,
    dialect: &'static Dialect,
    /// The last is the end, and is never passed.
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        &self.tokens[self.next]
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        if token.kind != TokenKind::End {
            self.next += 1;
        }
        token
    }

    fn skip(&mut self, kind: &TokenKind) -> bool {
        let found = self.peek().kind == *kind;
        if found {
            self.take();
        }
        found
    }

    fn keyword(&mut self, keyword: &'static str) -> bool {
        self.skip(&TokenKind::Keyword(keyword))
    }

    fn symbol(&mut self, symbol: &'static str) -> bool {
        self.skip(&TokenKind::Symbol(symbol))
    }

    fn deeper(&mut self, parse: fn(&mut Self) -> Result<Ast, SyntaxError>) -> Result<Ast, SyntaxError> {
        if self.depth == DEEPEST {
            return Err(SyntaxError::at(self.peek().span.start, format!("nested more than {DEEPEST} deep")));
        }
        self.depth += 1;
        let ast = parse(self);
        self.depth -= 1;
        ast
    }

    fn or(&mut self) -> Result<Ast, SyntaxError> {
        self.chain("or", Self::and, Kind::Or)
    }

    fn and(&mut self) -> Result<Ast, SyntaxError> {
        self.chain("and", Self::not, Kind::And)
    }

    fn chain(
        &mut self,
        keyword: &'static str,
        part: fn(&mut Self) -> Result<Ast, SyntaxError>,
        kind: fn(Vec<Ast>) -> Kind,
    ) -> Result<Ast, SyntaxError> {
        let first = part(self)?;
        let start = first.span.start;
        let mut parts = vec![first];
        while self.keyword(keyword) {
            parts.push(part(self)?);
        }
        match parts.pop() {
            Some(only) if parts.is_empty() => Ok(only),
            last => {
                parts.extend(last);
                let end = parts.last().map_or(start, |part| part.span.end);
                Ok(Ast { kind: kind(parts), span: start..end })
            }
        }
    }

    fn not(&mut self) -> Result<Ast, SyntaxError> {
        let start = self.peek().span.start;
        if !self.keyword("not") {
            return self.comparison();
        }
        let negated = self.deeper(Self::not)?;
        let span = start..negated.span.end;
        Ok(Ast { kind: Kind::Not(Box::new(negated)), span })
    }

    fn comparison(&mut self) -> Result<Ast, SyntaxError> {
        let left = self.sum()?;
        let start = left.span.start;
        let operator = self.peek().kind.clone();
        let kind = match operator {
            TokenKind::Symbol(symbol) if comparison(symbol).is_some() => {
                self.take();
                let right = self.sum()?;
                let comparison = comparison(symbol).unwrap_or(Comparison::Equal);
                Kind::Compare(Box::new(left), comparison, Box::new(right))
            }
            TokenKind::Keyword("in") => {
                self.take();
                Kind::In { item: Box::new(left), of: Box::new(self.sum()?), negated: false }
            }
            TokenKind::Keyword("not")
                if self.tokens.get(self.next + 1).map(|t| &t.kind) == Some(&TokenKind::Keyword("in")) =>
            {
                self.take();
                self.take();
                Kind::In { item: Box::new(left), of: Box::new(self.sum()?), negated: true }
            }
            TokenKind::Keyword("matches") => {
                self.take();
                self.regex(left)?
            }
            _ => return Ok(left),
        };
        let end = self.tokens[self.next.saturating_sub(1)].span.end;
        let again = self.peek();
        if matches!(again.kind, TokenKind::Symbol(symbol) if comparison(symbol).is_some()) {
            let error = SyntaxError::at(again.span.start, "comparisons can't follow one another");
            return Err(error.help(self.dialect.join));
        }
        Ok(Ast { kind, span: start..end })
    }

    fn regex(&mut self, left: Ast) -> Result<Kind, SyntaxError> {
        let token = self.take();
        let TokenKind::Text(pattern) = token.kind else {
            let error = SyntaxError::at(token.span.start, "`matches` needs a regular expression in quotes");
            return Err(error.help("for instance `row.subject matches \"(?i)refund\"`"));
        };
        let regex = RegexBuilder::new(&pattern).size_limit(REGEX_BYTES).build().map_err(|error| {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            SyntaxError::at(token.span.start, format!("this regular expression can't be read: {reason}"))
        })?;
        Ok(Kind::Matches(Box::new(left), regex))
    }

    fn sum(&mut self) -> Result<Ast, SyntaxError> {
        let first = self.negative()?;
        let mut rest = Vec::new();
        loop {
            let sign = if self.symbol("+") {
                Sign::Plus
            } else if self.symbol("-") {
                Sign::Minus
            } else {
                break;
            };
            rest.push((sign, self.negative()?));
        }
        let Some((_, last)) = rest.last() else { return Ok(first) };
        let span = first.span.start..last.span.end;
        Ok(Ast { kind: Kind::Sum(Box::new(first), rest), span })
    }

    fn negative(&mut self) -> Result<Ast, SyntaxError> {
        let start = self.peek().span.start;
        if !self.symbol("-") {
            return self.primary();
        }
        let positive = self.deeper(Self::negative)?;
        let span = start..positive.span.end;
        Ok(Ast { kind: Kind::Negative(Box::new(positive)), span })
    }

    fn primary(&mut self) -> Result<Ast, SyntaxError> {
        let token = self.take();
        let kind = match token.kind {
            TokenKind::Number(number, unit) => Kind::Number(number, unit),
            TokenKind::Text(text) => Kind::Text(text),
            TokenKind::Path(path) => Kind::Path(path),
            TokenKind::Keyword("true") => Kind::Boolean(true),
            TokenKind::Keyword("false") => Kind::Boolean(false),
            TokenKind::Keyword("null") => Kind::Null,
            TokenKind::Symbol("(") => {
                let inner = self.deeper(Self::or)?;
                if !self.symbol(")") {
                    return Err(self.unclosed(&token, ")"));
                }
                let end = self.tokens[self.next.saturating_sub(1)].span.end;
                return Ok(Ast { kind: inner.kind, span: token.span.start..end });
            }
            TokenKind::Symbol("[") => return self.list(&token),
            _ => return Err(self.missing_value(&token)),
        };
        Ok(Ast { kind, span: token.span })
    }

    fn list(&mut self, open: &Token) -> Result<Ast, SyntaxError> {
        let mut items = Vec::new();
        while !self.symbol("]") {
            items.push(self.deeper(Self::sum)?);
            if !self.symbol(",") && self.peek().kind != TokenKind::Symbol("]") {
                return Err(self.unclosed(open, "]"));
            }
        }
        let end = self.tokens[self.next.saturating_sub(1)].span.end;
        Ok(Ast { kind: Kind::List(items), span: open.span.start..end })
    }

    fn unclosed(&self, open: &Token, close: &str) -> SyntaxError {
        if self.peek().kind == TokenKind::End {
            let opened = &self.text[open.span.clone()];
            let error = SyntaxError::at(open.span.start, format!("this `{opened}` is not closed"));
            return error.help(format!("close it with `{close}`"));
        }
        self.unexpected_after()
    }

    fn missing_value(&self, token: &Token) -> SyntaxError {
        let error = match &self.text[token.span.clone()] {
            "" if self.next == 0 => SyntaxError::at(0, format!("the {} is empty", self.dialect.noun)),
            "" => SyntaxError::at(token.span.start, "something is missing at the end"),
            word => SyntaxError::at(token.span.start, format!("a value is missing before `{word}`")),
        };
        error.help(self.dialect.help)
    }

    /// What stands where an operator should.
    fn unexpected_after(&self) -> SyntaxError {
        let token = self.peek();
        let word = &self.text[token.span.clone()];
        let error = SyntaxError::at(token.span.start, format!("`{word}` stands where an operator should"));
        let help = match word.to_lowercase().as_str() {
            "contains" | "includes" | "has" => {
                Some("write `\"text\" in row.column`, or `row.column matches \"regex\"`".to_owned())
            }
            "like" | "startswith" | "endswith" | "starts_with" | "ends_with" | "regex" | "match" => {
                Some("write `row.column matches \"regex\"`; `^` is the start and `$` the end".to_owned())
            }
            "is" | "equals" | "eq" => Some("did you mean `==`?".to_owned()),
            "between" => Some("write `a <= row.n and row.n <= b`".to_owned()),
            lower if OPERATORS.contains(&lower) && lower != word => Some(format!("did you mean `{lower}`?")),
            lower => did_you_mean(lower, OPERATORS).or_else(|| self.spaced_name(token)),
        };
        error.help(help.unwrap_or_else(|| self.dialect.help.to_owned()))
    }

    /// `row.Customer Name`.
    fn spaced_name(&self, token: &Token) -> Option<String> {
        let before = self.tokens.get(self.next.checked_sub(1)?)?;
        let (TokenKind::Path(path), TokenKind::Path(after)) = (&before.kind, &token.kind) else {
            return None;
        };
        let (last, start) = path.split_last()?;
        let start = start.join(".");
        Some(format!("a name with spaces is written in brackets: `{start}.[{last} {}]`", after.join(".")))
            .filter(|_| !start.is_empty())
    }
}

fn comparison(symbol: &str) -> Option<Comparison> {
    Some(match symbol {
        "==" => Comparison::Equal,
        "!=" => Comparison::Unequal,
        "<" => Comparison::Less,
        "<=" => Comparison::AtMost,
        ">" => Comparison::More,
        ">=" => Comparison::AtLeast,
        _ => return None,
    })
}
