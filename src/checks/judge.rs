//! A check's judgement of a row. Verdicts are joined as truths of which some are not known: what certainly fails fails,
//! whatever else could not be judged.

use rust_decimal::prelude::ToPrimitive;
use serde_json::Value;

use crate::checks::bounds::Beyond;
use crate::checks::difference::difference;
use crate::checks::result::{CheckResult, CheckVerdict, cut, written};
use crate::checks::{
    Bounds, Check, Checks, Facts, Folding, Labels, Rule, RuleSet, Shape, SimilarityRule, texts,
};
use crate::mapping::{RenderError, Scope, Template, kind, show};

impl Checks {
    /// Judges a row by every check, in their order.
    pub fn judge(checks: &[Check], scope: &Scope, facts: &Facts<'_>) -> Self {
        Self(checks.iter().map(|check| (check.name.clone(), check.judge(scope, facts))).collect())
    }
}

impl Check {
    /// Judges a row.
    pub fn judge(&self, scope: &Scope, facts: &Facts<'_>) -> CheckResult {
        match self.when.as_ref().map(|when| when.holds(scope)) {
            Some(Ok(false)) => return CheckResult::of(CheckVerdict::Skipped, None),
            Some(Err(error)) => return CheckResult::error(format!("`when`: {error}")),
            Some(Ok(true)) | None => {}
        }
        let mut result = self.rules.judge(scope, facts);
        if self.compares_labels() {
            result.labels = self.rules.labels(scope, facts);
        }
        result
    }
}

impl RuleSet {
    fn judge(&self, scope: &Scope, facts: &Facts<'_>) -> CheckResult {
        let needed = self.rules.iter().any(Rule::looks_at_the_value);
        let value = needed.then(|| self.value.render(scope));
        let results = self.rules.iter().map(|rule| {
            let result = match (&value, rule.looks_at_the_value()) {
                (Some(value), true) => self.judge_value(rule, value, scope, facts),
                _ => judge_row(rule, scope, facts),
            };
            (1.0, result)
        });
        all(results.collect())
    }

    fn judge_value(
        &self,
        rule: &Rule,
        value: &Result<Value, RenderError>,
        scope: &Scope,
        facts: &Facts<'_>,
    ) -> CheckResult {
        if let Some(why) = self.withheld(value, scope, facts) {
            return CheckResult::error(format!("the row failed: {why}")).at(self.path());
        }
        let value = match (rule, value) {
            (_, Ok(value)) => value,
            (Rule::Present(wanted), Err(error)) if error.missing => {
                return if *wanted {
                    CheckResult::fail("is missing").at(self.path())
                } else {
                    CheckResult::pass()
                };
            }
            (_, Err(error)) => return CheckResult::error(error.message.clone()).at(self.path()),
        };
        let result = match rule {
            Rule::Equals(expected) => equals(value, expected, self, scope),
            Rule::Contains(part) => texts::contains(value, part, self.folding, scope),
            Rule::ContainsAll(parts) => texts::contains_all(value, parts, self.folding, scope),
            Rule::ContainsAny(parts) => texts::contains_any(value, parts, self.folding, scope),
            Rule::Regex(pattern) => pattern.judge(value, scope),
            Rule::StartsWith(start) => texts::starts_with(value, start, self.folding, scope),
            Rule::OneOf(choices) => match choices.render(scope) {
                Err(wrong) => CheckResult::error(wrong),
                Ok(values) if values.iter().any(|choice| self.folding.same(choice, value)) => {
                    CheckResult::pass()
                }
                Ok(values) => {
                    let choices: Vec<_> = values.iter().map(written).collect();
                    CheckResult::fail("is none of them").expected(choices.join(", ")).actual(value)
                }
            },
            Rule::Number(number) => number.judge(value, scope),
            Rule::Similarity(rule) => similarity(value, rule, self.folding, scope),
            Rule::Length(bounds) => length(value, bounds),
            Rule::JsonSchema(schema) => schema.judge(value, &self.path()),
            Rule::Present(wanted) => present(value, *wanted),
            Rule::IsJson(wanted) => is_json(value, *wanted),
            other => judge_row(other, scope, facts),
        };
        match result.verdict {
            CheckVerdict::Fail | CheckVerdict::Error if result.path.is_none() => result.at(self.path()),
            _ => result,
        }
    }

    /// Says why nothing can be said of what a row that failed did not answer: rules such as `not` would hold for it.
    fn withheld(
        &self,
        value: &Result<Value, RenderError>,
        scope: &Scope,
        facts: &Facts<'_>,
    ) -> Option<String> {
        if facts.succeeded {
            return None;
        }
        let refers_to = |root: &str| {
            let mut names = self.value.references().iter().filter_map(|name| name.path.first());
            names.any(|first| first == root)
        };
        match value {
            Err(error) => Some(error.to_string()),
            Ok(_) if refers_to("output") && scope.is_null("output") => Some("it has no output".to_owned()),
            Ok(Value::Null) if refers_to("output") || refers_to("reply") => {
                Some(format!("`{}` is null", self.path()))
            }
            Ok(_) => None,
        }
    }

    /// Names what is looked at.
    fn path(&self) -> String {
        path_of(&self.value)
    }

    /// Gives the label that is expected of a row, and the one that it has.
    fn labels(&self, scope: &Scope, facts: &Facts<'_>) -> Option<Labels> {
        let actual = self.value.render(scope);
        let actual = if self.withheld(&actual, scope, facts).is_none() { actual.ok() } else { None };
        let same = |choice: &Value| actual.as_ref().is_some_and(|actual| self.folding.same(choice, actual));
        let expected = match self.rules.first()? {
            Rule::Equals(expected) => expected.render(scope).ok()?,
            // Of several right labels, the one that was given counts, else the first.
            Rule::OneOf(choices) => {
                let mut choices = choices.render(scope).ok()?;
                let found = choices.iter().position(same).unwrap_or(0);
                choices.swap_remove(found)
            }
            _ => return None,
        };
        let label = |value: &Value| cut(&self.folding.fold(&written(value)));
        let actual = if same(&expected) { Some(label(&expected)) } else { actual.as_ref().map(label) };
        Some(Labels { expected: label(&expected), actual })
    }
}

/// A template that only names a value is called by that name.
fn path_of(value: &Template) -> String {
    let source = value.source().trim();
    let inner = source.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
    match inner {
        Some(name) if !name.contains([' ', '{', '}']) || name.starts_with("row.[") => name.to_owned(),
        _ => cut(source),
    }
}

/// Judges a rule that is not about the value.
fn judge_row(rule: &Rule, scope: &Scope, facts: &Facts<'_>) -> CheckResult {
    match rule {
        Rule::Latency(bounds) => within("latency", facts.latency_ms, bounds, |ms| format!("{ms} ms")),
        Rule::Cost(bounds) => within("cost", facts.cost, bounds, |cost| cost.to_string()),
        Rule::Tokens(bounds) => within("tokens", facts.tokens, bounds, |tokens| tokens.to_string()),
        Rule::Judge(judge) => judge.result(facts),
        Rule::Not(rules) => not(rules, rules.judge(scope, facts), scope),
        Rule::All(sets) => all(judged(sets, scope, facts)),
        Rule::Any(sets) => any(judged(sets, scope, facts)),
        _ => CheckResult::error("there is no value to look at"),
    }
}

fn judged(sets: &[RuleSet], scope: &Scope, facts: &Facts<'_>) -> Vec<(f64, CheckResult)> {
    sets.iter().map(|set| (set.weight.to_f64().unwrap_or(1.0), set.judge(scope, facts))).collect()
}

/// Holds when all hold; its score is the weighted mean of theirs, and its details are those of the first that does not.
fn all(results: Vec<(f64, CheckResult)>) -> CheckResult {
    let score = weighted(&results);
    let first = |verdict| results.iter().position(|(_, result)| result.verdict == verdict);
    let Some(found) = first(CheckVerdict::Fail).or_else(|| first(CheckVerdict::Error)) else {
        let reason = results.into_iter().find_map(|(_, result)| result.reason);
        // Where no part weighs anything, it holds all the same.
        return CheckResult { score: score.or(Some(1.0)), reason, ..CheckResult::pass() };
    };
    let score = score.filter(|_| first(CheckVerdict::Error).is_none());
    results.into_iter().nth(found).map_or_else(CheckResult::pass, |(_, result)| {
        // Subtle: beside a part that could not be judged there is no score, but what fails has failed.
        let score = if result.verdict == CheckVerdict::Fail { score.or(Some(0.0)) } else { None };
        CheckResult { score, ..result }
    })
}

/// Holds when one holds; its score is the best of theirs.
fn any(results: Vec<(f64, CheckResult)>) -> CheckResult {
    let best = results.iter().filter_map(|(_, result)| result.score).fold(0.0, f64::max);
    let count = |verdict| results.iter().filter(|(_, result)| result.verdict == verdict).count();
    if count(CheckVerdict::Pass) > 0 {
        return CheckResult { score: Some(best), ..CheckResult::pass() };
    }
    let of = results.len();
    if let Some((_, result)) = results.iter().find(|(_, result)| result.verdict == CheckVerdict::Error) {
        return result.clone();
    }
    let first = results.into_iter().next().map_or_else(|| CheckResult::fail(""), |(_, result)| result);
    let reason = format!("none of {of} holds; the first: {}", first.reason.as_deref().unwrap_or_default());
    CheckResult { score: Some(best), reason: Some(cut(&reason)), ..first }
}

fn not(rules: &RuleSet, result: CheckResult, names: &Scope) -> CheckResult {
    let turned = result.score.map(|score| 1.0 - score);
    match result.verdict {
        CheckVerdict::Pass => {
            let failed =
                CheckResult { score: turned, ..CheckResult::fail("is what `not` says that it may not be") };
            let looks = rules.rules.iter().any(Rule::looks_at_the_value);
            match rules.value.render(names).ok().filter(|_| looks) {
                Some(value) => failed.at(rules.path()).actual(&value),
                None => failed,
            }
        }
        CheckVerdict::Fail => CheckResult { score: turned, ..CheckResult::pass() },
        CheckVerdict::Error | CheckVerdict::Skipped => result,
    }
}

fn weighted(results: &[(f64, CheckResult)]) -> Option<f64> {
    let scored = || results.iter().filter_map(|(weight, result)| Some((*weight, result.score?)));
    let total: f64 = scored().map(|(weight, _)| weight).sum();
    (total > 0.0).then(|| scored().map(|(weight, score)| weight * score).sum::<f64>() / total)
}

fn equals(value: &Value, expected: &Shape, set: &RuleSet, scope: &Scope) -> CheckResult {
    let expected = match expected.render(scope) {
        Ok(expected) => expected,
        Err(error) => return CheckResult::error(error.message),
    };
    match difference(&expected, value, set.folding) {
        None => CheckResult::pass(),
        Some(found) => {
            let result = CheckResult::fail(found.in_words()).at(format!("{}{}", set.path(), found.path));
            let result = match found.expected {
                Some(expected) => result.expected(written(expected)),
                None => result,
            };
            match found.actual {
                Some(actual) => result.actual(actual),
                None => result,
            }
        }
    }
}

fn similarity(value: &Value, rule: &SimilarityRule, folding: Folding, scope: &Scope) -> CheckResult {
    let expected = match rule.to.render(scope) {
        Ok(expected) => expected,
        Err(error) => return CheckResult::error(error.message),
    };
    let (actual, wanted) = (folding.fold(&show(value)), folding.fold(&show(&expected)));
    let measure = rule.measure.name();
    if !rule.measure.sees(&wanted) {
        let reason = format!("`{measure}` sees no word in what is expected: `levenshtein` compares any text");
        return CheckResult::error(reason).expected(wanted);
    }
    let alike = rule.measure.score(&actual, &wanted);
    if alike >= rule.at_least.to_f64().unwrap_or(1.0) {
        return CheckResult { score: Some(alike), ..CheckResult::pass() };
    }
    let reason = format!("{measure} is {alike:.3}, and {} is wanted", rule.at_least.normalize());
    CheckResult { score: Some(alike), ..CheckResult::fail(reason).expected(wanted).actual(value) }
}

fn length(value: &Value, bounds: &Bounds<u64>) -> CheckResult {
    let (count, what) = match value {
        Value::Null => (0, "characters"),
        Value::String(text) => (text.chars().count(), "characters"),
        Value::Array(items) => (items.len(), "elements"),
        other => {
            return CheckResult::error(format!("is {}, and only a text or a list has a length", kind(other)));
        }
    };
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let one = what.strip_suffix('s').filter(|_| count == 1).unwrap_or(what);
    match bounds.broken_by(count) {
        None => CheckResult::pass(),
        Some(beyond) => {
            let far = if matches!(beyond, Beyond::Least(_)) { "short" } else { "long" };
            CheckResult::fail(format!("is too {far}: {count} {one}"))
                .expected(beyond.in_words(|bound| format!("{bound} {what}")))
                .actual(value)
        }
    }
}

fn present(value: &Value, wanted: bool) -> CheckResult {
    let there = match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    };
    match (there, wanted) {
        (false, true) => CheckResult::fail("is empty").actual(value),
        (true, false) => CheckResult::fail("is there").actual(value),
        _ => CheckResult::pass(),
    }
}

fn is_json(value: &Value, wanted: bool) -> CheckResult {
    let wrong = match value {
        Value::String(text) => serde_json::from_str::<serde::de::IgnoredAny>(text).err(),
        _ => None,
    };
    match (wrong, wanted) {
        (Some(error), true) => CheckResult::fail(format!("is not JSON: {error}")).actual(value),
        (None, false) => CheckResult::fail("is JSON").actual(value),
        _ => CheckResult::pass(),
    }
}

fn within<T: PartialOrd + Copy>(
    what: &str,
    value: Option<T>,
    bounds: &Bounds<T>,
    write: impl Fn(T) -> String,
) -> CheckResult {
    let Some(value) = value else { return CheckResult::error(format!("the {what} of the row is not known")) };
    match bounds.broken_by(value) {
        None => CheckResult::pass(),
        Some(beyond) => CheckResult {
            actual: Some(write(value)),
            ..CheckResult::fail("is out of its bounds").expected(beyond.in_words(write)).at(what)
        },
    }
}
