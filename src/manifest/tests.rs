use std::path::PathBuf;

use proptest::prelude::*;

use super::{
    Budget, Diagnostic, Diagnostics, Encoding, FirstPoll, Halt, Manifest, Mode, Overrides, Provider,
    SampleSize, SecretSource, Secrets, load,
};
use crate::model::{Cost, Limit};

mod checks;
mod schedule;

/// A folder with a manifest and the files that it names.
struct Bench {
    folder: tempfile::TempDir,
    overrides: Overrides,
    secrets: Secrets,
}

const GOOD: &str = "\
version: 1
name: triage
workflow: {api_key: '${KEY}'}
dataset: tickets.csv
input: {subject: '{{row.subject}}'}
";

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["tickets.csv", "triage.workflow.yaml", "ca.pem"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        Self { folder, overrides: Overrides::default(), secrets: Secrets::Needed }
    }

    fn load(&self, source: &[u8]) -> Result<Manifest, Diagnostics> {
        let path = self.folder.path().join("m.yaml");
        std::fs::write(&path, source).unwrap();
        let environment = |name: &str| match name {
            "KEY" => Some("sk-hidden".to_owned()),
            "N" => Some("16".to_owned()),
            "WORD" => Some("plain words".to_owned()),
            "BRACES" => Some("{{row.secret}}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        match load(&path, &self.overrides, self.secrets, &environment) {
            Ok((manifest, warnings)) => {
                assert!(!warnings.has_errors());
                Ok(manifest)
            }
            Err(diagnostics) => {
                assert!(diagnostics.has_errors());
                Err(diagnostics)
            }
        }
    }

    fn good(&self, source: &str) -> Manifest {
        self.load(source.as_bytes())
            .unwrap_or_else(|diagnostics| panic!("{source}\n{}", diagnostics.render(false)))
    }

    /// Renders the mistakes, with the folder's name left out.
    fn bad(&self, source: &str) -> String {
        self.bad_bytes(source.as_bytes())
    }

    fn bad_bytes(&self, source: &[u8]) -> String {
        let diagnostics = self.load(source).expect_err("a mistake");
        let folder = format!("{}{}", self.folder.path().display(), std::path::MAIN_SEPARATOR);
        diagnostics.render(false).replace(&folder, "")
    }

    fn set(mut self, path: &str, value: &str) -> Self {
        self.overrides.set.push((path.to_owned(), value.to_owned()));
        self
    }

    fn var(mut self, name: &str, value: &str) -> Self {
        self.overrides.vars.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// The good manifest with a section added or replaced.
fn with(section: &str) -> String {
    let key = section.split(':').next().unwrap();
    let kept = GOOD.lines().filter(|line| line.split(':').next() != Some(key));
    kept.chain([section, ""]).collect::<Vec<_>>().join("\n")
}

/// Checks that a section is refused, with all parts in what is shown, and nothing else wrong.
fn refused(section: &str, parts: &[&str]) {
    let shown = Bench::new().bad(&with(section));
    for part in parts {
        assert!(shown.contains(part), "{section}\nlacks {part:?}:\n{shown}");
    }
    assert!(shown.contains("\n1 error in m.yaml"), "{section}\n{shown}");
}

#[test]
fn five_mistakes_are_shown_with_their_places_and_cures() {
    let source = "\
version: 1
name: support triage
workflow:
  regoin: sg
  api_key: ${KEY}
dataset:
  path: ticket.csv
limits:
  concurrency: 0
  timeout: 10
input:
  subject: \"你好 {{oops}}\"
";
    let expected = "\
error: `name` may have only the letters a to z and A to Z, digits, `-`, `_` and `.`
 --> m.yaml:2:7
  |
2 | name: support triage
  |       ^^^^^^^^^^^^^^
  |
  = help: the name becomes a folder, such as `support-triage`

error: unknown key `regoin` in `workflow`
 --> m.yaml:4:3
  |
4 |   regoin: **
  |   ^^^^^^
  |
  = help: did you mean `region`?

error: no such file: `ticket.csv`
 --> m.yaml:7:9
  |
7 |   path: ticket.csv
  |         ^^^^^^^^^^
  |
  = help: did you mean `tickets.csv`?

error: `limits.concurrency` must be a whole number from 1 to 10000
 --> m.yaml:9:16
  |
9 |   concurrency: 0
  |                ^

error: `limits.timeout` must be a duration
  --> m.yaml:10:12
   |
10 |   timeout: 10
   |            ^^
   |
   = help: a duration needs a unit: `10s`, `10m` or `10ms`

error: there is no `oops`
  --> m.yaml:12:18
   |
12 |   subject: \"你好 {{oops}}\"
   |                    ^^^^
   |
   = help: a column is written `row.oops`; the names are `row`, `row_number`, `row_key`, `row_tag`, `repeat`, `vars`, `run`, `manifest`, `schedule`

6 errors in m.yaml
";
    assert_eq!(Bench::new().bad(source), expected);
}

#[test]
fn a_duplicate_key_names_both_places() {
    let shown = Bench::new().bad(&format!("{GOOD}name: other\n"));
    assert!(shown.contains("`name` is given twice: first on line 2, column 1"), "{shown}");
    assert!(shown.contains("--> m.yaml:6:1"), "{shown}");
    refused("limits: {timeout: 1m, timeout: 2m}", &["`timeout` is given twice: first on line 6, column 10"]);
    refused("input: {a: 1, a: 2}", &["`a` is given twice"]);
}

#[test]
fn a_caret_stands_right_behind_tabs_and_wide_characters() {
    let shown = Bench::new().bad(&with("limits: {\"\t你好\": 1, timeout: soon}"));
    let expected = "\
error: unknown key `    你好` in `limits`
 --> m.yaml:6:10
  |
6 | limits: {\"    你好\": 1, timeout: soon}
  |          ^^^^^^^^^^
  |
  = help: one of `concurrency`, `timeout`, `deadline`, `drain`, `retry`, `delivery`, `budget`, `halt`, `rate`, `throttle`

error: `limits.timeout` must be a duration
 --> m.yaml:6:29
  |
6 | limits: {\"    你好\": 1, timeout: soon}
  |                                  ^^^^
";
    assert!(shown.starts_with(expected), "{shown}");
}

#[test]
fn a_syntax_error_stands_alone() {
    let bench = Bench::new();
    for (source, part) in [
        ("name: [\nlimits: {concurrency: 0}", "not valid YAML"),
        ("name: 'x\n", "not valid YAML"),
        ("a: b: c\n", "text that holds `: ` must be in quotes"),
        ("a: @b\n", "text that begins with this sign must be in quotes"),
        ("a: \"b\\q\"\n", "in single quotes it is itself"),
        ("a: [b\n\nc: {}\n", "may still be open"),
        ("version: 1\n\tname: x\n", "never with tabs"),
        ("a: *nowhere\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "a second YAML document starts here"),
        ("a: &a [*a]\n", "inside its own anchor"),
        ("? [a]\n: b\n", "a key must be a single value"),
        ("input:\n  a: {{row.a}}\n", "a template must be in quotes here"),
        ("input:\n  a: {{row.a}} b\n", "a template must be in quotes here"),
        ("input:\n  - {{row.a b}} c\n  d\n", "a template must be in quotes"),
    ] {
        let shown = bench.bad(source);
        assert!(shown.contains(part), "{source:?}\n{shown}");
        assert!(shown.ends_with("1 error in m.yaml\n"), "{source:?}\n{shown}");
    }
}

#[test]
fn an_anchor_may_be_used_twice_and_its_mistake_is_one() {
    let bench = Bench::new();
    let manifest = bench.good(&with("x-limit: &limit 5%\naccept: {failed: *limit, rejected: *limit}"));
    assert_eq!(manifest.accept.failed, manifest.accept.rejected);
    let shown = bench.bad(
        &with("x-name: &name '${UNSET}'\ninput: {a: *name, b: *name}")
            .replace("input: {subject: '{{row.subject}}'}\n", ""),
    );
    assert!(shown.contains("\n1 error in m.yaml"), "{shown}");
}

#[test]
fn what_is_no_manifest_at_all_is_said_plainly() {
    let bench = Bench::new();
    for (bytes, part) in [
        (&b""[..], "m.yaml: it is empty"),
        (b"# only a comment\n", "it is empty"),
        (b"\xEF\xBB\xBF", "it is empty"),
        (b"ab\n\xFFc", "it is not UTF-8: the byte at offset 3 (line 2)"),
        (b"\xFF\xFEa\0", "it is UTF-16"),
        (b"- a\n", "a manifest is a map of keys and values, not a list"),
        (b"hello", "a manifest is a map of keys and values, not a single value"),
        (b"\0\0\0\0", "not valid YAML"),
    ] {
        let shown = bench.bad_bytes(bytes);
        assert!(shown.contains(part), "{bytes:?}\n{shown}");
    }
}

#[test]
fn a_byte_order_mark_is_no_mistake_and_stays_in_the_bytes() {
    let source = format!("\u{feff}{GOOD}");
    assert_eq!(Bench::new().good(&source).source, source.as_bytes());
    let shown = Bench::new().bad(&format!("\u{feff}nmae: x\n{GOOD}"));
    assert!(shown.contains("--> m.yaml:1:1\n"), "{shown}");
}

#[test]
fn a_missing_manifest_names_one_that_is_close() {
    let bench = Bench::new();
    std::fs::write(bench.folder.path().join("triage.yaml"), GOOD).unwrap();
    let shown = |name: &str| {
        let path = bench.folder.path().join(name);
        load(&path, &Overrides::default(), Secrets::NotNeeded, &|_| None).unwrap_err().render(false)
    };
    for (name, part) in [
        ("triage.yml", "did you mean `triage.yaml`?"),
        ("tirage.yaml", "did you mean `triage.yaml`?"),
        ("no/m.yaml", "there is no folder"),
        ("", "is a folder"),
    ] {
        assert!(shown(name).contains(part), "{name}: {}", shown(name));
    }
}

#[test]
fn bombs_are_refused_quickly() {
    let bench = Bench::new();
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in
        ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip(["a", "b", "c", "d", "e", "f", "g", "h"])
    {
        let aliases = vec![format!("*{of}"); 10].join(", ");
        bomb = format!("{bomb}{name}: &{name} [{aliases}]\n");
    }
    let text = format!("a: &a '{}'\nb: [{}]\n", "x".repeat(900_000), vec!["*a"; 900].join(", "));
    let many = format!("a: &a x\nb: [{}]\n", vec!["*a"; 1_001].join(", "));
    let deep_block = (0..200).map(|depth| " ".repeat(depth) + "a:\n").collect::<Vec<_>>().concat();
    for (source, part) in [
        (bomb, "more than 50000 values"),
        (text, "more than 4 MiB of text"),
        (many, "more than 1000 aliases"),
        ("[".repeat(20_000), "nested deeper than 64 levels"),
        ("{a: ".repeat(20_000), "nested deeper than 64 levels"),
        ("- ".repeat(20_000), "nested deeper than 64 levels"),
        (deep_block, "nested deeper than 64 levels"),
        (format!("a: [{}]", "x,".repeat(60_000)), "more than 50000 values"),
        ("# long\n".repeat(200_000), "larger than 1 MiB"),
    ] {
        let shown = bench.bad(&source);
        assert!(shown.contains(part), "{}…\n{shown}", &source[..20]);
        assert!(shown.len() < 2_000, "{}", shown.len());
    }
    // A file of 100 MB is never read: its size is enough.
    let path = bench.folder.path().join("huge.yaml");
    std::fs::File::create(&path).unwrap().set_len(100_000_000).unwrap();
    let shown = load(&path, &Overrides::default(), Secrets::NotNeeded, &|_| None).unwrap_err().render(false);
    assert!(shown.contains("larger than 1 MiB"), "{shown}");
}

#[test]
fn thousands_of_mistakes_do_not_flood_the_screen() {
    let source = (0..5_000).map(|n| format!("k{n}: 1\n")).collect::<Vec<_>>().concat();
    let shown = Bench::new().bad(&source);
    assert!(shown.contains("and 49"), "{}", &shown[shown.len() - 200..]);
    assert!(shown.len() < 20_000, "{}", shown.len());
}

#[test]
fn a_user_id_that_does_not_tell_rows_apart_is_warned_of_where_it_stands() {
    let warned = |workflow: &str| {
        let bench = Bench::new();
        let path = bench.folder.path().join("m.yaml");
        std::fs::write(&path, GOOD.replace("api_key: '${KEY}'", workflow)).unwrap();
        let environment = |_: &str| None;
        let (_, warnings) = load(&path, &bench.overrides, Secrets::NotNeeded, &environment).unwrap();
        assert!(!warnings.has_errors());
        warnings.render(false)
    };
    for own in ["'batch'", "'{{row.subject}}'", "'{{run.id}}-{{row_number}}'", "'\\{{row_tag}}'"] {
        for provider in ["provider: gptbots", "provider: emulator, definition: triage.workflow.yaml"] {
            let said = warned(&format!("{provider}, user_id: {own}"));
            let column = format!("workflow: {{{provider}, user_id: ").len() + 1;
            assert!(said.contains(&format!("m.yaml:3:{column}")), "{own}: {said}");
            assert!(said.starts_with("warning: `workflow.user_id` is without `{{row_tag}}`"), "{said}");
            assert!(said.contains("1 warning in"), "{said}");
        }
    }
    for good in
        ["mode: async", "user_id: '{{row_tag}}'", "user_id: 'x-{{#if row.subject}}{{row_tag}}{{/if}}'"]
    {
        assert_eq!(warned(good), "", "{good}");
    }
}

#[test]
fn defaults_are_those_of_the_contract() {
    let manifest = Bench::new().good(GOOD);
    let limits = &manifest.limits;
    assert_eq!(limits.concurrency.max, 8);
    assert_eq!(limits.halt, Some(Halt { failures: Limit::Share("0.5".parse().unwrap()), after: 20 }));
    assert_eq!((limits.deadline, limits.drain), (None, None));
    assert_eq!(manifest.workflow.mode, Mode::Async);
    assert_eq!(manifest.workflow.poll.first, FirstPoll::Auto);
    assert_eq!(manifest.workflow.user_id.source(), "{{row_tag}}");
    assert_eq!(manifest.output.dir, PathBuf::from("runs"));
    assert_eq!(manifest.dataset.encoding, Encoding::Auto);
    let Provider::Gptbots { base_url, api_key } = &manifest.workflow.provider else { panic!("gptbots") };
    assert_eq!(base_url, "https://api-sg.gptbots.ai");
    assert_eq!(api_key.read().unwrap().expose(), "sk-hidden");
    let settings = manifest.settings();
    assert_eq!(
        settings["limits"].to_string(),
        r#"{"concurrency":8,"timeout":"10m","deadline":null,"drain":null,"retry":{"attempts":4,"backoff":"1s..1m","also":[],"budget":"20%","outage":"30m"},"delivery":"at_most_once","budget":null,"halt":{"failures":"50%","after":20},"rate":null,"throttle":{"longest":"10m"}}"#
    );
    assert!(!settings.to_string().contains("hidden"), "{settings}");
}

#[test]
fn values_are_read_in_the_type_wanted_from_their_text() {
    let manifest = Bench::new().good(
        &(GOOD.replace("name: triage", "name: 1.10").replace("dataset: tickets.csv\n", "").replace("input:", "inputx:")
            .replace("inputx: {subject: '{{row.subject}}'}\n", "")
            .replace("workflow: {", "workflow: {price: {unit: credit, per_unit: 0.10, currency: USD}, ")
            + "labels: {answer: no, center: 0042, pi: 3.140}\n\
               dataset: {path: tickets.csv, key: 7, select: {sample: {n: 5%}, range: 5..}}\n\
               input: {int: 5, float: 1.50, text: '5', no: no, yes: true, none: null, big: 18446744073709551615}\n\
               limits: {concurrency: '${N}', halt: {failures: 20}}\n"),
    );
    assert_eq!(manifest.name, "1.10");
    let labels: Vec<_> = manifest.labels.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(labels, ["no", "0042", "3.140"]);
    assert_eq!(manifest.dataset.key.as_deref(), Some("7"));
    assert_eq!(manifest.dataset.select.range, Some((5, u64::MAX)));
    assert_eq!(manifest.dataset.select.sample.unwrap().size, SampleSize::Share("0.05".parse().unwrap()));
    assert_eq!(manifest.workflow.price.clone().unwrap().per_unit.to_string(), "0.10");
    assert_eq!(manifest.limits.concurrency.max, 16);
    assert_eq!(manifest.limits.halt, Some(Halt { failures: Limit::Count(20), after: 0 }));
    assert!(
        manifest.mapping_text().contains(
            r#"{"object":[["int",{"literal":5}],["float",{"literal":1.5}],["text",{"template":"5"}],["no",{"template":"no"}],["yes",{"literal":true}],["none",{"literal":null}],["big",{"literal":18446744073709551615}]]}"#
        ),
        "{}",
        manifest.mapping_text()
    );
}

#[test]
fn amounts_of_a_budget_are_in_the_unit_of_the_workflow_exactly() {
    let budget = |price: &str, budget: &str| {
        let source = GOOD.replace("workflow: {", &format!("workflow: {{{price}"))
            + &format!("limits: {{budget: {{{budget}}}}}\n");
        Bench::new().load(source.as_bytes()).map_err(|mistakes| mistakes.render(false)).map(|manifest| {
            let Budget { cost, tokens, cost_per_row } = manifest.limits.budget.unwrap();
            let text = |cost: Option<Cost>| cost.map_or_else(String::new, |cost| cost.to_string());
            (text(cost), tokens, text(cost_per_row))
        })
    };
    let cent = "price: {unit: credit, per_unit: 0.01, currency: USD}, ";
    let third = "price: {unit: point, per_unit: 0.03, currency: EUR}, ";
    let good = |price, written, cost: &str, tokens, each: &str| {
        assert_eq!(budget(price, written).unwrap(), (cost.to_owned(), tokens, each.to_owned()), "{written}");
    };
    good("", "cost: 12.5", "12.5", None, "");
    good("", "cost: 12.50 credit, tokens: 7", "12.50", Some(7), "");
    good("", "tokens: 0", "", Some(0), "");
    good(cent, "cost: 300 USD, cost_per_row: 2 credit", "30000", None, "2");
    good(cent, "cost: 300USD, cost_per_row: 0.001 USD", "30000", None, "0.1");
    good(third, "cost: 0.3 EUR, cost_per_row: 1 point", "10", None, "1");
    for (price, written, said) in [
        (third, "cost: 1 EUR", "can't be said exactly in point: one costs 0.03 EUR"),
        (third, "cost: 1 credit", "is in `credit`, which `workflow.price` does not define"),
        (cent, "cost: 300 usd", "did you mean `USD`?"),
        (cent, "cost: 3 US$", "write an amount like"),
        (cent, "cost: 0.12345678901234567890123456789", "must be an amount of money"),
    ] {
        let shown = budget(price, written).unwrap_err();
        assert!(shown.contains(said), "{shown}");
    }
}

#[test]
fn rates_and_throttles_refuse_what_they_can_not_mean() {
    refused("limits: {rate: 90}", &["`limits.rate` must be a rate", "write a rate like `90/min`"]);
    refused("limits: {rate: {}}", &["limits nothing", "{shared: 3/min}"]);
    refused("limits: {rate: {burst: 2}}", &["limits nothing"]);
    refused("limits: {rate: {shared: 3/min, poll: 3/min}}", &["can't stand beside `invoke` and `poll`"]);
    refused("limits: {rate: {invokes: 3/min, poll: 3/min}}", &["did you mean `invoke`?"]);
    refused("limits: {rate: {invoke: 3/min, burst: 0}}", &["`limits.rate.burst` must be a whole number"]);
    refused("limits: {throttle: 10m}", &["`limits.throttle` must be a map"]);
    refused("limits: {throttle: {}}", &["`limits.throttle.longest` is missing"]);
    refused("limits: {throttle: {longest: 25h}}", &["must lie between 1s and 24h"]);
}

#[test]
fn sections_refuse_what_they_can_not_mean() {
    refused(
        "workflow: {}",
        &["`GPTBOTS_API_KEY`, which holds the API key, is not set", "set GPTBOTS_API_KEY"],
    );
    refused("workflow: {api_key: '${KEY}', region: us}", &["can't be `us`", "one of `sg`, `th`, `jp`"]);
    refused("workflow: {api_key: '${NO_KEY}'}", &["`NO_KEY` is not set", "set NO_KEY"]);
    refused("workflow: {api_key: '${EMPTY}'}", &["`EMPTY` is not set"]);
    refused("workflow: {api_key: {file: no.key}}", &["no such file: `no.key`"]);
    refused("workflow: {api_key: '${KEY}', provider: http}", &["can't be `http` in this version"]);
    refused("workflow: {provider: gtpbots, definition: x}", &["did you mean `gptbots`?"]);
    refused("workflow: {provider: emulator}", &["`workflow.definition` is missing", "m.yaml:5:1"]);
    refused("workflow: {provider: emulator, definition: x.yaml}", &["no such file: `x.yaml`"]);
    refused(
        "workflow: {provider: emulator, definition: triage.workflow.yaml, region: sg}",
        &["`workflow.region` has no meaning with `provider: emulator`"],
    );
    refused(
        "workflow: {api_key: '${KEY}', region: sg, base_url: https://example.com}",
        &["`workflow.base_url` can't stand beside `workflow.region`"],
    );
    refused("workflow: {api_key: '${KEY}', base_url: example.com}", &["must be an `http` or `https` URL"]);
    refused(
        "workflow: {api_key: '${KEY}', price: {unit: credit, per_unit: x, currency: USD}}",
        &["must be an amount"],
    );
    refused(
        "dataset: {path: tickets.csv, encoding: gkb}",
        &["names no encoding: `gkb`", "did you mean `gbk`?"],
    );
    refused("dataset: {path: tickets.csv, delimiter: '||'}", &["must be one character"]);
    refused("dataset: [tickets.csv, '-']", &["stdin stands alone"]);
    refused("dataset: {path: tickets.csv, types: {a: int}}", &["did you mean `integer`?"]);
    refused("dataset: {path: tickets.csv, select: {range: 9..3}}", &["from the smaller to the larger"]);
    refused("dataset: {path: tickets.csv, select: {where: 'row.a >'}}", &["`dataset.select.where`"]);
    refused("limits: {retry: {backoff: 60s..1s}}", &["1m is longer than 1s"]);
    refused("limits: {retry: {connect: {backof: 1s..2s}}}", &["did you mean `backoff`"]);
    refused("limits: {concurrency: {adaptive: true}}", &["max: 32"]);
    refused("limits: {timeout: 0s}", &["must lie between 1s and 24h"]);
    refused("limits: {delivery: exactly_once}", &["can't be `exactly_once`", "`at_least_once`"]);
    refused("limits: {budget: 5}", &["`limits.budget` must be a map"]);
    refused("limits: {budget: {}}", &["bounds nothing", "budget: {cost: 12.5}"]);
    refused("limits: {budget: {cost: -1}}", &["must be an amount of money"]);
    refused("limits: {budget: {cost: 1e3}}", &["write an amount like `12.5`"]);
    refused("limits: {budget: {tokens: 1.5}}", &["must be a whole number"]);
    refused("limits: {budget: {tokens: 5, cost_per_row: 2}}", &["no meaning without `limits.budget.cost`"]);
    refused("limits: {budget: {cost: 300 USD}}", &["no `workflow.price`", "write it in credit"]);
    refused("limits: {budget: {cost: 3, token: 3}}", &["did you mean `tokens`?"]);
    refused("output: {durability: disk}", &["can't be `disk`"]);
    refused("limits:", &["`limits` must be a map of keys and values, not nothing"]);
    refused("limits: {timeout: }", &["`limits.timeout` has no value"]);
    refused("limits: {concurrency: '9'}", &["a number is written without quotes"]);
    refused("accept: {failed: 101%}", &["a share lies between 0% and 100%"]);
    refused("output: {csv: {encoding: utf-16le}}", &["can be read but not written"]);
    refused("output: {csv: {bom: true, encoding: gbk}}", &["has no byte order mark"]);
    refused("output: {csv: {bom: no}}", &["must be `true` or `false`", "write `false`"]);
    refused("output: {formats: [csv, csv]}", &["stands in the list already"]);
    refused("version: 2", &["knows version 1"]);
    refused("name: 'nul'", &["a device on Windows"]);
    refused("vars: {a-b: 1}", &["can't name a variable"]);
    refused("vars: {a: 1.00000000000000000001}", &["more digits than JSON can carry exactly", "in quotes"]);
    refused("input: {n: .inf}", &["no number that JSON has"]);
    refused("input: [a]", &["must be a map of the workflow's inputs"]);
    refused("input: !secret {a: 1}", &["YAML tags are not supported"]);
    refused("limits: {<<: 1}", &["merge keys"]);
}

#[test]
fn names_in_templates_are_checked_where_they_stand() {
    refused("input: {a: 'x {{vars.tone}}'}", &["`vars` has no `tone`", "--var tone=", "m.yaml:5:17"]);
    refused("input: {a: '{{output.x}}'}", &["known only after the workflow has answered"]);
    refused("input: {a: '{{rwo.x}}'}", &["there is no `rwo.x`", "did you mean `row`?"]);
    refused("input: {a: '{{run.ID}}'}", &["did you mean `run.id`?"]);
    refused(
        "input: {a: '{{schedule.slot}}'}",
        &["known only in a run of a schedule's slot", "--slot INSTANT"],
    );
    refused("input: {a: '{{schedule.at}}'}", &["there is no `schedule.at`", "`schedule.previous_slot`"]);
    refused("input: {a: '{{row.x'}", &["`input.a`"]);
    refused("workflow: {api_key: '${KEY}', user_id: '{{reply.x}}'}", &["known only after"]);
    refused("output: {columns: {a: '{{outptu.x}}'}}", &["did you mean `output`?"]);
    refused("dataset: {path: tickets.csv, select: {where: 'rwo.a == 1'}}", &["there is no `rwo.a`"]);
    let bench = Bench::new();
    bench.good(&with("output: {columns: {a: '{{output.x}} {{outcome}} {{reply.y}} {{row.z}} {{run.id}}'}}"));
    bench.good(&with("input: {a: '{{default vars.tone \"x\"}}'}"));
}

#[test]
fn a_mistake_in_a_block_of_text_is_shown_on_its_own_line() {
    let source = with("input:\n  body: |\n    Dear {{row.name}},\n\n      about {{rwo.subject}}\n    Bye\n");
    let shown = Bench::new().bad(&source);
    assert!(shown.contains("--> m.yaml:9:15\n"), "{shown}");
    assert!(shown.contains("9 |       about {{rwo.subject}}\n"), "{shown}");
}

/// The workflow of a good manifest with webhooks.
fn hooked(webhook: &str) -> String {
    format!("workflow: {{api_key: '${{KEY}}', webhook: {webhook}}}")
}

#[test]
fn webhooks_are_read_with_their_secrets_apart() {
    let bench = Bench::new();
    let webhook = bench.good(&with(&hooked(
        "{listen: 'localhost:9000', public_url: 'https://hooks.example.com/${N}', forward: [{url: 'https://h/done', \
         headers: {Authorization: 'Bearer ${N}', Accept: {file: ca.pem}}}, {method: GET, url: 'http://h/?k=$${x}${N}'}]}",
    )));
    let spec = webhook.workflow.webhook.clone().unwrap();
    let receiver = spec.receiver.unwrap();
    assert_eq!(receiver.listen.to_string(), "127.0.0.1:9000");
    assert_eq!(receiver.public_url.unwrap().read().unwrap().expose(), "https://hooks.example.com/16");
    assert_eq!(spec.forward[0].method, "POST");
    assert_eq!(spec.forward[0].url.secrets().unwrap(), []);
    let (name, value) = &spec.forward[0].headers[0];
    assert_eq!((name.as_str(), value.read().unwrap().expose()), ("Authorization", "Bearer 16"));
    assert_eq!(value.secrets().unwrap()[0].expose(), "16");
    assert_eq!(
        (spec.forward[1].method, spec.forward[1].url.read().unwrap().expose()),
        ("GET", "http://h/?k=${x}16")
    );
    let settings = webhook.settings().to_string();
    assert!(
        settings.contains(r#""webhook":{"listen":"127.0.0.1:9000","forward":["POST","GET"]}"#),
        "{settings}"
    );
    assert!(webhook.env.is_empty(), "what a secret is made of is for nothing else");
    let emulator =
        "workflow: {provider: emulator, definition: triage.workflow.yaml, webhook: {listen: '127.0.0.1:0'}}";
    assert!(bench.good(&with(emulator)).workflow.webhook.unwrap().receiver.unwrap().public_url.is_none());
    let bench = Bench { secrets: Secrets::NotNeeded, ..Bench::new() };
    bench.good(&with(&hooked("{forward: [{url: '${NO_URL}', headers: {A: {file: none}}}]}")));
}

#[test]
fn webhooks_that_can_not_work_are_refused() {
    let check = |webhook: &str, parts: &[&str]| refused(&hooked(webhook), parts);
    check("{}", &["`workflow.webhook` names no receiver"]);
    check(
        "{public_url: https://h, forward: []}",
        &["`workflow.webhook.public_url` needs `workflow.webhook.listen`"],
    );
    check("{listen: '127.0.0.1:9000'}", &["needs `workflow.webhook.public_url` beside it"]);
    check("{listen: h, forward: []}", &["must be an address and a port", "127.0.0.1:9000"]);
    let five = ["{url: https://h}"; 5].join(", ");
    check(
        &format!("{{listen: '127.0.0.1:1', public_url: https://h, forward: [{five}]}}"),
        &["has 5 entries, and 4 is the most", "our own receiver is one of them"],
    );
    check(&format!("{{forward: [{five}, {{url: https://h}}]}}"), &["has 6 entries, and 5 is the most"]);
    check("{forward: [{method: POST}]}", &["`workflow.webhook.forward[0].url` is missing"]);
    check("{forward: [{method: PUT, url: https://h}]}", &["forward[0].method` can't be `PUT`"]);
    check("{forward: [{url: ftp://h}]}", &["forward[0].url` must be an `http` or `https` URL"]);
    check("{forward: [{url: '${WORD}'}]}", &["forward[0].url` must be an `http` or `https` URL"]);
    check("{forward: [{url: '${NO_URL}'}]}", &["`NO_URL` is not set"]);
    check("{forward: [{url: https://h, headers: {'A B': '${N}'}}]}", &["is no name that a header can have"]);
    check("{forward: [{url: https://h, headers: {A: '${N'}}]}", &["has a variable that can't be read"]);
    for text in ["sk-123", "${KEY:-sk-123}"] {
        check(&format!("{{forward: [{{url: https://h, headers: {{A: '{text}'}}}}]}}"), &["secret"]);
    }
    let sync =
        format!("{}\n", hooked("{forward: [{url: https://h}]}").replace("webhook", "mode: sync, webhook"));
    refused(&sync, &["can't stand beside `mode: sync`"]);
    let shared = format!("{}\nvars: {{a: '${{N}}'}}", hooked("{forward: [{url: 'https://h/${N}'}]}"));
    refused(&shared, &["`N` holds a secret, and may stand only in `workflow.webhook`"]);
}

#[test]
fn a_secret_that_was_written_out_is_nowhere_to_be_seen() {
    for section in [
        "workflow: {api_key: '${KEY}', webhook: {forward: [{url: 'https://h/?t=sk-123'}]}}",
        "workflow: {api_key: '${KEY}', webhook: {forward: [{url: 'https://me:sk-123@h'}]}}",
        "workflow: {api_key: '${KEY}', webhook: {forward: [{url: https://h, headers: {X-Key: sk-123}}]}}",
        "workflow: {api_key: '${KEY}', webhook: {forward: [{url: https://h, headers: [sk-123]}]}}",
        "workflow:\n  webhook:\n    forward:\n      - headers:\n          X-Key: sk-123\n  region: [",
        "workflow: {api_key: sk-123}",
        "workflow: {api_key: 'Bearer sk-123'}",
        "workflow: {api_key: '${KEY:-sk-123}'}",
        "workflow: {api_key: [sk-123]}",
        "workflow: {api_key: {value: sk-123}}",
        "workflow: {apikey: sk-123}",
        "workflow: {key: sk-123}",
        "workflow: {base_url: 'https://me:sk-123@example.com'}",
        "api_key: sk-123",
        "workflow: {api_key: sk-123",
        "notify: {url: https://hooks.example.com/sk-123}",
        "workflow: {webhook: {public_url: https://hooks.example.com/sk-123}}",
        "workflow:\n  api_key: >\n    sk-123\n  region: us",
    ] {
        let shown = Bench::new().bad(&with(section));
        assert!(!shown.contains("sk-123"), "{section}\n{shown}");
    }
    for (path, value) in [
        ("workflow.api_key", "sk-123"),
        ("workflow.key", "sk-123"),
        ("workflow", "{api_key: sk-123}"),
        ("workflow.base_url", "https://me:sk-123@example.com"),
        ("workflow.api_key", "[sk-123"),
        ("notify.url", "https://hooks.example.com/sk-123"),
    ] {
        let shown = Bench::new().set(path, value).bad(GOOD);
        assert!(!shown.contains("sk-123"), "{path}\n{shown}");
    }
}

#[test]
fn a_secret_is_needed_only_where_something_is_sent() {
    let bench = Bench { secrets: Secrets::NotNeeded, ..Bench::new() };
    let manifest = bench.good(&with("workflow: {api_key: '${NO_KEY}'}"));
    let Provider::Gptbots { api_key, .. } = manifest.workflow.provider else { panic!("gptbots") };
    assert_eq!(api_key, SecretSource::Variable { name: "NO_KEY".to_owned(), value: None });
    bench.good(&with("workflow: {api_key: {file: no.key}}"));
}

#[test]
fn the_variable_of_a_secret_is_for_nothing_else() {
    refused("input: {a: '${KEY}'}", &["`KEY` holds the API key, and may stand only in `workflow.api_key`"]);
    refused("input: {a: '{{env \"KEY\"}}'}", &["`KEY` holds the API key"]);
    refused("labels: {a: '${KEY}'}", &["`KEY` holds the API key"]);
}

#[test]
fn the_environment_goes_into_scalars_and_never_into_syntax() {
    let bench = Bench::new();
    let manifest =
        bench.good(&with("input: {a: 'x ${WORD} {{row.a}}', n: '${N}', b: '${NO:-d}', c: '$${N}'}"));
    let text = manifest.mapping_text();
    for part in [
        "x plain words {{row.a}}",
        r#"["n",{"template":"16"}]"#,
        r#"{"template":"d"}"#,
        r#"{"template":"${N}"}"#,
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let names: Vec<_> = manifest.env.keys().map(String::as_str).collect();
    assert_eq!(names, ["N", "NO", "WORD"]);
    refused("input: {a: 'x ${BRACES}'}", &["holds `{{`", "put the variable into `vars`"]);
    refused("input: {a: '{{default row.a \"${WORD}\"}}'}", &["inside of `{{…}}`"]);
    refused("input: {a: '{${NO:-{row.x\\}}'}", &["holds `{{`"]);
    refused("input: {a: '${UNSET}'}", &["`UNSET` is not set", "`${UNSET:-…}`"]);
    refused("limits: {concurrency: '${WORD}'}", &["must be a whole number"]);
    let condition = |text: &str| format!("dataset: {{path: tickets.csv, select: {{where: '{text}'}}}}");
    bench.good(&with(&condition(r#"row.a == "${WORD}" and row.b > ${N}"#)));
    refused(&condition(r#"row.a == "${NO:-" or true}""#), &["holds a quotation mark"]);
    bench.good(&with("vars: {a: '${BRACES}'}"));
    bench.good(&with("x-mine: {a: '${UNSET}'}"));
    assert_eq!(bench.good(&with("input: {a: '{{env \"WORD\"}}'}")).env["WORD"], "plain words");
    refused("input: {a: '{{env \"UNSET\"}}'}", &["`UNSET` is not set"]);
}

#[test]
fn the_command_line_puts_values_into_the_manifest() {
    let manifest = Bench::new()
        .set("limits.concurrency", "64")
        .set("dataset.key", "id")
        .set("limits.retry", "{attempts: 2}")
        .set("output.formats", "[jsonl]")
        .set("x-mine.deep", "1")
        .set("limits.concurrency.adaptive", "true")
        .good(GOOD);
    assert!(manifest.limits.concurrency.adaptive, "a number is short for a map with a ceiling");
    assert_eq!(manifest.limits.concurrency.max, 64);
    assert_eq!(manifest.limits.retry.attempts, 2);
    assert_eq!(manifest.dataset.key.as_deref(), Some("id"));
    assert_eq!(manifest.output.formats.len(), 1);
    for (path, value, part) in [
        (
            "limits.concurrency",
            "0",
            "--set limits.concurrency=0: `limits.concurrency` must be a whole number",
        ),
        ("limits.concurency", "8", "--set limits.concurency=8: unknown key `concurency` in `limits`"),
        ("limits.timeout", "", "--set limits.timeout=: `limits.timeout` has no value"),
        ("limits.timeout", "[", "--set limits.timeout=…: not valid YAML"),
        ("name.x", "1", "`name` is a single value"),
        ("limits..x", "1", "a key path looks like"),
        ("", "1", "a key path looks like"),
        ("input.a", "{{rwo.x}}", "--set input.a={{rwo.x}}: there is no `rwo.x`"),
        ("input.a", "'{{rwo.x}}'", "there is no `rwo.x`"),
    ] {
        let shown = Bench::new().set(path, value).bad(GOOD);
        assert!(shown.contains(part), "{path}={value}\n{shown}");
    }
}

#[test]
fn variables_of_the_command_line_keep_the_manifests_types() {
    let source =
        with("vars: {tone: brief, n: 5, on: true}\ninput: {a: '{{vars.tone}}', b: '{{vars.extra}}'}")
            .replace("input: {subject: '{{row.subject}}'}\n", "");
    let manifest =
        Bench::new().var("tone", "007").var("n", "7").var("on", "false").var("extra", "true").good(&source);
    let vars = serde_json::Value::Object(manifest.vars);
    assert_eq!(vars.to_string(), r#"{"tone":"007","n":7,"on":false,"extra":"true"}"#);
    let shown = Bench::new().var("n", "many").var("extra", "x").bad(&source);
    assert!(shown.contains("--var n: the value can't be read as the manifest's `vars.n` is"), "{shown}");
    let shown = Bench::new().var("tne", "x").var("extra", "x").bad(&source);
    assert!(shown.contains("--var tne: the manifest has no `vars.tne`"), "{shown}");
    assert!(shown.contains("did you mean `tone`?"), "{shown}");
}

#[test]
fn the_command_lines_dataset_replaces_the_path_alone() {
    let mut bench = Bench::new();
    bench.overrides.dataset = Some(bench.folder.path().join("tickets.csv"));
    for section in ["dataset: no.csv", "dataset: {path: no.csv, key: id}", "dataset: {key: id}"] {
        let manifest = bench.good(&with(section));
        assert_eq!(manifest.dataset.paths, [bench.folder.path().join("tickets.csv")]);
    }
    bench.good(&GOOD.replace("dataset: tickets.csv\n", ""));
    bench.overrides.dataset = Some(bench.folder.path().join("tikets.csv"));
    let shown = bench.bad(GOOD);
    assert!(shown.contains("--dataset: no such file: `tikets.csv`"), "{shown}");
    assert!(shown.contains("did you mean `tickets.csv`?"), "{shown}");
}

#[test]
fn a_frozen_manifest_reads_its_files_from_where_it_came() {
    let bench = Bench::new();
    let frozen = tempfile::tempdir().unwrap();
    let path = frozen.path().join("manifest.yaml");
    std::fs::write(&path, GOOD).unwrap();
    let overrides = Overrides { folder: Some(bench.folder.path().to_path_buf()), ..Overrides::default() };
    let (manifest, _) = load(&path, &overrides, Secrets::NotNeeded, &|_| None).unwrap();
    assert_eq!(manifest.dataset.paths, [bench.folder.path().join("tickets.csv")]);
    assert_eq!(manifest.folder, bench.folder.path());
}

fn check_columns(section: &str, header: Option<&[&str]>, parts: &[&str]) {
    let manifest = Bench::new().good(&with(section));
    let header: Option<Vec<String>> =
        header.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let found: Vec<Diagnostic> = manifest.check_columns(header.as_deref(), true);
    let shown = manifest.diagnostics(found.clone()).render(false);
    assert_eq!(found.len(), parts.len(), "{section}\n{shown}");
    for part in parts {
        assert!(shown.contains(part), "{section}\nlacks {part:?}\n{shown}");
    }
}

#[test]
fn columns_are_checked_against_the_header() {
    let header: Option<&[&str]> = Some(&["subject", "Customer Name", "订单号"]);
    check_columns(
        "input: {a: '{{row.subject}}', b: '{{row.[Customer Name]}}', c: '{{row.订单号}}'}",
        header,
        &[],
    );
    check_columns("input: {a: '{{row.subjcet}}'}", header, &["did you mean `{{row.subject}}`?"]);
    check_columns(
        "input: {a: '{{row.customer_name}}'}",
        header,
        &["did you mean `{{row.[Customer Name]}}`?"],
    );
    check_columns(
        "input: {a: '{{row.price}}'}",
        header,
        &["its columns are `{{row.subject}}`, `{{row.[Customer Name]}}`, `{{row.订单号}}`"],
    );
    check_columns("input: {a: '{{default row.price 0}}'}", header, &[]);
    let condition = "dataset: {path: tickets.csv, select: {where: 'row.subjcet == \"x\"'}}";
    check_columns(condition, header, &["did you mean `row.subject`?"]);
    check_columns("input: {a: '{{row.price}}'}", None, &[]);
    check_columns("output: {columns: {a: '{{row.price}} {{output.b}}'}}", header, &["no column `price`"]);
    check_columns("dataset: {path: tickets.csv, key: id}", header, &["no column `id` to be its key"]);
    check_columns(
        "dataset: {path: tickets.csv, types: {n: integer}}",
        header,
        &["no column `n` to give a type to"],
    );
    check_columns(
        "dataset: {path: tickets.csv, select: {where: 'row.n > 5'}}",
        Some(&["n", "subject"]),
        &["n"],
    );
    check_columns(
        "dataset: {path: tickets.csv, types: {n: integer}, select: {where: 'row.n > 5'}}",
        Some(&["n", "subject"]),
        &[],
    );
}

#[test]
fn a_mapping_is_known_by_its_text() {
    let bench = Bench::new();
    let text = |section: &str| bench.good(&with(section)).mapping_text();
    assert_eq!(text("vars: {a: 1, b: 2}"), text("vars: {b: 2, a: 1}"));
    assert_eq!(text("limits: {concurrency: 1}"), text("limits: {concurrency: 2}"));
    assert_eq!(text("limits: {concurrency: '${N}'}"), text("limits: {concurrency: 2}"));
    assert!(text("input: {a: '{{env \"WORD\"}}'}").contains(r#""env":{"WORD":"plain words"}"#));
    assert_ne!(text("vars: {a: 1}"), text("vars: {a: '1'}"));
    assert_ne!(text("input: {a: 1}"), text("input: {a: '1'}"));
    assert_ne!(text("input: {a: 'b'}"), text("input: {a: {file: 'b'}}"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(diagnostics) = Bench::new().load(&bytes) {
            prop_assert!(!diagnostics.render(true).is_empty());
        }
    }

    #[test]
    fn no_text_of_yaml_signs_makes_the_reader_panic(
        text in "([a-z]{1,3}|[\\[\\]{}:,\"'|>&*!?#%@`~$-]|\\$\\{|\\{\\{|\\}\\}|: |- |\n|\n  |\n    |\t|\r\n|é|\u{feff}|你){0,40}",
    ) {
        if let Err(diagnostics) = Bench::new().load(text.as_bytes()) {
            prop_assert!(!diagnostics.render(false).is_empty());
        }
    }

    #[test]
    fn no_value_of_a_real_key_makes_the_reader_panic(
        lines in proptest::collection::vec(
            (
                "(version|name|labels|vars|workflow|dataset|input|limits|accept|output|report)",
                "(|provider|api_key|poll|path|select|retry|halt|csv|columns|group_by|a)",
                proptest::sample::select(&[
                    "", "null", "1", "-1", "1.5", "x", "'x'", "[]", "{}", "[1, a]", "{n: 1}", "\"{{row.a}}\"", "\"{{\"",
                    "${N}", "\"${\"", "5%", "1..5", "2s..9s", "none", "&a x", "*a", "!t x", "|\n   {{row.é",
                ][..]),
            ),
            0..8,
        ),
    ) {
        let mut source = String::new();
        for (section, key, value) in lines {
            source = if key.is_empty() {
                format!("{source}{section}: {value}\n")
            } else {
                format!("{source}{section}:\n  {key}: {value}\n")
            };
        }
        if let Err(diagnostics) = Bench::new().load(source.as_bytes()) {
            prop_assert!(!diagnostics.render(false).is_empty());
        }
    }
}
