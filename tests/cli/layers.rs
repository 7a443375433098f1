//! Manifests in layers: what is read, what a run keeps of it, and what two manifests differ in.

use std::fs;

use serde_json::{Value, json};

use crate::support::hostile::{Hostile, succeeded};
use crate::support::{Bench, CANARY, rows_of};

/// A manifest `job.yaml` over `shared/base.yaml`, with an overlay `prod`.
fn layered(rows: usize) -> (Bench, Hostile) {
    let bench = Bench::new();
    let server = Hostile::serve(|request| succeeded("r", &request.body["input"]));
    bench.dataset(rows);
    bench.write(
        "shared/base.yaml",
        format!(
            "workflow: {{provider: gptbots, base_url: '{}', mode: sync}}\ndataset: {{path: ../rows.csv, key: id}}\n\
             input: {{text: '{{{{row.text}}}}', from: base}}\n\
             checks: {{answer: {{json_schema: answer.json}}}}\n",
            server.url
        ),
    );
    bench.write("shared/answer.json", r#"{"type": "object"}"#);
    bench.write("job.yaml", "extends: shared/base.yaml\nversion: 1\nname: job\n");
    bench.write("job.prod.yaml", "input: {stage: prod}\nlabels: {stage: prod}\n");
    (bench, server)
}

#[test]
fn a_run_goes_on_with_its_layers_when_they_are_edited_or_gone() {
    let (bench, _server) = layered(5);
    let own = bench.read("job.yaml");
    let told = bench.run(&["run", "job.yaml", "--overlay", "prod", "--limit", "2", "--id", "r"]).exits(0);
    told.says(&["with job.prod.yaml"]);
    let run = bench.path("runs/job/r");
    assert_eq!(fs::read_to_string(run.join("manifest.yaml")).unwrap(), own);
    let lock: Value = serde_json::from_slice(&fs::read(run.join("run.lock.json")).unwrap()).unwrap();
    assert_eq!(lock["overrides"]["overlays"], json!(["prod"]));
    let layers: Vec<_> =
        lock["layers"].as_array().unwrap().iter().map(|layer| layer["path"].clone()).collect();
    assert_eq!(layers, ["shared/base.yaml", "job.prod.yaml"]);

    bench.write("shared/base.yaml", "input: {text: edited}\n");
    let told = bench.run(&["resume", "r", "--limit", "4"]).exits(0);
    told.says(&["shared/base.yaml was edited since; this run goes on with the manifest it was begun with"]);
    for gone in ["job.yaml", "job.prod.yaml", "shared/base.yaml", "shared/answer.json"] {
        fs::remove_file(bench.path(gone)).unwrap();
    }
    bench.run(&["resume", "r", "--all"]).exits(0);
    let rows = rows_of(&run.join("results.jsonl"));
    let inputs: Vec<_> = rows.iter().map(|row| row["input"].clone()).collect();
    let expected: Vec<_> =
        (1..=5).map(|row| json!({"text": format!("text {row}"), "from": "base", "stage": "prod"})).collect();
    assert_eq!(inputs, expected);
    bench.run(&["report", "r"]).exits(0);
}

#[test]
fn a_run_s_copy_of_a_layer_that_was_changed_is_named() {
    let (bench, server) = layered(3);
    bench.run(&["run", "job.yaml", "--limit", "1", "--id", "r"]).exits(0);
    let copy = bench.path("runs/job/r/kept/layer-1.yaml");
    fs::write(&copy, fs::read_to_string(&copy).unwrap().replace("base}", "forged}")).unwrap();
    bench.run(&["resume", "r", "--all"]).exits(3).says(&["layer-1.yaml: changed since the run began"]);
    fs::remove_file(&copy).unwrap();
    bench.run(&["resume", "r", "--all"]).exits(3).says(&["layer-1.yaml"]);
    assert_eq!(server.invokes().len(), 1);
}

#[test]
fn check_lists_the_layers_and_shows_a_mistake_where_it_stands() {
    let (bench, _server) = layered(2);
    let told = bench.run(&["check", "job.yaml", "--overlay", "prod"]).exits(0);
    assert!(
        told.stdout.contains("layers, each over the one before: shared/base.yaml job.yaml job.prod.yaml"),
        "{}",
        told.stdout
    );
    let told = bench.run_with(&[("FLOWBATCH_OVERLAY", "prdo")], &["check", "job.yaml"]).exits(2);
    told.says(&["--overlay prdo: there is no `job.prdo.yaml`", "did you mean `prod`?"]);
    let base = bench.read("shared/base.yaml").replace("row.text", "row.txet");
    bench.write("shared/base.yaml", base);
    bench.run(&["check", "job.yaml"]).exits(2).says(&["shared/base.yaml:3:", "did you mean `{{row.text}}`?"]);
}

#[test]
fn a_secret_from_a_layer_stands_nowhere() {
    let (bench, _server) = layered(2);
    bench.write("job.prod.yaml", "workflow: {api_key: '${PRODUCTION_KEY}'}\n");
    let args = ["run", "job.yaml", "--overlay", "prod", "--id", "r"];
    let told = bench.run_with(&[("PRODUCTION_KEY", CANARY)], &args).exits(0);
    assert!(!(told.stdout + &told.stderr).contains(CANARY));
    let mut folders = vec![bench.path("runs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{}", path.display());
            }
        }
    }
}

/// The lines that `diff` prints.
fn lines(bench: &Bench, args: &[&str], code: i32) -> Vec<String> {
    let told = bench.run(&[&["diff"], args].concat()).exits(code);
    told.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn manifests_that_mean_the_same_do_not_differ() {
    let bench = Bench::new();
    bench.dataset(2);
    bench.write(
        "a.yaml",
        "version: 1\nname: a\nworkflow: {api_key: '${GPTBOTS_API_KEY}', region: sg}\ndataset: rows.csv\n\
         input: {text: '{{row.text}}'}\nlimits: {timeout: 2m, retry: {backoff: 1s..60s}}\nvars: {x: 1, y: 2}\n\
         accept: {failed: 0.05}\nchecks: {ok: {weight: 1, value: '{{output}}', contains: a, latency: {max: 2s}}}\n",
    );
    bench.write(
        "b.yaml",
        "# Written otherwise.\nvars: {y: 2, x: 1}\naccept: {failed: 5%}\n\
         checks:\n  ok: {latency: {max: 2000ms}, contains: \"a\"}\n\
         limits: {retry: {backoff: 1000ms..1m, attempts: 4}, timeout: 120s}\nversion: 1\nname: a\ninput:\n  text: \"{{row.text}}\"\n\
         dataset:\n  path: rows.csv\n  format:\nworkflow:\n  region: sg\n"
            .replace("  format:\n", ""),
    );
    let attempts = bench.run(&["diff", "a.yaml", "b.yaml", "--json"]);
    assert_eq!(attempts.json()["differences"], json!([]), "{}", attempts.stdout);
    assert_eq!(lines(&bench, &["a.yaml", "b.yaml"], 0), ["the same"]);
    assert_eq!(lines(&bench, &["a.yaml"], 0), ["the same"]);
}

#[test]
fn what_makes_another_job_is_told_from_how_it_is_run() {
    let (bench, _server) = layered(3);
    bench.write(
        "job.prod.yaml",
        "input: {from: prod}\nlimits: {concurrency: 7}\nlabels: {stage: prod}\nchecks: {answer: {equals: 0.50}}\n",
    );
    let told = lines(&bench, &["job.yaml", "--overlay", "prod"], 1);
    assert_eq!(told[0], "another job:");
    assert_eq!(told[1], r#"  input.from: "base" -> "prod""#);
    assert_eq!(told[2], "the same job, run or judged otherwise:");
    for line in [
        r#"  labels.stage: (none) -> "prod""#,
        "  checks.answer.equals: (none) -> 0.5",
        r#"  checks.answer.json_schema: "answer.json" -> (none)"#,
    ] {
        assert!(told.iter().any(|found| found == line), "{told:#?} lacks {line}");
    }
    assert!(told.iter().any(|line| line.starts_with("  limits.concurrency: ") && line.ends_with("-> 7")));
    // Backwards, and between two overlays.
    let back = lines(&bench, &["job.yaml", "--first-overlay", "prod"], 1);
    assert_eq!(back[1], r#"  input.from: "prod" -> "base""#);
    assert_eq!(lines(&bench, &["job.yaml", "--first-overlay", "prod", "--overlay", "prod"], 0), ["the same"]);
    assert_eq!(
        lines(&bench, &["job.yaml", "--set", "limits.timeout=9m"], 1)[0],
        "the same job, run or judged otherwise:"
    );
}

#[test]
fn a_dataset_is_the_same_by_its_content_whatever_its_name() {
    let (bench, _server) = layered(3);
    fs::copy(bench.path("rows.csv"), bench.path("copy.csv")).unwrap();
    let told = lines(&bench, &["job.yaml", "--dataset", "copy.csv"], 1);
    assert_eq!(told[0], "the same job, run or judged otherwise:");
    bench.write("copy.csv", "id,text\nk1,other\n");
    let told = lines(&bench, &["job.yaml", "--dataset", "copy.csv"], 1);
    assert!(told[0] == "another job:" && told.iter().any(|line| line.starts_with("  dataset (content): ")));
}

#[test]
fn a_run_is_compared_by_what_it_was_begun_with() {
    let (bench, _server) = layered(3);
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    let told = lines(&bench, &["runs/job/r", "job.yaml"], 0);
    assert_eq!(told, ["the same"]);
    bench.write("job.yaml", bench.read("job.yaml") + "limits: {timeout: 9m}\n");
    let told = lines(&bench, &["r", "job.yaml"], 1);
    assert!(told.len() == 2 && told[1].starts_with("  limits.timeout: "), "{told:?}");
    bench
        .run(&["diff", "job.yaml", "r", "--set", "limits.timeout=1m"])
        .exits(2)
        .says(&["what it was begun with"]);
}

#[test]
fn a_secret_that_differs_is_named_and_not_shown() {
    let (bench, _server) = layered(2);
    let hooks = |url: &str| {
        format!(
            "workflow: {{mode: async, webhook: {{forward: [{{url: '{url}', headers: {{X-Key: '${{K}}'}}}}]}}}}\n"
        )
    };
    bench.write("job.one.yaml", hooks(&format!("https://example.com/{CANARY}")));
    bench.write("job.two.yaml", hooks("https://example.com/other"));
    let args = ["diff", "job.yaml", "--first-overlay", "one", "--overlay", "two"];
    let told = bench.run_with(&[("K", CANARY)], &args).exits(1);
    assert!(!(told.stdout.clone() + &told.stderr).contains("CANARY"));
    assert!(
        told.stdout.contains(r#"workflow.webhook.forward[0].url: "[secret]" -> "[another secret]""#),
        "{}",
        told.stdout
    );
}

#[test]
fn mistakes_stop_a_diff() {
    let (bench, _server) = layered(2);
    bench.write("bad.yaml", "version: 1\n");
    bench.run(&["diff", "job.yaml", "bad.yaml"]).exits(2).says(&["`name` is missing"]);
    bench.run(&["diff", "gone.yaml"]).exits(2).says(&["no such file"]);
    bench.run(&["diff", "gone"]).exits(2);
}

fn git(bench: &Bench, args: &[&str]) {
    let mut command = std::process::Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]);
    let output = command.args(args).current_dir(bench.root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_run_that_must_be_clean_begins_only_from_a_commit() {
    let (bench, server) = layered(2);
    bench.write("job.yaml", bench.read("job.yaml") + "require_clean: true\n");
    let refused = |parts: &[&str]| {
        let told = bench.run(&["run", "job.yaml", "--json"]).exits(3);
        assert_eq!(told.json()["verdict"]["reason"], "not_clean");
        let message = told.json()["verdict"]["message"].as_str().unwrap().to_owned();
        for part in parts {
            assert!(message.contains(part), "{message} lacks {part}");
        }
        assert!(!bench.path("runs").exists() && server.invokes().is_empty());
    };
    refused(&["stands in no commit"]);
    git(&bench, &["init", "-q"]);
    refused(&["stands in no commit"]);
    git(&bench, &["add", "job.yaml", "shared/base.yaml", "shared/answer.json"]);
    git(&bench, &["commit", "-q", "-m", "one"]);
    refused(&["are in no commit", "rows.csv", "`dataset.sha256`"]);
    git(&bench, &["add", "rows.csv"]);
    git(&bench, &["commit", "-q", "-m", "two"]);
    let base = bench.read("shared/base.yaml");
    bench.write("shared/base.yaml", base.clone() + "\n");
    refused(&["differ from the commit", "shared/base.yaml"]);
    bench.write("shared/base.yaml", base);
    bench.write("note.txt", "untracked, and read by nobody");
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    let report: Value = serde_json::from_str(&bench.read("runs/job/r/report.json")).unwrap();
    assert_eq!(report["git"]["dirty"], false);
    assert!(bench.read("runs/job/r/report.md").contains("| Commit | `"));
}

#[test]
fn a_dataset_may_stand_outside_of_the_repository_when_it_is_pinned() {
    let (bench, _server) = layered(2);
    let bytes = fs::read(bench.path("rows.csv")).unwrap();
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes));
    let pinned = format!("require_clean: true\ndataset: {{sha256: '{digest}'}}\n");
    bench.write("job.yaml", bench.read("job.yaml") + &pinned);
    git(&bench, &["init", "-q"]);
    git(&bench, &["add", "job.yaml", "shared"]);
    git(&bench, &["commit", "-q", "-m", "one"]);
    bench.run(&["run", "job.yaml", "--id", "r"]).exits(0);
    bench.run(&["run", "job.yaml", "--overlay", "prod", "--id", "s"]).exits(3).says(&["job.prod.yaml"]);
    let args = ["run", "job.yaml", "--overlay", "prod", "--id", "s", "--set", "require_clean=false"];
    bench.run(&args).exits(0);
}

#[test]
fn a_secret_that_is_written_out_below_a_layer_that_replaces_it_is_refused() {
    let (bench, _server) = layered(2);
    for (base, over, named) in [
        ("workflow: {api_key: sk-canary}", "workflow: {api_key: \"${K}\"}", "workflow.api_key"),
        ("notify: {url: https://chat.example/sk-canary}", "notify: {url: \"${K}\"}", "notify.url"),
        ("notify: {url: \"${K}\", headers: {X-Key: sk-canary}}", "notify: null", "headers.X-Key"),
        (
            "workflow: {webhook: {forward: [{method: POST, url: \"https://h.example/?t=sk-canary\"}]}}",
            "workflow: {webhook: null}",
            "workflow.webhook.url",
        ),
    ] {
        bench.write("keyed.yaml", format!("{base}\n"));
        bench
            .write("over.yaml", format!("version: 1\nname: over\nextends: [job.yaml, keyed.yaml]\n{over}\n"));
        let ended = bench.run(&["check", "over.yaml"]).exits(2).says(&[
            "keyed.yaml",
            named,
            "may not be written out",
        ]);
        assert!(!ended.stderr.contains("sk-canary"), "{}", ended.stderr);
    }
}
