//! From a gate's words to a comparison of figures with a bound, all of one kind.

use std::ops::Range;

use rust_decimal::Decimal;

use crate::gates::figures::{Figure, FigureKind, GROUPS, KnownCheck, find};
use crate::gates::judge::{Gate, Sum, Term};
use crate::mapping::expression::{Ast, Dialect, Kind, Sign, Unit, parse};
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

/// How gates speak the language of conditions: a comparison of figures with a bound, whose numbers may be money.
const GATE: Dialect = Dialect {
    noun: "gate",
    like: "coverage >= 99%",
    help: HELP,
    join: "write each comparison as a gate of its own",
    longest: 1_000,
    named_units: true,
};

const HELP: &str = "a gate compares a figure with a bound: `coverage >= 99%`";

impl Gate {
    /// Reads a gate; every name in it is one of a figure that reports have.
    pub fn parse(text: &str, names: Names<'_>) -> Result<Self, SyntaxError> {
        let ast = parse(text, &GATE)?;
        let Kind::Compare(left, comparison, right) = &ast.kind else { return Err(no_comparison(text, &ast)) };
        let (left, comparison, right) = (names.sum(left)?, *comparison, names.sum(right)?);
        let (left, comparison, right) =
            match (left.iter().any(Word::is_figure), right.iter().any(Word::is_figure)) {
                (false, true) => (right, comparison.turned(), left),
                _ => (left, comparison, right),
            };
        let Some(kind) = left.iter().find_map(Word::kind) else {
            return Err(SyntaxError::at(0, "no figure stands in this gate").help(HELP));
        };
        let subject = match left.as_slice() {
            [Word { what: What::Figure(figure), negative: false, .. }] => Some(figure.clone()),
            _ => None,
        };
        let typed = |words| typed(text, words, kind, subject.as_ref(), names.money);
        Ok(Self {
            source: text.trim().to_owned(),
            kind,
            left: typed(left)?,
            comparison,
            right: typed(right)?,
        })
    }
}

/// A part of a sum, as written.
#[derive(Clone, Debug)]
struct Word {
    what: What,
    negative: bool,
    span: Range<usize>,
}

#[derive(Clone, Debug)]
enum What {
    Number(Decimal, Unit),
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

impl Names<'_> {
    fn sum(&self, ast: &Ast) -> Result<Vec<Word>, SyntaxError> {
        let mut words = Vec::new();
        self.gather(ast, false, &mut words)?;
        Ok(words)
    }

    fn gather(&self, ast: &Ast, negative: bool, words: &mut Vec<Word>) -> Result<(), SyntaxError> {
        let at = ast.span.start;
        let what = match &ast.kind {
            Kind::Number(number, unit) => What::Number(*number, unit.clone()),
            Kind::Path(path) if path == &["baseline"] => self.baseline(at)?,
            Kind::Path(path) => What::Figure(self.figure(path, at)?),
            Kind::Negative(part) => return self.gather(part, !negative, words),
            Kind::Sum(first, rest) => {
                self.gather(first, negative, words)?;
                let mut rest = rest.iter();
                return rest.try_for_each(|(sign, part)| {
                    self.gather(part, negative != (*sign == Sign::Minus), words)
                });
            }
            _ => return Err(SyntaxError::at(at, "only figures and numbers can stand here").help(HELP)),
        };
        words.push(Word { what, negative, span: ast.span.clone() });
        Ok(())
    }

    fn baseline(&self, at: usize) -> Result<What, SyntaxError> {
        if self.baseline {
            return Ok(What::Baseline);
        }
        let help = "name its file: `baseline: evals/baseline.jsonl`, made by `flowbatch report RUN --format baseline`";
        Err(SyntaxError::at(at, "the manifest has no `baseline`").help(help))
    }

    fn figure(&self, path: &[String], at: usize) -> Result<Figure, SyntaxError> {
        let found = find(path, self.checks, self.groups, self.repeats).map_err(|known| {
            let written = path.join(".");
            let near = did_you_mean(&written, known.iter().map(String::as_str));
            let help = near.unwrap_or_else(|| {
                let shown: Vec<_> = known.iter().take(12).map(|name| format!("`{name}`")).collect();
                format!("there are {} and others: see docs/evaluations.md", shown.join(", "))
            });
            SyntaxError::at(at, format!("a report has no figure `{written}`")).help(help)
        })?;
        // A label or a value of a group may have this name too.
        if found.path.first().is_some_and(|first| first == "checks")
            && found.path.get(2).is_some_and(|step| step == "baseline")
        {
            self.baseline(at)?;
        }
        Ok(found)
    }
}

/// Gives a sum in which everything is of one kind.
fn typed(
    text: &str,
    words: Vec<Word>,
    kind: FigureKind,
    subject: Option<&Figure>,
    money: MoneyUnits<'_>,
) -> Result<Sum, SyntaxError> {
    let begins_with_figure = words.first().is_some_and(|word| !matches!(word.what, What::Number(..)));
    let typed = |Word { what, negative, span }| {
        let at = span.start;
        let term = match what {
            What::Figure(figure) if figure.kind == kind => Term::Figure(figure),
            What::Figure(figure) => {
                let message =
                    format!("`{}` is {}, and this gate is about {}", figure.written, a(figure.kind), a(kind));
                return Err(SyntaxError::at(at, message));
            }
            What::Baseline
                if subject.is_some_and(|figure| figure.path.first().is_some_and(|first| first == GROUPS)) =>
            {
                let error = SyntaxError::at(at, "a baseline holds no figures by group");
                return Err(error.help("compare it with a bound of your own"));
            }
            What::Baseline => Term::Baseline(subject.cloned().ok_or_else(|| {
                SyntaxError::at(at, "`baseline` is the same figure of an earlier run, and here is not one")
                    .help("write one figure on the other side: `label.pass_rate >= baseline - 2%`")
            })?),
            What::Number(number, unit) => {
                literal(&text[span], number, &unit, kind, begins_with_figure, money)
                    .map_err(|(told, help)| SyntaxError::at(at, told).help(help))?
            }
        };
        Ok((negative, term))
    };
    words.into_iter().map(typed).collect()
}

/// Reads a number as one of a kind; the error says why it is none, and how to mend it.
fn literal(
    written: &str,
    number: Decimal,
    unit: &Unit,
    kind: FigureKind,
    begins_with_figure: bool,
    money: MoneyUnits<'_>,
) -> Result<Term, (String, String)> {
    let wrong = |told: String, help: &str| Err((told, help.to_owned()));
    match (unit, kind) {
        (Unit::None, FigureKind::Ms) if !number.is_zero() => {
            wrong("a duration needs a unit".to_owned(), &format!("write `{number}s` or `{number}ms`"))
        }
        (Unit::None, FigureKind::Share) if number > Decimal::ONE => {
            wrong("a share is between 0 and 1".to_owned(), &format!("did you mean `{number}%`?"))
        }
        (Unit::None, _) | (Unit::Percent, FigureKind::Share) | (Unit::Time, FigureKind::Ms) => {
            Ok(Term::Number(number))
        }
        (Unit::Percent, _) if begins_with_figure => Ok(Term::ShareOfFirst(number)),
        (Unit::Percent, _) => wrong(
            format!("`{written}` is a share, and this gate is about {}", a(kind)),
            "of which a share can be meant only behind `baseline` or a figure: `baseline + 10%`",
        ),
        (Unit::Named(unit), FigureKind::Cost) => {
            let told = |(told, help)| (format!("`{written}` {told}"), help);
            money(number, unit).map(Term::Number).map_err(told)
        }
        (Unit::Named(unit), FigureKind::Ms) => wrong(
            format!("`{unit}` is no unit of a duration"),
            "write it like `250ms`, `30s`, `5m` or `1h30m`",
        ),
        (Unit::Named(unit), _) => wrong(format!("`{unit}` is no unit of {}", a(kind)), "leave it out"),
        (Unit::Time, _) => wrong(
            format!("`{written}` is a duration, and this gate is about {}", a(kind)),
            "leave the unit out",
        ),
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

/// Says what stands where a gate has its comparison.
fn no_comparison(text: &str, ast: &Ast) -> SyntaxError {
    let after = match &ast.kind {
        Kind::And(parts) | Kind::Or(parts) => parts.first().map_or(0, |first| first.span.end),
        Kind::In { item, .. } => item.span.end,
        Kind::Matches(part, _) => part.span.end,
        Kind::Not(_) => ast.span.start,
        _ => return SyntaxError::at(text.len(), "a comparison is missing").help(HELP),
    };
    let rest = text[after..].trim_start();
    let word = rest.split_whitespace().next().unwrap_or_default();
    let help =
        if matches!(ast.kind, Kind::And(_)) { "write each condition as a gate of its own" } else { HELP };
    SyntaxError::at(text.len() - rest.len(), format!("`{word}` can't stand in a gate")).help(help)
}
