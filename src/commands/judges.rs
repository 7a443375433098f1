//! The judges of a run: their manifests, what their runs below the judged run's folder came to, and what they said of each row.

use std::path::Path;
use std::sync::Arc;
use std::thread::Scope;

use crate::checks::{Check, JudgeRule, Judgement};
use crate::commands::execute::cost_unit;
use crate::commands::{Failure, Host, ahead, derive};
use crate::emulator::Definition;
use crate::journal::{Error, Found, History, RunFolder, Runs};
use crate::manifest::{self, Encoding, Manifest, Overrides, Provider, Secrets};
use crate::model::{Cost, Counts, Outcome, RowFacts, RunState, Verdict};
use crate::report::{
    JUDGED_COLUMNS, JudgeCost, JudgeReport, JudgeSummary, JudgedRow, KnownTokens, QuestionId, Questions,
    ReportContext, judgement,
};

/// The folder of a run in which the runs of its judges lie.
pub(crate) const JUDGES: &str = "judges";

/// A judge as a run needs it before it begins.
#[derive(Debug)]
pub(crate) struct Judge {
    /// The checks that ask it.
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) manifest: Manifest,
}

/// Gives the checks that ask one judge, for each judge: the same manifest is the same judge, and asked once about a row.
pub(crate) fn grouped(checks: &[Check]) -> Vec<Vec<&JudgeRule>> {
    let mut groups: Vec<Vec<&JudgeRule>> = Vec::new();
    for rule in checks.iter().filter_map(Check::judge_rule) {
        match groups.iter_mut().find(|group| group.iter().any(|other| other.sha256 == rule.sha256)) {
            Some(group) => group.push(rule),
            None => groups.push(vec![rule]),
        }
    }
    groups
}

/// What the command line would change in a judge's manifest: its dataset, which comes as if on standard input. A question that
/// does not fit the manifest's `types` keeps the others from being asked no more than a malformed record does that is rejected:
/// the rows that are judged are paid.
pub(crate) fn overrides(rule: &JudgeRule) -> Overrides {
    let folder = rule.manifest.parent().filter(|_| rule.file != rule.manifest);
    let set = vec![("dataset.on_bad_row".to_owned(), "reject".to_owned())];
    Overrides {
        set,
        dataset: Some("-".into()),
        folder: folder.map(Path::to_path_buf),
        ..Overrides::default()
    }
}

/// Reads the manifests of judges, and all that they name: nothing is sent before they are known to be sound.
pub(crate) fn load(checks: &[Check], secrets: Secrets, host: &dyn Host) -> Result<Vec<Judge>, Failure> {
    grouped(checks).into_iter().map(|rules| load_one(&rules, secrets, host)).collect()
}

/// Reads the manifests of the judges of a run that is there, and not the files that they name.
pub(crate) fn read(checks: &[Check], host: &dyn Host) -> Result<Vec<Manifest>, Failure> {
    let variable = |name: &str| host.variable(name);
    let read = |rules: Vec<&JudgeRule>| {
        let rule = rules[0];
        manifest::load(&rule.file, &overrides(rule), Secrets::Recorded, &variable)
            .map(|(manifest, _)| manifest)
            .map_err(|diagnostics| Failure::of_manifest(&diagnostics, host))
    };
    grouped(checks).into_iter().map(read).collect()
}

fn load_one(rules: &[&JudgeRule], secrets: Secrets, host: &dyn Host) -> Result<Judge, Failure> {
    let names = rules.iter().map(|rule| rule.name.clone()).collect();
    let rule = rules[0];
    let variable = |name: &str| host.variable(name);
    let (manifest, warnings) = manifest::load(&rule.file, &overrides(rule), secrets, &variable)
        .map_err(|diagnostics| Failure::of_manifest(&diagnostics, host))?;
    let columns = JUDGED_COLUMNS.map(str::to_owned);
    let mut items = manifest.check_columns(Some(&columns), false);
    items.extend(warnings.items.into_iter().filter(|item| item.is_error));
    if items.iter().any(|item| item.is_error) {
        return Err(Failure::of_manifest(&manifest.diagnostics(items), host));
    }
    let wrong = |what: &str| Err(Failure::mistake(format!("{}: {what}", rule.manifest.display())));
    // What a judge is, is known by its file alone.
    if !manifest.layers.is_empty() {
        return wrong("a judge's manifest stands alone: write out what it extends");
    }
    if manifest.checks.iter().any(|check| check.judge_rule().is_some()) {
        return wrong("a judge can't be judged: leave `judge` out of its checks");
    }
    let select = &manifest.dataset.select;
    if select.range.is_some()
        || select.condition.is_some()
        || select.limit.is_some()
        || select.sample.is_some()
    {
        return wrong(
            "a judge judges every row that it is asked about: leave out `dataset.select`, and use `when` in the check",
        );
    }
    if let Some(what) = misfit(&manifest) {
        return wrong(&format!("a judge reads what flowbatch asks it, once for each row: leave out {what}"));
    }
    if let Provider::Emulator { definition } = &manifest.workflow.provider {
        Definition::load(definition)?;
    }
    Ok(Judge { names, manifest })
}

/// Names what would keep a judge's questions from being read as they are written, or have them asked several times.
fn misfit(manifest: &Manifest) -> Option<&'static str> {
    let dataset = &manifest.dataset;
    let is_lines = dataset.format.as_deref().is_none_or(|format| ["jsonl", "ndjson"].contains(&format));
    let is_utf8 = match dataset.encoding {
        Encoding::Auto => true,
        Encoding::Named(encoding) => encoding == encoding_rs::UTF_8,
    };
    let wrong = [
        ("`repeat`", !dataset.repeats.is_once()),
        ("`dataset.sha256`", dataset.sha256.is_some()),
        ("`dataset.format`, or say `jsonl`", !is_lines),
        ("`dataset.delimiter`", dataset.delimiter.is_some()),
        ("`dataset.encoding`, or say `utf-8`", !is_utf8),
    ];
    wrong.into_iter().find(|(_, is_wrong)| *is_wrong).map(|(what, _)| what)
}

impl Judge {
    /// Says which judge of which checks it is.
    pub(crate) fn in_words(&self) -> String {
        format!("{} by {}", self.names.join(", "), self.manifest.name)
    }
}

/// The judges that a run's checks ask, with their runs.
#[derive(Debug, Default)]
pub(crate) struct Judges(pub(crate) Vec<Asked>);

/// A judge with its runs.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) rules: Vec<JudgeRule>,
    /// Oldest first.
    pub(crate) runs: Vec<Judging>,
}

/// A run of a judge.
#[derive(Debug)]
pub(crate) struct Judging {
    found: Found,
    history: History,
    manifest: Manifest,
}

impl Judging {
    pub(crate) fn folder(&self) -> &RunFolder {
        &self.found.folder
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.history.state().is_complete()
    }

    /// How many requests were sent, every one.
    pub(crate) fn requests(&self) -> u64 {
        self.history.state().tally().invokes
    }

    /// How many rows are not sent yet.
    pub(crate) fn left(&self) -> u64 {
        self.history.state().counts().of(Outcome::NotRun)
    }

    fn verdict(&self, judged: &str) -> Verdict {
        let state = self.history.state();
        let stop = state.stopped().map(|stopped| (stopped.cause, stopped.detail.as_str()));
        let (accept, unsettled) = (&self.manifest.accept, state.unsettled());
        let id = &self.found.run_id;
        let mut verdict = Verdict::of_run(id, &state.counts(), unsettled, stop, accept);
        // The judged run's resume goes on with its judges; what only the judge can be told is told to it.
        let plain = format!("flowbatch resume {id}");
        verdict.next = verdict.next.map(|next| match next.strip_prefix(&plain) {
            Some("") => format!("flowbatch resume {judged}"),
            Some(more) => format!("flowbatch resume {judged}/{JUDGES}/{}/{id}{more}", self.found.manifest),
            None => next,
        });
        verdict
    }
}

impl Judges {
    /// Finds the runs of a run's judges. Of a judge that has changed since, those of before do not count.
    pub(crate) fn find(folder: &RunFolder, checks: &[Check], host: &dyn Host) -> Result<Self, Failure> {
        let groups = grouped(checks);
        if groups.is_empty() {
            return Ok(Self::default());
        }
        let mut asked: Vec<_> = groups
            .into_iter()
            .map(|rules| Asked { rules: rules.into_iter().cloned().collect(), runs: Vec::new() })
            .collect();
        for found in Runs::below(folder.file(JUDGES)).list() {
            if !found.folder.is_begun() {
                continue;
            }
            let lock = found.folder.lock()?;
            let Some(asked) = asked.iter_mut().find(|asked| asked.rules[0].sha256 == lock.manifest_sha256)
            else {
                continue;
            };
            let history = found.folder.read()?;
            let changed = history.state().changed();
            let lock = lock.as_changed(changed);
            let manifest = derive::frozen(&found.folder, &lock, changed, Secrets::Recorded, host)?;
            asked.runs.push(Judging { found, history, manifest });
        }
        Ok(Self(asked))
    }

    /// Says what the judges of the run with this id came to.
    pub(crate) fn reports(&self, judged: &str) -> Vec<JudgeReport> {
        self.0.iter().map(|asked| asked.report(judged)).collect()
    }

    /// Begins to go through the rows of the judged run with what was said of each.
    pub(crate) fn join<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        context: &'scope ReportContext,
    ) -> Join<'scope> {
        let of = |asked: &'scope Asked| {
            let names: Vec<_> = asked.rules.iter().map(|rule| rule.name.clone()).collect();
            let said = asked
                .runs
                .iter()
                .map(|run| Said { rows: Box::new(ahead::read(scope, &run.history)) as Box<_>, now: None });
            Joined { rules: &asked.rules, questions: Questions::new(context, &names), said: said.collect() }
        };
        Join(self.0.iter().map(of).collect())
    }
}

impl Asked {
    fn report(&self, judged: &str) -> JudgeReport {
        let checks: Vec<_> = self.rules.iter().map(|rule| rule.name.clone()).collect();
        let newest = self.runs.last().map(|run| &run.manifest);
        let states = || self.runs.iter().map(|run| run.history.state());
        let mut rows = Counts::default();
        for (outcome, count) in
            states().flat_map(|state| Outcome::ALL.map(|outcome| (outcome, state.counts().of(outcome))))
        {
            rows.add_all(outcome, count);
        }
        JudgeReport {
            summary: JudgeSummary {
                checks: checks.iter().map(ToString::to_string).collect(),
                manifest: newest.map(|manifest| manifest.name.clone()),
                runs: self.runs.iter().map(|run| run.found.run_id.clone()).collect(),
                complete: false,
                waiting: 0,
                errors: 0,
                calls: states().map(|state| state.tally().invokes).sum(),
                rows,
                cost: JudgeCost {
                    total: states().try_fold(Cost::ZERO, |sum, state| sum.checked_add(state.tally().cost)),
                    unit: newest.map_or_else(|| "credit".to_owned(), cost_unit),
                    unknown_rows: states().map(RunState::cost_unknown_rows).sum(),
                },
                tokens: KnownTokens {
                    total: states().map(|state| state.tally().tokens).sum(),
                    unknown_rows: states().map(RunState::tokens_unknown_rows).sum(),
                },
            },
            checks,
            open: self.runs.iter().find(|run| !run.is_complete()).map(|run| run.verdict(judged)),
        }
    }
}

/// Goes through the rows of a judged run, and of its judges' runs beside them: all are in the order of the dataset.
pub(crate) struct Join<'a>(Vec<Joined<'a>>);

struct Joined<'a> {
    rules: &'a [JudgeRule],
    questions: Questions<'a>,
    said: Vec<Said>,
}

/// The rows of a judge's run, from the one that is looked at on.
struct Said {
    rows: Box<dyn Iterator<Item = Result<RowFacts, Error>>>,
    now: Option<(QuestionId, RowFacts)>,
}

impl Said {
    /// Gives the row about a question, if there is one. Questions come in the order of rows.
    fn about(&mut self, question: &QuestionId) -> Result<Option<&RowFacts>, Failure> {
        while self.now.as_ref().is_none_or(|(id, _)| id.row_number < question.row_number) {
            let Some(row) = self.rows.next() else { return Ok(None) };
            let facts = row?;
            self.now = QuestionId::of(&facts).map(|id| (id, facts));
        }
        Ok(self.now.as_ref().filter(|(id, _)| id == question).map(|(_, facts)| facts))
    }
}

impl Join<'_> {
    /// Adds to a row what judges said of it.
    pub(crate) fn row(&mut self, facts: RowFacts) -> Result<JudgedRow, Failure> {
        let mut judged = Vec::new();
        for Joined { rules, questions, said } in &mut self.0 {
            let Some(question) = questions.about(&facts) else { continue };
            let id = QuestionId { row_number: question.row_number, sha256: question.sha256 };
            let mut found: Vec<_> =
                rules.iter().map(|rule| (rule.name.clone(), Judgement::Waiting)).collect();
            for run in said {
                let Some(answer) = run.about(&id)? else { continue };
                found = rules.iter().map(|rule| (rule.name.clone(), judgement(rule, answer))).collect();
            }
            judged.append(&mut found);
        }
        Ok(JudgedRow { facts, judged })
    }

    /// Gives what a judge is to be asked about a row that none of its runs was asked about.
    pub(crate) fn unasked(&mut self, judge: usize, facts: &RowFacts) -> Result<Option<Vec<u8>>, Failure> {
        let Some(Joined { questions, said, .. }) = self.0.get_mut(judge) else { return Ok(None) };
        let Some(question) = questions.about(facts) else { return Ok(None) };
        let id = QuestionId { row_number: question.row_number, sha256: question.sha256.clone() };
        for run in said {
            if run.about(&id)?.is_some() {
                return Ok(None);
            }
        }
        Ok(Some(question.line()))
    }
}
