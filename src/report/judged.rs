//! What judges are asked about a run's rows, what they said, and what that cost.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::checks::{Check, JudgeRule, Judgement};
use crate::mapping::{Expression, ReplyScope, Scope, ScopeParts, Template};
use crate::model::{Cost, Counts, ExitCode, Outcome, Reason, Retry, RowFacts, RowNumber, RowState, Verdict};
use crate::report::row::{ResultRow, answer_of, record_of};
use crate::report::templates::{Scopes, reply_value};
use crate::report::{KnownTokens, ReportContext, Summary, json};

/// The names that a record has which a judge is asked about.
pub const JUDGED_COLUMNS: [&str; 6] = ["key", "row_number", "row", "input", "output", "sha256"];

/// A row with what judges said of it, by the names of their checks.
#[derive(Debug)]
pub struct JudgedRow {
    /// What the journal knows of it.
    pub facts: RowFacts,
    /// What was said; nothing by judges that are not to look at the row.
    pub judged: Vec<(Arc<str>, Judgement)>,
}

impl From<RowFacts> for JudgedRow {
    fn from(facts: RowFacts) -> Self {
        Self { facts, judged: Vec::new() }
    }
}

/// A judge of a run: the same for all checks that have the same manifest of a judge.
#[derive(Clone, Debug)]
pub struct JudgeReport {
    /// Its checks, at least one.
    pub checks: Vec<Arc<str>>,
    /// What its runs came to.
    pub summary: JudgeSummary,
    /// Why it is not done, when a run of it is not.
    pub open: Option<Verdict>,
}

/// What a judge's runs came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgeSummary {
    /// The checks that ask it.
    pub checks: Vec<String>,
    /// Its manifest's name.
    pub manifest: Option<String>,
    /// The ids of its runs, oldest first; their folders lie below `judges` in the run's.
    pub runs: Vec<String>,
    /// Whether every row that is to be judged was asked about, and all its runs are complete.
    pub complete: bool,
    /// Rows that are still to be judged.
    pub waiting: u64,
    /// Rows that it gave no usable answer about: it failed, is in doubt, or said no score.
    #[serde(default)]
    pub errors: u64,
    /// How often its workflow was called.
    #[serde(default)]
    pub calls: u64,
    /// The rows of its runs by outcome.
    pub rows: Counts,
    /// What its runs cost, which is not in the judged run's own cost.
    pub cost: JudgeCost,
    /// The tokens that its runs used.
    pub tokens: KnownTokens,
}

/// What a judge's runs cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgeCost {
    /// The exact sum; null when it has more digits than can be kept.
    pub total: Option<Cost>,
    /// The unit.
    pub unit: String,
    /// Rows with an execution, certain or possible, whose cost is not known.
    pub unknown_rows: u64,
}

/// What a judge is asked about the rows of a run.
#[derive(Debug)]
pub struct Questions<'a> {
    scopes: Scopes<'a>,
    /// The conditions of the checks that ask; none: all rows.
    conditions: Option<Vec<&'a Expression>>,
}

/// What a judge is asked about a row.
#[derive(Debug)]
pub struct Question {
    /// The row's number.
    pub row_number: RowNumber,
    /// The digest of what is asked, which the record has too.
    pub sha256: String,
    /// The record, in the texts of dataset and reply.
    asked: String,
}

impl Question {
    /// Gives the record as a line of a dataset, with its line feed. Replies come from anywhere: what a dataset may not have -
    /// a number that can't be carried exactly, a name that stands twice - is written so that it can be read.
    pub fn line(&self) -> Vec<u8> {
        let mut line = json::carried(&self.asked).to_string().into_bytes();
        line.push(b'\n');
        line
    }
}

#[derive(Serialize)]
struct Asked<'a> {
    key: &'a str,
    row_number: RowNumber,
    row: Option<&'a RawValue>,
    input: Option<&'a RawValue>,
    output: Option<&'a RawValue>,
}

/// Which question a row of a judge's run is about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct QuestionId {
    /// The number of the row that is judged.
    pub row_number: RowNumber,
    /// The digest of what was asked.
    pub sha256: String,
}

impl<'a> Questions<'a> {
    /// Prepares the questions of the checks that these names have.
    pub fn new(context: &'a ReportContext, names: &[Arc<str>]) -> Self {
        let checks = || context.checks.iter().filter(|check: &&Check| names.contains(&check.name));
        let conditions = checks().map(|check| check.when.as_ref()).collect();
        Self { scopes: Scopes::new(context), conditions }
    }

    /// Gives the question about a row: none when it has no output, or no check asks for it.
    pub fn about(&self, facts: &RowFacts) -> Option<Question> {
        let row = ResultRow::of(facts);
        if row.outcome != Outcome::Succeeded {
            return None;
        }
        if let Some(conditions) = &self.conditions {
            let scope = self.scopes.of(&row, facts);
            if !conditions.iter().any(|condition| condition.holds(&scope).unwrap_or(false)) {
                return None;
            }
        }
        let asked = Asked {
            key: row.row_key.map_or("", |key| &key.0),
            row_number: row.row_number,
            row: record_of(facts),
            input: row.input,
            output: row.output.as_deref(),
        };
        let mut line = serde_json::to_vec(&asked).ok()?;
        line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        let sha256 = hex::encode(Sha256::digest(&line));
        line.pop();
        line.extend_from_slice(format!(",\"sha256\":\"{sha256}\"}}").as_bytes());
        Some(Question { row_number: row.row_number, sha256, asked: String::from_utf8(line).ok()? })
    }
}

impl QuestionId {
    /// Reads which question a row of a judge's run is about; none for one that was not begun.
    pub fn of(facts: &RowFacts) -> Option<Self> {
        serde_json::from_str(record_of(facts)?.get()).ok()
    }
}

/// Reads what a judge said by a row of its run.
pub fn judgement(rule: &JudgeRule, facts: &RowFacts) -> Judgement {
    let row = ResultRow::of(facts);
    let is_open = matches!(facts.state, RowState::Attached(_) | RowState::InDoubt(Some(_)));
    match (row.outcome, &row.error) {
        (Outcome::Succeeded, _) => scored(rule, &row, facts).unwrap_or_else(Judgement::Unusable),
        (Outcome::NotRun, _) => Judgement::Waiting,
        _ if is_open => Judgement::Waiting,
        (_, Some(error)) => Judgement::Unusable(format!("the judge gave no answer: {}", error.message)),
        (_, None) => Judgement::Unusable("the judge gave no answer".to_owned()),
    }
}

fn scored(rule: &JudgeRule, row: &ResultRow<'_>, facts: &RowFacts) -> Result<Judgement, String> {
    let output = row.output.as_deref().map_or(Value::Null, json::exact);
    let reply = answer_of(facts).map_or(Value::Null, reply_value);
    let (nothing, nobody) = (Map::new(), std::collections::BTreeMap::new());
    let scope = Scope::new(&ScopeParts {
        row: &nothing,
        row_number: row.row_number,
        row_key: "",
        row_tag: "",
        repeat: 1,
        vars: &nothing,
        run_id: "",
        manifest_name: "",
        schedule: None,
        env: &nobody,
        reply: Some(ReplyScope { output: &output, reply: &reply, outcome: row.outcome }),
    });
    let render = |template: &Template| template.render(&scope).map_err(|error| error.message);
    let value = render(&rule.score).map_err(|why| format!("the judge's answer has no score: {why}"))?;
    let number = score_of(&value).ok_or_else(|| {
        let shown: String = value.to_string().chars().take(60).collect();
        format!("the judge's score is {shown}, and not a number from 0 to 1")
    })?;
    // A reason is told where there is one; a score without it is as good.
    let reason = rule.reason.as_ref().and_then(|reason| render(reason).ok()).map(json::plain_value);
    Ok(Judgement::Scored(number, reason))
}

/// A number from 0 to 1, or a text that is one.
fn score_of(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    let score: f64 = text.parse().ok()?;
    // Added to 0, -0 is 0.
    (0.0..=1.0).contains(&score).then_some(score + 0.0)
}

/// A run is not complete as long as a judge is not done, whatever else it came to.
pub(super) fn with_judges(mut summary: Summary, context: &ReportContext) -> Summary {
    if !summary.complete {
        return summary;
    }
    let open = summary.judges.iter().zip(&context.judges).find(|((_, judge), _)| !judge.complete);
    let Some(((name, judge), report)) = open else { return summary };
    let verdict = if let Some(open) = &report.open {
        let message = format!("judge `{name}`: {}", open.message);
        Verdict { message, ..open.clone() }
    } else {
        let rows =
            if judge.waiting == 1 { "1 row is".to_owned() } else { format!("{} rows are", judge.waiting) };
        let message = format!("judge `{name}`: {rows} still to be judged");
        let next = Some(format!("flowbatch resume {}", summary.run_id));
        Verdict::new(ExitCode::Interrupted, Reason::Interrupted, Retry::Resume, &message, next)
    };
    (summary.complete, summary.verdict) = (false, verdict);
    summary
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_score_is_a_number_from_0_to_1_or_a_text_that_is_one() {
        let check = |value: Value, expected: Option<f64>| assert_eq!(score_of(&value), expected, "{value}");
        check(json!(0), Some(0.0));
        check(json!(1), Some(1.0));
        check(json!(0.75), Some(0.75));
        check(json!(" 0.5 "), Some(0.5));
        check(json!("0.6666666666666666666666666666666667"), Some(2.0 / 3.0));
        check(json!(1e-300), Some(1e-300));
        check(json!(".5"), Some(0.5));
        assert!(score_of(&json!(-0.0)).is_some_and(f64::is_sign_positive));
        for wrong in [
            json!(1.01),
            json!(-0.1),
            json!(70),
            json!("high"),
            json!("NaN"),
            json!("inf"),
            json!(""),
            json!(null),
            json!(true),
            json!([0.5]),
        ] {
            check(wrong, None);
        }
    }
}
