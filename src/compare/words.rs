//! The words and numbers that text and Markdown share.

use crate::compare::Side;
use crate::compare::summary::{CheckChange, Comparison, NumberChange, Unit, Verdict};
use crate::model::Outcome;
use crate::report::{grouped, time, unit};

/// What a number counts.
#[derive(Clone, Copy)]
enum Kind {
    Plain,
    Milliseconds,
}

impl Comparison {
    /// The verdict in a word or two, and what it rests on, a sentence each.
    pub(super) fn verdict(&self) -> (&'static str, Vec<String>) {
        let all = || std::iter::once(&self.succeeded).chain(&self.checks);
        let mut said: Vec<_> =
            all().filter(|check| check.verdict == Verdict::Worse).map(|check| self.sentence(check)).collect();
        said.extend(self.undecided.iter().map(|name| match name.as_str() {
            "rows" if self.succeeded.pairs == 0 => "no row can be compared".to_owned(),
            "rows" => {
                let open = |side: &Side| side.complete == Some(false);
                let which = match (open(&self.baseline), open(&self.candidate)) {
                    (true, true) => "neither run is complete",
                    (true, false) => "the baseline is not complete",
                    _ => "the candidate is not complete",
                };
                format!("{which}: what it lacks can't be compared")
            }
            name => format!("{name}: no row was judged on both sides"),
        }));
        if !self.regressions.is_empty() {
            return ("Worse", said);
        }
        if !self.undecided.is_empty() {
            return ("Undecided", said);
        }
        let better: Vec<_> = all()
            .filter(|check| check.verdict == Verdict::Better)
            .map(|check| self.sentence(check))
            .collect();
        if better.is_empty() {
            let what = match self.checks.len() {
                0 => format!("no more or fewer {}s succeed", self.unit_said()),
                1 => format!("neither rows that succeed nor the check {} differ", self.checks[0].name),
                count => format!("neither rows that succeed nor any of {count} checks differ"),
            };
            return (
                "No difference",
                vec![format!("{what} by more than chance, over {}", self.pairs(self.rows.paired))],
            );
        }
        ("Better", better)
    }

    /// A check that changed, in one sentence.
    fn sentence(&self, check: &CheckChange) -> String {
        let [before, now] = check.pass_rate.map(|rates| rates.map(percent)).unwrap_or_default();
        let p = check.p.map(p_shown).unwrap_or_default();
        let (lost, won) = (grouped(&check.lost), grouped(&check.won));
        let pairs = self.pairs(check.pairs);
        format!("{}: {before} → {now} of {pairs} ({lost} lost, {won} won, p {p})", check.name)
    }

    fn pairs(&self, count: u64) -> String {
        format!("{} {}{}", grouped(&count), self.unit_said(), if count == 1 { "" } else { "s" })
    }

    /// What one pair is, in a word.
    pub(super) fn unit_said(&self) -> &'static str {
        match self.unit {
            Unit::Row => "row",
            Unit::Record => "record",
        }
    }

    /// Which test p is of, over what.
    pub(super) fn test_said(&self) -> &'static str {
        match self.unit {
            Unit::Row => "p: McNemar's exact test over pairs of rows",
            Unit::Record => {
                "p: sign-flip test over pairs of records, by the share of a record's answers that pass"
            }
        }
    }

    /// Which rows were compared, in one sentence.
    pub(super) fn rows_said(&self) -> String {
        let rows = &self.rows;
        let mut said = vec![match self.unit {
            Unit::Row => format!("{} paired by key", grouped(&rows.paired)),
            Unit::Record => {
                let times = |side: &Side| side.repeat.map_or("several times".to_owned(), times);
                let (before, now) = (times(&self.baseline), times(&self.candidate));
                let each = if before == now { format!("each {now}") } else { format!("{before} and {now}") };
                format!("{} paired by key, {each}", self.pairs(rows.paired))
            }
        }];
        let parts = [
            (rows.only_baseline, "only in the baseline"),
            (rows.only_candidate, "only in the candidate"),
            (rows.duplicates.baseline, "of a key that came before in the baseline"),
            (rows.duplicates.candidate, "of a key that came before in the candidate"),
            (rows.without_key.baseline, "without a key in the baseline"),
            (rows.without_key.candidate, "without a key in the candidate"),
        ];
        said.extend(
            parts.iter().filter(|(count, _)| *count > 0).map(|(n, what)| format!("{} {what}", grouped(n))),
        );
        said.join(", ")
    }

    /// A line for each check: name, rates, rows lost and won, p, what could be detected, verdict.
    pub(super) fn check_cells(&self) -> Vec<[String; 8]> {
        let line = |check: &CheckChange| {
            let rate = |side: usize| check.pass_rate.map_or("-".to_owned(), |rates| percent(rates[side]));
            let p = check.p.map_or("-".to_owned(), p_shown);
            let counts = [check.lost, check.won].map(|count| grouped(&count));
            let [lost, won] = counts;
            let detectable =
                check.detectable.map_or("-".to_owned(), |change| format!("±{}", percent(change)));
            let verdict = verdict_shown(check.verdict).to_owned();
            [check.name.clone(), rate(0), rate(1), lost, won, p, detectable, verdict]
        };
        std::iter::once(&self.succeeded).chain(&self.checks).map(line).collect()
    }

    /// A line for each number: name, means, mean difference, interval.
    pub(super) fn number_cells(&self) -> Vec<[String; 5]> {
        self.number_lines().into_iter().map(|(cells, _)| cells).collect()
    }

    /// The same, each with what became of the number: none when that is no more than chance.
    pub(super) fn number_lines(&self) -> Vec<([String; 5], Option<Verdict>)> {
        let cost = match &self.cost.unit {
            Some(name) => format!("cost ({})", unit("2", name)),
            None => "cost".to_owned(),
        };
        let line = |name: &str, change: &NumberChange, kind, more_is_better: bool| {
            let significant = change.difference.filter(|_| change.significant == Some(true));
            let is_better = |difference: f64| (difference > 0.0) == more_is_better;
            let became = |is_better| if is_better { Verdict::Better } else { Verdict::Worse };
            (number_line(name, change, kind), significant.map(is_better).map(became))
        };
        let mut lines = vec![
            line(&cost, &self.cost.per_row, Kind::Plain, false),
            line("tokens", &self.tokens, Kind::Plain, false),
            line("latency", &self.latency_ms, Kind::Milliseconds, false),
        ];
        for check in &self.checks {
            let name = format!("{} (score)", check.name);
            lines.extend(check.score.as_ref().map(|score| line(&name, score, Kind::Plain, true)));
        }
        lines.retain(|(cells, _)| cells[1] != "-");
        lines
    }

    /// The exact totals of cost, in one sentence; none where no pair has costs on both sides.
    pub(super) fn cost_said(&self) -> Option<String> {
        let cost = Some(&self.cost).filter(|cost| cost.per_row.pairs > 0)?;
        let (baseline, candidate) = (cost.baseline?, cost.candidate?);
        let (baseline, candidate) = (baseline.to_string(), candidate.to_string());
        let difference = cost.difference.as_ref()?;
        let sign = if difference.starts_with('-') || difference == "0" { "" } else { "+" };
        let name = cost.unit.as_ref().map_or(String::new(), |name| format!(" {}", unit(difference, name)));
        let mut said = format!(
            "{} → {} ({sign}{difference}{name}) over {}",
            grouped(&baseline),
            grouped(&candidate),
            self.pairs(cost.per_row.pairs)
        );
        if cost.unknown_pairs > 0 {
            said.push_str(&format!("; unknown for {}", self.pairs(cost.unknown_pairs)));
        }
        Some(said)
    }

    /// A sentence for each way in which rows ended otherwise.
    pub(super) fn outcomes_said(&self) -> Vec<String> {
        let word = |outcome: Outcome| outcome.as_str().replace('_', " ");
        let said = |change: &crate::compare::OutcomeChange| {
            format!("{} → {}: {}", word(change.from), word(change.to), grouped(&change.rows))
        };
        self.outcomes.iter().map(said).collect()
    }
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{} times", grouped(&count)),
    }
}

fn number_line(name: &str, change: &NumberChange, kind: Kind) -> [String; 5] {
    let shown = |value: f64| match kind {
        Kind::Plain => figure(value),
        Kind::Milliseconds => milliseconds(value),
    };
    let signed = |value: f64| format!("{}{}", if value > 0.0 { "+" } else { "" }, shown(value));
    let mean = |side: usize| change.mean.map_or("-".to_owned(), |mean| shown(mean[side]));
    let relative = match (change.mean, change.difference) {
        (Some([before, _]), Some(difference)) if before > 0.0 && difference != 0.0 => {
            format!(" ({:+.1}%)", difference / before * 100.0)
        }
        _ => String::new(),
    };
    let difference = change.difference.map_or("-".to_owned(), |value| signed(value) + &relative);
    let interval = change.interval.map_or("too few rows".to_owned(), |interval| {
        format!("{} … {}", signed(interval.low), signed(interval.high))
    });
    [name.to_owned(), mean(0), mean(1), difference, interval]
}

fn verdict_shown(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Worse => "worse",
        Verdict::Better => "better",
        Verdict::NoDifference => "no difference",
        Verdict::Undecided => "undecided",
    }
}

/// A share in per cent, cut off after two digits, so that 100% is said only of all.
fn percent(share: f64) -> String {
    let hundredths = (share * 10_000.0 + 1e-9).floor();
    let text = format!("{:.2}", hundredths / 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

fn p_shown(p: f64) -> String {
    match p {
        p if p < 0.0001 => "<0.0001".to_owned(),
        p if p >= 1.0 => "1".to_owned(),
        p => format!("{p:.4}"),
    }
}

fn milliseconds(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and is shown in three digits"
    )]
    let shown = time(value.abs().round() as u64);
    if value <= -0.5 { format!("-{shown}") } else { shown }
}

/// A number in four digits, or all of its whole part.
fn figure(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = value.abs().log10().floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 12")]
    let digits = (3.0 - size).clamp(0.0, 12.0) as usize;
    let text = format!("{value:.digits$}");
    let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    match text.strip_prefix('-') {
        Some(positive) => format!("-{}", grouped(positive)),
        None => grouped(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_four_digits() {
        for (value, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (-0.012_346, "-0.01235"),
            (1234.5, "1,234"),
            (-98_765.4, "-98,765"),
            (0.5, "0.5"),
            (99.999, "100"),
        ] {
            assert_eq!(figure(value), expected);
        }
        let shown = [0.0, 0.5, 0.999_99, 1.0, 0.12].map(percent);
        assert_eq!(shown, ["0%", "50%", "99.99%", "100%", "12%"]);
        assert_eq!([0.000_01, 0.043_21, 1.0].map(p_shown), ["<0.0001", "0.0432", "1"]);
        assert_eq!([1500.0, -250.4, -0.1].map(milliseconds), ["1.50s", "-250ms", "0ms"]);
    }
}
