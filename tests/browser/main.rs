//! report.html in a real browser: it opens quickly at 100,000 rows, sorts, filters and opens rows, and runs nothing
//! that came with the data. Pictures of it stay under the folder of the tests' output.

#![recursion_limit = "512"]
#![expect(clippy::unwrap_used, reason = "a test says what it expects")]
#![expect(clippy::print_stderr, reason = "a word on what is skipped, and the figures of the machine")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures of a made-up run"
)]

mod comparison;
mod driver;
mod hostile;
mod scene;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use driver::Browser;

/// Where pages and pictures are left.
fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("browser");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

const SHOWN: &str = "document.getElementById('shown').textContent";

#[test]
fn a_page_of_100_000_rows_opens_sorts_filters_and_opens_rows() {
    let Some(browser) = Browser::start() else { return };
    let file = folder().join("large.html");
    let scene = scene::write(&file, 100_000);
    browser.look(1280, 900, "light");
    browser.open(&file);
    let paint = browser.run(
        "return performance.getEntriesByType('paint').find((it) => it.name === 'first-contentful-paint').startTime",
    );
    browser.until("document.documentElement.dataset.ready === 'rows'");
    let ready = browser.run("return performance.now()");
    eprintln!("{} bytes, first paint after {paint} ms, all rows there after {ready} ms", scene.bytes);
    // The figure is in docs/reports.md; a machine that tests beside other work is let take longer.
    assert!(paint.as_f64().unwrap() < 10_000.0, "first paint after {paint} ms");
    assert_eq!(browser.run(&format!("return {SHOWN}")), json!("100,000 rows"));
    assert!(browser.run("return document.querySelectorAll('.row').length").as_u64().unwrap() < 100);
    assert_eq!(browser.run("return performance.getEntriesByType('resource').length"), json!(0));

    // From one end to the other.
    browser.run("document.getElementById('grid').scrollTop = 1e9");
    browser.until("document.querySelector('.row[data-number=\"100000\"]')");
    browser.run("document.getElementById('grid').scrollTop = 0");
    browser.until("document.querySelector('.row[data-number=\"1\"]')");

    // Sorting puts the slowest first, and what has no latency last.
    browser.click("[data-column=latency] button");
    browser.click("[data-column=latency] button");
    let slowest =
        "[...document.querySelectorAll('.row')].map((it) => it.querySelectorAll('.num')[3].textContent)";
    browser.until(&format!("{slowest}[0].endsWith('s')"));
    browser
        .until("document.querySelector('[data-column=latency]').getAttribute('aria-sort') === 'descending'");

    // Filtering by outcome, by a check, and by a word of the output.
    browser.click("[data-outcome=failed]");
    browser.until(&format!("{SHOWN}.startsWith('{} of')", grouped(scene.failed)));
    browser.click("#checks tbody tr:first-child td:nth-child(4) button");
    browser.until(&format!("{SHOWN}.startsWith('{} of')", grouped(scene.wrong_labels)));
    browser.fill("#search", "T-099999");
    browser.until(&format!("{SHOWN}.endsWith('of 100,000 rows')"));
    browser.run("document.getElementById('verdict-of').value = ''; document.getElementById('verdict-of').dispatchEvent(new Event('change'))");
    browser.until(&format!("{SHOWN} === '1 of 100,000 rows'"));
    browser.fill("#search", "重置邮件");
    browser.until(&format!("/^1\\d,\\d\\d\\d of 100,000 rows$/.test({SHOWN})"));

    // Opening shows the whole, with what was searched for marked.
    browser.click(".row .cells");
    browser.until("document.querySelector('.detail mark').textContent === '重置邮件'");
    browser.click(".row.open .cells");
    browser.until("!document.querySelector('.detail')");
}

#[test]
fn a_page_is_good_to_look_at() {
    let Some(browser) = Browser::start() else { return };
    let file = folder().join("report.html");
    scene::write(&file, 2_000);
    for (name, width, height, scheme) in [
        ("wide-light", 1280, 2600, "light"),
        ("wide-dark", 1280, 2600, "dark"),
        ("narrow-light", 390, 4200, "light"),
        ("narrow-dark", 390, 4200, "dark"),
    ] {
        browser.look(width, height, scheme);
        browser.open(&file);
        browser.until("document.documentElement.dataset.ready === 'rows'");
        browser.run("document.querySelector('#checks tbody tr:nth-child(2) td:nth-child(4) button').click(); window.scrollTo(0, 0)");
        browser.until(&format!("{SHOWN}.includes(' of ')"));
        browser.run("document.querySelectorAll('.row .cells')[1].click(); window.scrollTo({top: 0, behavior: 'instant'})");
        browser.until("document.querySelector('.detail .diff') && document.querySelector('#spread svg')");
        let across = browser.run("return document.documentElement.scrollWidth");
        browser.picture(&folder().join(format!("{name}.png")));
        assert_eq!(across, json!(width), "{name}: nothing reaches beyond the window");
        browser.look(width, if width > 500 { 860 } else { 844 }, scheme);
        browser.run("document.getElementById('rows').scrollIntoView({behavior: 'instant'})");
        browser.picture(&folder().join(format!("{name}-rows.png")));
    }
}

#[test]
fn nothing_that_came_with_the_data_runs_or_becomes_markup() {
    let Some(browser) = Browser::start() else { return };
    let file = folder().join("hostile.html");
    hostile::write(&file);
    browser.look(1280, 900, "light");
    browser.open(&file);
    browser.until("document.documentElement.dataset.ready === 'rows'");
    for row in 0..hostile::ROWS {
        browser.run(&format!(
            "document.getElementById('grid').scrollTop = 0; [...document.querySelectorAll('.row')].forEach((it) => it.classList.contains('open') && it.firstChild.click()); document.querySelector('.row[data-number=\"{}\"] .cells').click()",
            row + 1
        ));
        browser.until("document.querySelector('.detail .output')");
        let found = browser.run(
            "return [...document.querySelectorAll('img, iframe, object, a, form, b[onclick], style:not(head style)')].map((it) => it.outerHTML)",
        );
        assert_eq!(found, json!([]), "row {}", row + 1);
    }
    assert_eq!(
        browser.run("return [window.hit === undefined, document.title]"),
        json!([true, "Accepted: <img src=x onerror=hit=1>"])
    );
    let scripts = browser.run("return [...document.scripts].map((it) => it.type + ' ' + it.className)");
    let scripts: Vec<_> = scripts.as_array().unwrap().iter().map(|it| it.as_str().unwrap().trim()).collect();
    let expected = ["application/json", "", "application/octet-stream-base64 bodies"];
    assert_eq!(scripts[..2], expected[..2]);
    assert!(scripts[2..].iter().all(|it| *it == expected[2]), "{scripts:?}");
    // What turns the direction of reading is shown by its code.
    browser.fill("#search", "txt.exe");
    browser.until(&format!("{SHOWN}.startsWith('1 of')"));
    browser.until("document.querySelector('.row .control').textContent === 'U+202E'");
    browser.picture(&folder().join("hostile.png"));
    // A policy of the page's own lets no script in, even one that gets into the page.
    let ran = browser.run("const s = document.createElement('script'); s.textContent = 'window.hit = 2'; document.body.append(s); return window.hit === undefined");
    assert_eq!(ran, json!(true));
}

fn grouped(number: u64) -> String {
    let text = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A program that runs until it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a server says that it listens.
fn listening(server: &mut Running) -> String {
    let first = BufReader::new(server.0.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    first.strip_prefix("listening on ").unwrap().to_owned()
}

#[test]
fn a_living_run_is_followed_until_its_report_takes_the_place() {
    let Some(browser) = Browser::start() else { return };
    let temp = tempfile::tempdir().unwrap();
    let rows: Vec<_> = (1..=300).map(|row| format!("{row},text {row}\n")).collect();
    fs::write(temp.path().join("rows.csv"), format!("id,text\n{}", rows.concat())).unwrap();
    fs::write(
        temp.path().join("slow.yaml"),
        "name: slow\ninputs: {text: {type: string}}\noutput: {answer: \"{{input.text}}\"}\nlatency: 60ms..90ms\n",
    )
    .unwrap();
    fs::write(
        temp.path().join("job.yaml"),
        "version: 1\nname: job\nworkflow: {provider: emulator, definition: slow.yaml}\n\
         dataset: {path: rows.csv, key: id}\ninput: {text: \"{{row.text}}\"}\nlimits: {concurrency: 4}\n",
    )
    .unwrap();
    fs::create_dir(temp.path().join("runs")).unwrap();
    let program = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowbatch"));
        command.args(args).current_dir(temp.path()).stdin(Stdio::null()).stderr(Stdio::null());
        command
    };
    let mut server = Running(
        program(&["serve", "runs", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap(),
    );
    let address = listening(&mut server);
    browser.look(1280, 800, "light");
    browser.open_address(&address);
    browser.until("document.documentElement.dataset.ready === 'runs'");
    let _run = Running(program(&["run", "job.yaml"]).stdout(Stdio::null()).spawn().unwrap());
    browser.until("document.querySelector('#runs .badge').textContent === 'running'");
    browser.picture(&folder().join("runs.png"));
    browser.click("#runs button");
    browser.until("document.getElementById('status').textContent === 'running'");
    browser.until("/^[1-9]/.test(document.querySelector('.tile .figure').textContent)");
    browser.picture(&folder().join("live.png"));
    browser.until("document.getElementById('verdict').textContent === 'Accepted'");
    browser.until(&format!("{SHOWN} === '300 rows'"));
}
