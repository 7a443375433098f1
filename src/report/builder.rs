//! The summary, gathered row by row.

use std::collections::BTreeMap;

use crate::checks::Judgement;
use crate::mapping::Scope;
use crate::model::{Cost, Counts, Outcome, Pin, ReusedTally, RowNumber, RunState, Tally, Verdict};
use crate::report::groups::Grouping;
use crate::report::money::{CostSpread, worth};
use crate::report::repeats::RunTally;
use crate::report::row::{ResultRow, answer_of};
use crate::report::scores::Scores;
use crate::report::spread::Spread;
use crate::report::{
    Bill, BudgetSummary, ConcurrencySummary, CostSummary, DoubtfulCost, ErrorSummary, GroupSummary,
    JudgeReport, JudgeSummary, JudgedRow, Money, Rate, ReportContext, ReusedSummary, Summary, TokenSummary,
    sentences,
};

/// Characters of an error's example.
const EXAMPLE_CHARS: usize = 500;

/// What the rows seen so far come to.
#[derive(Debug)]
pub(super) struct SummaryBuilder<'a> {
    context: &'a ReportContext,
    counts: Counts,
    costs: CostSpread,
    failed_cost: Option<Cost>,
    token_rows: u64,
    latency: Spread,
    server: Spread,
    queue: Spread,
    backoff: Spread,
    errors: BTreeMap<(String, Outcome), Errors>,
    groupings: Vec<Grouping<'a>>,
    scores: Scores<'a>,
    /// How it went with each judge.
    judged: Vec<Judged>,
    repeats: Option<RunTally>,
}

/// Rows that a judge has still to judge, and those that it gave no usable answer about.
#[derive(Clone, Copy, Debug, Default)]
struct Judged {
    waiting: u64,
    errors: u64,
}

impl Judged {
    fn add(&mut self, judge: &JudgeReport, read: &JudgedRow) {
        let said = || read.judged.iter().filter(|(name, _)| judge.checks.contains(name));
        self.waiting += u64::from(said().any(|(_, said)| *said == Judgement::Waiting));
        self.errors += u64::from(said().any(|(_, said)| matches!(said, Judgement::Unusable(_))));
    }
}

#[derive(Clone, Debug)]
struct Errors {
    count: u64,
    example: String,
    row: RowNumber,
}

impl<'a> SummaryBuilder<'a> {
    /// Begins a summary of about so many executed rows.
    pub(super) fn new(context: &'a ReportContext, executed: u64) -> Self {
        Self {
            context,
            counts: Counts::default(),
            costs: CostSpread::with_room_for(executed),
            failed_cost: Some(Cost::ZERO),
            token_rows: 0,
            latency: Spread::default(),
            server: Spread::default(),
            queue: Spread::default(),
            backoff: Spread::default(),
            errors: BTreeMap::new(),
            groupings: context.group_by.iter().map(Grouping::new).collect(),
            scores: Scores::new(&context.checks, context.repeats, context.baseline.as_ref()),
            judged: vec![Judged::default(); context.judges.len()],
            repeats: RunTally::new(context.repeats),
        }
    }

    /// Takes a row in; `scope` is needed when there are groups.
    pub(super) fn add(&mut self, row: &ResultRow<'_>, read: &JudgedRow, scope: Option<&Scope>) {
        let facts = &read.facts;
        for (judged, judge) in self.judged.iter_mut().zip(&self.context.judges) {
            judged.add(judge, read);
        }
        self.counts.add(row.outcome);
        let executed = answer_of(facts).is_some_and(|answer| answer.executed);
        let cost = row.cost.filter(|cost| executed || *cost > Cost::ZERO);
        if let Some(cost) = cost {
            self.costs.add(cost);
        }
        if let (Outcome::Failed, Some(cost)) = (row.outcome, row.cost) {
            self.failed_cost = self.failed_cost.and_then(|sum| sum.checked_add(cost));
        }
        if let Some(repeats) = &mut self.repeats {
            repeats.add(row.row_number, cost, row.latency_ms);
        }
        self.token_rows += u64::from(row.tokens.is_some_and(|tokens| executed || tokens > 0));
        self.latency.add(row.latency_ms);
        self.server.add(row.server_ms);
        self.queue.add(row.queue_ms);
        self.backoff.add(row.backoff_ms.filter(|_| row.queue_ms.is_some()));
        self.note_error(row);
        self.scores.add(row);
        if let Some(scope) = scope {
            for grouping in &mut self.groupings {
                grouping.add(row, scope);
            }
        }
    }

    /// Gives the rows seen so far, by outcome.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    fn note_error(&mut self, row: &ResultRow<'_>) {
        let Some(error) = &row.error else { return };
        let key = (error.kind.to_owned(), row.outcome);
        if let Some(errors) = self.errors.get_mut(&key) {
            errors.count += 1;
        } else {
            // Kinds are few: they are flowbatch's own words.
            let example = error.message.chars().take(EXAMPLE_CHARS).collect();
            self.errors.insert(key, Errors { count: 1, example, row: row.row_number });
        }
    }

    /// Ends the summary with what the run's events say as a whole.
    pub(super) fn finish(mut self, state: &RunState, mut notes: Vec<String>) -> Summary {
        let context = self.context;
        let (counts, tally) = (self.counts, state.tally());
        let stop = state.stopped().map(|stopped| (stopped.cause, stopped.detail.as_str()));
        notes.extend(self.groupings.iter().filter_map(Grouping::note));
        notes.extend(contradicted(tally));
        notes.extend(context.rate.iter().map(|rate| format!("requests were held to {rate} (`limits.rate`)")));
        notes.extend(context.pin.iter().filter_map(|pin| drifted(pin, tally)));
        let succeeded = self.scores.succeeded();
        let changed = succeeded.map(|it| it.baseline).filter(|it| it.better + it.worse > 0);
        notes.extend(changed.map(|paired| format!("rows that succeed: {}", sentences::paired(&paired))));
        let money = self.money(tally.cost, &mut notes);
        let known_rows = self.costs.rows();
        let per_row = self.costs.per_row();
        let budget = context.budget.as_ref();
        let cost = CostSummary {
            total: tally.cost,
            unit: context.cost_unit.clone(),
            known_rows,
            unknown_rows: state.cost_unknown_rows(),
            failed: self.failed_cost,
            per_row,
            in_doubt: DoubtfulCost::of(state, budget, &per_row),
            money,
        };
        let judges: Vec<_> = context.judges.iter().zip(self.judged).map(judge).collect();
        notes.extend(judges.iter().filter_map(|judge| other_unit(judge, &cost.unit)));
        Summary {
            run_id: context.run_id.clone(),
            manifest: context.manifest_name.clone(),
            description: context.description.clone(),
            labels: context.labels.iter().cloned().collect(),
            git: context.git.clone(),
            complete: state.is_complete(),
            verdict: Verdict::of_run(&context.run_id, &counts, state.unsettled(), stop, &context.accept),
            coverage: Rate::of(counts.answered(), counts.total),
            success_rate: Rate::of(counts.succeeded, counts.total),
            succeeded,
            score: self.scores.mean(),
            rows: counts,
            attempts: tally.attempts,
            invokes: tally.invokes,
            polls: tally.polls,
            throttled: tally.throttled,
            concurrency: concurrency(context, state),
            reused: reused(tally.reused),
            bill: Some(Bill::of(&cost, &judges)),
            cost,
            judges,
            tokens: TokenSummary {
                total: tally.tokens,
                known_rows: self.token_rows,
                unknown_rows: state.tokens_unknown_rows(),
            },
            budget: budget.map(|limits| BudgetSummary::of(state, limits)),
            latency_ms: self.latency.percentiles(),
            server_ms: self.server.percentiles(),
            queue_ms: self.queue.percentiles(),
            backoff_ms: self.backoff.percentiles(),
            wall_ms: state.wall_ms(),
            errors: errors_in_order(self.errors),
            groups: groups_in_order(self.groupings),
            repeats: self.repeats.map(RunTally::summary),
            checks: self.scores.finish(),
            gates: Vec::new(),
            versions: tally.versions.clone(),
            notes,
        }
    }

    fn money(&self, total: Cost, notes: &mut Vec<String>) -> Option<Money> {
        let price = self.context.price.as_ref()?;
        let money = worth(total, price);
        if money.is_none() {
            notes.push(format!(
                "the cost in {} has more digits than can be kept exactly, so it is not said",
                price.currency
            ));
        }
        money
    }
}

fn judge((judge, judged): (&JudgeReport, Judged)) -> (String, JudgeSummary) {
    let Judged { waiting, errors } = judged;
    let name = judge.checks.first().map(ToString::to_string).unwrap_or_default();
    let complete = judge.open.is_none() && waiting == 0;
    (name, JudgeSummary { complete, waiting, errors, ..judge.summary.clone() })
}

/// Says that a judge's cost can't be added to the run's.
fn other_unit((name, judge): &(String, JudgeSummary), unit: &str) -> Option<String> {
    (!judge.runs.is_empty() && judge.cost.unit != unit).then(|| {
        format!(
            "judge `{name}` costs in {}, and the run in {unit}: there is no sum of them (`bill`)",
            judge.cost.unit
        )
    })
}

fn reused(ReusedTally { rows, cost, unknown_rows, tokens }: ReusedTally) -> ReusedSummary {
    ReusedSummary { rows, cost, unknown_rows, tokens }
}

fn contradicted(tally: &Tally) -> Option<String> {
    let count = Some(tally.contradictions).filter(|count| *count > 0)?;
    Some(format!("the service delivered {count} times something else than the answer that counts"))
}

fn concurrency(context: &ReportContext, state: &RunState) -> ConcurrencySummary {
    let (max, adaptive) = context.concurrency;
    let seen = state.places();
    ConcurrencySummary {
        max,
        adaptive,
        lowest: seen.map(|seen| seen.lowest),
        last: seen.map(|seen| seen.last),
    }
}

/// Says how many answers came from another workflow than the one pinned.
fn drifted(pin: &Pin, tally: &Tally) -> Option<String> {
    let others = |pinned: &Option<String>, found: &BTreeMap<String, u64>| {
        let pinned = pinned.as_ref()?;
        let others: Vec<_> = found.iter().filter(|(name, _)| *name != pinned).collect();
        let names: Vec<_> = others.iter().take(5).map(|(name, _)| name.as_str()).collect();
        let count: u64 = others.iter().map(|(_, count)| **count).sum();
        (count > 0).then(|| (count, pinned.clone(), names.join(", ")))
    };
    let told = |what: &str, (count, pinned, names): (u64, String, String)| {
        let answers = if count == 1 { "1 answer" } else { &format!("{count} answers") };
        format!("{answers} came from {what} {names}, and `workflow.pin` is {pinned}")
    };
    let version = others(&pin.version, &tally.versions).map(|found| told("version", found));
    version.or_else(|| others(&pin.workflow_id, &tally.workflows).map(|found| told("workflow", found)))
}

fn errors_in_order(errors: BTreeMap<(String, Outcome), Errors>) -> Vec<ErrorSummary> {
    let summary = |((kind, outcome), errors): ((String, Outcome), Errors)| ErrorSummary {
        kind,
        outcome,
        count: errors.count,
        example: errors.example,
        row_number: errors.row,
    };
    let mut errors: Vec<_> = errors.into_iter().map(summary).collect();
    // Stable: those of the same count stay in the order of their kinds.
    errors.sort_by_key(|error| std::cmp::Reverse(error.count));
    errors
}

fn groups_in_order(groupings: Vec<Grouping<'_>>) -> Vec<GroupSummary> {
    groupings.into_iter().flat_map(Grouping::finish).collect()
}
