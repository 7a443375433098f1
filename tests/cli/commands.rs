//! The other commands, what is printed where, and exit codes.

use std::io::Read;
use std::process::Stdio;

use crate::SERVICE;
use crate::support::{Bench, Emulator, finish};

#[test]
fn a_manifest_with_five_mistakes_shows_five_each_with_its_place_and_cure() {
    let bench = Bench::new();
    bench.dataset(2);
    bench.write(
        "job.yaml",
        "version: 1\nname: job\nworkflow:\n  provider: gptbots\n  region: sg\n  mode: asink\ndataset: {path: rows.csv, key: id}\n\
         input:\n  text: \"{{row.txt}}\"\n  more: \"{{row.text\"\nlimits:\n  concurency: 4\n  timeout: 10 parsecs\n",
    );
    for command in [
        &["check", "job.yaml"][..],
        &["run", "job.yaml"],
        &["plan", "job.yaml"],
        &["run", "job.yaml", "--dry-run"],
    ] {
        let said = bench.run(command).exits(2).stderr;
        for place in ["job.yaml:6:", "job.yaml:10:", "job.yaml:12:", "job.yaml:13:"] {
            assert!(said.contains(place), "{command:?} lacks {place}:\n{said}");
        }
        assert!(said.contains("concurrency"), "{said}");
        assert!(said.contains("async"), "{said}");
    }
    assert!(!bench.path("runs").exists());
    // A mistake that needs the dataset's header is told with the others.
    let said = bench.run(&["check", "job.yaml"]).exits(2).stderr;
    assert!(said.contains("job.yaml:9:"), "the reference to a column that is not there is missing:\n{said}");
    assert_eq!(said.matches("error: ").count(), 5, "{said}");
}

#[test]
fn a_user_id_without_the_row_tag_is_warned_of_and_does_not_stop_a_run() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(2);
    bench.job(&service.url, "sync", "");
    let warning = "`workflow.user_id` is without `{{row_tag}}`";
    let manifest = bench.read("job.yaml");
    for args in [&["check", "job.yaml"][..], &["plan", "job.yaml"], &["run", "job.yaml"]] {
        bench.write("job.yaml", &manifest);
        let said = bench.run(args).exits(0).stderr;
        assert!(!said.contains("warning"), "{said}");
        bench.write("job.yaml", manifest.replace("  mode: sync\n", "  mode: sync\n  user_id: everyone\n"));
        bench.run(args).exits(0).says(&[warning, "job.yaml:7:12"]);
    }
}

#[test]
fn mistakes_of_usage_exit_2() {
    let bench = Bench::new();
    for args in [
        &["run"][..],
        &["run", "missing.yaml"],
        &["fly"],
        &["resume", "nothing"],
        &["report"],
        &["run", "x.yaml", "--id", "a/b"],
        &["run", "x.yaml", "--range", "9..1"],
        &["run", "x.yaml", "--id", "a", "--new"],
        &["completions", "tcsh"],
    ] {
        let ended = bench.run(args).exits(2);
        assert!(!ended.stderr.is_empty(), "{args:?}");
        assert!(ended.stdout.is_empty(), "{args:?}: {}", ended.stdout);
    }
}

#[test]
fn a_failure_with_json_is_one_object_with_the_exit_code() {
    let bench = Bench::new();
    let told = bench.run(&["run", "missing.yaml", "--json"]).exits(2).json();
    assert_eq!((&told["exit_code"], &told["verdict"]["reason"]), (&2.into(), &"manifest".into()));
    assert!(told["verdict"]["message"].as_str().unwrap().contains("missing.yaml"), "{told}");
    let told = bench.run(&["resume", "nothing", "--json"]).exits(2).json();
    assert_eq!(told["exit_code"], 2);
}

#[test]
fn a_dry_run_shows_requests_without_secrets_and_sends_none() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(9);
    bench.job(&service.url, "async", "");
    let mut command = bench.command(["run", "job.yaml", "--dry-run"]);
    command.env_remove("GPTBOTS_API_KEY");
    let ended = finish(command).exits(0);
    assert!(
        ended.stdout.contains("\"text 1\"") && ended.stdout.contains("/v1/workflow/invoke"),
        "{}",
        ended.stdout
    );
    assert!(!bench.path("runs").exists());
    assert!(service.accepted().is_empty());
}

#[test]
fn a_dry_run_honours_json_and_selection() {
    let bench = Bench::new();
    bench.dataset(9);
    bench.job("http://127.0.0.1:9", "async", "");
    let ended = bench.run(&["run", "job.yaml", "--dry-run", "--range", "5..5"]).exits(0);
    assert!(ended.stdout.contains("text 5") && !ended.stdout.contains("text 6"), "{}", ended.stdout);
    let told = bench.run(&["run", "job.yaml", "--dry-run", "--json"]).exits(0).json();
    assert_eq!(told["exit_code"], 0, "one object");
}

#[test]
fn check_and_plan_say_what_they_found() {
    let bench = Bench::new();
    bench.write("rows.csv", "id,Customer Name,订单号\n1,Ann,7\n2,,8\n");
    bench.job("http://127.0.0.1:9", "async", "");
    bench.write("job.yaml", bench.read("job.yaml").replace("row.text", "row.订单号"));
    let shown = bench.run(&["check", "job.yaml"]).exits(0).stdout;
    for text in ["2 rows", "{{row.id}}", "{{row.[Customer Name]}}", "{{row.订单号}}"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let told = bench.run(&["plan", "job.yaml", "--json"]).exits(0).json();
    assert_eq!((&told["rows"]["run"], &told["rows"]["rejected"]), (&2.into(), &0.into()));
    bench.run(&["plan", "job.yaml", "--limit", "1"]).exits(0);
    assert!(!bench.path("runs").exists());
}

#[test]
fn check_of_several_manifests_tells_of_each() {
    let bench = Bench::new();
    bench.dataset(1);
    bench.job("http://127.0.0.1:9", "async", "");
    bench.write("bad.yaml", "version: 1\n");
    let ended = bench.run(&["check", "bad.yaml", "job.yaml"]).exits(2).says(&["bad.yaml"]);
    assert!(ended.stdout.contains("job.yaml: sound"), "{}", ended.stdout);
}

#[test]
fn a_new_folder_runs_at_once() {
    let bench = Bench::new();
    bench.run(&["init", "first batch"]).exits(0);
    let mut command = bench.command(["run", "flowbatch.yaml", "--json"]);
    command.current_dir(bench.path("first batch")).env_remove("GPTBOTS_API_KEY");
    assert_eq!(finish(command).exits(0).json()["rows"]["succeeded"], 3);
    let before = bench.read("first batch/flowbatch.yaml");
    let again = bench.run(&["init", "first batch"]);
    assert_ne!(again.code, Some(0), "{again:?}");
    assert_eq!(bench.read("first batch/flowbatch.yaml"), before);
}

#[test]
fn schema_and_completions_are_printed_whole() {
    let bench = Bench::new();
    let schema = bench.run(&["schema"]).exits(0).json();
    assert!(schema["properties"]["workflow"].is_object(), "{schema}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(bench.run(&["completions", shell]).exits(0).stdout.contains("flowbatch"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_early_is_no_failure() {
    let bench = Bench::new();
    bench.dataset(5);
    bench.job("http://127.0.0.1:9", "async", "");
    for args in [
        &["schema"][..],
        &["completions", "bash"],
        &["run", "job.yaml", "--dry-run"],
        &["--help"],
        &["run", "--help"],
    ] {
        let mut command = bench.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The pipe is closed before anything was read of it.
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = child.wait().unwrap();
        assert!(!said.contains("panicked"), "{args:?}: {said}");
        assert_ne!(status.code(), Some(101), "{args:?}");
    }
}

#[test]
fn a_run_whose_readers_have_gone_is_finished_all_the_same() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(50);
    bench.job(&service.url, "sync", "");
    let mut child =
        bench.command(["run", "job.yaml"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(bench.outcomes(), ["succeeded"; 50]);
}

#[test]
fn nothing_is_coloured_off_a_terminal() {
    let bench = Bench::new();
    bench.write("job.yaml", "version: 1\nnam: x\n");
    for variables in [&[][..], &[("NO_COLOR", "1")], &[("CLICOLOR_FORCE", "0")]] {
        let ended = bench.run_with(variables, &["check", "job.yaml"]).exits(2);
        assert!(!ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
    }
}

#[test]
fn runs_lists_them_and_report_shows_one_by_any_of_its_names() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    bench.dataset(3);
    bench.job(&service.url, "sync", "");
    bench.run(&["runs"]).exits(0);
    bench.run(&["run", "job.yaml", "--id", "alpha"]).exits(0);
    bench.run(&["run", "job.yaml", "--id", "beta-1"]).exits(0);
    let shown = bench.run(&["runs"]).exits(0).stdout;
    assert!(shown.contains("alpha") && shown.contains("beta-1"), "{shown}");
    let listed = bench.run(&["runs", "--json"]).exits(0).stdout;
    assert_eq!(listed.lines().count(), 2);
    for line in listed.lines() {
        let run: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&run["status"], &run["rows"]["succeeded"]), (&"complete".into(), &3.into()));
    }
    for name in ["alpha", "al", "runs/job/alpha"] {
        let told = bench.run(&["report", name, "--format", "json"]).exits(0).json();
        assert_eq!(told["run_id"], "alpha", "{name}");
    }
    for name in ["latest", "beta"] {
        assert_eq!(
            bench.run(&["report", name, "--format", "json"]).exits(0).json()["run_id"],
            "beta-1",
            "{name}"
        );
    }
    assert!(bench.run(&["report", "alpha", "--format", "markdown"]).exits(0).stdout.starts_with('#'));
    assert!(bench.run(&["report", "alpha"]).exits(0).stdout.contains("3 of 3"));
    bench.run(&["report", "gamma"]).exits(2).says(&["gamma"]);
}

#[test]
fn an_output_folder_of_ones_own_is_found_by_each_command_and_by_what_is_printed() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, &format!("{SERVICE}faults: {{bad_request: 100%}}\n"));
    bench.dataset(3);
    bench.job(&service.url, "sync", "");
    let told = bench.run(&["run", "job.yaml", "-o", "out dir", "--json"]).exits(1).json();
    assert!(told["run_dir"].as_str().unwrap().starts_with("out dir"), "{told}");
    bench.run(&["report", "-o", "out dir"]).exits(0);
    assert_eq!(bench.run(&["runs", "-o", "out dir", "--json"]).exits(0).stdout.lines().count(), 1);
    #[cfg(unix)]
    {
        let next = told["verdict"]["next"].as_str().unwrap();
        let again = bench.run_next(next);
        assert_eq!(again.code, Some(1), "`{next}`: {}", again.stderr);
    }
    bench.run(&["resume", "-o", "out dir"]).exits(1);
}

#[cfg(unix)]
#[test]
fn the_emulator_says_where_it_listens_and_ends_with_a_signal() {
    let bench = Bench::new();
    let service = Emulator::serve(&bench, SERVICE);
    assert!(service.url.starts_with("http://127.0.0.1:"));
    service.stop().exits(0);
    bench.write("broken.yaml", "name: x\nlatenzy: 1s\n");
    bench.run(&["emulate", "broken.yaml"]).exits(2).says(&["broken.yaml:2:", "latenzy"]);
}
