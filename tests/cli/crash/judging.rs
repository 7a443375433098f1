//! A run that dies at each named point while its judges are asked, and is gone on with: no row is judged twice, and what
//! was said is not lost.

use std::collections::BTreeMap;
use std::path::PathBuf;

use flowbatch::fail_point::Point;
use serde_json::{Value, json};

use crate::crash::points::{AGAIN, QUICK, dies, is_of_async, is_of_judging, way};
use crate::support::books::Books;
use crate::support::money::amount;
use crate::support::{Bench, Emulator, Ended, rows_of};

/// Rows of each run.
const ROWS: usize = 6;

/// What a judge says depends on what it is asked alone.
const JUDGE: &str = "name: judge\nversion: \"3\"\nseed: 9\ninputs:\n  text: {type: string, required: true}\n\
choose: {score: [0.1, 0.4, 0.8, 1]}\noutput: {score: \"{{choose.score}}\", why: \"saw {{input.text}}\"}\n\
latency: 1ms..4ms\ntokens: {base: 11}\ncost: {base: 0.25}\n";

/// A run with a judge at a service of its own, whose third row meets with a fault there.
struct Court {
    bench: Bench,
    service: Emulator,
    judge: Emulator,
    /// Holds the judge's ledger.
    _judges: Bench,
}

impl Court {
    fn of(mode: &str, faults: &str) -> Self {
        let (bench, judges) = (Bench::new(), Bench::new());
        let service = Emulator::serve(&bench, QUICK);
        let faults = format!("faults_for: {{\".*-3\": [{faults}]}}\n");
        let behaviour = "behaviour: {fault: {retry_after: 0s}, log: {access: forbidden}}\n";
        let judge = Emulator::serve(&judges, &format!("{JUDGE}{faults}{behaviour}"));
        bench.dataset(ROWS);
        let check =
            "checks: {good: {judge: {manifest: judge.yaml, at_least: 0.5, reason: \"{{output.why}}\"}}}\n";
        bench.job(&service.url, "sync", check);
        let url = &judge.url;
        bench.write(
            "judge.yaml",
            format!(
                "version: 1\nname: judge\n\
                 workflow: {{provider: gptbots, base_url: \"{url}\", mode: {mode}, poll: {{first: 5ms, interval: 100ms..200ms}}}}\n\
                 dataset: {{path: judged.jsonl, key: key}}\ninput: {{text: \"{{{{row.output.answer}}}}\"}}\n\
                 limits: {{concurrency: 2, halt: none, timeout: 20s, retry: {{attempts: 4, backoff: 1ms..2ms}}}}\n"
            ),
        );
        Self { bench, service, judge, _judges: judges }
    }

    /// The folder of the judge's only run.
    fn judge_run(&self) -> PathBuf {
        let runs = std::fs::read_dir(self.bench.path("runs/job/r/judges/good")).unwrap();
        let runs: Vec<_> = runs.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.into_iter().next().unwrap()
    }

    /// How often the judge was paid for each text.
    fn asked(&self) -> BTreeMap<String, usize> {
        let mut asked = BTreeMap::new();
        for line in self.judge.accepted() {
            *asked.entry(line["input"]["text"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        asked
    }

    /// Everything stands as if nothing had happened, but for rows that may have been judged.
    fn stands(&self, point: &str) {
        let ended = self.bench.run(&AGAIN).exits(0);
        assert_eq!(self.service.accepted().len(), ROWS, "{point}");
        let asked = self.asked();
        assert!(asked.values().all(|times| *times == 1), "{point}: {asked:?}");
        let dir = self.judge_run();
        let judged = rows_of(&dir.join("results.jsonl"));
        let ends = judged.iter().all(|row| row["outcome"] == "succeeded");
        Books::new(ROWS).balance_with(&dir, &self.judge, &Ended { code: Some(i32::from(!ends)), ..ended });
        let (rows, report) = (self.bench.results(), self.bench.report());
        for (row, judged) in rows.iter().zip(&judged) {
            let good = &row["checks"]["good"];
            if judged["outcome"] == "succeeded" {
                let score = judged["output"]["score"].as_f64().unwrap();
                let verdict = if score >= 0.5 { "pass" } else { "fail" };
                assert_eq!((&good["verdict"], &good["score"]), (&json!(verdict), &json!(score)), "{point}");
            } else {
                assert_eq!((&good["verdict"], &good["score"]), (&json!("error"), &Value::Null), "{point}");
                assert_ne!(good["reason"], "not judged yet", "{point}");
            }
        }
        let of_judge: Value =
            serde_json::from_slice(&std::fs::read(dir.join("report.json")).unwrap()).unwrap();
        let judge = &report["judges"]["good"];
        let money = |report: &Value| amount(report["cost"]["total"].as_str().unwrap());
        assert_eq!(money(judge), money(&of_judge), "{point}");
        assert_eq!(judge["cost"]["unknown_rows"], of_judge["cost"]["unknown_rows"], "{point}");
        assert_eq!((&report["complete"], &judge["waiting"]), (&json!(true), &json!(0)), "{point}");
        // What is judged is judged.
        let sent = self.judge.accepted().len();
        self.bench.run(&["resume", "r"]).exits(0);
        assert_eq!((self.judge.accepted().len(), self.bench.results()), (sent, rows), "{point}");
    }
}

/// Whether a judge's run comes to a point: what it is asked is sound, and its journal was not damaged.
fn is_reached(point: Point, mode: &str) -> bool {
    let way = way(point);
    // What is asked again by `retry.also` is paid for again, as was said.
    let is_other = way.damage || way.webhook || way.ragged || way.retry_failed;
    // These have tests of their own.
    let is_other =
        is_other || matches!(point, Point::ResultsReused | Point::SlotClaimed | Point::SlotStarted);
    (mode == "async" || !is_of_async(point)) && !is_other
}

fn check(point: Point, mode: &str) {
    let way = way(point);
    let court = Court::of(mode, way.faults);
    // From here on all points are those of judging.
    dies(&court.bench, &AGAIN, Point::JudgingDue, 1);
    if let Some(before) = way.before {
        dies(&court.bench, &AGAIN, before, self::way(before).passing);
    }
    // `latest` is the run's own, and is there already.
    if point != Point::LatestPointed && point != Point::JudgingDue {
        dies(&court.bench, &AGAIN, point, way.passing);
    }
    court.stands(point.name());
}

fn check_all(mode: &str) {
    let fails = |point: &&Point| std::panic::catch_unwind(|| check(**point, mode)).is_err();
    let reached = Point::ALL.iter().filter(|point| is_reached(**point, mode));
    let failed: Vec<_> = reached.filter(fails).map(|point| point.name()).collect();
    assert!(failed.is_empty(), "at these points, for reasons told above: {failed:?}");
}

#[test]
fn judging_that_dies_at_any_point_asks_about_no_row_twice_and_loses_no_verdict() {
    check_all("sync");
}

#[test]
fn judging_by_an_async_workflow_that_dies_at_any_point_asks_about_no_row_twice_and_loses_no_verdict() {
    check_all("async");
}

#[test]
fn a_judge_s_run_that_is_gone_on_with_has_no_part_of_its_own_on_the_page_of_a_step() {
    let court = Court::of("sync", "");
    dies(&court.bench, &AGAIN, Point::RequestTaken, u64::try_from(ROWS).unwrap() + 2);
    let page = court.bench.path("step.md");
    court.bench.run_with(&[("GITHUB_STEP_SUMMARY", page.to_str().unwrap())], &AGAIN).exits(0);
    let page = court.bench.read("step.md");
    assert_eq!((page.matches("\n## ").count(), page.starts_with("## ")), (0, true), "{page}");
}

/// One process after the other dies, each a step further.
#[test]
fn judging_that_dies_at_one_step_after_the_other_pays_once() {
    let court = Court::of("sync", "");
    for point in Point::ALL.iter().filter(|point| is_of_judging(**point)) {
        dies(&court.bench, &AGAIN, *point, 1);
    }
    court.stands("each step");
}
