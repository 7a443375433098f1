//! The lists that the provider keeps: its run log, and what it charged. Free requests, page by page.

use std::time::Duration;

use http::Method;
use reqwest::{Request, Url};

use crate::model::{ErrorKind, RowError};
use crate::reply::{Charge, Listed, LogEntry, Received, read_credits, read_run_log};
use crate::workflow::LogQuery;
use crate::workflow::gptbots::Gptbots;

/// Entries of a page: the most that either list gives (gptbots-workflow-api.md, sections 9 and 10).
const PAGE_SIZE: usize = 100;
/// A list longer than this is not read to its end: something is wrong with its pages.
const MOST_PAGES: u32 = 100_000;
/// The longest span of time that credits are listed for: 30 days.
const CREDITS_SPAN_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// How long a page may take. Rows wait for it, and what is not found now may be found later.
const PAGE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a page is asked for.
const TRIES: u32 = 5;
/// The wait before a page is asked for again, when the service does not say; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// A service that asks for a longer wait than this is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Gptbots {
    /// Reads the run log's entries of one user.
    pub(super) async fn read_run_log(&self, query: &LogQuery) -> Result<Vec<LogEntry>, RowError> {
        let times = (query.from_ms, query.to_ms);
        let more = [("conversation_type", "API"), ("user_id", query.user_id.as_str())];
        self.pages(&self.log_url, times, &more, read_run_log).await
    }

    /// Reads what the provider charged for runs that started within a span of time, in ms since 1970.
    pub async fn credits(&self, from_ms: u64, to_ms: u64) -> Result<Vec<Charge>, RowError> {
        let mut charges = Vec::new();
        let mut from = from_ms;
        while from <= to_ms {
            let to = to_ms.min(from.saturating_add(CREDITS_SPAN_MS - 1));
            charges.extend(self.pages(&self.credits_url, (from, to), &[], read_credits).await?);
            from = to.saturating_add(1);
        }
        Ok(charges)
    }

    async fn pages<T>(
        &self,
        url: &Url,
        (from_ms, to_ms): (u64, u64),
        more: &[(&str, &str)],
        read: fn(&Received) -> Listed<T>,
    ) -> Result<Vec<T>, RowError> {
        let mut entries = Vec::new();
        let mut seen = 0;
        for number in 1..=MOST_PAGES {
            let mut url = url.clone();
            url.query_pairs_mut()
                .extend_pairs(more)
                .append_pair("start_time", &from_ms.to_string())
                .append_pair("end_time", &to_ms.to_string())
                .append_pair("page", &number.to_string())
                .append_pair("page_size", &PAGE_SIZE.to_string());
            let page = self.page(&url, read).await?;
            if page.unreadable > 0 {
                let message = format!("{} entries of the provider's list can't be read", page.unreadable);
                return Err(RowError::new(ErrorKind::REPLY_UNREADABLE, message));
            }
            seen += page.length as u64;
            entries.extend(page.entries);
            // Without a total, only a page that has nothing is the end: the service may give shorter ones.
            let is_over = page.total.map_or(page.length == 0, |total| seen >= total || page.length == 0);
            if is_over {
                return Ok(entries);
            }
        }
        Err(RowError::new(ErrorKind::REPLY_UNREADABLE, "the provider's list has no end"))
    }

    async fn page<T>(
        &self,
        url: &Url,
        read: fn(&Received) -> Listed<T>,
    ) -> Result<crate::reply::Page<T>, RowError> {
        let mut wait = FIRST_WAIT;
        let mut tries = 1;
        loop {
            let request: Request = self.request(Method::GET, url, None);
            self.asks.permit().await;
            let refusal = match read(&self.intake.exchange(&self.polls.0, request, PAGE_TIMEOUT).await) {
                Listed::Page(page) => return Ok(page),
                Listed::Refused(error) => return Err(error),
                Listed::Again(refusal) => refusal,
            };
            let pause = refusal.retry_after.unwrap_or(wait);
            let is_slow = refusal.error.kind == ErrorKind::TIMEOUT;
            if is_slow || tries == TRIES || pause > LONGEST_WAIT {
                return Err(refusal.error);
            }
            tokio::time::sleep(pause).await;
            (wait, tries) = (wait * 2, tries + 1);
        }
    }
}
