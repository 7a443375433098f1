//! report.html and junit.xml, written together: rows first, to a spool each, and then the figures before them.

use std::fmt;
use std::io::Write;

use crate::model::Throttling;
use crate::report::derive::Failed;
use crate::report::html::HtmlWriter;
use crate::report::junit::JunitWriter;
use crate::report::{ResultRow, Spool, Summary};

const REPORT_HTML: &str = "report.html";
const JUNIT_XML: &str = "junit.xml";

/// Where a page goes, and where its rows wait until it can be written.
pub struct PageTarget<'a> {
    /// The page.
    pub page: &'a mut dyn Write,
    /// Its rows: empty at first.
    pub spool: &'a mut dyn Spool,
}

impl fmt::Debug for PageTarget<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageTarget").finish_non_exhaustive()
    }
}

/// The pages being written, those of them that are asked for.
pub(super) struct Pages<'t> {
    html: Option<(HtmlWriter<'t>, &'t mut dyn Write)>,
    junit: Option<(JunitWriter<'t>, &'t mut dyn Write)>,
}

impl<'t> Pages<'t> {
    pub(super) fn begin(html: Option<PageTarget<'t>>, junit: Option<PageTarget<'t>>, manifest: &str) -> Self {
        Self {
            html: html.map(|target| (HtmlWriter::begin(target.spool), target.page)),
            junit: junit.map(|target| (JunitWriter::begin(target.spool, manifest), target.page)),
        }
    }

    /// Takes a row in.
    pub(super) fn add(&mut self, row: &ResultRow<'_>) -> Result<(), Failed> {
        if let Some((junit, _)) = &mut self.junit {
            junit.add(row).map_err(|error| Failed(JUNIT_XML, error))?;
        }
        if let Some((html, _)) = &mut self.html {
            html.add(row).map_err(|error| Failed(REPORT_HTML, error))?;
        }
        Ok(())
    }

    /// Writes the pages.
    pub(super) fn finish(self, summary: &Summary, throttling: &Throttling) -> Result<(), Failed> {
        if let Some((junit, page)) = self.junit {
            junit.finish(summary, page).map_err(|error| Failed(JUNIT_XML, error))?;
        }
        if let Some((mut html, page)) = self.html {
            html.throttled(throttling);
            html.finish(summary, page).map_err(|error| Failed(REPORT_HTML, error))?;
        }
        Ok(())
    }
}
