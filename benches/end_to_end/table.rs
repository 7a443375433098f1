//! The table that is printed, in Markdown: a line for each figure, with its bar and its aim.

use std::time::Duration;

use crate::measure::Measured;

/// One figure.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) what: String,
    pub(crate) measured: String,
    /// The least that counts as done, and what is aimed at; empty where neither is set.
    pub(crate) bar: &'a str,
    pub(crate) aim: &'a str,
    /// What the time of an fsync allows, in the figure's own unit; empty where it has no part in it.
    pub(crate) ceiling: String,
}

impl Line<'_> {
    /// A figure without a ceiling.
    pub(crate) fn new<'a>(what: &str, measured: String, bar: &'a str, aim: &'a str) -> Line<'a> {
        Line { what: what.to_owned(), measured, bar, aim, ceiling: String::new() }
    }

    pub(crate) fn under(self, ceiling: Option<String>) -> Self {
        Self { ceiling: ceiling.unwrap_or_default(), ..self }
    }

    /// Prints the line, with the measures of its run.
    pub(crate) fn print(&self, of: &Measured) {
        let share = of.share_of_service().map(percent).unwrap_or_default();
        let others = of.share_of_others().map(percent).unwrap_or_default();
        let fsync = of.fsync.map(millis).unwrap_or_default();
        println!(
            "| {} | {} | {} | {} | {} | {fsync} | {:.2} s | {:.2} s | {share} | {others} |",
            self.what,
            self.measured,
            self.bar,
            self.aim,
            self.ceiling,
            of.wall.as_secs_f64(),
            of.cpu.as_secs_f64(),
        );
    }
}

/// Prints what stands above the lines.
pub(crate) fn print_head() {
    let names = [
        "what",
        "measured",
        "bar",
        "aim",
        "ceiling by fsync",
        "fsync",
        "wall",
        "CPU",
        "server's share of CPU",
        "taken by others",
    ];
    println!("| {} |\n{}|", names.join(" | "), "|---".repeat(names.len()));
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

pub(crate) fn millis(duration: Duration) -> String {
    format!("{:.2} ms", 1e3 * duration.as_secs_f64())
}

pub(crate) fn per_second(rate: f64) -> String {
    let digits = format!("{rate:.0}");
    let grouped = digits.bytes().enumerate().fold(String::new(), |mut grouped, (at, digit)| {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(char::from(digit));
        grouped
    });
    format!("{grouped} rows/s")
}

pub(crate) fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / 1_048_576.0)
}
