//! The report as a page (report.html): one file that needs no network, and holds the rows themselves, compressed.
//!
//! Rows come one at a time and leave in chunks for a spool, so memory follows neither their number nor their size.
//! Nothing from outside becomes markup: figures and rows are data, which the page's script puts into text nodes.

mod cells;
mod chunk;
mod pictures;

use std::fmt;
use std::io::{self, SeekFrom, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::model::Throttling;
pub(crate) use crate::report::html::cells::readable;
use crate::report::html::chunk::Chunks;
use crate::report::html::pictures::{Bars, Pictures, Timeline};
use crate::report::phrases::{Numbers, Phrases};
use crate::report::room::Room;
use crate::report::{ResultRow, Spool, Summary, sentences};

/// Bytes of an input, and of an output, that the page shows; results.jsonl has them whole.
pub const PAGE_CELL_BYTES: usize = 32 * 1024;

/// Bytes of all rows in the file. A browser opens no file of any size, whatever the number of rows.
const PAGE_BYTES: u64 = 128 * 1024 * 1024;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = concat!(
    "'use strict';\n(() => {\n",
    include_str!("base.js"),
    include_str!("parts.js"),
    include_str!("charts.js"),
    include_str!("figures.js"),
    include_str!("texts.js"),
    include_str!("judged.js"),
    include_str!("detail.js"),
    include_str!("rows.js"),
    "})();\n"
);

/// A page being written.
pub struct HtmlWriter<'a> {
    spool: &'a mut dyn Spool,
    chunks: Chunks,
    pictures: Pictures,
    room: Room,
    full: bool,
}

impl fmt::Debug for HtmlWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HtmlWriter").finish_non_exhaustive()
    }
}

impl<'a> HtmlWriter<'a> {
    /// Begins a page; `spool` is empty, and nobody else's.
    pub fn begin(spool: &'a mut dyn Spool) -> Self {
        Self {
            spool,
            chunks: Chunks::default(),
            pictures: Pictures::default(),
            room: Room::default(),
            full: false,
        }
    }

    /// Takes a row in.
    pub fn add(&mut self, row: &ResultRow<'_>) -> io::Result<()> {
        self.pictures.add(row);
        if self.full {
            self.room.leave_out();
        } else if self.room.admits(row) {
            self.chunks.add(row, self.spool)?;
            self.full = self.chunks.bytes() >= PAGE_BYTES;
        }
        Ok(())
    }

    /// Takes in when the service asked to slow down: once all rows are in.
    pub fn throttled(&mut self, throttling: &Throttling) {
        self.pictures.throttled(throttling);
    }

    /// Writes the page.
    pub fn finish(self, summary: &Summary, target: &mut dyn Write) -> io::Result<()> {
        let Self { spool, mut chunks, mut pictures, room, full } = self;
        chunks.flush(spool)?;
        let data = Page {
            report: summary,
            says: Says::of(summary),
            bars: pictures.bars(),
            timeline: pictures.timeline(),
            rows: Held {
                held: room.held(),
                further: room.further(),
                full,
                left_out: room.left_out(),
                cell_bytes: PAGE_CELL_BYTES,
                checks: chunks.checks(),
                kinds: chunks.kinds(),
            },
        };
        let title = format!("{}: {}", data.says.verdict, summary.manifest);
        let data = in_script(&serde_json::to_string(&data)?);
        write_page(target, &title, SCRIPT, "", &data, |target| {
            spool.seek(SeekFrom::Start(0))?;
            io::copy(spool, target).map(|_| ())
        })
    }
}

/// Gives a page of the same look for a server: `script` fills it, with the functions of `base.js`, and may ask the
/// server that it came from.
pub fn served_page(title: &str, script: &str) -> String {
    let script = format!("'use strict';\n(() => {{\n{}{script}}})();\n", include_str!("base.js"));
    let mut page = Vec::new();
    // Writing to memory can't fail.
    let _ = write_page(&mut page, title, &script, "connect-src 'self'; ", "{}", |_| Ok(()));
    String::from_utf8_lossy(&page).into_owned()
}

/// Gives a page of the same look that needs no network: `script` fills it from `data`, with the functions of `base.js`,
/// `parts.js` and `texts.js`. Nothing from outside may stand in `script`.
pub(crate) fn data_page(title: &str, script: &str, data: &impl Serialize) -> serde_json::Result<String> {
    let helpers = concat!(include_str!("base.js"), include_str!("parts.js"), include_str!("texts.js"));
    let script = format!("'use strict';\n(() => {{\n{helpers}{script}}})();\n");
    let data = in_script(&serde_json::to_string(data)?);
    let mut page = Vec::new();
    // Writing to memory can't fail.
    let _ = write_page(&mut page, title, &script, "", &data, |_| Ok(()));
    Ok(String::from_utf8_lossy(&page).into_owned())
}

fn write_page(
    target: &mut dyn Write,
    title: &str,
    script: &str,
    more: &str,
    data: &str,
    mut rows: impl FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let (script, style) = (without_returns(script), without_returns(STYLE));
    let policy = format!(
        "default-src 'none'; {more}script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(&script),
        hash(&style)
    );
    for part in PAGE.split("@@") {
        match part {
            "policy" => target.write_all(policy.as_bytes())?,
            "title" => target.write_all(markup(title).as_bytes())?,
            "style" => target.write_all(style.as_bytes())?,
            "script" => target.write_all(script.as_bytes())?,
            "data" => target.write_all(data.as_bytes())?,
            "rows" => rows(target)?,
            text => target.write_all(without_returns(text).as_bytes())?,
        }
    }
    Ok(())
}

/// What the page's script is given besides the rows.
#[derive(Serialize)]
struct Page<'a> {
    report: &'a Summary,
    says: Says,
    bars: Bars,
    timeline: Option<Timeline>,
    rows: Held<'a>,
}

/// Sentences that all reports share.
#[derive(Serialize)]
struct Says {
    verdict: &'static str,
    answered: String,
    not_answered: String,
    cost: String,
    cost_per_row: Option<String>,
    tokens: String,
    sent: String,
    in_doubt: Option<String>,
    budget: Option<String>,
    versions: Option<String>,
    repeats: Option<String>,
    bill: Option<String>,
    times: Vec<(&'static str, [String; 5])>,
}

impl Says {
    fn of(summary: &Summary) -> Self {
        let phrases = Phrases::new(summary, Numbers::Grouped);
        Self {
            verdict: phrases.verdict(),
            answered: phrases.answered(usize::MAX),
            not_answered: phrases.not_answered(usize::MAX),
            cost: phrases.cost(usize::MAX),
            cost_per_row: phrases.cost_per_row(),
            tokens: phrases.tokens(),
            sent: phrases.sent(),
            in_doubt: phrases.in_doubt(),
            budget: phrases.budget(),
            versions: phrases.versions(10),
            repeats: summary.repeats.as_ref().map(sentences::run_repeats),
            bill: sentences::bill(summary),
            times: phrases.times(),
        }
    }
}

/// Which rows the page holds.
#[derive(Serialize)]
struct Held<'a> {
    held: u64,
    /// Of these, those beyond the first.
    further: u64,
    /// Whether the file's size was the bound.
    full: bool,
    left_out: u64,
    cell_bytes: usize,
    checks: &'a [String],
    kinds: &'a [String],
}

/// A browser reads CR LF as LF, and takes the digest of that.
fn without_returns(text: &str) -> String {
    text.replace('\r', "")
}

fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// JSON that can't end the element it stands in: neither `</script` nor `<!--` is left.
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn markup(text: &str) -> String {
    let text = crate::report::words::harmless(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
