//! Rows in compressed chunks: what the table needs of every row apart from what is only read when a row is opened.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::checks::{CheckVerdict, Checks};
use crate::model::{Cost, Outcome};
use crate::report::html::cells::{Field, cut, fields, one_line, preview};
use crate::report::{ResultRow, Spool};

/// Rows of a chunk.
const CHUNK_ROWS: usize = 1_000;

/// Bytes of a chunk, before it is compressed: what a page reads to show one row.
const CHUNK_BYTES: usize = 256 * 1024;

/// Bytes of a key.
const MAX_KEY: usize = 200;

/// Bytes of an error's message.
const MAX_MESSAGE: usize = 8 * 1024;

/// Different kinds of errors and names of checks that the page can filter by.
const MAX_NAMES: usize = 1_000;

/// The chunks written, and the one that is being filled.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    index: Index,
    bodies: Vec<u8>,
    bytes: u64,
    checks: Vec<String>,
    kinds: Vec<String>,
}

/// What the table needs of a chunk's rows, a column each.
#[derive(Debug, Default, Serialize)]
struct Index {
    /// Row numbers.
    n: Vec<u64>,
    /// Keys.
    k: Vec<Option<String>>,
    /// Outcomes, a letter each.
    o: String,
    /// Costs.
    c: Vec<Option<Cost>>,
    /// Tokens.
    t: Vec<Option<u64>>,
    /// Latency in ms.
    l: Vec<Option<u64>>,
    /// Attempts.
    a: Vec<u32>,
    /// Start and finish, in ms since 1970.
    s: Vec<Option<u64>>,
    f: Vec<Option<u64>>,
    /// Kinds of errors, as places in the list of them.
    e: Vec<Option<usize>>,
    /// Input and output on a line; without an output the error.
    i: Vec<String>,
    p: Vec<String>,
    /// For each check the verdicts, a letter each.
    v: Vec<String>,
}

/// What is read when a row is opened.
#[derive(Serialize)]
struct Body<'a> {
    i: &'a [Field<'a>],
    o: &'a [Field<'a>],
    e: Option<Trouble<'a>>,
    m: More<'a>,
    c: &'a Checks,
}

/// Kind, message, HTTP status and code.
#[derive(Serialize)]
struct Trouble<'a>(&'a str, Cow<'a, str>, Option<u16>, Option<&'a str>);

/// Run id, version, the server's time, wait for a place, back-off.
#[derive(Serialize)]
struct More<'a>(Option<&'a str>, Option<&'a str>, Option<u64>, Option<u64>, Option<u64>);

impl Chunks {
    /// Bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Names of checks, in the order in which they were first seen.
    pub(super) fn checks(&self) -> &[String] {
        &self.checks
    }

    /// Kinds of errors, in the order in which they were first seen.
    pub(super) fn kinds(&self) -> &[String] {
        &self.kinds
    }

    /// Takes a row in.
    pub(super) fn add(&mut self, row: &ResultRow<'_>, spool: &mut dyn Spool) -> io::Result<()> {
        let input = row.input.map(fields).unwrap_or_default();
        let output = row.output.as_deref().map(fields).unwrap_or_default();
        self.add_to_index(row, &input, &output);
        self.add_verdicts(&row.checks);
        let body = Body {
            i: &input,
            o: &output,
            e: row.error.map(|error| {
                Trouble(error.kind, cut(error.message.into(), MAX_MESSAGE), error.http_status, error.code)
            }),
            m: More(row.workflow_run_id, row.workflow_version, row.server_ms, row.queue_ms, row.backoff_ms),
            c: &row.checks,
        };
        serde_json::to_writer(&mut self.bodies, &body)?;
        self.bodies.push(b'\n');
        if self.index.n.len() >= CHUNK_ROWS || self.bodies.len() >= CHUNK_BYTES {
            self.flush(spool)?;
        }
        Ok(())
    }

    fn add_to_index(&mut self, row: &ResultRow<'_>, input: &[Field<'_>], output: &[Field<'_>]) {
        let kind = row.error.and_then(|error| place(&mut self.kinds, error.kind));
        let index = &mut self.index;
        index.n.push(row.row_number);
        index.k.push(row.row_key.map(|key| cut(key.0.as_str().into(), MAX_KEY).into_owned()));
        index.o.push(letter(row.outcome));
        index.c.push(row.cost);
        index.t.push(row.tokens);
        index.l.push(row.latency_ms);
        index.a.push(row.attempts);
        index.s.push(row.started_ms);
        index.f.push(row.finished_ms);
        index.e.push(kind);
        index.i.push(preview(input));
        index.p.push(match &row.error {
            Some(error) if output.is_empty() => one_line(error.message),
            _ => preview(output),
        });
    }

    fn add_verdicts(&mut self, checks: &Checks) {
        // As it is for each row with an answer: else a row of many checks would look each of them up among all.
        let same = self.checks.len() == checks.0.len();
        let in_order = same && self.checks.iter().zip(&checks.0).all(|(there, (name, _))| **there == **name);
        if !in_order {
            for (name, _) in &checks.0 {
                place(&mut self.checks, name);
            }
        }
        let before = self.index.n.len() - 1;
        let verdicts = &mut self.index.v;
        // One that is new in the middle of a chunk has no verdicts on the rows before.
        verdicts.resize_with(self.checks.len(), || "-".repeat(before));
        for (at, (name, verdicts)) in self.checks.iter().zip(verdicts).enumerate() {
            let found = if in_order { checks.0.get(at) } else { None };
            let result = found.or_else(|| checks.0.iter().find(|(there, _)| **there == **name));
            verdicts.push(match result.map(|(_, result)| result.verdict) {
                Some(CheckVerdict::Pass) => 'p',
                Some(CheckVerdict::Fail) => 'f',
                Some(CheckVerdict::Error) => 'e',
                Some(CheckVerdict::Skipped) => 's',
                None => '-',
            });
        }
    }

    /// Writes the chunk that is being filled.
    pub(super) fn flush(&mut self, spool: &mut dyn Spool) -> io::Result<()> {
        if self.index.n.is_empty() {
            return Ok(());
        }
        let index = std::mem::take(&mut self.index);
        self.bytes += write("index", &serde_json::to_vec(&index)?, spool)?;
        self.bytes += write("bodies", &self.bodies, spool)?;
        self.bodies.clear();
        Ok(())
    }
}

/// Writes bytes as an element that a browser neither runs nor shows.
fn write(class: &str, bytes: &[u8], spool: &mut dyn Spool) -> io::Result<u64> {
    // Subtle: the quickest level, since a million rows are waiting behind these.
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    let text = STANDARD.encode(encoder.finish()?);
    writeln!(spool, "<script type=\"application/octet-stream-base64\" class=\"{class}\">{text}</script>")?;
    Ok(text.len() as u64)
}

fn place(names: &mut Vec<String>, name: &str) -> Option<usize> {
    if let Some(place) = names.iter().position(|there| there == name) {
        return Some(place);
    }
    (names.len() < MAX_NAMES).then(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

fn letter(outcome: Outcome) -> char {
    match outcome {
        Outcome::Succeeded => 's',
        Outcome::Failed => 'f',
        Outcome::InDoubt => 'd',
        Outcome::Rejected => 'r',
        Outcome::NotRun => 'n',
    }
}
