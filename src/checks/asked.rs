//! A check whose verdict comes from another workflow: what a judge said of a row, and what that means.

use std::path::PathBuf;
use std::sync::Arc;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::json;

use crate::checks::result::{CheckResult, cut};
use crate::checks::{Check, Facts, Rule};
use crate::mapping::Template;

/// `judge`.
#[derive(Clone, Debug)]
pub struct JudgeRule {
    /// The check's name.
    pub name: Arc<str>,
    /// Where the judge's manifest was found when the run began; its paths start there.
    pub manifest: PathBuf,
    /// Where it is read now: the copy that a run keeps, when it is a run's.
    pub file: PathBuf,
    /// The digest of its bytes: the same judge, or another.
    pub sha256: String,
    /// The score, by what the judge answers.
    pub score: Template,
    /// Its reason, likewise.
    pub reason: Option<Template>,
    /// From what score on the check passes, between 0 and 1.
    pub at_least: Decimal,
}

/// What a judge says of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// The judge has not answered yet.
    Waiting,
    /// It has not answered, and won't, or its answer is no score; why.
    Unusable(String),
    /// Its score, from 0 to 1, with its reason.
    Scored(f64, Option<String>),
}

impl JudgeRule {
    /// Gives the check's result; a row that failed has nothing to be judged.
    pub(super) fn result(&self, facts: &Facts<'_>) -> CheckResult {
        let found = facts.judged.iter().find(|(name, _)| *name == self.name);
        match found.map(|(_, judgement)| judgement) {
            _ if !facts.succeeded => CheckResult::error("the row failed: there is nothing to judge"),
            None | Some(Judgement::Waiting) => CheckResult::error("not judged yet"),
            Some(Judgement::Unusable(why)) => CheckResult::error(cut(why)),
            Some(Judgement::Scored(score, reason)) => {
                let at_least = self.at_least.to_f64().unwrap_or(1.0);
                let reason = reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()).map(cut);
                if *score >= at_least {
                    return CheckResult { score: Some(*score), reason, ..CheckResult::pass() };
                }
                let failed = match reason {
                    Some(reason) => CheckResult::fail(reason),
                    None => CheckResult::fail("is too low").at("score"),
                };
                let failed = failed.expected(format!("at least {}", self.at_least.normalize()));
                CheckResult { score: Some(*score), ..failed.actual(&json!(score)) }
            }
        }
    }
}

impl Check {
    /// Gives the judge that the check asks, if it asks one.
    pub fn judge_rule(&self) -> Option<&JudgeRule> {
        self.rules.rules.iter().find_map(|rule| match rule {
            Rule::Judge(judge) => Some(&**judge),
            _ => None,
        })
    }
}
