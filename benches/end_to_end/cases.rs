//! What is measured: a case for each job, which prints one line or more.

use std::path::Path;
use std::time::Duration;

use crate::measure::{Asked, Job, Measured, Result};
use crate::server::{Behaviour, Latency};
use crate::table::{Line, mebibytes, millis, per_second, percent};

/// Where the program is, and below which folder the runs go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) program: &'a Path,
    pub(crate) folder: &'a Path,
}

/// A case, by the name that chooses it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Takes minutes, and gigabytes of disk.
    pub(crate) long: bool,
    pub(crate) run: fn(Place<'_>) -> Result<()>,
}

pub(crate) const CASES: [Case; 8] = [
    Case { name: "zero", long: false, run: zero },
    Case { name: "fixed", long: false, run: fixed },
    Case { name: "tail", long: false, run: tail },
    Case { name: "memory", long: false, run: memory },
    Case { name: "wide", long: false, run: wide },
    Case { name: "start", long: false, run: start },
    Case { name: "async", long: false, run: acknowledged },
    Case { name: "million", long: true, run: million },
];

const MANY: u64 = 1_000_000;

fn asked(rows: u64, latency: Latency, places: usize) -> Asked {
    Asked { rows, behaviour: Behaviour { latency, acknowledges: false, places }, power: true }
}

impl Place<'_> {
    /// Runs a job of its own from one end to the other.
    fn measure(self, asked: Asked) -> Result<Measured> {
        Job::new(self.program, self.folder, asked)?.run(&[], asked.rows, asked.rows)
    }
}

/// Rows a second that the time of an fsync allows.
fn ceiling(of: &Measured, places: usize) -> Option<f64> {
    Some(places as f64 / (of.fsync?.mul_f64(1.5) + of.latency()).as_secs_f64())
}

/// The share of the places' time that the time of an fsync allows to be used.
fn share_ceiling(of: &Measured) -> Option<String> {
    let latency = of.latency().as_secs_f64();
    Some(format!("{:.3}", latency / (1.5 * of.fsync?.as_secs_f64() + latency)))
}

fn rate(rows: u64, of: &Measured) -> f64 {
    rows as f64 / of.wall.as_secs_f64()
}

fn zero(place: Place<'_>) -> Result<()> {
    const ROWS: u64 = 30_000;
    const PLACES: usize = 64;
    for (power, durability) in [(true, "power"), (false, "process")] {
        let of = place.measure(Asked { power, ..asked(ROWS, Latency::None, PLACES) })?;
        let what = format!("zero latency, 64 in flight, 30,000 rows, `{durability}`");
        Line::new(&what, per_second(rate(ROWS, &of)), "15,000", "40,000")
            .under(ceiling(&of, PLACES).map(per_second))
            .print(&of);
        let per_row = format!("{:.1} µs", 1e6 * of.cpu.as_secs_f64() / ROWS as f64);
        Line::new(&format!("CPU per row there, client alone, `{durability}`"), per_row, "60 µs", "25 µs")
            .print(&of);
    }
    Ok(())
}

fn fixed(place: Place<'_>) -> Result<()> {
    const ROWS: u64 = 10_000;
    const PLACES: usize = 100;
    let of = place.measure(asked(ROWS, Latency::Fixed { ms: 200 }, PLACES))?;
    let ideal = ROWS as f64 * of.latency().as_secs_f64() / PLACES as f64;
    let share = format!("{:.4}", ideal / of.wall.as_secs_f64());
    Line::new("200 ms, 100 in flight, 10,000 rows: N·L/C over wall", share, "0.985", "0.995")
        .under(share_ceiling(&of))
        .print(&of);
    Ok(())
}

fn tail(place: Place<'_>) -> Result<()> {
    const ROWS: u64 = 5_000;
    const PLACES: usize = 100;
    let of = place.measure(asked(ROWS, Latency::LongTail { median_ms: 200 }, PLACES))?;
    let ideal = Duration::from_micros(of.service.ideal_us).as_secs_f64();
    let share = format!("{:.4}", ideal / of.wall.as_secs_f64());
    let what = "long tail, 100 in flight, 5,000 rows: first-come time over wall";
    Line::new(what, share, "0.98", "0.995").under(share_ceiling(&of)).print(&of);
    Ok(())
}

fn memory(place: Place<'_>) -> Result<()> {
    let of = place.measure(asked(10_000, Latency::None, 64))?;
    let peak = mebibytes(of.peak_bytes as f64);
    Line::new("peak memory, 10,000 rows, 64 in flight", peak, "40 MiB", "25 MiB").print(&of);
    Ok(())
}

fn wide(place: Place<'_>) -> Result<()> {
    // Eighty rounds, so that start and end weigh as much as they do in a run of some length.
    const ROWS: u64 = 400_000;
    const PLACES: usize = 5_000;
    let of = place.measure(asked(ROWS, Latency::Fixed { ms: 1000 }, PLACES))?;
    let share = format!("{:.4}", rate(ROWS, &of) / PLACES as f64);
    let what = "5,000 in flight, 1 s latency, 400,000 rows: rows/s of the 5,000 ideal";
    let ceiling = ceiling(&of, PLACES).map(|rate| format!("{:.3}", rate / PLACES as f64));
    Line::new(what, share, "0.95", "0.99").under(ceiling).print(&of);
    Ok(())
}

fn start(place: Place<'_>) -> Result<()> {
    let mut runs = (0..5).map(|_| place.measure(asked(1, Latency::None, 8))).collect::<Result<Vec<_>>>()?;
    runs.sort_unstable_by_key(|of| of.wall);
    let of = &runs[runs.len() / 2];
    let beyond = millis(of.wall.saturating_sub(of.latency()));
    Line::new("start-up, one row, beyond the server's time (median of 5)", beyond, "50 ms", "20 ms")
        .print(of);
    Ok(())
}

fn acknowledged(place: Place<'_>) -> Result<()> {
    let latency = Latency::LongTail { median_ms: 2000 };
    let sync = asked(500, latency, 100);
    let of =
        place.measure(Asked { behaviour: Behaviour { acknowledges: true, ..sync.behaviour }, ..sync })?;
    let what = "async, 2 s and a long tail, 100 in flight, 500 rows: results late by, of the run's time";
    Line::new(what, percent(of.service.lateness), "10 %", "").print(&of);
    let polls = format!("{:.2}", of.service.polls as f64 / of.service.invokes as f64);
    Line::new("polls for each row there", polls, "", "").print(&of);
    Ok(())
}

fn million(place: Place<'_>) -> Result<()> {
    let small = place.measure(asked(10_000, Latency::None, 64))?;
    let job = Job::new(place.program, place.folder, asked(MANY + 1, Latency::None, 64))?;
    let of = job.run(&["--limit", &MANY.to_string()], MANY, MANY)?;
    let more = mebibytes(of.peak_bytes as f64 - small.peak_bytes as f64);
    Line::new("peak memory, 1,000,000 rows, beyond that of 10,000", more, "24 MiB", "10 MiB").print(&of);
    let all = mebibytes(of.peak_bytes as f64);
    Line::new("and in all", all, "", "").print(&of);
    Line::new("rows/s there", per_second(rate(MANY, &of)), "", "")
        .under(ceiling(&of, 64).map(per_second))
        .print(&of);
    let resume = ["resume", "latest", "--all", "--yes", "--no-progress", "--json"];
    let of = job.measure(&resume, 1, MANY + 1)?;
    let first = format!("{:.2} s", of.to_first_send.as_secs_f64());
    Line::new("resume, 1,000,000 finished rows: time to first send", first, "3 s", "1 s").print(&of);
    let of = job.measure(&["report", "latest", "--format", "json"], 0, MANY + 1)?;
    let wall = format!("{:.2} s", of.wall.as_secs_f64());
    Line::new("`report` over 1,000,000 rows", wall, "8 s", "3 s").print(&of);
    let peak = mebibytes(of.peak_bytes as f64);
    Line::new("its peak memory", peak, "", "").print(&of);
    Ok(())
}
