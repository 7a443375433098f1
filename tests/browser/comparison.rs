//! Pages of two runs compared: one to look at, one whose texts try to become a part of it, and one from a server.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use fastrand::Rng;
use flowbatch::compare::{Comparison, Options, Pairs, Row, Seen, Side, render_page};
use serde_json::{Value, json};

use crate::driver::Browser;
use crate::{Running, folder, hostile, listening};

const TEXTS: [(&str, &str, &str); 4] = [
    ("en", "refund", "We have started your refund; it arrives within five working days."),
    ("de", "delivery", "Ihre Sendung wurde heute neu verladen und kommt voraussichtlich morgen an."),
    ("zh", "account", "我们已重新发送重置邮件,请检查垃圾邮件文件夹。"),
    ("ar", "refund", "يمكنك إرجاع المنتج خلال ثلاثين يومًا، وقد أرسلنا إليك ملصق الشحن."),
];

fn row(number: usize, label: &str, reply: &str, random: &mut Rng, slow: u64) -> Value {
    let (language, expected, _) = TEXTS[number % 4];
    let passed = label == expected;
    let tone = 0.6 + 0.4 * random.f64();
    json!({
        "row_number": number, "row_key": format!("T-{number:04}"), "outcome": "succeeded",
        "input": {"text": format!("ticket {number}"), "language": language},
        "output": {"label": label, "reply": reply, "confidence": 0.9}, "error": null, "workflow_version": "1",
        "cost": format!("0.0{}", 30 + random.u32(..20) + slow as u32), "tokens": 260 + random.u32(..80),
        "latency_ms": 700 + random.u64(..900) + 40 * slow,
        "checks": {
            "label": {"verdict": if passed { "pass" } else { "fail" }, "score": u8::from(passed), "expected": expected,
                "reason": (!passed).then(|| format!("`{label}` is not `{expected}`"))},
            "tone": {"verdict": if tone > 0.62 { "pass" } else { "fail" }, "score": tone, "reason": "similarity is too low"},
        },
    })
}

/// Two runs of which the second answers worse.
fn scene() -> Comparison {
    let mut random = Rng::with_seed(11);
    let mut pairs = Pairs::new(Options { flips: 20, ..Options::of_page() });
    for number in 1..=320 {
        let (_, expected, reply) = TEXTS[number % 4];
        let wrong = |random: &mut Rng, share: u8| random.u8(..100) < share;
        let before = if wrong(&mut random, 7) { "other" } else { expected };
        let now = if wrong(&mut random, 18) { "other" } else { before };
        let changed = reply.replace("five working days", "three days").replace("morgen", "übermorgen");
        let before = row(number, before, reply, &mut random, 0);
        let mut now = row(number, now, &changed, &mut random, 3);
        if number % 90 == 0 {
            now["outcome"] = json!("failed");
            now["output"] = Value::Null;
            now["checks"] = json!({});
            now["error"] = json!({"kind": "workflow_failed", "message": "the node `classify` failed: context is too long"});
        }
        let [before, now] = [before, now].map(|row| row.to_string());
        let read = |text: &'static str| Row::read(text.as_bytes()).unwrap();
        let (before, now): (&'static str, &'static str) = (before.leak(), now.leak());
        pairs.add(&format!("T-{number:04}"), &[read(before)], &[read(now)]);
    }
    let side = |name: &str, version: &str, digest: &str| Side {
        name: name.to_owned(),
        manifest: Some("ticket-evaluation".to_owned()),
        dataset_sha256: Some(digest.repeat(16)),
        dataset: Some(vec!["tickets.csv".to_owned()]),
        workflow: Some(json!({"provider": "gptbots", "region": "sg", "mode": "sync"})),
        workflow_versions: [(version.to_owned(), 320)].into(),
        cost_unit: Some("credit".to_owned()),
        ..Side::default()
    };
    let (before, now) =
        (side("20261120T060000Z-7f3a", "2.3.1", "ab12"), side("20261124T060000Z-91c0", "2.4.0", "ab77"));
    pairs.finish(before, now, Seen { alone: 2, again: 0 }, Seen::default())
}

#[test]
fn a_comparison_is_good_to_look_at() {
    let Some(browser) = Browser::start() else { return };
    let file = folder().join("comparison.html");
    fs::write(&file, render_page(&scene(), None)).unwrap();
    for (name, width, height, scheme) in [
        ("compare-wide-light", 1280, 1900, "light"),
        ("compare-wide-dark", 1280, 1900, "dark"),
        ("compare-narrow-light", 390, 3200, "light"),
        ("compare-narrow-dark", 390, 3200, "dark"),
    ] {
        browser.look(width, height, scheme);
        browser.open(&file);
        browser.until("document.documentElement.dataset.ready === 'compare'");
        assert_eq!(browser.run("return document.getElementById('verdict').textContent"), json!("Worse"));
        let across = browser.run("return document.documentElement.scrollWidth");
        browser.run(
            "document.querySelectorAll('[data-check=label] .lost').forEach((it) => { it.open = true; })",
        );
        browser.until("document.querySelector('[data-check=label] .flip del')");
        browser.picture(&folder().join(format!("{name}.png")));
        assert_eq!(across, json!(width), "{name}: nothing reaches beyond the window");
    }
    assert_eq!(browser.run("return performance.getEntriesByType('resource').length"), json!(0));
}

#[test]
fn no_text_of_two_runs_becomes_a_part_of_their_comparison() {
    let Some(browser) = Browser::start() else { return };
    let mut pairs = Pairs::new(Options::of_page());
    let long = format!("{} {}", "<b>x</b>".repeat(60), "é".repeat(500_000));
    for text in hostile::TEXTS.iter().copied().chain([long.as_str()]) {
        let side = |verdict: &str| {
            json!({"row_key": text, "outcome": "succeeded", "input": text, "output": {text: text},
                "checks": {text.chars().take(40).collect::<String>(): {"verdict": verdict, "score": 0.5, "reason": text, "expected": text}}})
            .to_string()
        };
        let (before, now) = (side("pass"), side("fail"));
        pairs.add(text, &[Row::read(before.as_bytes()).unwrap()], &[Row::read(now.as_bytes()).unwrap()]);
    }
    let side = |text: &str| Side {
        name: text.to_owned(),
        manifest: Some(text.to_owned()),
        workflow: Some(json!({text: text})),
        workflow_versions: [(text.to_owned(), 1)].into(),
        ..Side::default()
    };
    let found =
        pairs.finish(side(hostile::TEXTS[1]), side(hostile::TEXTS[2]), Seen::default(), Seen::default());
    let page = render_page(&found, None);
    assert!(page.len() < 1 << 20, "{}", page.len());
    let file = folder().join("hostile-comparison.html");
    fs::write(&file, page).unwrap();
    browser.look(1280, 2400, "light");
    browser.open(&file);
    browser.until("document.documentElement.dataset.ready === 'compare'");
    browser.run("document.querySelectorAll('details').forEach((it) => { it.open = true; })");
    browser.until(&format!("document.querySelectorAll('.flip').length === {}", hostile::TEXTS.len() + 1));
    let odd = browser.run(
        "return [...document.querySelectorAll('img, iframe, object, a, form, svg, b[onclick], style:not(head style)')].map((it) => it.outerHTML)",
    );
    assert_eq!(odd, json!([]));
    assert_eq!(
        browser.run("return [window.hit === undefined, document.scripts.length]"),
        json!([true, 2]),
        "the data and the page's own script"
    );
    browser.picture(&folder().join("hostile-comparison.png"));
}

#[test]
fn two_runs_of_the_list_are_compared() {
    let Some(browser) = Browser::start() else { return };
    let temp = tempfile::tempdir().unwrap();
    let rows: Vec<_> = (1..=40).map(|row| format!("{row},text {row}\n")).collect();
    fs::write(temp.path().join("rows.csv"), format!("id,text\n{}", rows.concat())).unwrap();
    for (name, answer) in [("good", "{{input.text}}"), ("bad", "{{truncate input.text 6}}")] {
        let text =
            format!("name: it\ninputs: {{text: {{type: string}}}}\noutput: {{answer: \"{answer}\"}}\n");
        fs::write(temp.path().join(format!("{name}.yaml")), text).unwrap();
        run(temp.path(), name);
    }
    let mut server = Running(
        program(temp.path(), &["serve", "runs", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let address = listening(&mut server);
    browser.look(1000, 700, "light");
    browser.open_address(&address);
    browser.until("document.querySelectorAll('#runs input').length === 2");
    assert_eq!(browser.run("return document.getElementById('compare').disabled"), json!(true));
    browser.click("#runs tr:nth-child(1) input");
    browser.click("#runs tr:nth-child(2) input");
    browser.picture(&folder().join("runs-chosen.png"));
    browser.click("#compare");
    browser.until("document.getElementById('verdict').textContent === 'Worse'");
    // The older one is the baseline, whichever was chosen first.
    browser.until("document.querySelector('#differences tbody tr td:nth-child(2)').textContent === 'good'");
    browser.until("document.querySelectorAll('[data-check=same] .flip').length === 31");
    browser.click("#differences tbody tr td:nth-child(3) button");
    browser.until("document.getElementById('verdict').textContent === 'Accepted'");
}

fn program(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowbatch"));
    command.args(args).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn run(folder: &Path, name: &str) {
    let manifest = format!(
        "version: 1\nname: job\nworkflow: {{provider: emulator, definition: {name}.yaml}}\n\
         dataset: {{path: rows.csv, key: id}}\ninput: {{text: \"{{{{row.text}}}}\"}}\n\
         checks: {{same: {{value: \"{{{{output.answer}}}}\", equals: \"{{{{row.text}}}}\"}}}}\n"
    );
    fs::write(folder.join("job.yaml"), manifest).unwrap();
    let mut command = program(folder, &["run", "job.yaml", "--id", name]);
    let done = command.stdout(Stdio::null()).status().unwrap();
    assert!(done.success(), "{done}");
}
