//! From a gate's words to a comparison of figures with a bound, all of one kind.

use rust_decimal::Decimal;

use crate::gates::figures::{Figure, FigureKind, GROUPS, KnownCheck, find};
use crate::gates::judge::{Comparison, Gate, Sum, Term};
use crate::gates::lexer::{Token, TokenKind, lex, mistake};
use crate::mapping::{SyntaxError, did_you_mean};
use crate::model::Repeats;

/// Converts an amount in a unit of money into the workflow's unit; the error says why not, and how to mend it.
pub type MoneyUnits<'a> = &'a dyn Fn(Decimal, &str) -> Result<Decimal, (String, String)>;

/// What a gate may name.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// The manifest's checks.
    pub checks: &'a [KnownCheck],
    /// The names of `report.group_by`.
    pub groups: &'a [String],
    /// Whether there is a `baseline`.
    pub baseline: bool,
    /// How often each row of the dataset is invoked: with more than once there are figures of that.
    pub repeats: Repeats,
    /// The units of money.
    pub money: MoneyUnits<'a>,
}

impl std::fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Names").field("checks", &self.checks).finish_non_exhaustive()
    }
}

/// The longest gate, in bytes.
const LONGEST: usize = 1_000;

impl Gate {
    /// Reads a gate; every name in it is one of a figure that reports have.
    pub fn parse(text: &str, names: Names<'_>) -> Result<Self, SyntaxError> {
        if text.len() > LONGEST {
            return Err(mistake(
                0,
                format!("a gate may have {LONGEST} bytes, and this has {}", text.len()),
                None,
            ));
        }
        let mut parser = Parser { tokens: lex(text)?, next: 0, names };
        let left = parser.sum()?;
        let token = parser.take();
        let comparison = match &token.kind {
            TokenKind::Symbol(symbol) => Comparison::of(symbol),
            _ => None,
        };
        let Some(comparison) = comparison else { return Err(unexpected(text, &token)) };
        let right = parser.sum()?;
        let end = parser.take();
        if end.kind != TokenKind::End {
            return Err(unexpected(text, &end));
        }
        let (left, comparison, right) =
            match (left.iter().any(Word::is_figure), right.iter().any(Word::is_figure)) {
                (false, true) => (right, comparison.turned(), left),
                _ => (left, comparison, right),
            };
        let Some(kind) = left.iter().find_map(Word::kind) else {
            let help = "a gate compares a figure with a bound: `coverage >= 99%`".to_owned();
            return Err(mistake(0, "no figure stands in this gate", Some(help)));
        };
        let subject = match left.as_slice() {
            [Word { what: What::Figure(figure), negative: false, .. }] => Some(figure.clone()),
            _ => None,
        };
        let typed = |words| typed(words, kind, subject.as_ref(), names.money);
        Ok(Self {
            source: text.trim().to_owned(),
            kind,
            left: typed(left)?,
            comparison,
            right: typed(right)?,
        })
    }
}

struct Parser<'a> {
    /// The last is the end, and is never passed.
    tokens: Vec<Token>,
    next: usize,
    names: Names<'a>,
}

/// A part of a sum, as written.
#[derive(Clone, Debug)]
struct Word {
    what: What,
    negative: bool,
    at: usize,
}

#[derive(Clone, Debug)]
enum What {
    Number(Decimal, String),
    Figure(Figure),
    Baseline,
}

impl Word {
    fn is_figure(&self) -> bool {
        matches!(self.what, What::Figure(_))
    }

    fn kind(&self) -> Option<FigureKind> {
        match &self.what {
            What::Figure(figure) => Some(figure.kind),
            _ => None,
        }
    }
}

impl Parser<'_> {
    fn take(&mut self) -> Token {
        let token = self.tokens[self.next].clone();
        if token.kind != TokenKind::End {
            self.next += 1;
        }
        token
    }

    fn sign(&mut self) -> Option<bool> {
        let negative = match self.tokens[self.next].kind {
            TokenKind::Symbol("+") => false,
            TokenKind::Symbol("-") => true,
            _ => return None,
        };
        self.next += 1;
        Some(negative)
    }

    fn sum(&mut self) -> Result<Vec<Word>, SyntaxError> {
        let mut words = Vec::new();
        let mut negative = self.sign().unwrap_or(false);
        loop {
            let token = self.take();
            let what = match token.kind {
                TokenKind::Number(number, unit) => What::Number(number, unit),
                TokenKind::Path(path) if path == ["baseline"] => self.baseline(token.at)?,
                TokenKind::Path(path) => What::Figure(self.figure(&path, token.at)?),
                TokenKind::Symbol(_) | TokenKind::End => {
                    let help = "a gate compares a figure with a bound: `coverage >= 99%`".to_owned();
                    return Err(mistake(token.at, "a figure or a number is missing", Some(help)));
                }
            };
            words.push(Word { what, negative, at: token.at });
            match self.sign() {
                Some(sign) => negative = sign,
                None => return Ok(words),
            }
        }
    }

    fn baseline(&self, at: usize) -> Result<What, SyntaxError> {
        if self.names.baseline {
            return Ok(What::Baseline);
        }
        let help = "name its file: `baseline: evals/baseline.jsonl`, made by `flowbatch report RUN --format baseline`";
        Err(mistake(at, "the manifest has no `baseline`", Some(help.to_owned())))
    }

    fn figure(&self, path: &[String], at: usize) -> Result<Figure, SyntaxError> {
        if path.iter().any(|step| step == "baseline") {
            self.baseline(at)?;
        }
        find(path, self.names.checks, self.names.groups, self.names.repeats).map_err(|known| {
            let written = path.join(".");
            let near = did_you_mean(&written, known.iter().map(String::as_str));
            let help = near.unwrap_or_else(|| {
                let shown: Vec<_> = known.iter().take(12).map(|name| format!("`{name}`")).collect();
                format!("there are {} and others: see docs/evaluations.md", shown.join(", "))
            });
            mistake(at, format!("a report has no figure `{written}`"), Some(help))
        })
    }
}

/// Gives a sum in which everything is of one kind.
fn typed(
    words: Vec<Word>,
    kind: FigureKind,
    subject: Option<&Figure>,
    money: MoneyUnits<'_>,
) -> Result<Sum, SyntaxError> {
    let begins_with_figure = words.first().is_some_and(|word| !matches!(word.what, What::Number(..)));
    let mut sum = Vec::new();
    for Word { what, negative, at } in words {
        let term = match what {
            What::Figure(figure) if figure.kind == kind => Term::Figure(figure),
            What::Figure(figure) => {
                let message =
                    format!("`{}` is {}, and this gate is about {}", figure.written, a(figure.kind), a(kind));
                return Err(mistake(at, message, None));
            }
            What::Baseline
                if subject.is_some_and(|figure| figure.path.first().is_some_and(|first| first == GROUPS)) =>
            {
                let help = "compare it with a bound of your own".to_owned();
                return Err(mistake(at, "a baseline holds no figures by group", Some(help)));
            }
            What::Baseline => Term::Baseline(subject.cloned().ok_or_else(|| {
                let help =
                    "write one figure on the other side: `label.pass_rate >= baseline - 2%`".to_owned();
                let message = "`baseline` is the same figure of an earlier run, and here is not one";
                mistake(at, message, Some(help))
            })?),
            What::Number(number, unit) => literal(number, &unit, at, kind, begins_with_figure, money)?,
        };
        sum.push((negative, term));
    }
    Ok(sum)
}

fn literal(
    number: Decimal,
    unit: &str,
    at: usize,
    kind: FigureKind,
    begins_with_figure: bool,
    money: MoneyUnits<'_>,
) -> Result<Term, SyntaxError> {
    let percent = || number.checked_div(Decimal::ONE_HUNDRED).unwrap_or(Decimal::ZERO);
    match (unit, kind) {
        ("", FigureKind::Ms) if !number.is_zero() => {
            let help = format!("write `{number}s` or `{number}ms`");
            Err(mistake(at, "a duration needs a unit", Some(help)))
        }
        ("", FigureKind::Share) if number > Decimal::ONE => {
            let help = format!("did you mean `{number}%`?");
            Err(mistake(at, "a share is between 0 and 1", Some(help)))
        }
        ("", _) => Ok(Term::Number(number)),
        ("%", FigureKind::Share) => Ok(Term::Number(percent())),
        ("%", _) if begins_with_figure => Ok(Term::ShareOfFirst(percent())),
        ("%", _) => {
            let message = format!("`{number}%` is a share, and this gate is about {}", a(kind));
            let help = "of which a share can be meant only behind `baseline` or a figure: `baseline + 10%`"
                .to_owned();
            Err(mistake(at, message, Some(help)))
        }
        (unit, FigureKind::Ms) => milliseconds(number, unit).map(Term::Number).ok_or_else(|| {
            let help = "write it like `250ms`, `30s`, `5m` or `1h30m`".to_owned();
            mistake(at, format!("`{unit}` is no unit of a duration"), Some(help))
        }),
        (unit, FigureKind::Cost) => match money(number, unit) {
            Ok(amount) => Ok(Term::Number(amount)),
            Err((told, help)) => Err(mistake(at, told, Some(help))),
        },
        (unit, _) => Err(mistake(at, format!("`{unit}` is no unit of {}", a(kind)), None)),
    }
}

/// Reads `30` `s`, `1` `h30m`.
fn milliseconds(first: Decimal, units: &str) -> Option<Decimal> {
    let mut total = Decimal::ZERO;
    let (mut number, mut rest) = (first, units);
    loop {
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let factor: i64 = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(factor.into())?)?;
        rest = &rest[letters..];
        if rest.is_empty() {
            return Some(total);
        }
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        number = crate::mapping::decimal(&rest[..digits])?;
        rest = &rest[digits..];
    }
}

fn a(kind: FigureKind) -> &'static str {
    match kind {
        FigureKind::Share => "a share",
        FigureKind::Count => "a number",
        FigureKind::Cost => "an amount of money",
        FigureKind::Ms => "a duration",
    }
}

fn unexpected(text: &str, token: &Token) -> SyntaxError {
    let word = text[token.at..].split_whitespace().next().unwrap_or_default();
    let help = match word {
        "and" | "or" => "write each condition as a gate of its own",
        _ => "a gate compares a figure with a bound: `coverage >= 99%`",
    };
    let message = if word.is_empty() {
        "a comparison is missing".to_owned()
    } else {
        format!("`{word}` can't stand here")
    };
    mistake(token.at, message, Some(help.to_owned()))
}
