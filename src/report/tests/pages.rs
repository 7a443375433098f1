//! The summary as a person sees it.

use super::*;

const PLAIN: Style = Style { colour: false, width: 80 };
const RUN_DIR: &str = "runs/support-triage/20261124T060000Z-7f3a";

fn priced() -> ReportContext {
    let price = Some(Price { per_unit: "0.01".parse().unwrap(), currency: "USD".to_owned() });
    ReportContext { price, group_by: templates(&[("lang", "{{row.lang}}")]), ..context() }
}

fn check(page: &str, expected: &str) {
    assert_eq!(page, expected.trim_start_matches('\n'), "\n{page}");
}

/// A run of many rows, by its figures alone.
fn large() -> Summary {
    let mut run = Run::of(3);
    run.succeed(1, "{}", "{}").fail(2, "{}", "no such topic").lose(3, "{}");
    let mut summary = run.summary(&priced());
    summary.groups.clear();
    let counts = crate::model::Counts {
        total: 20_000,
        succeeded: 19_900,
        failed: 58,
        in_doubt: 30,
        rejected: 12,
        not_run: 0,
    };
    summary.verdict = crate::model::Verdict::of_run("r", &counts, 0, None, &Accept::default());
    summary.rows = counts;
    summary.coverage = Rate::of(19_958, 20_000);
    summary.cost.total = "1385.6028".parse().unwrap();
    summary.cost.money = Some(Money { amount: "13.856028".to_owned(), currency: "USD".to_owned() });
    summary.cost.unknown_rows = 30;
    summary.cost.in_doubt.rows = 30;
    let [at_mean, at_max] = ["5.25", "7.50"].map(|cost| cost.parse().ok());
    summary.cost.in_doubt.estimate = Some(CostEstimate { at_mean, at_max });
    summary.tokens.total = 3_204_123;
    summary.tokens.unknown_rows = 30;
    (summary.invokes, summary.throttled, summary.polls) = (20_412, 454, 41_201);
    summary.wall_ms = 252_300;
    summary.latency_ms =
        Percentiles { p50: Some(1_204), p90: Some(2_310), p95: Some(12_340), p99: Some(70_000), max: None };
    summary.latency_ms.max = Some(4_000_000);
    summary.errors[0].count = 30;
    summary.errors[1].count = 58;
    summary.versions = [("1.0.1".to_owned(), 19_957), ("1.0.2".to_owned(), 1)].into();
    summary
}

#[test]
fn the_first_four_lines_say_how_many_why_not_how_much_and_how_long() {
    check(
        &render_text(&large(), PLAIN, RUN_DIR),
        "
Not accepted  19,958 of 20,000 rows answered (99.79%), 58 of these failed
Not answered  42: 30 in doubt (connection_lost), 12 rejected
Cost          1,385.6028 credits (13.856028 USD) + 30 rows unknown
Time          4m 12s

Verdict       58 failed, 30 in doubt, 12 rejected of 20000 rows: more than
              `accept` allows
In doubt      30 rows, which may have cost some 5.25 to 7.5 credits: an estimate
              from the rows whose cost is known
Tokens        3,204,123, and 30 rows whose tokens are unknown
Cost per row  mean 0.175, p50 0.1, p95 0.25, max 0.25
Sent          20,412 invokes (454 throttled), 41,201 polls
Versions      1.0.1 (19,957 answers), 1.0.2 (1 answer)

                     p50       p90       p95       p99       max
Latency            1.20s     2.31s     12.3s    1m 10s    1h 07m
Server              10ms      20ms      20ms      20ms      20ms
Queue wait           4ms       6ms       6ms       6ms       6ms
Back-off             0ms       4ms       4ms       4ms       4ms

Errors
  30 in doubt, connection_lost
     row 3: the connection was closed
  58 failed, workflow_failed
     row 2: no such topic

Files         runs/support-triage/20261124T060000Z-7f3a
Next          flowbatch resume r --retry failed,in_doubt
",
    );
}

#[test]
fn a_run_that_was_accepted_needs_few_lines() {
    let mut run = Run::of(1);
    run.succeed(1, r#"{"lang":"en"}"#, "{}");
    check(
        &render_text(&run.summary(&priced()), PLAIN, RUN_DIR),
        "
Accepted      1 of 1 row answered (100%): it succeeded
Not answered  none
Cost          0.25 credits (0.0025 USD)
Time          0ms

Tokens        10
Cost per row  mean 0.25, p50 0.25, p95 0.25, max 0.25
Sent          1 invoke
Versions      1.0.1 (1 answer)

                     p50       p90       p95       p99       max
Latency            100ms     100ms     100ms     100ms     100ms
Server              10ms      10ms      10ms      10ms      10ms
Queue wait           2ms       2ms       2ms       2ms       2ms
Back-off             0ms       0ms       0ms       0ms       0ms

By lang
            rows  succeeded          cost  latency p95
  en           1    100.00%  0.25 credits        100ms

Files         runs/support-triage/20261124T060000Z-7f3a
",
    );
}

#[test]
fn a_run_of_no_rows_says_so() {
    check(
        &render_text(&Run::of(0).summary(&context()), PLAIN, RUN_DIR),
        "
Accepted      the dataset has no rows to run: nothing was sent
Not answered  none
Cost          0 credits
Time          0ms

Tokens        0
Sent          0 invokes

Files         runs/support-triage/20261124T060000Z-7f3a
",
    );
}

#[test]
fn a_stopped_run_says_why_in_markdown_too() {
    check(
        &render_markdown(&every_kind().summary(&priced())),
        r"
## Stopped: 3 of 7 rows answered (42.85%), 1 of these failed

| | |
|---|---|
| Not answered | 4: 2 in doubt (mostly connection\_lost), 1 rejected (mapping), 1 not run (halt) |
| Cost | 0.35 credits (0.0035 USD), and 3 rows whose cost is unknown |
| Time | 0ms |
| Tokens | 20, and 3 rows whose tokens are unknown |
| In doubt | 2 rows, which may have cost some 0.35 to 0.5 credits: an estimate from the rows whose cost is known |
| Cost per row | mean 0.175, p50 0.1, p95 0.25, max 0.25 |
| Sent | 5 invokes |
| Versions | `1.0.1 (3 answers)` |
| Manifest | `support-triage` |
| Run | `20261124T060000Z-7f3a` |
| Verdict | `3 of 6 rows did not succeed` |
| Next | `flowbatch resume 20261124T060000Z-7f3a` |

| | p50 | p90 | p95 | p99 | max |
|---|--:|--:|--:|--:|--:|
| Latency | 200ms | 500ms | 500ms | 500ms | 500ms |
| Server | 20ms | 50ms | 50ms | 50ms | 50ms |
| Queue wait | 6ms | 12ms | 12ms | 12ms | 12ms |
| Back-off | 0ms | 4ms | 4ms | 4ms | 4ms |

### Errors

| rows | outcome | kind | example |
|--:|---|---|---|
| 1 | in doubt | `connection_lost` | row 3: `the connection was closed` |
| 1 | in doubt | `interrupted` | row 6: `the service runs it, and its result was not fetched before flowbatch stopped; resume fetches it` |
| 1 | rejected | `mapping` | row 4: `` `row.subject` is missing `` |
| 1 | failed | `workflow_failed` | row 2: `The model refused \| <b>politely</b>` |

### By `lang`

| value | rows | succeeded | cost | latency p95 |
|---|--:|--:|--:|--:|
| `de` | 2 | 50.00% | 0 credits + 2 unknown | 500ms |
| `en` | 2 | 50.00% | 0.35 credits | 200ms |
| `fr` | 1 | 0.00% | 0 credits + 1 unknown | - |
| `(unknown)` | 2 | 0.00% | 0 credits | - |
",
    );
}

/// A summary whose every text comes from an enemy.
fn hostile(text: &str) -> Summary {
    let mut summary = large();
    for field in
        [&mut summary.run_id, &mut summary.manifest, &mut summary.cost.unit, &mut summary.verdict.message]
    {
        text.clone_into(field);
    }
    summary.description = Some(text.to_owned());
    summary.labels = [(text.to_owned(), text.to_owned())].into();
    summary.verdict.next = Some(text.to_owned());
    summary.cost.money = Some(Money { amount: "1".to_owned(), currency: text.to_owned() });
    summary.versions = [(text.to_owned(), 1)].into();
    summary.notes = vec![text.to_owned()];
    let line = BudgetLine { limit: "2000".parse().unwrap(), spent: summary.cost.total, reserved: None };
    summary.budget = Some(BudgetSummary { cost: Some(line), tokens: None });
    for error in &mut summary.errors {
        (error.kind, error.example) = (text.to_owned(), text.to_owned());
    }
    let group = every_kind().summary(&priced()).groups.remove(0);
    summary.groups = vec![GroupSummary { by: text.to_owned(), value: text.to_owned(), ..group }];
    summary
}

proptest! {
    #[test]
    fn no_text_from_outside_commands_a_terminal_or_leaves_its_place(text in any::<String>(), width in 0_usize..200) {
        let summary = hostile(&format!("\u{1b}[2J\u{202e}|`<b>\r\n{text}"));
        let page = render_text(&summary, Style { colour: false, width }, &text);
        let markdown = render_markdown(&summary);
        for page in [&page, &markdown] {
            let harmful = |c: &char| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c);
            prop_assert_eq!(page.chars().find(harmful), None);
        }
        prop_assert!(page.lines().nth(3).unwrap().starts_with("Time"));
        for line in markdown.lines().filter(|line| line.contains("| row ")) {
            prop_assert_eq!(line.replace("\\|", "").matches('|').count(), 5, "{}", line);
        }
    }
}

#[test]
fn pages_keep_to_their_width_but_for_what_is_to_be_copied() {
    for width in [0, 56, 60, 80, 120] {
        let group = every_kind().summary(&priced()).groups.remove(0);
        let groups = vec![GroupSummary { value: "订单".repeat(60), ..group }];
        let notes = vec!["a note ".repeat(40), "x".repeat(300)];
        let summary = Summary { groups, notes, ..large() };
        let page = render_text(&summary, Style { colour: false, width }, &"订单/".repeat(60));
        for line in page.lines().filter(|line| !line.starts_with("Next")) {
            assert!(unicode_width::UnicodeWidthStr::width(line) <= width.max(56), "{width}: {line}");
        }
    }
}

#[test]
fn colours_change_nothing_but_the_colour() {
    for summary in [large(), every_kind().summary(&priced()), Run::of(0).summary(&context())] {
        let coloured = render_text(&summary, Style { colour: true, width: 80 }, RUN_DIR);
        let mut plain = coloured.clone();
        for code in ["1;31", "1;32", "1;33", "1", "2", "0"] {
            plain = plain.replace(&format!("\u{1b}[{code}m"), "");
        }
        let trimmed: Vec<_> = plain.lines().map(str::trim_end).collect();
        let expected = render_text(&summary, PLAIN, RUN_DIR);
        assert_eq!(trimmed, expected.lines().collect::<Vec<_>>());
        assert!(coloured.starts_with("\u{1b}[1;3"));
    }
}

#[test]
fn metrics_are_gauges_in_the_units_of_their_names() {
    let summary = every_kind_summary();
    let text = render_openmetrics(&Summary { manifest: "a \"b\"\n\\".to_owned(), ..summary });
    assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
    let has = |line: &str| assert!(text.lines().any(|there| there == line), "{line}\n{text}");
    let of = "manifest=\"a \\\"b\\\"\\n\\\\\"";
    has("# TYPE flowbatch_rows gauge");
    has(&format!("flowbatch_rows{{{of},outcome=\"in_doubt\"}} 2"));
    has("# UNIT flowbatch_latency_seconds seconds");
    has(&format!("flowbatch_latency_seconds{{{of},statistic=\"max\"}} 0.500"));
    has(&format!("flowbatch_cost{{{of},unit=\"credit\"}} 0.35"));
    has(&format!("flowbatch_errors{{{of},kind=\"workflow_failed\",outcome=\"failed\"}} 1"));
    let mut families = std::collections::BTreeSet::new();
    let mut family = String::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            family = declared.strip_suffix(" gauge").unwrap().to_owned();
            assert!(families.insert(family.clone()), "{family} is declared once");
        } else if let Some(unit) = line.strip_prefix("# UNIT ") {
            let (name, unit) = unit.split_once(' ').unwrap();
            assert!(name == family && name.ends_with(&format!("_{unit}")), "{line}");
        } else if !line.starts_with("# HELP ") {
            let (name, rest) = line.split_once('{').unwrap();
            assert_eq!(name, family);
            assert!(rest.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
        }
    }
}
