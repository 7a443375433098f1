//! Lists that the service keeps of its runs: the run log, and what each run was charged
//! (gptbots-workflow-api.md, sections 9 and 10).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{ErrorKind, RowError};
use crate::reply::gptbots::retry_after;
use crate::reply::gptbots::table::{Meaning, Trouble, meaning_of, whole_text};
use crate::reply::gptbots::wire::{WHITE_SPACE, identifier, number_text};
use crate::reply::{Charge, Listed, LogEntry, Page, Received, Refusal};

/// A list, bare or wrapped in `data`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Outer<'a> {
    #[serde(borrow)]
    list: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    total: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// An entry of the run log.
#[derive(Default, Deserialize)]
#[serde(default)]
struct LogRow<'a> {
    #[serde(borrow, alias = "workflowRunId")]
    workflow_run_id: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// An entry of the list of credits.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CreditRow<'a> {
    #[serde(borrow, alias = "runId")]
    run_id: Option<&'a RawValue>,
    #[serde(borrow)]
    total: Option<&'a RawValue>,
}

/// Reads a page of `GET /v1/workflow/run/logs`.
pub fn read_run_log(received: &Received) -> Listed<LogEntry> {
    read(received, |row| {
        let row: LogRow<'_> = serde_json::from_str(row.get()).ok()?;
        let input = row.input.map(|input| match serde_json::from_str::<String>(input.get()) {
            // Documented as JSON within a string.
            Ok(text) => text,
            Err(_) => input.get().to_owned(),
        });
        Some(LogEntry { workflow_run_id: identifier(row.workflow_run_id?)?, input })
    })
}

/// Reads a page of `GET /v1/account/workflow/run/credits`.
pub fn read_credits(received: &Received) -> Listed<Charge> {
    read(received, |row| {
        let row: CreditRow<'_> = serde_json::from_str(row.get()).ok()?;
        let cost = row.total.and_then(number_text).and_then(|text| text.parse().ok());
        Some(Charge { workflow_run_id: identifier(row.run_id?)?, cost })
    })
}

fn read<T>(received: &Received, entry: impl Fn(&RawValue) -> Option<T>) -> Listed<T> {
    if let Some(page) = page(received, entry) {
        return Listed::Page(page);
    }
    let (trouble, error) = match meaning_of(received) {
        Meaning::Trouble(trouble, error) => (trouble, error),
        Meaning::Run(_) => {
            return Listed::Refused(RowError::new(ErrorKind::REPLY_UNREADABLE, "the reply is no list"));
        }
    };
    let again = |throttled| {
        let (error, retry_after) = (error.clone(), retry_after(received));
        Listed::Again(Refusal { error, retry_after, throttled, stop: None })
    };
    match trouble {
        Trouble::Throttled => again(true),
        Trouble::NotTaken | Trouble::Failed | Trouble::Unknown => again(false),
        Trouble::Stop(_) | Trouble::Refused | Trouble::Forbidden => Listed::Refused(error),
    }
}

fn page<T>(received: &Received, entry: impl Fn(&RawValue) -> Option<T>) -> Option<Page<T>> {
    let Received::Response { status: 200..=299, body, .. } = received else { return None };
    let text = whole_text(body)?.trim_start_matches('\u{feff}').trim_matches(WHITE_SPACE);
    let mut outer = outer(text)?;
    if outer.list.is_none() {
        outer = self::outer(outer.data?.get())?;
    }
    let rows = outer.list?;
    let length = rows.len();
    let entries: Vec<_> = rows.into_iter().filter_map(entry).collect();
    let total = outer.total.and_then(number_text).and_then(|text| text.parse().ok());
    Some(Page { unreadable: length - entries.len(), length, total, entries })
}

fn outer(text: &str) -> Option<Outer<'_>> {
    // Subtle: serde would take a list for the fields in their order.
    text.starts_with('{').then(|| serde_json::from_str(text).ok())?
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::reply::Body;

    fn response(status: u16, body: &str) -> Received {
        let body = Body::Whole(Bytes::copy_from_slice(body.as_bytes()));
        Received::Response { status, retry_after: None, location: None, body, redacted: false }
    }

    fn log(status: u16, body: &str) -> String {
        match read_run_log(&response(status, body)) {
            Listed::Page(page) => {
                let entry = |e: LogEntry| format!("{}={}", e.workflow_run_id, e.input.unwrap_or("-".into()));
                let entries: Vec<_> = page.entries.into_iter().map(entry).collect();
                format!("{} of {:?}, {} lost", entries.join(" "), page.total, page.unreadable)
            }
            Listed::Again(refusal) => format!("again: {}", refusal.error.kind),
            Listed::Refused(error) => format!("refused: {}", error.kind),
        }
    }

    #[test]
    fn the_run_log_is_read_in_the_forms_that_it_may_take() {
        let check = |status, body, expected| assert_eq!(log(status, body), expected, "{body}");
        let documented =
            r#"{"list":[{"log_id":"l","workflow_run_id":"r1","input":"{\"q\":1}","output":"{}"}],"total":1}"#;
        check(200, documented, r#"r1={"q":1} of Some(1), 0 lost"#);
        check(200, r#"{"list":[{"workflow_run_id":"r1","input":{"q":1}}]}"#, r#"r1={"q":1} of None, 0 lost"#);
        let wrapped = r#"{"code":0,"message":"OK","data":{"list":[{"workflowRunId":7}],"total":"3"}}"#;
        check(200, wrapped, "7=- of Some(3), 0 lost");
        check(200, r#"{"list":[{"log_id":"l"},5,{"workflow_run_id":""}]}"#, " of None, 3 lost");
        check(200, r#"{"list":[]}"#, " of None, 0 lost");
        check(200, r#"{"list":{}}"#, "again: reply_unreadable");
        check(200, "[]", "again: reply_unreadable");
        check(200, r#"{"code":40000,"message":"no"}"#, "refused: service_error");
        check(403, r#"{"code":403200,"message":"no"}"#, "refused: authentication");
        check(404, "", "refused: bad_request");
        check(429, "", "again: throttled");
        check(502, "<html>", "again: gateway");
    }

    #[test]
    fn what_a_run_was_charged_is_read_to_the_last_digit_or_not_at_all() {
        let body = r#"{"list":[{"run_id":"a","chat":0.6,"total":0.69280000000000000001},{"run_id":"b","total":null},
            {"run_id":"c","total":-1},{"run_id":"d","total":"0.5"}],"total":4,"page":1,"page_size":100}"#;
        let Listed::Page(page) = read_credits(&response(200, body)) else { panic!("it is a page") };
        let cost = |charge: &Charge| charge.cost.map_or("?".to_owned(), |cost| cost.to_string());
        let costs: Vec<_> = page.entries.iter().map(cost).collect();
        assert_eq!(costs, ["0.69280000000000000001", "?", "?", "0.5"]);
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(body in ".{0,200}", status in 100_u16..600) {
            let _ = read_run_log(&response(status, &body));
            let _ = read_credits(&response(status, &body));
        }
    }
}
