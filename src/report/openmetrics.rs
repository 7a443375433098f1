//! The summary as `OpenMetrics` text (`OpenMetrics` 1.0, section "Text Format"), also read by the textfile collector of
//! Prometheus' node exporter. All are gauges: each says how the latest run came out.

mod scores;

use std::collections::HashSet;

use crate::report::{Percentiles, Rate, Summary};

/// Characters of a label's value: no gate is longer.
const MAX_LABEL: usize = 1_000;

/// Gives the metrics of a run.
pub fn render_openmetrics(summary: &Summary) -> String {
    let mut page = Page { text: String::new(), manifest: summary.manifest.clone(), series: HashSet::new() };
    page.family("run", "The run that these figures are of.", None);
    page.sample("run", &[("run_id", &summary.run_id)], "1");
    page.single("exit_code", "The exit code of the run's verdict.", None, &summary.verdict.exit_code);
    page.single(
        "complete",
        "Whether every row ended and none is still at the provider.",
        None,
        &u8::from(summary.complete),
    );
    page.maybe("coverage_ratio", "Rows with a definite answer of all rows.", share(summary.coverage));
    page.maybe("success_ratio", "Rows that succeeded of all rows.", share(summary.success_rate));
    page.maybe("score_ratio", "The mean of the rows' scores.", summary.score);
    page.family("rows", "Rows by outcome.", None);
    let rows = &summary.rows;
    for (outcome, count) in [
        ("succeeded", rows.succeeded),
        ("failed", rows.failed),
        ("in_doubt", rows.in_doubt),
        ("rejected", rows.rejected),
        ("not_run", rows.not_run),
    ] {
        page.sample("rows", &[("outcome", outcome)], &count.to_string());
    }
    page.single("attempts", "Sends that were neither throttled nor probes.", None, &summary.attempts);
    page.single("invokes", "Sends, every one.", None, &summary.invokes);
    page.single("polls", "Queries of a result.", None, &summary.polls);
    page.single("throttled", "Answers that asked to slow down.", None, &summary.throttled);
    bill(&mut page, summary);
    page.times("latency", "From the send of a row's last attempt to its result.", &summary.latency_ms);
    page.times("server", "The execution time that the service reports.", &summary.server_ms);
    page.times("queue", "How long rows waited for a place.", &summary.queue_ms);
    page.times("backoff", "Time of rows in back-off and pauses.", &summary.backoff_ms);
    page.single(
        "wall_seconds",
        "The time that processes worked on the run.",
        Some("seconds"),
        &seconds(summary.wall_ms),
    );
    if !summary.errors.is_empty() {
        page.family("errors", "Rows that did not succeed, by kind of error.", None);
        for error in &summary.errors {
            let labels = [("kind", error.kind.as_str()), ("outcome", error.outcome.as_str())];
            page.sample("errors", &labels, &error.count.to_string());
        }
    }
    verdicts(&mut page, summary);
    scores::repeats(&mut page, summary);
    scores::judges(&mut page, summary);
    page.text.push_str("# EOF\n");
    page.text
}

fn bill(page: &mut Page, summary: &Summary) {
    let (cost, unit) = (&summary.cost, summary.cost.unit.as_str());
    page.family("cost", "The exact sum of all costs that the service reported.", None);
    page.sample("cost", &[("unit", unit)], &cost.total.to_string());
    page.single(
        "cost_unknown_rows",
        "Rows with an execution whose cost is unknown.",
        None,
        &cost.unknown_rows,
    );
    let per_row = &cost.per_row;
    let spread = [("mean", per_row.mean), ("p50", per_row.p50), ("p95", per_row.p95), ("max", per_row.max)];
    if spread.iter().any(|(_, cost)| cost.is_some()) {
        page.family("cost_per_row", "The cost of a row, over those whose cost is known.", None);
        for (name, cost) in spread {
            if let Some(cost) = cost {
                page.sample("cost_per_row", &[("unit", unit), ("statistic", name)], &cost.to_string());
            }
        }
    }
    let tokens = &summary.tokens;
    page.single("tokens", "Tokens that the service reported.", None, &tokens.total);
    page.single("tokens_unknown_rows", "Rows whose tokens are unknown.", None, &tokens.unknown_rows);
}

fn verdicts(page: &mut Page, summary: &Summary) {
    if !summary.checks.is_empty() {
        page.family("check_rows", "Rows by the verdict of a check.", None);
        for (name, check) in &summary.checks {
            for (verdict, count) in [
                ("passed", check.passed),
                ("failed", check.failed),
                ("error", check.error),
                ("skipped", check.skipped),
                ("unscored", check.unscored),
            ] {
                page.sample("check_rows", &[("check", name), ("verdict", verdict)], &count.to_string());
            }
        }
        let help = "Rows that passed a check, of those that it was decided on.";
        page.family("check_pass_ratio", help, Some("ratio"));
        for (name, check) in &summary.checks {
            if let Some(rate) = share(check.pass_rate) {
                page.sample("check_pass_ratio", &[("check", name)], &rate.to_string());
            }
        }
        page.family("check_score_ratio", "The mean score of the rows that have one.", Some("ratio"));
        for (name, check) in &summary.checks {
            if let Some(score) = check.mean_score {
                page.sample("check_score_ratio", &[("check", name)], &score.to_string());
            }
        }
    }
    if !summary.gates.is_empty() {
        page.family("gate_passed", "Whether a gate holds, once the run is complete.", None);
        for gate in &summary.gates {
            if let Some(passed) = gate.passed {
                page.sample("gate_passed", &[("gate", &gate.gate)], &u8::from(passed).to_string());
            }
        }
    }
}

fn share(rate: Option<Rate>) -> Option<f64> {
    rate.map(|rate| f64::from(rate.millionths()) / 1e6)
}

struct Page {
    text: String,
    manifest: String,
    series: HashSet<String>,
}

impl Page {
    fn family(&mut self, name: &str, help: &str, unit: Option<&str>) {
        self.text.push_str(&format!("# TYPE flowbatch_{name} gauge\n"));
        if let Some(unit) = unit {
            self.text.push_str(&format!("# UNIT flowbatch_{name} {unit}\n"));
        }
        self.text.push_str(&format!("# HELP flowbatch_{name} {help}\n"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        let mut series = format!("flowbatch_{name}{{manifest=\"{}\"", escaped(&self.manifest));
        for (label, value) in labels {
            series.push_str(&format!(",{label}=\"{}\"", escaped(value)));
        }
        series.push('}');
        // A reader refuses the whole file when a series stands in it twice, as the same gate may.
        if !self.series.contains(&series) {
            self.text.push_str(&format!("{series} {value}\n"));
            self.series.insert(series);
        }
    }

    fn single(&mut self, name: &str, help: &str, unit: Option<&str>, value: &dyn ToString) {
        self.family(name, help, unit);
        self.sample(name, &[], &value.to_string());
    }

    fn maybe(&mut self, name: &str, help: &str, ratio: Option<f64>) {
        if let Some(ratio) = ratio {
            self.single(name, help, Some("ratio"), &ratio);
        }
    }

    fn times(&mut self, name: &str, help: &str, times: &Percentiles) {
        let all = [times.p50, times.p90, times.p95, times.p99, times.max];
        if times.max.is_none() {
            return;
        }
        let name = format!("{name}_seconds");
        self.family(&name, help, Some("seconds"));
        for (statistic, ms) in ["p50", "p90", "p95", "p99", "max"].into_iter().zip(all) {
            if let Some(ms) = ms {
                self.sample(&name, &[("statistic", statistic)], &seconds(ms));
            }
        }
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for character in text.chars().take(MAX_LABEL) {
        match character {
            '\\' => written.push_str("\\\\"),
            '"' => written.push_str("\\\""),
            '\n' => written.push_str("\\n"),
            _ => written.push(character),
        }
    }
    written
}
